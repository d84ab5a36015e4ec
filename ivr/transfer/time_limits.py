"""What time alone brings about while a caller waits: Twilio's time, told by each wait document's fetch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.transfer.machine import UNSEEN, Event, EventType, State, Transfer

if TYPE_CHECKING:
    from ivr.agencies import Agency

RING_SECONDS = 15  # Asked of Twilio, which rings five more; most voicemail answers later.
RING_BUFFER = 5
SHORTEST_RING = 5  # The least that Twilio takes.
RINGING_TOGETHER = 55  # All rings of one search, so that a choice comes within a minute.
DIALLING_SECONDS = 8  # REST gives up after five.
BRIEFING_SECONDS = 20
GRACE = 4  # Seconds that a callback may be late.
UNCLAIMED_SECONDS = 4
CHOICE_SECONDS = 60
LONGEST_DOCUMENT = 10  # Seconds that a caller may hear us before they are heard.
OFFERED_AFTER = CHOICE_SECONDS - LONGEST_DOCUMENT  # A document that began later would end too late.
END_SECONDS = 120
STRANDED_TICKS = 2  # Fetches of the wait document after a person took the call: they should have been joined.
STRANDED_SECONDS = 12  # After the first of these fetches: until then that person hears who the caller is.


def due(transfer: Transfer, waited: int, tick: int) -> Event | None:
    """Name what is due by now, if anything is."""
    lasted = 0 if transfer.since == UNSEEN else waited - transfer.since
    if waited >= END_SECONDS:
        return Event(EventType.GAVE_UP)
    match transfer.state:
        case State.DIALLING if lasted >= DIALLING_SECONDS:
            return Event(EventType.OVERDUE, transfer.place, how="in_doubt")
        case State.RINGING if lasted >= RING_SECONDS + RING_BUFFER + GRACE:
            return Event(EventType.OVERDUE, transfer.place, how="no_answer")
        case State.BRIEFING if lasted >= BRIEFING_SECONDS + GRACE:
            return Event(EventType.OVERDUE, transfer.place, how="declined")
        case State.CONNECTED if tick >= transfer.tick + STRANDED_TICKS and lasted >= STRANDED_SECONDS:
            return Event(EventType.STRANDED)
        case State.PARTED if tick >= transfer.tick + STRANDED_TICKS:
            return Event(EventType.STRANDED)
    return None


def unclaimed(transfer: Transfer, waited: int) -> bool:
    """Say whether nobody has taken up this search for so long that whoever notices should."""
    return transfer.state is State.SEARCHING and waited - transfer.since >= UNCLAIMED_SECONDS


def offers_choice(waited: int) -> bool:
    """Say whether the caller should hear a choice now: another document would end too late for it."""
    return waited > OFFERED_AFTER


def in_vain(transfer: Transfer) -> bool:
    """Claim of a caller who left that nobody could be reached for them in all the time they had."""
    return transfer.state is State.LEFT and offers_choice(transfer.waited)


def ring_seconds(waited: int, left: int) -> int:
    """Share what remains of a minute among the agencies left: what to ask of Twilio for the next ring."""
    each = (RINGING_TOGETHER - max(waited, 0)) // max(left, 1) - RING_BUFFER
    return max(SHORTEST_RING, min(RING_SECONDS, each))


def free_lines(agency: Agency, others: int) -> bool:
    """Say whether an agency has a line for one more, with so many transfers at it."""
    return others < agency.lines
