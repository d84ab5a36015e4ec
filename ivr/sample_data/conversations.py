"""What pretend callers, texters and agencies do: the line answers each step, so every turn is possible."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from ivr.effects import Entry
from ivr.flow.graph import keys, offers_by_text
from ivr.flow.models import (
    NO,
    YES,
    ChecklistStop,
    ConsentStop,
    LanguageStop,
    MenuStop,
    MessageStop,
    TransferStop,
)
from ivr.flow.turn import (
    Arrived,
    Asked,
    CameBack,
    Connect,
    Heard,
    How,
    Listen,
    Pressed,
    Returned,
    Silent,
    Turn,
    Unclear,
    WaitInQueue,
    Wished,
)
from ivr.line import CallContext
from ivr.position import Position
from ivr.transfer.coordinator import Fetch
from ivr.transfer.machine import Event, EventType, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from random import Random

    from ivr.line import Line
    from ivr.sample_data.seeding import InMemoryWorld

MOST_TURNS, MOST_TEXTS = 40, 8
WORDS_A_SECOND = 2.5
OF_KEYS = (8, 5, 4, 3)  # How often the first, second, … choice of a stop is taken.
OF_LANGUAGES = (78, 22)
LEAVES = {
    LanguageStop: 0.1,
    MenuStop: 0.07,
    MessageStop: 0.3,
    ChecklistStop: 0.06,
    ConsentStop: 0.05,
    TransferStop: 0.12,
}
WANTS_A_PERSON = {LanguageStop: 0.03, MenuStop: 0.07, MessageStop: 0.2, ChecklistStop: 0.03}
SAYS_YES = 0.4  # To a question of a checklist.
SLIPS, SLIPS_ARE = 0.07, ("*", "9", "7", "")  # Again, the main menu, a wrong key, none.
LEAVES_BY_KEY = 0.04
STOPS_TEXTING, SAYS_GOODBYE, SAYS_STOP = 0.25, 0.12, 0.1
MAY_READ = 0.85
GREETS, ASKS_FOR_HELP = 0.35, 0.05
Choice = TypeVar("Choice", bound=str)

GOES_ON = frozenset({State.SEARCHING, State.NAMING, State.NAMED, State.DIALLING, State.RINGING})
ENDS = {  # How a ring in a queue ends, of a hundred.
    "accepted": 58,
    "no_answer": 13,
    "declined": 6,
    "busy": 5,
    "no_key": 11,
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
    "caller_left": (EventType.CALLER_LEFT, 18),
    "gave_up": (EventType.GAVE_UP, 18),
}
AFTER_ANSWERING = {
    "accepted": EventType.ACCEPTED,
    "declined": EventType.DECLINED,
    "no_key": EventType.AGENCY_LEFT,
}
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
class SampleCaller:
    """One pretend caller or texter, and the line that they reach."""

    line: Line
    world: InMemoryWorld
    dice: Random
    id: str

    def calls(self) -> None:
        """Call the line, and do this and that until it is over."""
        turn = self._hear(Position(), Arrived())
        for _ in range(MOST_TURNS):
            if isinstance(turn.then, Listen) and self._chance(LEAVES, turn):
                break
            if not isinstance(turn.then, Listen | WaitInQueue | Connect):
                break
            position, heard = self._does(turn)
            turn = self._hear(position, heard)
        self.world.pass_time(self.dice.uniform(0.5, 4))
        self.line.note(Entry(self.id, "end", self.world.now, "voice", heard="ended"))

    def texts(self) -> None:
        """Text the line a few times."""
        position, heard = Position(), self._begins()
        for number in range(MOST_TEXTS):
            key = f"{self.id[:24]}{number:08x}"
            turn = self.line.hear(position, heard, CallContext(self.id, "text", key, self.world.now))
            if isinstance(heard, Wished) or self.dice.random() < STOPS_TEXTING:
                return
            self.world.pass_time(self.dice.uniform(8, 150))
            position, heard = turn.position, self._writes(turn)

    def _hear(self, position: Position, heard: Heard) -> Turn:
        turn = self.line.hear(
            position, heard, CallContext(self.id, "voice", str(position.turn), self.world.now)
        )
        words = sum(len(say.words.split()) for say in turn.says)
        self.world.pass_time(words / WORDS_A_SECOND * self.dice.uniform(0.2, 1) + self.dice.uniform(0.5, 3))
        return turn

    def _does(self, turn: Turn) -> tuple[Position, Heard]:
        """Wait, be rung for, or press a key."""
        position = turn.position
        match turn.then:
            case WaitInQueue():
                return AgencyAnswers(self.line, self.world, self.dice).wait(position)
            case Connect() as ringing:
                return position, AgencyAnswers(self.line, self.world, self.dice).ring_directly(
                    self.id, position, ringing
                )
            case _:
                return position, self._presses(turn)

    def _presses(self, turn: Turn) -> Heard:
        """Press a key, mostly one that this stop knows."""
        stop = self.line.flow.stops[turn.position.stop]
        if self.dice.random() < SLIPS:
            slip = self.dice.choice(SLIPS_ARE)
            return Pressed(slip) if slip else Silent()
        if self._chance(WANTS_A_PERSON, turn):
            return Pressed("0")
        if self.dice.random() < LEAVES_BY_KEY:
            return Pressed("#")
        match stop:
            case LanguageStop():
                return Pressed(self._choose(self._language_keys(), OF_LANGUAGES))
            case ChecklistStop():
                return Pressed(YES if self.dice.random() < SAYS_YES else NO)
            case ConsentStop():
                return Pressed(YES if self.dice.random() < MAY_READ else NO)
            case _:
                return Pressed(self._choose(keys(stop)) or "9")

    def _begins(self) -> Heard:
        """Begin with a word of the line's, a greeting, or a cry for help."""
        words = self.line.flow.keywords.stops
        language = self._choose(self.line.flow.languages, OF_LANGUAGES)
        if self.dice.random() < ASKS_FOR_HELP:
            return Wished("help", language=language)
        known = [stop for stop in words.get(language, {}) if stop in self.line.flow.stops]
        if not known or self.dice.random() < GREETS:
            return Unclear()
        return Asked(self.dice.choice(known), language)

    def _writes(self, turn: Turn) -> Heard:
        """Answer a text: mostly with a digit that was offered."""
        stop = self.line.flow.stops.get(turn.position.stop)
        if self.dice.random() < SAYS_GOODBYE:
            return Wished("stop" if self.dice.random() < SAYS_STOP else "leave")
        if turn.position.held:
            return Pressed(YES if self.dice.random() < MAY_READ else NO)
        if isinstance(stop, LanguageStop):
            return Pressed(self._choose(self._language_keys(), OF_LANGUAGES))
        ahead = offers_by_text(self.line.flow, stop) if stop else {}
        return Pressed(self._choose(ahead) or "9")

    def _language_keys(self) -> Iterable[str]:
        return (str(n) for n, _ in enumerate(self.line.flow.first_languages, 1))

    def _chance(self, shares: Mapping[Any, float], turn: Turn) -> bool:
        """Throw the dice about what is more or less likely at one kind of stop than at another."""
        return self.dice.random() < shares.get(type(self.line.flow.stops[turn.position.stop]), 0)

    def _choose(self, names: Iterable[str], weights: Sequence[int] = OF_KEYS) -> str:
        """Choose one of some names, the first the most often; nothing of none."""
        ordered = list(names)
        few = [*weights, *[weights[-1]] * len(ordered)][: len(ordered)]
        return self.dice.choices(ordered, few)[0] if ordered else ""


@dataclass(frozen=True)
class AgencyAnswers:
    """The agencies of one pretend conversation."""

    line: Line
    world: InMemoryWorld
    dice: Random

    def wait(self, position: Position) -> tuple[Position, Heard]:
        """Let a caller wait in their queue; give where they are then, and what became of it."""
        transfer_id, began, ticks = position.transfer_id, self.world.now, count()
        while (state := self.world.live_transfers[transfer_id].state) in GOES_ON:
            self.world.pass_time(self.dice.uniform(0.4, 1.6))
            if state is State.RINGING:
                self._answer(transfer_id)
            else:
                self.line.tick(transfer_id, Fetch(waited=int(self.world.now - began), tick=next(ticks)))
                self._ring()
        match state:
            case State.CONNECTED:
                return position, self._talk(transfer_id)
            case State.LEFT:
                return position, CameBack("no_answer", gone=True)
            case State.DIRECT:
                return replace(position, transfer_id=""), CameBack("no_answer")
            case _:
                return position, Returned()

    def ring_directly(self, call: str, position: Position, ringing: Connect) -> Heard:
        """Ring one agency on the direct path; give what the caller comes back with."""
        how: How = self._choose(DIRECTLY)
        by_itself = self.line.flow.directory.agencies[ringing.agency].accept == "answer"
        self.world.pass_time(self.dice.uniform(3, ringing.seconds))
        if how != "accepted":
            return CameBack(how)
        if not by_itself:
            self.world.pass_time(self.dice.uniform(6, 15))
            accepted = Entry(call, f"accept-{position.turn}", self.world.now, "voice", heard="accepted")
            self.line.note(replace(accepted, outcome="accepted"))
        self.world.pass_time(self.dice.uniform(*TALKS))
        return CameBack(how, gone=self.dice.random() < SHARE_WHO_HANG_UP)

    def _ring(self) -> None:
        """Do what the worker does: ring whoever is next."""
        due, self.world.rings[:] = self.world.rings[-1:], []
        for ring in due:
            self.line.perform(ring)

    def _answer(self, transfer_id: str) -> None:
        """Let the agency that rings answer, or not."""
        transfer = self.world.live_transfers[transfer_id]
        agency = self.line.flow.directory.agencies[transfer.agency]
        how = self._choose(BY_ITSELF if agency.accept == "answer" else ENDS)
        event, longest = NEWS[how]
        self.world.pass_time(self.dice.uniform(0.2, 1) * longest)
        if event is EventType.ANSWERED:
            self.line.advance(transfer_id, Event(EventType.ANSWERED, transfer.place))
            self.world.pass_time(0 if agency.accept == "answer" else self.dice.uniform(5, 15))
            event = AFTER_ANSWERING[how]
        self.line.advance(
            transfer_id, Event(event, transfer.place, how=how if event is EventType.MISSED else "")
        )

    def _talk(self, transfer_id: str) -> Heard:
        """Let them talk; then one of them hangs up first."""
        self.world.pass_time(self.dice.uniform(*TALKS))
        gone = self.dice.random() < SHARE_WHO_HANG_UP
        if not gone:
            self.line.advance(
                transfer_id, Event(EventType.AGENCY_LEFT, self.world.live_transfers[transfer_id].place)
            )
        self.line.advance(transfer_id, Event(EventType.TALKED))
        if gone:
            self.line.advance(transfer_id, Event(EventType.CALLER_LEFT))
        return CameBack("accepted", gone=gone)

    def _choose(self, shares: Mapping[Choice, int]) -> Choice:
        return self.dice.choices(list(shares), list(shares.values()))[0]
