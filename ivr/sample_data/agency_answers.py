"""How pretend agencies answer: most are there, some are not, and now and then a caller does not wait."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from ivr.effects import Entry
from ivr.flow.turn import CameBack, Connect, Heard, How, Returned
from ivr.transfer.machine import Event, EventType, State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from ivr.line import Line
    from ivr.position import Position
    from ivr.sample_data.in_memory_line import InMemoryTransfers

Choice = TypeVar("Choice", bound=str)

GOES_ON = frozenset({State.SEARCHING, State.DIALLING, State.RINGING})
ENDS = {  # How a ring in a queue ends, of a hundred.
    "accepted": 58,
    "no_answer": 13,
    "voicemail": 9,
    "declined": 6,
    "busy": 5,
    "no_key": 2,
    "failed": 1,
    "caller_left": 4,
    "gave_up": 2,
}
BY_ITSELF = {"accepted": 80, "no_answer": 12, "busy": 8}  # Of a switchboard.
NEWS = {  # What tells of it first, and after how many seconds of ringing at the latest.
    "accepted": (EventType.ANSWERED, 15),
    "declined": (EventType.ANSWERED, 15),
    "no_key": (EventType.ANSWERED, 15),
    "no_answer": (EventType.MISSED, 20),
    "busy": (EventType.MISSED, 3),
    "failed": (EventType.MISSED, 2),
    "voicemail": (EventType.MACHINE, 18),
    "caller_left": (EventType.CALLER_LEFT, 18),
    "gave_up": (EventType.GAVE_UP, 18),
}
AFTER_ANSWERING = {
    "accepted": EventType.ACCEPTED,
    "declined": EventType.DECLINED,
    "no_key": EventType.AGENCY_LEFT,
}
NAMED = frozenset({EventType.MISSED, EventType.MACHINE})  # News that says how.
DIRECTLY: Mapping[How, int] = {
    "accepted": 60,
    "no_answer": 20,
    "declined": 8,
    "busy": 8,
    "in_doubt": 4,
}
TALKS = (40, 900)  # Seconds.
SHARE_WHO_HANG_UP = 0.6  # After a talk; the others hear what else there is.


@dataclass(frozen=True)
class AgencyAnswers:
    """The agencies of one pretend conversation."""

    line: Line
    told: InMemoryTransfers
    dice: Random

    def wait(self, here: Position) -> tuple[Position, Heard]:
        """Let a caller wait in their queue; give where they are then, and what became of it."""
        transfer_id = here.transfer_id
        while (state := self.told.live_transfers[transfer_id].state) in GOES_ON:
            self.told.pass_by(self.dice.uniform(0.4, 1.6))
            self._answer(transfer_id) if state is State.RINGING else self._ring()
        match state:
            case State.CONNECTED:
                return here, self._talk(transfer_id)
            case State.LEFT:
                return here, CameBack("no_answer", gone=True)
            case State.DIRECT:
                return replace(here, transfer_id=""), CameBack("no_answer")
            case _:
                return here, Returned()

    def ring_directly(self, call: str, here: Position, ringing: Connect) -> Heard:
        """Ring one agency on the direct path; give what the caller comes back with."""
        how: How = self._choose(DIRECTLY)
        by_itself = self.line.flow.directory.agencies[ringing.agency].accept == "answer"
        self.told.pass_by(self.dice.uniform(3, ringing.seconds))
        if how != "accepted":
            return CameBack(how)
        if not by_itself:
            self.told.pass_by(self.dice.uniform(6, 15))
            accepted = Entry(call, f"accept-{here.turn}", self.told.now, "voice", heard="accepted")
            self.line.note(replace(accepted, outcome="accepted"))
        self.told.pass_by(self.dice.uniform(*TALKS))
        return CameBack(how, gone=self.dice.random() < SHARE_WHO_HANG_UP)

    def _ring(self) -> None:
        """Do what the worker does: ring whoever is next."""
        due, self.told.rings[:] = self.told.rings[-1:], []
        for ring in due:
            self.line.perform(ring)

    def _answer(self, transfer_id: str) -> None:
        """Let the agency that rings answer, or not."""
        transfer = self.told.live_transfers[transfer_id]
        agency = self.line.flow.directory.agencies[transfer.agency]
        how = self._choose(BY_ITSELF if agency.accept == "answer" else ENDS)
        event, longest = NEWS[how]
        self.told.pass_by(self.dice.uniform(0.2, 1) * longest)
        if event is EventType.ANSWERED:
            self.line.advance(transfer_id, Event(EventType.ANSWERED, transfer.place))
            self.told.pass_by(0 if agency.accept == "answer" else self.dice.uniform(5, 15))
            event = AFTER_ANSWERING[how]
        self.line.advance(transfer_id, Event(event, transfer.place, how=how if event in NAMED else ""))

    def _talk(self, transfer_id: str) -> Heard:
        """Let them talk; then one of them hangs up first."""
        self.told.pass_by(self.dice.uniform(*TALKS))
        gone = self.dice.random() < SHARE_WHO_HANG_UP
        if not gone:
            self.line.advance(
                transfer_id, Event(EventType.AGENCY_LEFT, self.told.live_transfers[transfer_id].place)
            )
        self.line.advance(transfer_id, Event(EventType.TALKED))
        if gone:
            self.line.advance(transfer_id, Event(EventType.CALLER_LEFT))
        return CameBack("accepted", gone=gone)

    def _choose(self, shares: Mapping[Choice, int]) -> Choice:
        return self.dice.choices(list(shares), list(shares.values()))[0]
