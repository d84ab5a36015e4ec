"""One warm transfer: a caller waits with us while an agency is called, told what the call is, and presses 1.

Nobody is called before the caller has heard who it is.

Where news leads is one table, what is done on arrival another. News that a state does not list changes
nothing: telephone networks repeat themselves, and late.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from ivr.effects import Effect, EndRing, Ring


class State(StrEnum):
    """Where a transfer is."""

    SEARCHING = "searching"  # Somebody is to be chosen.
    NAMING = "naming"  # The caller hears who is called next.
    NAMED = "named"  # They have heard it: that agency is to be called.
    DIALLING = "dialling"  # One agency is claimed; Twilio is being asked to ring it.
    RINGING = "ringing"  # It rings.
    BRIEFING = "briefing"  # A person there hears what the call is.
    CONNECTED = "connected"  # They took the call.
    PARTED = "parted"  # The agency's leg is over: they talked, or it ended before they were joined.
    FINISHED = "finished"  # They talked, and it is over.
    RETURNED = "returned"  # The caller is to hear a choice.
    DIRECT = "direct"  # The caller is to go on by the direct path.
    LEFT = "left"  # The caller is gone.


class EventType(StrEnum):
    """News of a transfer."""

    CHOSEN = "chosen"  # This agency is next.
    HEARD = "heard"  # The caller has heard who is next.
    PASSED_OVER = "passed_over"  # The agency that was named can be called no more: it is busy, or off.
    CLAIMED = "claimed"  # This attempt is ours to ring.
    RANG = "rang"  # Twilio rings it.
    ANSWERED = "answered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    MISSED = "missed"  # Its leg is over, and nobody took the call.
    OVERDUE = "overdue"  # No news for longer than a ring or a briefing lasts.
    EXHAUSTED = "exhausted"  # Nobody is left to ring.
    GAVE_UP = "gave_up"  # The caller wants other ways, or has waited long enough.
    REST_LOST = "rest_lost"  # Twilio cannot be asked to ring.
    LIMITED = "limited"  # Twilio lets no more calls of this account go on at once.
    STRANDED = "stranded"  # They took the call, yet the caller still waits.
    AGENCY_LEFT = "agency_left"
    TALKED = "talked"  # The caller came back from talking with an agency.
    CALLER_LEFT = "caller_left"


_WAITING = {EventType.GAVE_UP: State.RETURNED, EventType.CALLER_LEFT: State.LEFT}
_TALKED = {EventType.TALKED: State.FINISHED, EventType.CALLER_LEFT: State.FINISHED}
_UNANSWERED = {
    EventType.MISSED: State.SEARCHING,
    EventType.AGENCY_LEFT: State.SEARCHING,
    EventType.OVERDUE: State.SEARCHING,
    EventType.TALKED: State.FINISHED,  # They pressed 1 while SQL was gone.
}

MOVES: Mapping[State, Mapping[EventType, State]] = {
    State.SEARCHING: {
        EventType.CHOSEN: State.NAMING,
        EventType.EXHAUSTED: State.RETURNED,
        EventType.REST_LOST: State.DIRECT,
    }
    | _WAITING,
    State.NAMING: {EventType.HEARD: State.NAMED} | _WAITING,
    State.NAMED: {
        EventType.CLAIMED: State.DIALLING,
        EventType.PASSED_OVER: State.SEARCHING,
        EventType.REST_LOST: State.DIRECT,
    }
    | _WAITING,
    State.DIALLING: {
        EventType.RANG: State.RINGING,
        EventType.ANSWERED: State.BRIEFING,
        EventType.ACCEPTED: State.CONNECTED,
        EventType.REST_LOST: State.DIRECT,
        EventType.LIMITED: State.RETURNED,  # The direct path needs a call more as well.
    }
    | _UNANSWERED
    | _WAITING
    | {EventType.OVERDUE: State.DIRECT},  # Twilio never said that it rings, or whoever was to ask it is gone.
    State.RINGING: {
        EventType.ANSWERED: State.BRIEFING,
        EventType.ACCEPTED: State.CONNECTED,
        EventType.LIMITED: State.RETURNED,
    }
    | _UNANSWERED
    | _WAITING,
    State.BRIEFING: {EventType.ACCEPTED: State.CONNECTED, EventType.DECLINED: State.SEARCHING}
    | _UNANSWERED
    | _WAITING,
    State.CONNECTED: {EventType.AGENCY_LEFT: State.PARTED, EventType.STRANDED: State.SEARCHING, **_TALKED},
    State.PARTED: {EventType.STRANDED: State.SEARCHING, **_TALKED},
    State.FINISHED: {},
    State.RETURNED: {},  # Also when the caller is gone: nobody could be reached for them.
    State.DIRECT: {},
    State.LEFT: {},
}

UNSEEN = -1
LEG = frozenset(
    {State.DIALLING, State.RINGING, State.BRIEFING}
)  # Somebody's telephone is in use, and nobody is joined.
TIMED = LEG | {State.CONNECTED}  # Counted from the next fetch on.
OF_A_LEG = frozenset(  # News about one attempt.
    {
        EventType.RANG,
        EventType.ANSWERED,
        EventType.ACCEPTED,
        EventType.DECLINED,
        EventType.MISSED,
        EventType.OVERDUE,
        EventType.AGENCY_LEFT,
        EventType.REST_LOST,
        EventType.LIMITED,
    }
)
STILL_UP = frozenset(
    {EventType.OVERDUE, EventType.GAVE_UP, EventType.CALLER_LEFT}
)  # News that leaves a leg to be ended by us.


@dataclass(frozen=True)
class Transfer:
    """A caller's search for a person. Seconds are Twilio's: how long the caller has been in the queue."""

    id: str
    call: str
    order: str
    language: str
    state: State = State.SEARCHING
    version: int = 0
    place: int = 0  # Which attempt this is: 1 for the first agency rung.
    agency: str = ""  # The one that is named or called, or was called last.
    tried: tuple[str, ...] = ()
    waited: int = 0  # At the last fetch of the wait document.
    since: int = 0  # When this state began; UNSEEN until a fetch has seen it.
    tick: int = 0  # Which fetch of the wait document was the last.
    topic: str = ""  # What the caller agreed to say: one of the line's own words, by number.

    def connects(self, place: int) -> bool:
        """Whether the agency of this attempt is the one that took the call."""
        return self.state is State.CONNECTED and self.place == place


@dataclass(frozen=True)
class Event:
    """Something that happened to a transfer."""

    event: EventType
    place: int = 0  # The attempt that it is about, where it is about one.
    agency: str = ""  # The agency that was chosen or claimed.
    how: str = ""  # How a ring ended, for the log.


# What becomes of a transfer, told how many others each agency has; and what is done once that is kept.
Decide = Callable[[Transfer, Mapping[str, int]], Transfer | None]
Follow = Callable[[Transfer, Transfer], None]


def nothing(before: Transfer, after: Transfer) -> None:
    """Follow a change by nothing."""


def advance(transfer: Transfer, news: Event) -> tuple[Transfer, tuple[Effect, ...]]:
    """Let something happen to a transfer: where it is then, and what is to be done."""
    if news.event in OF_A_LEG and news.place != transfer.place:
        return transfer, ()  # It is about an attempt that is over.
    state = MOVES[transfer.state].get(news.event)
    if state is None:
        return transfer, ()
    # News comes between fetches: a person at an agency must not lose the time since the last one.
    after = replace(transfer, state=state, since=UNSEEN if state in TIMED else transfer.waited)
    if news.event is EventType.CHOSEN:
        after = replace(after, agency=news.agency)
    if news.event is EventType.CLAIMED:
        tried = (*transfer.tried, news.agency)
        after = replace(after, place=transfer.place + 1, agency=news.agency, tried=tried)
    if news.event in {EventType.REST_LOST, EventType.LIMITED} and transfer.state in LEG:
        after = replace(after, tried=transfer.tried[:-1])  # Nobody was rung: they may be later.
    ended: tuple[Effect, ...] = ()
    if transfer.state in LEG and news.event in STILL_UP:
        ended = (EndRing(transfer.id, str(transfer.place)),)
    return after, (*ended, *ARRIVALS[state](after))


def _nothing(_: Transfer) -> tuple[Effect, ...]:
    return ()


def _ring_next(transfer: Transfer) -> tuple[Effect, ...]:
    return (Ring(transfer.id, str(transfer.place + 1)),)


ARRIVALS: Mapping[State, Callable[[Transfer], tuple[Effect, ...]]] = {
    state: _ring_next if state is State.NAMED else _nothing for state in State
}


def diagram() -> str:
    """Draw the table as a Mermaid state diagram."""
    arrows = [f"    [*] --> {State.SEARCHING}"]
    for state, moves in MOVES.items():
        arrows += [f"    {state} --> {after}: {event}" for event, after in moves.items()]
        if not moves:
            arrows.append(f"    {state} --> [*]")
    return "\n".join(["stateDiagram-v2", *arrows])
