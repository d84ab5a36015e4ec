"""The line: hear what a caller did, and perform what follows from it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ivr.effects import Effect, Entry, TextNumbers
from ivr.flow.speaking import fill
from ivr.flow.step import step
from ivr.flow.texting import reply
from ivr.flow.turn import Connect, Heard, Roster, Turn, kind
from ivr.transfer.roster import who_to_ring

if TYPE_CHECKING:
    from ivr.flow.nodes import Flow
    from ivr.position import Position

logger = logging.getLogger(__name__)


class Journal(Protocol):
    """Where turns are noted without waiting for anything."""

    def write(self, entry: Entry) -> None:
        """Note one thing. Never fails, never waits for SQL."""


class Phone(Protocol):
    """The telephone network."""

    def text(self, number: str, words: str) -> None:
        """Send a text."""


class Later(Protocol):
    """Where effects wait to be performed, beside the phone numbers that they need, sealed."""

    def put(self, effect: Effect, number: str = "") -> None:
        """Have an effect performed soon, by whatever part is alive. Never fails, never waits."""

    def take_number(self, call: str) -> str:
        """Give the number that was sealed for a call, and forget it; empty when there is none any more."""


@dataclass(frozen=True)
class Call:
    """One webhook of one conversation: all that the line may know of a caller while it answers."""

    id: str
    channel: str  # "voice" or "text".
    key: str  # Unique within the conversation: see effects.Entry.
    now: float
    number: str = ""  # In E.164, to be sealed for an effect that needs it; never kept otherwise.


@dataclass(frozen=True)
class Line:
    """One line, put together from its parts."""

    flow: Flow
    journal: Journal
    phone: Phone
    later: Later

    def hear(self, position: Position, heard: Heard, call: Call) -> Turn:
        """Answer one thing that a caller or texter did, and note it."""
        if call.channel == "text":
            turn = reply(self.flow, position, heard)
        else:
            turn = step(self.flow, position, heard, self._roster(call.now), call.id)
        self.journal.write(_entry(turn, heard, call))
        for effect in turn.effects:
            self.later.put(effect, call.number)
        return turn

    def note(self, entry: Entry) -> None:
        """Note something that needs no answer: a call ended, an agency accepted."""
        self.journal.write(entry)

    def perform(self, effect: Effect) -> None:
        """Do one thing to the world."""
        match effect:
            case TextNumbers(call, language):
                self._text_numbers(call, language)

    def _text_numbers(self, call: str, language: str) -> None:
        number = self.later.take_number(call)
        if not number:
            logger.warning("no number to text to any more", extra={"call": call})
            return
        words = self.flow.prompts[language].lines.numbers_text
        self.phone.text(number, fill(self.flow, language, words, spoken=False))

    def _roster(self, now: float) -> Roster:
        directory = self.flow.directory
        orders = {name: who_to_ring(directory, name, now) for name in directory.orders}
        return Roster(orders, int(now))


def _entry(turn: Turn, heard: Heard, call: Call) -> Entry:
    position = turn.position
    return Entry(
        call=call.id,
        key=call.key,
        at=call.now,
        channel=call.channel,
        language=position.language,
        stop=position.stop,
        heard=kind(heard),
        order=position.order if isinstance(turn.then, Connect) else "",
        rang=turn.then.agency if isinstance(turn.then, Connect) else "",
        ended=turn.ended,
        sign=turn.sign,
    )
