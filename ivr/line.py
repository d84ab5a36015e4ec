"""The line: hear what a caller did, let a transfer advance, and perform what follows."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from ivr.breaker import PartUnavailable
from ivr.effects import Alarm, CallTexter, Effect, EndRing, Entry, Ring, TextNumbers
from ivr.flow.speaking import fill
from ivr.flow.step import step
from ivr.flow.texting import cannot_ring, reply
from ivr.flow.turn import CameBack, Connect, Heard, Roster, Turn, Wait, kind
from ivr.transfer.machine import E, News
from ivr.transfer.roster import Status, who_to_ring

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.flow.nodes import Flow
    from ivr.position import Position
    from ivr.searching import Journal, Later, Phone, Searching
    from ivr.transfer.machine import Transfer

logger = logging.getLogger(__name__)

HOUR, HALF_AN_HOUR = 3600, 1800
UNREACHED_CALLERS = 3  # In a row: then somebody should look.
ALARMS = {
    "unreached": "The line: three callers in a row reached nobody. Look at: ivr agencies",
    "direct": "The line: callers go by the direct path. Does the database or Twilio's REST API answer?",
}
CALLS_OF_ONE_PHONE = 3  # In an hour, by a texter's wish.
CALLS_OF_THE_LINE = 60
CALLED = "/called"  # Where a texter whose phone we rang is met.
RING_SECONDS = 25


class Limits(Protocol):
    """How often something may happen."""

    def allow(self, what: str, mark: str, most: int, seconds: int) -> bool:
        """Count one more, and say whether it is within what may be in so many seconds."""


class Unlimited:
    """Allows everything."""

    def allow(self, what: str, mark: str, most: int, seconds: int) -> bool:  # noqa: ARG002 - the shape of Limits
        """Allow it."""
        return True


@dataclass(frozen=True)
class Call:
    """One webhook of one conversation: all that the line may know of a caller while it answers."""

    id: str
    channel: str  # "voice" or "text".
    key: str  # Unique within the conversation: see effects.Entry.
    now: float
    mark: str = ""  # A keyed hash of the caller's number; empty when it is withheld.
    number: str = ""  # In E.164, to be sealed for an effect that needs it; never kept otherwise.


@dataclass(frozen=True)
class Line:
    """One line, put together from its parts. Without ``searching`` it knows only the direct path."""

    flow: Flow
    journal: Journal
    phone: Phone
    later: Later
    searching: Searching | None = None
    status: Callable[[], Status] = Status
    limits: Limits = field(default_factory=Unlimited)
    tell: Callable[[str], None] = logger.error  # Whom an alarm reaches: whoever runs the line.

    def hear(self, position: Position, heard: Heard, call: Call) -> Turn:
        """Answer one thing that a caller or texter did, and note it."""
        asked = f"{call.id}-{call.key}"  # What is asked for twice by one webhook is done once.
        if call.channel == "text":
            turn = self._may_ring(reply(self.flow, position, heard, call.now, asked), call)
        else:
            roster = self._roster(position.language, call.now)
            turn = self._wait(step(self.flow, position, heard, roster, asked), heard, call)
        self.journal.write(_entry(position, turn, heard, call))
        for effect in turn.effects:
            self.later.put(effect, call.number)
        return turn

    def advance(self, search: str, news: News) -> Transfer | None:
        """Let something happen to a transfer; give it as it is then, or nothing where SQL cannot tell."""
        try:
            return self.searching.advance(search, news) if self.searching else None
        except PartUnavailable:
            logger.warning("the log cannot be asked about a transfer", extra={"search": search})
            return None

    def tick(
        self, search: str, waited: int, tick: int, news: News | None, topic: str = ""
    ) -> Transfer | None:
        """Let a fetch of a wait document be the clock of its transfer; nothing where SQL cannot tell."""
        try:
            return self.searching.tick(search, waited, tick, news, topic) if self.searching else None
        except PartUnavailable:
            logger.warning("the log cannot be asked about a waiting caller", extra={"search": search})
            return None

    def note(self, entry: Entry) -> None:
        """Note something that needs no answer: a call ended, an agency accepted."""
        self.journal.write(entry)

    def perform(self, effect: Effect) -> None:
        """Do one thing to the world."""
        match effect:
            case TextNumbers(call, language):
                self._text_numbers(call, language)
            case CallTexter(call, language):
                self._call_texter(call, language)
            case Alarm(why):
                self._raise_alarm(why)
            case Ring():
                self._searching.ring(effect)
            case EndRing():
                self._searching.end_ring(effect)

    def give_up(self, effect: Effect) -> None:
        """Tell whoever waits for an effect that it was not performed."""
        if isinstance(effect, Ring):
            self.advance(effect.transfer, News(E.MISSED, int(effect.place), how="failed"))

    @property
    def _searching(self) -> Searching:
        if self.searching is None:
            raise LookupError("this line was put together without searching")
        return self.searching

    def _wait(self, turn: Turn, heard: Heard, call: Call) -> Turn:
        """Let a caller who has just asked for a person wait in a queue, if all that it needs is there."""
        asked = isinstance(turn.then, Connect) and not isinstance(heard, CameBack)
        if not (asked and self.searching):
            return turn
        here = turn.position
        search = self.searching.begin(call.id, here.turn, here.order, here.language)
        if not search:
            return turn
        return replace(turn, position=replace(here, tried=(), search=search), says=(), then=Wait(search))

    def _may_ring(self, turn: Turn, call: Call) -> Turn:
        """Let a texter's phone be rung only if it can be, and not too often."""
        if not any(isinstance(effect, CallTexter) for effect in turn.effects):
            return turn
        allowed = (
            bool(call.number and call.mark)
            and self.limits.allow("call", call.mark, CALLS_OF_ONE_PHONE, HOUR)
            and self.limits.allow("call", "everybody", CALLS_OF_THE_LINE, HOUR)
        )
        return turn if allowed else cannot_ring(self.flow, turn)

    def _raise_alarm(self, why: str) -> None:
        """Tell whoever runs the line, without a word about a caller."""
        if why == "unreached" and self._searching.store.unreached_in_a_row() < UNREACHED_CALLERS:
            return
        if self.limits.allow("alarm", why, 1, HALF_AN_HOUR):
            self.tell(ALARMS[why])

    def _call_texter(self, call: str, language: str) -> None:
        number = self.later.take(f"number-{call}")
        if not number:
            logger.warning("no number to ring any more", extra={"call": call})
            return
        try:
            self.phone.ring_caller(number, CALLED, RING_SECONDS)
        except PartUnavailable:
            words = self.flow.prompts[language].lines.call_cannot
            self.phone.text(number, fill(self.flow, language, words, spoken=False))

    def _text_numbers(self, call: str, language: str) -> None:
        number = self.later.take(f"number-{call}")
        if not number:
            logger.warning("no number to text to any more", extra={"call": call})
            return
        words = self.flow.prompts[language].lines.numbers_text
        self.phone.text(number, fill(self.flow, language, words, spoken=False))

    def _roster(self, language: str, now: float) -> Roster:
        directory, status = self.flow.directory, self.status()
        orders = {
            name: who_to_ring(directory, name, now, language=language, status=status)
            for name in directory.orders
        }
        return Roster(orders, int(now))


def _entry(before: Position, turn: Turn, heard: Heard, call: Call) -> Entry:
    position = turn.position
    rings = isinstance(turn.then, Connect)
    return Entry(
        call=call.id,
        key=call.key,
        at=call.now,
        channel=call.channel,
        language=position.language,
        stop=position.stop,
        heard=kind(heard),
        order=position.order if rings or isinstance(turn.then, Wait) else "",
        rang=turn.then.agency if isinstance(turn.then, Connect) else "",
        ended=turn.ended,
        search=position.search or before.search,
        sign=turn.sign,
    )
