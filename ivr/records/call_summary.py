"""What became of a call, told from everything that was noted of it. Pure: no SQL, no clock.

A call is always told anew from all its entries, so it comes out the same in whatever order they arrive,
and however often.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.records.ordering import END, in_order, is_turn
from ivr.records.searching import call_off, transfers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ivr.effects import Entry
    from ivr.records.outcomes import Transfer

VOICE_SILENT = 15 * 60  # Nobody listens to our menus for so long without a key.
BRIDGED_SILENT = 4 * 60 * 60  # Two people who talk tell us nothing until they stop.
TEXT_SILENT = 20 * 60  # As long as the texter's position is kept.


@dataclass(frozen=True)
class Call:
    """One conversation, voice or text. Times are Unix seconds."""

    id: str
    channel: str
    started: float
    ended: float | None
    end_estimated: bool
    language: str
    last_stop: str
    outcome: str | None
    turns: int
    transfers: tuple[Transfer, ...]
    mark: str = ""  # Whose call it is; empty when nobody knows.


def fold(entries: Iterable[Entry], now: float) -> Call:
    """Tell one call from its entries (one at least), as it stands now."""
    told = in_order(entries)
    turns = [entry for entry in told if is_turn(entry)]
    transfers = transfers_of(told)
    ended, estimated = _end(told, transfers, now)
    if ended is not None:
        transfers = tuple(call_off(transfer, ended) for transfer in transfers)
    return Call(
        id=told[0].call,
        channel=told[0].channel,
        started=min(entry.at for entry in told),
        ended=ended,
        end_estimated=estimated,
        language=_last(entry.language for entry in turns or told),
        last_stop=_last(entry.stop for entry in turns),
        outcome=None if ended is None else _outcome(told, transfers),
        turns=len(turns),
        transfers=transfers,
        mark=next((entry.mark for entry in told if entry.mark), ""),
    )


def _end(told: Sequence[Entry], transfers: Sequence[Transfer], now: float) -> tuple[float | None, bool]:
    """Say when the call ended, if it has, and whether that is only our guess."""
    last = max(told, key=lambda entry: entry.at)
    reported = [entry.at for entry in told if entry.key == END]
    if reported:
        return reported[0], False
    if last.channel == "text" and last.sign in {"left", "opted_out"}:
        return last.at, False  # The texter's position is forgotten: nothing can follow.
    silent = now - last.at >= _patience(last, transfers)
    return (last.at, True) if silent else (None, False)


def _patience(last: Entry, transfers: Sequence[Transfer]) -> int:
    """Say how long a call may be silent before we take it for over."""
    if last.channel == "text":
        return TEXT_SILENT
    return BRIDGED_SILENT if transfers and transfers[-1].bridged else VOICE_SILENT


def _outcome(told: Sequence[Entry], transfers: Sequence[Transfer]) -> str:
    """Name what a finished call came to: the weightiest thing that happened in it."""
    signs = {entry.sign for entry in told}
    claims = {
        "opted_out": "opted_out" in signs,
        "connected": any(transfer.outcome == "connected" for transfer in transfers),
        "left": "left" in signs,
        "not_connected": bool(transfers),
        "informed": "informed" in signs,
    }
    return next((outcome for outcome, holds in claims.items() if holds), "abandoned")


def _last(names: Iterable[str]) -> str:
    """Find the last name that says something."""
    return next((name for name in reversed(list(names)) if name), "")
