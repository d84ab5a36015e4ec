"""The call log on paper: a table, or one JSON object a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ivr.agencies import Agency, Directory
    from ivr.records.agency_status import AgencyRecord

COLUMNS = ("started", "channel", "language", "outcome", "turns", "stops", "transfers")


def print_json(calls: Iterable[Mapping[str, object]]) -> None:
    """Print one JSON object a line."""
    for call in calls:
        print(json.dumps(call, ensure_ascii=False))  # noqa: T201 - a command prints


def print_table(calls: Iterable[Mapping[str, object]], console: Console | None = None) -> None:
    """Print a table, a call a row."""
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


def print_agencies(
    directory: Directory, status: Mapping[str, AgencyRecord], console: Console | None = None
) -> None:
    """Print who can be rung, an agency a row."""
    columns = ("agency", "police", "number", "rung", "state", "last ring", "last dialled", "rehearsed")
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for name, agency in directory.agencies.items():
        known = status.get(name)
        last = f"{known.last_outcome or ''} {known.last_at or ''}".strip() if known else ""
        row = (name, "police" if agency.police else "", agency.number, "yes" if agency.transfer else "no")
        table.add_row(
            *row, _state(agency, known), last, agency.last_dialled or "never", agency.rehearsed_on or "never"
        )
    (console or Console()).print(table)


def _state(agency: Agency, status: AgencyRecord | None) -> str:
    """Say whether an agency is rung now, and why not."""
    if not agency.on:
        return "off in its file"
    if status and status.off:
        return f"off: {status.why}" + (f", until {status.until:%Y-%m-%d %H:%M} UTC" if status.until else "")
    return "failing: rung last" if status and status.failing else "on"
