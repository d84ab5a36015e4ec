"""The line: hear what a caller did, let a transfer advance, perform what follows."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

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
from ivr.flow.rendering import write
from ivr.flow.sms import confirms_ring, heard_wish, is_about_phone, numbers_of, reply
from ivr.flow.text_meaning import request_in
from ivr.flow.turn import AskForPerson, Connect, Heard, Phone, Roster, Turn, WaitInQueue, kind
from ivr.flow.voice import ring_next, step, unreached, wait_in_queue
from ivr.pseudonyms import Caller
from ivr.transfer.machine import Event, EventType
from ivr.transfer.roster import AgencyStatus, who_to_ring

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.caller_limits import CallerLimits
    from ivr.flow.models import Flow
    from ivr.position import Position
    from ivr.transfer.coordinator import JournalWriter, Telephone, TransferCoordinator, WorkQueue
    from ivr.transfer.machine import Transfer

logger = logging.getLogger(__name__)

HALF_AN_HOUR = 1800
UNREACHED_CALLERS = 3  # In a row: then somebody should look.
CALLBACK_PATH = "/called"  # Where a texter whose phone we rang is met.
CALLBACK_SECONDS = 25  # How long that phone is rung.
ALARMS = {
    "unreached": "The line: three callers in a row reached nobody. Look at: ivr agencies",
    "direct": "The line: callers go by the direct path. Does the database or Twilio's REST API answer?",
}


class SpokenFlow(Protocol):
    """Who holds the flow in the prompts of now."""

    @property
    def flow(self) -> Flow:
        """The flow as it is heard now: it changes between two turns."""


class Archive(Protocol):
    """What the line remembers of phones, under marks, and forgets."""

    def erase(self, mark: str) -> None:
        """Delete all that is held under a mark."""

    def opt_out(self, mark: str) -> None:
        """Remember that somebody sent STOP."""

    def opt_in(self, mark: str) -> None:
        """Forget that somebody sent STOP."""


@dataclass(frozen=True)
class CallContext:
    """One webhook of one conversation: all that the line may know of a caller while it answers."""

    id: str
    channel: str  # "voice" or "text".
    key: str  # Unique within the conversation: see effects.Entry.
    now: float
    caller: Caller = field(default_factory=Caller)

    @property
    def request(self) -> str:
        """The id of what this webhook asks for: when it comes again, it is not done again."""
        return f"{self.id}-{self.key}"


@dataclass(frozen=True)
class Line:
    """One line, put together from its parts."""

    prompts: SpokenFlow
    journal: JournalWriter
    phone: Telephone
    later: WorkQueue
    transfers: TransferCoordinator
    status: Callable[[], AgencyStatus]
    limits: CallerLimits
    archive: Archive
    send_alarm: Callable[[str], None]  # To whoever runs the line.

    @property
    def flow(self) -> Flow:
        """The flow in the prompts of now."""
        return self.prompts.flow

    def hear(self, position: Position, heard: Heard, call: CallContext) -> Turn:
        """Answer one thing that a caller or texter did, and note it."""
        answer = self._answer_text if call.channel == "text" else self._answer_voice
        turn = answer(self.flow, position, heard, call)
        if turn.sign != "erased":  # Of what is erased not even the wish is noted.
            self.journal.write(_entry(position, turn, heard, call))
        for effect in turn.effects:
            self.later.put(effect, call.caller.number)
        return turn

    def turns_away(self, call: CallContext) -> str:
        """Whether a caller is to hear the numbers only: why, or nothing. Notes it."""
        why = self.limits.turns_away(call.caller, call.channel)
        if why:
            logger.warning("turned away: %s", why, extra={"call": call.id})
            self.journal.write(
                Entry(call.id, call.key, call.now, call.channel, heard=why, mark=call.caller.mark)
            )
        return why

    def note(self, entry: Entry) -> None:
        """Note something that needs no answer: a call ended, an agency accepted."""
        self.journal.write(entry)

    def advance(self, transfer_id: str, event: Event) -> Transfer | None:
        """Let something happen to a transfer; give it as it is then, or nothing where SQL cannot tell."""
        try:
            return self.transfers.advance(transfer_id, event)
        except PartUnavailable:
            logger.warning("the log cannot be asked about a transfer", extra={"transfer_id": transfer_id})
            return None

    def tick(
        self, transfer_id: str, waited: int, tick: int, event: Event | None, topic: str = ""
    ) -> Transfer | None:
        """Let a fetch of a wait document be the clock of its transfer; nothing where SQL cannot tell."""
        try:
            return self.transfers.tick(transfer_id, waited, tick, event, topic)
        except PartUnavailable:
            logger.warning(
                "the log cannot be asked about a waiting caller", extra={"transfer_id": transfer_id}
            )
            return None

    def perform(self, effect: Effect) -> None:
        """Do one thing to the world."""
        match effect:
            case TextNumbers():
                self._text_numbers(effect)
            case CallTexter():
                self._call_texter(effect)
            case Erase(mark):
                self.archive.erase(mark)
            case OptOut(mark):
                self.archive.opt_out(mark)
            case OptIn(mark):
                self.archive.opt_in(mark)
            case Alarm(why):
                self._raise_alarm(why)
            case Ring():
                self.transfers.ring(effect)
            case EndRing():
                self.transfers.end_ring(effect)

    def give_up(self, effect: Effect) -> None:
        """Tell whoever waits for an effect that it was not performed."""
        if isinstance(effect, Ring):
            self.advance(effect.transfer, Event(EventType.MISSED, int(effect.place), how="failed"))

    def _answer_voice(self, flow: Flow, position: Position, heard: Heard, call: CallContext) -> Turn:
        """Answer a caller."""
        caller, roster = call.caller, self._roster(flow, position.language, call.now)
        may_be_texted = bool(caller.number) and not self.limits.is_opted_out(caller)
        decision = step(flow, position, heard, roster, Phone(call.request, may_be_texted=may_be_texted))
        match decision:
            case Turn():
                return decision
            case AskForPerson() if not self.limits.lets_transfer(caller):
                return unreached(flow, decision)
            case AskForPerson(order, asking):
                transfer_id = self.transfers.begin(call.id, asking.turn, order, asking.language)
                if transfer_id:
                    return wait_in_queue(decision, transfer_id)
                return ring_next(flow, decision, roster)

    def _answer_text(self, flow: Flow, position: Position, heard: Heard, call: CallContext) -> Turn:
        """Answer a texter. What is counted of a phone is counted only where the answer depends on it."""
        caller, limits = call.caller, self.limits
        request = request_in(flow, heard)
        opted_out = limits.is_opted_out(caller)
        obeyed = is_about_phone(request) or (opted_out and heard_wish(request) != "help")
        turned_away = not obeyed and bool(limits.turns_away(caller, "text"))
        confirms = not obeyed and not turned_away and confirms_ring(position, request, call.now)
        phone = Phone(
            call.request,
            may_be_rung=confirms and limits.lets_ring(caller),
            opted_out=opted_out,
            turned_away=turned_away,
            opt_out_mark=caller.opt_out,
            marks=caller.marks,
        )
        return reply(flow, position, heard, call.now, phone)

    def _roster(self, flow: Flow, language: str, now: float) -> Roster:
        directory, status = flow.directory, self.status()
        orders = {
            name: who_to_ring(directory, name, now, language=language, status=status)
            for name in directory.orders
        }
        return Roster(orders, int(now))

    def _sealed_number(self, call: str) -> str:
        """Take the number of a caller who asked for something; empty when it was taken or is too old."""
        number = self.later.take(f"number-{call}")
        if not number:
            logger.warning("no number any more of a caller who asked for something", extra={"call": call})
        return number

    def _text_numbers(self, effect: TextNumbers) -> None:
        if number := self._sealed_number(effect.call):
            self.phone.text(number, numbers_of(self.flow, effect.language, effect.stop))

    def _call_texter(self, effect: CallTexter) -> None:
        number = self._sealed_number(effect.call)
        if not number:
            return
        try:
            self.phone.ring_caller(number, CALLBACK_PATH, CALLBACK_SECONDS)
        except PartUnavailable:
            self.phone.text(number, write(self.flow, effect.language, "call_cannot").words)

    def _raise_alarm(self, why: str) -> None:
        """Tell whoever runs the line, without a word about a caller."""
        if why == "unreached" and self.transfers.unreached_in_a_row() < UNREACHED_CALLERS:
            return
        if self.limits.lets_alarm(why, HALF_AN_HOUR):
            self.send_alarm(ALARMS[why])


def _entry(before: Position, turn: Turn, heard: Heard, call: CallContext) -> Entry:
    position = turn.position
    asks = isinstance(turn.then, Connect | WaitInQueue)
    return Entry(
        call=call.id,
        key=call.key,
        at=call.now,
        channel=call.channel,
        language=position.language,
        stop=position.stop,
        heard=kind(heard),
        order=position.order if asks else "",
        rang=turn.then.agency if isinstance(turn.then, Connect) else "",
        ended=turn.ended,
        mark=call.caller.mark,
        transfer_id=position.transfer_id or before.transfer_id,
        outcome=turn.sign,
    )
