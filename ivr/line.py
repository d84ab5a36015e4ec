"""The line: hear what a caller did, let a transfer advance, and perform what follows."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from ivr.caller_limits import CallerLimits
from ivr.circuit_breaker import PartUnavailable
from ivr.effects import (
    Alarm,
    CallTexter,
    Effect,
    EndRing,
    Entry,
    Erase,
    OptIn,
    OptOut,
    Ring,
    TextNumbers,
)
from ivr.flow.rendering import fill
from ivr.flow.sms import cannot_ring, numbers_of, reply
from ivr.flow.turn import CameBack, Connect, Heard, Returned, Roster, Turn, WaitInQueue, Wished, kind
from ivr.flow.voice import cannot_text, step
from ivr.pseudonyms import Caller
from ivr.transfer.machine import Event, EventType
from ivr.transfer.roster import AgencyStatus, who_to_ring

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.flow.models import Flow
    from ivr.position import Position
    from ivr.transfer.coordinator import JournalWriter, Telephone, TransferCoordinator, WorkQueue
    from ivr.transfer.machine import Transfer

logger = logging.getLogger(__name__)

OF_THE_PHONE = frozenset({"stop", "start", "erase"})  # Wishes about every text of a phone.


@dataclass(frozen=True)
class CallContext:
    """One webhook of one conversation: all that the line may know of a caller while it answers."""

    id: str
    channel: str  # "voice" or "text".
    key: str  # Unique within the conversation: see effects.Entry.
    now: float
    caller: Caller = field(default_factory=Caller)


@dataclass(frozen=True)
class Line:
    """One line, put together from its parts. Without ``searching`` it knows only the direct path."""

    flow: Flow
    journal: JournalWriter
    phone: Telephone
    later: WorkQueue
    transfers: TransferCoordinator | None = None
    status: Callable[[], AgencyStatus] = AgencyStatus
    welcome: CallerLimits = field(default_factory=CallerLimits)
    archive: Archive | None = None
    tell: Callable[[str], None] = logger.error  # Whom an alarm reaches: whoever runs the line.

    def hear(self, position: Position, heard: Heard, call: CallContext) -> Turn:
        """Answer one thing that a caller or texter did, and note it."""
        turn = (
            self._read(position, heard, call)
            if call.channel == "text"
            else self._listen(position, heard, call)
        )
        if turn.sign != "erased":  # Of what is erased not even the wish is noted.
            self.journal.write(_entry(position, turn, heard, call))
        for effect in turn.effects:
            self.later.put(effect, call.caller.number)
        return turn

    @property
    def world(self) -> World:
        """Give what effects are done to."""
        return World(self.flow, self.phone, self.later, self.transfers, self.welcome, self.archive, self.tell)

    def turns_away(self, call: CallContext) -> str:
        """Say whether a caller is to hear the numbers only, and why; note it."""
        why = self.welcome.turns_away(call.caller, call.channel)
        if why:
            logger.warning("turned away: %s", why, extra={"call": call.id})
            self.journal.write(
                Entry(call.id, call.key, call.now, call.channel, heard=why, mark=call.caller.mark)
            )
        return why

    def _listen(self, position: Position, heard: Heard, call: CallContext) -> Turn:
        """Answer a caller."""
        roster = self._roster(position.language, call.now)
        turn = step(self.flow, position, heard, roster, _asked(call))
        if not (isinstance(turn.then, Connect) and not isinstance(heard, CameBack)):
            return self._may_text(turn, call)
        if not self.welcome.lets_transfer(call.caller):
            return step(self.flow, position, Returned(), roster, _asked(call))
        return self._wait(turn, call)

    def _read(self, position: Position, heard: Heard, call: CallContext) -> Turn:
        """Answer a texter."""
        if isinstance(heard, Wished) and heard.wish in OF_THE_PHONE:
            return self._of_the_phone(position, heard, call)
        if self.welcome.is_opted_out(call.caller) and not (
            isinstance(heard, Wished) and heard.wish == "help"
        ):
            return reply(self.flow, position, Wished("start", answered=True))  # No word until START.
        turned_away = self.welcome.turns_away(call.caller, "text")
        turn = reply(self.flow, position, Wished("help") if turned_away else heard, call.now, _asked(call))
        return self._may_ring(turn, call)

    def _of_the_phone(self, position: Position, wished: Wished, call: CallContext) -> Turn:
        """Obey a word that is about all texts of a phone, not about this conversation."""
        turn = reply(self.flow, position, wished, call.now, _asked(call))
        caller = call.caller
        match wished.wish:
            case "stop" if caller.opt_out:
                return replace(turn, effects=(OptOut(caller.opt_out),))
            case "start" if caller.opt_out:
                return replace(turn, effects=(OptIn(caller.opt_out),))
            case "erase":
                return replace(turn, effects=tuple(map(Erase, caller.marks)))
        return turn

    def advance(self, transfer_id: str, news: Event) -> Transfer | None:
        """Let something happen to a transfer; give it as it is then, or nothing where SQL cannot tell."""
        try:
            return self.transfers.advance(transfer_id, news) if self.transfers else None
        except PartUnavailable:
            logger.warning("the log cannot be asked about a transfer", extra={"transfer_id": transfer_id})
            return None

    def tick(
        self, transfer_id: str, waited: int, tick: int, news: Event | None, topic: str = ""
    ) -> Transfer | None:
        """Let a fetch of a wait document be the clock of its transfer; nothing where SQL cannot tell."""
        try:
            return self.transfers.tick(transfer_id, waited, tick, news, topic) if self.transfers else None
        except PartUnavailable:
            logger.warning(
                "the log cannot be asked about a waiting caller", extra={"transfer_id": transfer_id}
            )
            return None

    def note(self, entry: Entry) -> None:
        """Note something that needs no answer: a call ended, an agency accepted."""
        self.journal.write(entry)

    def perform(self, effect: Effect) -> None:
        """Do one thing to the world."""
        self.world.perform(effect)

    def give_up(self, effect: Effect) -> None:
        """Tell whoever waits for an effect that it was not performed."""
        if isinstance(effect, Ring):
            self.advance(effect.transfer, Event(EventType.MISSED, int(effect.place), how="failed"))

    def _wait(self, turn: Turn, call: CallContext) -> Turn:
        """Let a caller who has just asked for a person wait in a queue, if all that it needs is there."""
        if not self.transfers:
            return turn
        here = turn.position
        transfer_id = self.transfers.begin(call.id, here.turn, here.order, here.language)
        if not transfer_id:
            return turn
        return replace(
            turn,
            position=replace(here, tried=(), transfer_id=transfer_id),
            says=(),
            then=WaitInQueue(transfer_id),
        )

    def _may_text(self, turn: Turn, call: CallContext) -> Turn:
        """Let a caller be texted only if they can be: never to a hidden number, never after STOP."""
        if not any(isinstance(effect, TextNumbers) for effect in turn.effects):
            return turn
        allowed = call.caller.number and not self.welcome.is_opted_out(call.caller)
        return turn if allowed else cannot_text(self.flow, turn)

    def _may_ring(self, turn: Turn, call: CallContext) -> Turn:
        """Let a texter's phone be rung only if it can be, and not too often."""
        if not any(isinstance(effect, CallTexter) for effect in turn.effects):
            return turn
        allowed = self.welcome.lets_ring(call.caller)
        return turn if allowed else cannot_ring(self.flow, turn)

    def _roster(self, language: str, now: float) -> Roster:
        directory, status = self.flow.directory, self.status()
        orders = {
            name: who_to_ring(directory, name, now, language=language, status=status)
            for name in directory.orders
        }
        return Roster(orders, int(now))


def _asked(call: CallContext) -> str:
    """Name what one webhook asks for: when it comes again, it is not done again."""
    return f"{call.id}-{call.key}"


def _entry(before: Position, turn: Turn, heard: Heard, call: CallContext) -> Entry:
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
        order=position.order if rings or isinstance(turn.then, WaitInQueue) else "",
        rang=turn.then.agency if isinstance(turn.then, Connect) else "",
        ended=turn.ended,
        mark=call.caller.mark,
        transfer_id=position.transfer_id or before.transfer_id,
        outcome=turn.sign,
    )


# What effects do to the world: the only place that acts on one.


HALF_AN_HOUR = 1800
UNREACHED_CALLERS = 3  # In a row: then somebody should look.
CALLED = "/called"  # Where a texter whose phone we rang is met.
RING_SECONDS = 25
ALARMS = {
    "unreached": "The line: three callers in a row reached nobody. Look at: ivr agencies",
    "direct": "The line: callers go by the direct path. Does the database or Twilio's REST API answer?",
}


class Archive(Protocol):
    """What the line remembers of phones, under marks, and forgets."""

    def erase(self, mark: str) -> None:
        """Delete all that is held under a mark."""

    def opt_out(self, mark: str) -> None:
        """Remember that somebody sent STOP."""

    def opt_in(self, mark: str) -> None:
        """Forget that somebody sent STOP."""


@dataclass(frozen=True)
class World:
    """The parts of the world that effects reach."""

    flow: Flow
    phone: Telephone
    later: WorkQueue
    transfers: TransferCoordinator | None
    welcome: CallerLimits
    archive: Archive | None
    tell: Callable[[str], None]

    def perform(self, effect: Effect) -> None:
        """Do one thing to the world."""
        match effect:
            case TextNumbers(call, language, stop):
                self._text_numbers(call, numbers_of(self.flow, language, stop))
            case CallTexter(call, language):
                self._call_texter(call, language)
            case Erase(mark):
                self._archive.erase(mark)
            case OptOut(mark):
                self._archive.opt_out(mark)
            case OptIn(mark):
                self._archive.opt_in(mark)
            case Alarm(why):
                self._raise_alarm(why)
            case Ring():
                self._transfers.ring(effect)
            case EndRing():
                self._transfers.end_ring(effect)

    def _raise_alarm(self, why: str) -> None:
        """Tell whoever runs the line, without a word about a caller."""
        if why == "unreached" and self._transfers.store.unreached_in_a_row() < UNREACHED_CALLERS:
            return
        if self.welcome.lets_alarm(why, HALF_AN_HOUR):
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

    def _text_numbers(self, call: str, words: str) -> None:
        number = self.later.take(f"number-{call}")
        if not number:
            logger.warning("no number to text to any more", extra={"call": call})
            return
        self.phone.text(number, words)

    @property
    def _transfers(self) -> TransferCoordinator:
        if self.transfers is None:
            raise LookupError("this line was put together without searching")
        return self.transfers

    @property
    def _archive(self) -> Archive:
        if self.archive is None:
            raise LookupError("this line was put together without an archive")
        return self.archive
