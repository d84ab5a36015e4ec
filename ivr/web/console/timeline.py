"""The time line of one call: what happened, one thing under the other, and how long it took. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ivr.records.call_log import AttemptRow, TurnRow

LISTENING, WAITING, TALKING = "listening", "waiting", "talking"


@dataclass(frozen=True)
class TimelineEvent:
    """One thing that happened: where it is on the line, and what the time after it was."""

    seconds: float
    what: str  # What kind of thing happened: a key of the translations.
    name: str  # Of a stop or an agency.
    then: str = LISTENING
    lasts: float = 0.0  # Seconds until the next thing.
    times: int = 1  # How often it happened, one after the other.

    @property
    def is_of_agency(self) -> bool:
        """Whether the name is an agency's, and not a stop's."""
        return bool(self.name) and not self.what.startswith("heard_")


def timeline(
    turns: Sequence[TurnRow], rings: Sequence[AttemptRow], ended: float | None
) -> list[TimelineEvent]:
    """Put what happened in a call in its order; ``ended`` is in seconds after its start, as all is."""
    events = [event for ring in rings for event in _ring_events(ring)]
    events += [TimelineEvent(turn.seconds, f"heard_{turn.heard}", turn.stop) for turn in turns]
    events.sort(
        key=lambda event: event.seconds
    )  # In the same moment a ring ends first, then the caller is back.
    if ended is not None:
        events.append(TimelineEvent(max([ended, *(event.seconds for event in events)]), "end", ""))
    return list(_with_lengths(list(_folded(events))))


def _ring_events(ring: AttemptRow) -> Iterator[TimelineEvent]:
    """Tell one agency's ring: it begins, somebody answers and takes the call, or it ends otherwise."""
    yield TimelineEvent(ring.rung, "ring_begins", ring.agency, WAITING)
    if ring.answered is not None:
        yield TimelineEvent(ring.answered, "answered", ring.agency, WAITING)
    if ring.accepted is not None:
        yield TimelineEvent(ring.accepted, "accepted", ring.agency, TALKING)
    if ring.ended is not None:
        over = "talk_over" if ring.outcome == "accepted" else ring.outcome or "in_progress"
        yield TimelineEvent(ring.ended, over, ring.agency)


def _folded(events: Sequence[TimelineEvent]) -> Iterator[TimelineEvent]:
    """Put what a caller did again and again at one stop together: the answers to questions."""
    for _, alike in groupby(events, key=lambda event: (event.what, event.name)):
        first, *more = alike
        yield replace(first, times=len(more) + 1) if not first.is_of_agency else first
        yield from more if first.is_of_agency else ()


def _with_lengths(events: Sequence[TimelineEvent]) -> Iterator[TimelineEvent]:
    """Say how long it was from each thing to the next, and keep what goes on until it is over."""
    for event, later in pairwise(events):
        yield replace(event, lasts=later.seconds - event.seconds)
    if events:
        yield events[-1]


def clock_time(seconds: float) -> str:
    """Write seconds as a clock does: "1:05", and from an hour on "1:02:05"; "0:00" where clocks disagree."""
    hours, rest = divmod(max(0, int(seconds)), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
