"""Turns decided once and kept: most depend on where the caller is and on what was heard, and on no more.

Which ones do is not declared but seen: a turn is decided with a roster and a phone at which nobody may look,
and is kept where nobody did. All others are decided anew each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Never, cast

from ivr.flow.turn import Phone, Roster, Spoken, Turn
from ivr.flow.voice import step

if TYPE_CHECKING:
    from ivr.flow.models import Flow
    from ivr.flow.turn import Heard
    from ivr.position import Position

# Turns kept, of two kilobytes each: fifteen languages have 5,200, and as many in slower speech.
MOST = 12_288


class KeptTurns:
    """Holds the turns of one flow; another flow, such as one with prompts just published, begins anew."""

    def __init__(self) -> None:
        self._kept: tuple[Flow | None, dict[tuple[Position, Heard], Turn | None]] = (None, {})

    def __len__(self) -> int:
        """Count the turns that are kept, and those known to be decided anew."""
        return len(self._kept[1])

    def find(self, flow: Flow, position: Position, heard: Heard) -> Turn | None:
        """Answer a caller; nothing where that depends on who can be rung now, the hour or their phone."""
        if position.asked or position.transfer_id or isinstance(heard, Spoken):  # No two are alike.
            return None
        of, turns = self._kept
        if of is not flow:
            turns = {}
            self._kept = (flow, turns)
        key = (position.at(0, ""), heard)
        try:
            kept = turns[key]
        except KeyError:
            if len(turns) >= MOST:
                turns.clear()
            kept = turns[key] = _decide(flow, *key)
        if kept is None:
            return None
        after = kept.position.at(position.turn + kept.position.turn, position.month)
        return Turn(after, kept.says, kept.then, kept.effects, kept.ended, kept.sign)


class LookedAtError(Exception):
    """A turn depends on what holds at its moment only."""


class _Unseen:
    """Stands where something is that holds for one moment, or for one caller."""

    def __getattr__(self, name: str) -> Never:
        raise LookedAtError(name)


ROSTER, PHONE = cast("Roster", _Unseen()), cast("Phone", _Unseen())


def _decide(flow: Flow, position: Position, heard: Heard) -> Turn | None:
    try:
        decision = step(flow, position, heard, ROSTER, PHONE)
    except LookedAtError:
        return None
    return decision if isinstance(decision, Turn) else None
