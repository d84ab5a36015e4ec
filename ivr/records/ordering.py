"""In which order the entries of a call are told. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ivr.effects import Entry

END = "end"
LAST = 1_000_000_000  # The place of what is no turn: after every turn.


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Sort the entries of one call as they happened, each once, cut to the milliseconds that are stored."""
    first: dict[str, Entry] = {}
    for entry in sorted(entries, key=_whole):
        first.setdefault(entry.key, replace(entry, at=round(entry.at, 3)))
    return sorted(first.values(), key=lambda entry: (place(entry), entry.at, entry.key))


def is_turn(entry: Entry) -> bool:
    """Tell what a caller or texter did from what Twilio or an agency reported."""
    if entry.channel == "text":
        return entry.key != END and not entry.key.startswith("accept-")
    return place(entry) < LAST


def place(entry: Entry) -> int:
    """Say where in its call an entry belongs: calls are counted, texts are told apart by time alone."""
    if entry.channel == "text":
        return 0
    counted = entry.key.isascii() and entry.key.isdigit() and len(entry.key) < len(str(LAST))
    return int(entry.key) if counted else LAST


def _whole(entry: Entry) -> tuple[float, str]:
    """Order even entries of one key, so that the same one is chosen every time."""
    return entry.at, repr(entry)
