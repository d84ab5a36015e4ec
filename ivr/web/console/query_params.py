"""What an address asks for, read; and what is given for export, written."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from ivr.records.call_log import CallFilter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ivr.records.call_log import CallRecord

WORDS = ("channel", "language", "outcome", "agency", "audience")
NUMBERS = {"hour": 23, "seconds_from": 86_400, "seconds_to": 86_400}  # Name -> the largest.
COLUMNS = ("id", "channel", "started_at", "language", "outcome", "turns", "stops", "transfers")


def asked(arguments: Mapping[str, str]) -> tuple[CallFilter, list[str]]:
    """Read a filter out of an address, with the names of what could not be read."""
    values: dict[str, Any] = {name: arguments[name] for name in WORDS if arguments.get(name)}
    faults = []
    for name, largest in NUMBERS.items():
        if given := arguments.get(name):
            if given.isdecimal() and len(given) <= 6 and int(given) <= largest:  # noqa: PLR2004 - digits of a day
                values[name] = int(given)
            else:
                faults.append(name)
    for name in ("since", "until"):
        if given := arguments.get(name):
            try:
                values[name] = date.fromisoformat(given)
            except ValueError:
                faults.append(name)
    if arguments.get("stop"):
        values["stops"] = (arguments["stop"],)
    return CallFilter(**values), faults


def whole(given: str) -> int:
    """Read a whole number of up to nine digits; anything else is 0."""
    return int(given) if given.isdecimal() and len(given) <= 9 else 0  # noqa: PLR2004 - what SQL holds


def days(arguments: Mapping[str, str], today: date) -> tuple[date, date]:
    """Read a range of days; without one, the last thirty."""
    wanted, _ = asked({name: arguments.get(name, "") for name in ("since", "until")})
    until = wanted.until or today
    return wanted.since or until - timedelta(days=29), until


def hour_only(call: CallRecord) -> dict[str, Any]:
    """Write a call for export: its start to the hour, how long it took, and nothing to tell whose it was."""
    told = call.as_json()
    told["started_at"] = call.started_at.strftime("%Y-%m-%dT%H:00Z")
    del told["ended_at"]
    return told


def as_csv(calls: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Write calls as CSV, a line at a time."""
    yield _row(COLUMNS)
    for call in calls:
        live_transfers = [f"{s['order']}:{s['outcome']}" for s in call["transfers"]]
        told = call | {"stops": " ".join(call["stops"]), "transfers": " ".join(live_transfers)}
        yield _row([told[name] for name in COLUMNS])


def _row(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
