"""The line: hear what a caller did, let a transfer advance, perform what follows."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
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
    NoteDelivery,
    OptIn,
    OptOut,
    Ring,
    TextNumbers,
)
from ivr.flow.rendering import write
from ivr.flow.sms import confirms_ring, heard_wish, is_about_phone, is_urgent, numbers_of, reply, request_in
from ivr.flow.turn import Connect, Heard, Phone, Roster, Turn, WaitInQueue, kind, nearest_to, written_in
from ivr.flow.voice import KeptTurns, ring_last, ring_next, step, unreached, wait_in_queue
from ivr.pseudonyms import KnownCaller
from ivr.transfer.agency_order import AgencyStatus, who_to_ring
from ivr.transfer.coordinator import NumberRefused, PhoneSilent, TooManyCalls
from ivr.transfer.machine import Event, EventType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ivr.flow.models import Flow
    from ivr.flow.turn import Decision
    from ivr.position import Position
    from ivr.pseudonyms import Caller
    from ivr.transfer.coordinator import Fetch, JournalWriter, Telephone, TransferCoordinator, WorkQueue
    from ivr.transfer.machine import Transfer

logger = logging.getLogger(__name__)

HALF_AN_HOUR = 1800
ALARMED_AGAIN = {"limit": 86_400}  # Seconds, where half an hour is too soon: its mend takes days.
UNREACHED_CALLERS = 3  # In a row: then somebody should look.
UNDELIVERED_TEXTS = 3  # In a row too.
CALLBACK_PATH = "/called"  # Where a texter whose phone we rang is met.
CALLBACK_SECONDS = 25  # How long that phone is rung.
ALARMS = {
    "unreached": "The line: three callers in a row reached nobody. Look at: ivr agencies",
    "undelivered": "The line: three texts in a row did not arrive. `ivr doctor` says why, and what to do.",
    "limit": "The line: Twilio turned a call away, as this account has too many at once (10004)."
    " Have a business profile approved in Twilio's Trust Hub; until then two or three calls are the most.",
    "direct": "The line: callers go by the direct path. Does the database or Twilio's REST API answer?",
    "refused": "The line: all that Twilio asks is refused. PUBLIC_URL or the token is wrong: see its log.",
}
LISTED = (OptOut, OptIn, Erase)  # What changes a list; played again later, it would undo what came between.


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

    def count_delivery(self, reason: str) -> int:
        """Count a text that arrived, or why it did not; give how many in a row have not."""


class PerformedRequests(Protocol):
    """Which requests were performed within a day."""

    def begin(self, request: str) -> bool:
        """Whether it is performed now for the first time. Of all who ask at once, one is told so."""

    def undo(self, request: str) -> None:
        """Let a request that was not performed be tried again."""


class Unmarked:
    """Remembers no request: each is the first."""

    def begin(self, request: str) -> bool:  # noqa: ARG002 - the shape of PerformedRequests
        """Say that it is the first."""
        return True

    def undo(self, request: str) -> None:
        """Forget nothing."""


class Unwritten:
    """A journal that notes nothing."""

    def write(self, entry: Entry) -> None:
        """Note nothing."""


class Undone:
    """Work for later that nobody does."""

    def put(self, effect: Effect, secret: str = "") -> None:
        """Do nothing."""

    def put_here(self, effect: Effect) -> None:
        """Do nothing."""

    def keep(self, name: str, secret: str) -> None:
        """Keep nothing."""

    def take(self, name: str) -> str:  # noqa: ARG002 - the shape of WorkQueue
        """Have nothing."""
        return ""

    def lend(self, name: str) -> AbstractContextManager[str]:  # noqa: ARG002 - the shape of WorkQueue
        """Have nothing."""
        return nullcontext("")


@dataclass(frozen=True)
class CallContext:
    """One webhook of one conversation: all that the line may know of a caller while it answers."""

    id: str
    channel: str  # "voice" or "text".
    key: str  # Unique within the conversation: see effects.Entry.
    now: float
    caller: Caller = field(default_factory=KnownCaller)
    origin: str = ""  # A keyed id of Twilio's id of the call or the text: the same in every month.
    words: str = ""  # A keyed mark of a text that we cannot read; empty for all others.

    @property
    def request(self) -> str:
        """The id of what this webhook asks for: when it comes again, it is not done again.

        Nothing in it comes from a cookie, which Twilio does not sign.
        """
        if not self.origin:
            return f"{self.id}-{self.key}"
        return self.origin if self.channel == "text" else f"{self.origin}-{self.key}"


def _log_nothing(_why: str) -> None:
    """Write no alarm down: there is nobody who would read it."""


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
    log_alarm: Callable[[str], None] = _log_nothing  # For operators, by the name of the alarm.
    performed: PerformedRequests = field(default_factory=Unmarked)
    kept: KeptTurns = field(default_factory=KeptTurns)

    def rehearsing(self) -> Line:
        """Give the same line, which notes nothing, does nothing and counts nobody: for whoever tries it."""
        return replace(self, journal=Unwritten(), later=Undone(), limits=CallerLimits(), performed=Unmarked())

    @property
    def flow(self) -> Flow:
        """The flow in the prompts of now."""
        return self.prompts.flow

    def hear(self, position: Position, heard: Heard, call: CallContext) -> Turn:
        """Answer one thing that a caller or texter did, and note it."""
        answer = self._answer_text if call.channel == "text" else self._answer_voice
        turn = answer(self.flow, position, heard, call)
        if turn.sign != "erased":  # Of what is erased not even the wish is noted.
            self.journal.write(_entry(position, turn, heard, call, self.flow.languages))
        for effect in self._due(turn, call):
            self.later.put(effect, call.caller.number)
        return turn

    def turns_away(self, call: CallContext) -> str:
        """Whether a caller is to hear the numbers only: why, or nothing. Notes it."""
        why = self.limits.turns_away(call.caller, call.request)
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

    def caller_left(self, calls: Sequence[str]) -> None:
        """End what goes on for a caller whose call is over, as far as SQL can tell."""
        try:
            self.transfers.caller_left(calls)
        except PartUnavailable:
            logger.warning("the log cannot be asked about a call that is over", extra={"call": calls[0]})

    def tick(self, transfer_id: str, fetch: Fetch) -> Transfer | None:
        """Let a fetch of a wait document be the clock of its transfer; nothing where SQL cannot tell."""
        try:
            return self.transfers.tick(transfer_id, fetch)
        except PartUnavailable:
            logger.warning(
                "the log cannot be asked about a waiting caller", extra={"transfer_id": transfer_id}
            )
            return None

    def perform(self, effect: Effect) -> None:
        """Do one thing to the world."""
        match effect:
            case TextNumbers():
                self._once(effect.call, partial(self._text_numbers, effect))
            case CallTexter():
                self._once(effect.call, partial(self._call_texter, effect))
            case Erase(mark):
                self.archive.erase(mark)
            case OptOut(mark):
                self.archive.opt_out(mark)
            case OptIn(mark):
                self.archive.opt_in(mark)
            case NoteDelivery(_, reason):
                self._note_delivery(reason)
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
        """Answer a caller. Who can be rung is found out only where the answer depends on it."""
        if kept := self.kept.find(flow, position, heard):
            return kept
        roster = self._roster(flow, position.language, call.now)
        decision = self._step(flow, position, heard, roster, call)
        if isinstance(decision, Turn):
            return decision
        match self.limits.lets_transfer(call.caller, call.request):
            case "no":
                return unreached(flow, decision)
            case "last":
                return ring_last(flow, decision, roster)
            case "yes":
                order, asking = decision.order, decision.position
                transfer_id = self.transfers.begin(call.id, asking.turn, order, asking.language)
                if transfer_id:
                    return wait_in_queue(decision, transfer_id)
                return ring_next(flow, decision, roster)

    def _step(
        self, flow: Flow, position: Position, heard: Heard, roster: Roster, call: CallContext
    ) -> Decision:
        """Decide what a caller hears. A text is counted only where they asked for one: once for each stop."""
        may_be_texted = bool(call.caller.number) and not self.limits.is_opted_out(call.caller)
        decision = step(flow, position, heard, roster, Phone(call.request, may_be_texted=may_be_texted))
        match decision:
            case Turn(effects=(TextNumbers(stop=stop) as texts,)):
                asked = "-".join(filter(None, (call.origin or call.id, stop)))
                if self.limits.lets_text(call.caller, asked):
                    return replace(decision, effects=(replace(texts, call=asked),))
                logger.warning("a text is not sent: too many were", extra={"call": call.id})
                return step(flow, position, heard, roster, Phone(call.request, may_be_texted=False))
        return decision

    def _answer_text(self, flow: Flow, position: Position, heard: Heard, call: CallContext) -> Turn:
        """Answer a texter. What is counted of a phone is counted only where the answer depends on it."""
        caller, limits = call.caller, self.limits
        request = request_in(flow, heard)
        opted_out = limits.is_opted_out(caller)
        obeyed = is_about_phone(request)
        silent = opted_out and not obeyed and heard_wish(request) != "help"
        urgent = is_urgent(flow, request)
        answers = "yes" if silent or urgent else limits.answers_text(caller, call.request, call.words)
        confirms = answers == "yes" and not silent and confirms_ring(position, request, call.now)
        phone = Phone(
            call.request,
            may_be_rung=confirms and limits.lets_ring(caller, call.request),
            opted_out=opted_out,
            turned_away=answers != "yes" or (urgent and limits.is_blocked(caller)),
            opt_out_marks=caller.opt_outs,
            marks=caller.marks,
        )
        turn = reply(flow, position, heard, call.now, phone)
        if answers != "no":
            return turn
        logger.warning("a text is not answered: too many came", extra={"call": call.id})
        return replace(turn, says=())

    def _roster(self, flow: Flow, language: str, now: float) -> Roster:
        directory, status = flow.directory, self.status()
        orders = {
            name: who_to_ring(directory, name, now, language=language, status=status)
            for name in directory.orders
        }
        return Roster(orders, int(now))

    @contextmanager
    def _sealed_number(self, call: str) -> Iterator[str]:
        """Lend the number of a caller who asked for something; empty when it is done, or too old.

        It is forgotten once what was asked for is done, and not before: then no retry could do it.
        """
        with self.later.lend(f"number-{call}") as number:
            if not number:
                logger.warning("no number any more of a caller who asked for something", extra={"call": call})
            yield number

    def _text_numbers(self, effect: TextNumbers) -> None:
        with self._sealed_number(effect.call) as number:
            if number:
                self._text(number, numbers_of(self.flow, effect.language, effect.stop))

    def _call_texter(self, effect: CallTexter) -> None:
        with self._sealed_number(effect.call) as number:
            if not number:
                return
            cannot = write(self.flow, effect.language, "call_cannot").words
            try:
                self.phone.ring_caller(number, CALLBACK_PATH, CALLBACK_SECONDS)
            except PhoneSilent:  # It may ring, or not: nobody is rung twice, whatever becomes of this text.
                with suppress(PartUnavailable):
                    self._text(number, cannot)
            except PartUnavailable as fault:
                if isinstance(fault, TooManyCalls):
                    self.later.put(Alarm("limit"))
                self._text(number, cannot)

    def _text(self, number: str, words: str) -> None:
        """Send a text. One that this phone never gets is not tried again."""
        try:
            self.phone.text(number, words)
        except NumberRefused as refusal:
            logger.warning("a text was refused: %s", refusal)

    def _note_delivery(self, reason: str) -> None:
        if self.archive.count_delivery(reason) >= UNDELIVERED_TEXTS:
            self.later.put(Alarm("undelivered"))

    def _due(self, turn: Turn, call: CallContext) -> tuple[Effect, ...]:
        """Give what a turn does to the world, without what the same request has done to a list before."""
        if not turn.effects:
            return ()
        if any(isinstance(each, LISTED) for each in turn.effects) and not self.performed.begin(
            f"{call.request}-list"
        ):
            return tuple(each for each in turn.effects if not isinstance(each, LISTED))
        return turn.effects

    def _once(self, request: str, do: Callable[[], None]) -> None:
        """Do what a request asks for, unless it was done: only what failed is tried again."""
        if not self.performed.begin(request):
            logger.info("not done again: it was asked for before", extra={"call": request})
            return
        try:
            do()
        except BaseException:
            self.performed.undo(request)
            raise

    def _raise_alarm(self, why: str) -> None:
        """Tell whoever runs the line, without a word about a caller."""
        if why == "unreached" and self.transfers.unreached_in_a_row() < UNREACHED_CALLERS:
            return
        if self.limits.lets_alarm(why, ALARMED_AGAIN.get(why, HALF_AN_HOUR)):
            self.send_alarm(ALARMS[why])
            self.log_alarm(why)


def _entry(before: Position, turn: Turn, heard: Heard, call: CallContext, languages: Sequence[str]) -> Entry:
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
        written=written_in(heard, languages),
        nearest=nearest_to(heard),
    )
