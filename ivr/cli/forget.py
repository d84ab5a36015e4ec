"""The command `ivr forget`: delete now what the worker would delete by itself today."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ivr.cli.context import flow_of, readable_log, settings

if TYPE_CHECKING:
    from ivr.records.retention import Forgotten


@click.command()
def forget() -> None:
    """Forget calls that are older than config/line.toml or an administrator says, after counting them.

    The worker does this once a day by itself. It may be stopped at any time, and begun again.
    """
    from rich.progress import Progress

    from ivr.hours import zone
    from ivr.records.database import connect
    from ivr.records.retention import blur, read_chosen, within
    from ivr.records.retention import forget as forget_old

    here = settings()
    file = flow_of(here.config, here.prompts).line
    database, now = connect(here.database_url), time.time()
    with readable_log(), Progress(transient=True) as shown:
        kept = within(file.retention, read_chosen(database))
        bar = shown.add_task("forgetting", total=None)
        blur(database, now)

        def tell(done: int, total: int) -> None:
            shown.update(bar, completed=done, total=total)

        ages = kept.rows_days, kept.counts_months
        gone = forget_old(database, now, *ages, zone=zone(file.zone), progress=tell)
    _print(gone)


def _print(gone: Forgotten) -> None:
    """Say what was deleted, and what could not be overwritten."""
    for what, number in asdict(gone).items():
        if not isinstance(number, bool):
            click.echo(f"{what}: {number} deleted")
    if not gone.scrubbed:
        click.echo("the database was busy: traces are left in its file until this runs again")
