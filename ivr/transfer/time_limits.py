"""How long the line waits for what, and what time alone brings about while a caller waits.

`[patience]` of `config/line.toml` holds every limit that somebody may choose, for the queue and for the
direct path; `ivr check` checks how they stand to one another. What the network imposes stands below.
Time is Twilio's: how long the caller has been in the queue, as each fetch of the wait document says it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import StrictInt  # noqa: TC002 - pydantic reads it at run time

from ivr.transfer.machine import UNSEEN, Event, EventType, State, Transfer

if TYPE_CHECKING:
    from ivr.agencies import Agency

RING_BUFFER = 5  # Twilio rings so much longer than it is asked to.
SHORTEST_RING = 5  # The least that Twilio takes.
DIALLING_SECONDS = 8  # REST gives up after five.
GRACE = 4  # Seconds that a callback may be late.
UNCLAIMED_SECONDS = 4
LONGEST_DOCUMENT = 10  # Seconds that a caller may hear us before they are heard.
OFFER_SECONDS = 7  # That sentence itself, to the key that it names.
SLOW_DOCUMENT = 3  # Seconds that it takes longer where the caller asked for slower speech.
NAMING_SECONDS = 8  # In which a waiting caller hears who is called next.
STRANDED_TICKS = 2  # Fetches of the wait document after a person took the call: they should have been joined.
STRANDED_SECONDS = 12  # After the first of these fetches: until then that person hears who the caller is.


@dataclass(frozen=True, kw_only=True)
class TimeLimits:
    """`[patience]`, in seconds."""

    key: StrictInt  # For a key.
    cannot_press: StrictInt  # For somebody who cannot press keys to hang up.
    ring: StrictInt  # Asked of Twilio for one agency; most voicemail answers later.
    whisper: StrictInt  # For a person at an agency to press 1.
    reach: StrictInt  # All rings of one wish together.
    choice: StrictInt  # From the wish to a person or a choice.
    end: StrictInt  # From the wish to the end of the search.

    @property
    def offered_after(self) -> int:
        """When a waiting caller is offered other ways: after another document they would hear it too late."""
        return self.choice - LONGEST_DOCUMENT - OFFER_SECONDS


def due(limits: TimeLimits, transfer: Transfer, waited: int, tick: int) -> Event | None:
    """Name what is due by now, if anything is."""
    lasted = 0 if transfer.since == UNSEEN else waited - transfer.since
    if waited >= limits.end:
        return Event(EventType.GAVE_UP)
    match transfer.state:
        case State.DIALLING if lasted >= DIALLING_SECONDS:
            return Event(EventType.OVERDUE, transfer.place, how="in_doubt")
        case State.RINGING if lasted >= limits.ring + RING_BUFFER + GRACE:
            return Event(EventType.OVERDUE, transfer.place, how="no_answer")
        case State.BRIEFING if lasted >= limits.whisper + GRACE:
            return Event(EventType.OVERDUE, transfer.place, how="declined")
        case State.CONNECTED if tick >= transfer.tick + STRANDED_TICKS and lasted >= STRANDED_SECONDS:
            return Event(EventType.STRANDED)
        case State.PARTED if tick >= transfer.tick + STRANDED_TICKS:
            return Event(EventType.STRANDED)
    return None


def is_unclaimed(transfer: Transfer, waited: int) -> bool:
    """Whether nobody has called whom the caller heard named, for so long that whoever notices should."""
    return transfer.state is State.NAMED and waited - transfer.since >= UNCLAIMED_SECONDS


def offers_choice(limits: TimeLimits, waited: int, *, slow: bool = False) -> bool:
    """Whether the caller should hear a choice now: another document would end too late for it."""
    return waited > limits.offered_after - slow * SLOW_DOCUMENT


def is_in_vain(limits: TimeLimits, transfer: Transfer) -> bool:
    """Whether the caller left after all the time in which somebody should have been reached."""
    return transfer.state is State.LEFT and offers_choice(limits, transfer.waited)


def ring_seconds(limits: TimeLimits, waited: int, left: int, *, spoken: int = 0) -> int:
    """Share the time for rings among the agencies left: what to ask of Twilio for the next ring.

    ``spoken`` is what the caller hears before each ring, on the direct path; in a queue they may ask for
    other ways meanwhile, so that ``waited`` is told without it.
    """
    each = (limits.reach - max(waited, 0)) // max(left, 1) - RING_BUFFER - spoken
    return max(SHORTEST_RING, min(limits.ring, each))


def free_lines(agency: Agency, others: int) -> bool:
    """Whether an agency has a line for one more, with so many transfers at it."""
    return others < agency.lines
