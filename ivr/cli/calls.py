"""The commands `ivr calls` and `ivr forget`: the call log, printed and made shorter."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ivr.cli.context import flow_of, readable_log, settings, utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from rich.console import Console

    from ivr.records.retention import Forgotten

CHANNELS = click.Choice(["voice", "text"])
OUTCOMES = click.Choice(["informed", "connected", "not_connected", "left", "abandoned", "opted_out"])
COLUMNS = ("started", "channel", "language", "outcome", "turns", "stops", "transfers")


@click.command()
@click.option("--since", type=click.DateTime(), help="Only what began at or after this moment (UTC).")
@click.option("--until", type=click.DateTime(), help="Only what began before this moment (UTC).")
@click.option("--channel", type=CHANNELS, help="Only calls, or only texts.")
@click.option("--outcome", type=OUTCOMES, help="Only what ended so.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option(
    "--unknown", is_flag=True, help="Days on which Twilio had calls that the log has never heard of."
)
def calls(  # noqa: PLR0913 - the filters of a log
    since: datetime | None,
    until: datetime | None,
    channel: str | None,
    outcome: str | None,
    *,
    as_json: bool,
    unknown: bool,
) -> None:
    """Print the call log. It knows nobody: no number and no word of a caller is in it."""
    from ivr.records.call_log import list_calls
    from ivr.records.counts import list_unknown, shown
    from ivr.records.database import connect

    database = connect(settings().database_url)
    if unknown:
        with readable_log():
            for day, count in list_unknown(database):
                click.echo(f"{day}  {shown(count)}")
        return
    logged = list_calls(database, utc(since), utc(until), channel, outcome)
    with readable_log():
        (print_json if as_json else print_calls)(call.as_json() for call in logged)


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

    line = settings()
    file = flow_of(line.config, line.prompts).line
    database, now = connect(line.database_url), time.time()
    with readable_log(), Progress(transient=True) as progress:
        kept = within(file.retention, read_chosen(database))
        bar = progress.add_task("forgetting", total=None)
        blur(database, now)

        def show_progress(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)

        ages = kept.rows_days, kept.counts_months
        forgotten = forget_old(database, now, *ages, zone=zone(file.zone), progress=show_progress)
    _print_forgotten(forgotten)


def print_json(calls: Iterable[Mapping[str, object]]) -> None:
    """Print one JSON object a line."""
    for call in calls:
        print(json.dumps(call, ensure_ascii=False))  # noqa: T201 - a command prints


def print_calls(calls: Iterable[Mapping[str, object]], console: Console | None = None) -> None:
    """Print a table, a call a row."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*COLUMNS, box=None, header_style="bold", pad_edge=False)
    for call in calls:
        table.add_row(*_row(call))
    (console or Console()).print(table if table.row_count else "no calls yet")


def _row(call: Mapping[str, object]) -> tuple[str, ...]:
    stops, transfers = call["stops"], call["transfers"]
    return (
        str(call["started_at"]).replace("T", " ").removesuffix("Z")[:19],
        str(call["channel"]),
        str(call["language"] or "-"),
        str(call["outcome"] or "in progress"),
        str(call["turns"]),
        " > ".join(stops) if isinstance(stops, list | tuple) else "",
        "; ".join(map(_transfer, transfers)) if isinstance(transfers, list | tuple) else "",
    )


def _transfer(transfer: Mapping[str, object]) -> str:
    attempts = transfer["attempts"]
    rung = [f"{a['agency']} {a['outcome']}" for a in attempts] if isinstance(attempts, list | tuple) else []
    return f"{transfer['order']}: {', '.join(rung)}"


def _print_forgotten(forgotten: Forgotten) -> None:
    """Say what was deleted, and what could not be overwritten."""
    for what, number in asdict(forgotten).items():
        if not isinstance(number, bool):
            click.echo(f"{what}: {number} deleted")
    if not forgotten.scrubbed:
        click.echo("the database was busy: traces are left in its file until this runs again")
