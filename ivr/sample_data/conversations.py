"""What pretend callers and texters do: the line answers each step, so every turn is one that could be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    Connect,
    Heard,
    Listen,
    Pressed,
    Silent,
    Turn,
    Unclear,
    WaitInQueue,
    Wished,
)
from ivr.line import CallContext
from ivr.position import Position
from ivr.sample_data.agency_answers import AgencyAnswers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from random import Random

    from ivr.line import Line
    from ivr.sample_data.in_memory_line import InMemoryTransfers

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


@dataclass(frozen=True)
class SampleCaller:
    """One pretend caller or texter, and the line that they reach."""

    line: Line
    told: InMemoryTransfers
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
            here, heard = self._does(turn)
            turn = self._hear(here, heard)
        self.told.pass_by(self.dice.uniform(0.5, 4))
        self.line.note(Entry(self.id, "end", self.told.now, "voice", heard="ended"))

    def texts(self) -> None:
        """Text the line a few times."""
        here, heard = Position(), self._begins()
        for number in range(MOST_TEXTS):
            key = f"{self.id[:24]}{number:08x}"
            turn = self.line.hear(here, heard, CallContext(self.id, "text", key, self.told.now))
            if isinstance(heard, Wished) or self.dice.random() < STOPS_TEXTING:
                return
            self.told.pass_by(self.dice.uniform(8, 150))
            here, heard = turn.position, self._writes(turn)

    def _hear(self, here: Position, heard: Heard) -> Turn:
        turn = self.line.hear(here, heard, CallContext(self.id, "voice", str(here.turn), self.told.now))
        words = sum(len(say.words.split()) for say in turn.says)
        self.told.pass_by(words / WORDS_A_SECOND * self.dice.uniform(0.2, 1) + self.dice.uniform(0.5, 3))
        return turn

    def _does(self, turn: Turn) -> tuple[Position, Heard]:
        """Wait, be rung for, or press a key."""
        here = turn.position
        match turn.then:
            case WaitInQueue():
                return AgencyAnswers(self.line, self.told, self.dice).wait(here)
            case Connect() as ringing:
                return here, AgencyAnswers(self.line, self.told, self.dice).ring_directly(
                    self.id, here, ringing
                )
            case _:
                return here, self._presses(turn)

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
        return (str(n) for n, _ in enumerate(self.line.flow.languages, 1))

    def _chance(self, shares: Mapping[Any, float], turn: Turn) -> bool:
        """Throw the dice about what is more or less likely at one kind of stop than at another."""
        return self.dice.random() < shares.get(type(self.line.flow.stops[turn.position.stop]), 0)

    def _choose(self, names: Iterable[str], weights: Sequence[int] = OF_KEYS) -> str:
        """Choose one of some names, the first the most often; nothing of none."""
        ordered = list(names)
        few = [*weights, *[weights[-1]] * len(ordered)][: len(ordered)]
        return self.dice.choices(ordered, few)[0] if ordered else ""
