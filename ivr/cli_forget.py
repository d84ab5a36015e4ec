"""The command `ivr forget`: delete now what the worker would delete by itself today."""

from __future__ import annotations

import time
from dataclasses import asdict

import click

from ivr.beginning import flow_of, readable_log, settings


@click.command()
def forget() -> None:
    """Forget calls that are older than the retention in config/line.toml, after counting them.

    The worker does this once a day by itself. It may be stopped at any time, and begun again.
    """
    from rich.progress import Progress

    from ivr.hours import zone
    from ivr.records.blurring import blur
    from ivr.records.database import connect
    from ivr.records.forgetting import forget as forget_old

    here = settings()
    file = flow_of(here.config, here.prompts).line
    kept = file.retention
    database = connect(here.database_url)
    with readable_log(), Progress(transient=True) as shown:
        bar = shown.add_task("forgetting", total=None)
        blur(database, time.time())

        def tell(done: int, total: int) -> None:
            shown.update(bar, completed=done, total=total)

        ages, there = (kept.rows_days, kept.counts_months), zone(file.zone)
        gone = forget_old(database, time.time(), *ages, zone=there, progress=tell)
    for what, number in asdict(gone).items():
        if not isinstance(number, bool):
            click.echo(f"{what}: {number} deleted")
    if not gone.scrubbed:
        click.echo("the database was busy: traces are left in its file until this runs again")
