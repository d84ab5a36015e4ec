"""Everything that the line can do to the world, and everything it notes of itself, as data.

Names and ids only: never a phone number, a caller's word or a row of the database.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TextNumbers:
    """Text numbers to a caller who asked for them. The sealed number is lent to one run, until one did it."""

    call: str
    language: str
    stop: str = ""  # Whose numbers; those of the agencies that we ring where it has none.


@dataclass(frozen=True)
class CallTexter:
    """Ring a texter who asked for it and said yes. The sealed number is lent to one run, until one did it."""

    call: str
    language: str


@dataclass(frozen=True)
class Ring:
    """Ring the next agency of a transfer. Claims the attempt in SQL before it rings: only one run does."""

    transfer: str
    place: str  # Which attempt it is to be: "1" for the first.


@dataclass(frozen=True)
class EndRing:
    """End an agency's leg that is of no more use. Doing it twice ends it once."""

    transfer: str
    place: str


@dataclass(frozen=True)
class Erase:
    """Delete all that the log holds under a mark of a caller who asked for it. Twice is once."""

    mark: str


@dataclass(frozen=True)
class OptOut:
    """Remember that somebody sent STOP. Doing it twice is doing it once."""

    mark: str


@dataclass(frozen=True)
class OptIn:
    """Forget that somebody sent STOP: they sent START. Doing it twice is doing it once."""

    mark: str


@dataclass(frozen=True)
class Alarm:
    """Tell whoever runs the line what it cannot mend itself. Counted: at most one in half an hour is sent."""

    why: str  # See line.ALARMS.


@dataclass(frozen=True)
class NoteDelivery:
    """Count a text that arrived, or why it did not. Counted once for each id within ten minutes."""

    message: str  # A keyed id, never Twilio's.
    reason: str  # Twilio's code of why it did not arrive; empty: it did.


Effect = NoteDelivery | TextNumbers | CallTexter | Ring | EndRing | Erase | OptOut | OptIn | Alarm


@dataclass(frozen=True)
class Entry:
    """One line of the journal: one thing that happened in a call or a text conversation.

    ``call`` and ``key`` together are unique: a webhook that comes twice is noted once.
    """

    call: str  # A keyed id, never Twilio's.
    key: str  # The turn's number; for a text a keyed id of the message; "end" when the call ended.
    at: float  # Unix seconds.
    channel: str  # "voice" or "text".
    language: str = ""
    stop: str = ""  # Where the caller is after this.
    heard: str = ""  # What kind of thing they did (see flow.turn): never what they said.
    order: str = ""  # A person was asked for: in which order agencies are rung.
    rang: str = ""  # The agency that is rung from now on.
    ended: str = ""  # How the ring before this ended: accepted, no_answer, busy, failed, declined, in_doubt.
    mark: str = ""  # A keyed hash of the caller's number, for this month; empty when it is withheld.
    transfer_id: str = ""  # The transfer that waits in a queue, where this is about one: its id.
    outcome: str = ""  # What this decides of the call's outcome: informed, left, opted_out, hung_up.
    written: str = ""  # The language of a text in words, "other" for one that the line lacks; else empty.
    nearest: str = ""  # The stop that is nearest to a text that was not understood.
