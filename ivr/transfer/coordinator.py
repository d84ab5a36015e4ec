"""The search for a person, at work: the machine decides, SQL keeps the truth, Twilio rings."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from ivr.circuit_breaker import PartUnavailable
from ivr.effects import Alarm, Effect, EndRing, Entry, Ring
from ivr.transfer.agency_order import who_to_ring
from ivr.transfer.machine import (
    LEG,
    UNSEEN,
    Decide,
    Event,
    EventType,
    Follow,
    State,
    Transfer,
    advance,
    nothing,
)
from ivr.transfer.time_limits import (
    NAMING_SECONDS,
    TimeLimits,
    due,
    free_lines,
    is_in_vain,
    is_unclaimed,
    ring_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from ivr.agencies import Agency, Directory
    from ivr.transfer.agency_order import AgencyStatus

logger = logging.getLogger(__name__)

ALARMED = {
    State.RETURNED: "unreached",
    State.DIRECT: "direct",
}  # What whoever runs the line may have to know.
SLOT_SECONDS = 2.0  # Longer than this no caller waits for a second in which Twilio starts a call.


class NumberRefused(PartUnavailable):
    """This number cannot be reached; another may be."""


class PhoneThrottled(PartUnavailable):
    """The network asks us to come back later; nothing was rung."""


class TooManyCalls(PartUnavailable):
    """As many calls go on at once as the network allows this account: nothing was rung."""


class PhoneSilent(PartUnavailable):
    """The network did not answer in time: it may ring, or not."""


class Transfers(Protocol):
    """Where the truth about transfers is: one row each, changed by one at a time."""

    def open(self, transfer: Transfer) -> None:
        """Begin one; a second time changes nothing."""

    def change(
        self, transfer_id: str, decide: Decide, follow: Follow = nothing
    ) -> tuple[Transfer, Transfer] | None:
        """Change one, alone with it; give it before and after, once what follows is done."""

    def of_calls(self, calls: Sequence[str]) -> list[str]:
        """Name the transfers of some calls that are not over."""

    def unreached_in_a_row(self, waited: int) -> int:
        """Count the newest that reached nobody; of callers who left, those who had waited for longer."""


class JournalWriter(Protocol):
    """Where things are noted without waiting for anything."""

    def write(self, entry: Entry) -> None:
        """Note one thing. Never fails, never waits for SQL."""


class WorkQueue(Protocol):
    """Where effects wait to be performed, beside the secrets that they need, sealed."""

    def put(self, effect: Effect, secret: str = "") -> None:
        """Have an effect performed soon, by whatever part is alive. Never fails, never waits."""

    def put_here(self, effect: Effect) -> None:
        """Perform an effect in this process soon: nobody else took it up."""

    def keep(self, name: str, secret: str) -> None:
        """Keep a secret for some minutes."""

    def take(self, name: str) -> str:
        """Give a secret and forget it; empty when there is none any more."""

    def lend(self, name: str) -> AbstractContextManager[str]:
        """Give a secret to one at a time, and forget it once that went well: a retry still finds it."""


class Pacing(Protocol):
    """The seconds in which the network starts a call: one each for the whole account."""

    def near(self, most: float) -> bool:
        """Whether one is free soon."""

    def take(self, most: float) -> float | None:
        """Take one; say how long it is until then, or nothing if longer than ``most``."""


class Telephone(Protocol):
    """The telephone network."""

    def text(self, number: str, words: str) -> None:
        """Send a text."""

    def ring_agency(self, agency: Agency, path: str, seconds: int) -> str:
        """Ring an agency; what it hears is at a path of ours. Gives the network's name of the leg."""

    def ring_caller(self, number: str, path: str, seconds: int) -> str:
        """Ring somebody who asked for it by text."""

    def hang_up(self, leg: str) -> None:
        """End a leg."""


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """One fetch of a wait document: when it is, and what the caller did before it."""

    waited: int  # Seconds since the caller asked for a person.
    tick: int
    news: Event | None = None
    topic: str = ""  # What they let us tell the agency.
    repeats: bool = False  # They asked to hear the last words again.
    may_name: bool = True  # The document has room to say who is called next.
    said: int | None = None  # The attempt that the caller last heard named; None where nobody counts them.


@dataclass(frozen=True)
class TransferCoordinator:
    """Everything that the search for a person needs of the world."""

    directory: Directory
    limits: TimeLimits
    store: Transfers
    journal: JournalWriter
    later: WorkQueue
    slots: Pacing
    phone: Telephone
    status: Callable[[], AgencyStatus]
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    agree: Callable[[str, bool], bool] = lambda _, waits: waits  # Of a webhook that comes twice.

    def begin(self, call: str, turn: int, order: str, language: str) -> str:
        """Begin to search for a person; give the search's id, or nothing when the direct path must do."""
        transfer_id = hashlib.sha256(f"{call}-{turn}".encode()).hexdigest()[
            :24
        ]  # The same when asked for twice.
        opened = self.slots.near(SLOT_SECONDS)
        try:
            if opened:
                self.store.open(Transfer(transfer_id, call, order, language))
        except PartUnavailable:
            logger.warning("no search can be begun: the direct path goes on", extra={"call": call})
            self.later.put(Alarm("direct"))
            opened = False
        # Nobody is called yet: the first fetch of the wait document says who it will be.
        return transfer_id if self.agree(transfer_id, opened) else ""

    def advance(self, transfer_id: str, news: Event) -> Transfer | None:
        """Let something happen to a transfer; give it as it is then, or nothing if there is none."""
        changed = self._change(transfer_id, lambda transfer, _: (transfer, news))
        return changed[1] if changed else None

    def caller_left(self, calls: Sequence[str]) -> None:
        """End what goes on for a caller whose call is over, under whichever of these ids it went on."""
        for transfer_id in self.store.of_calls(calls):
            self.advance(transfer_id, Event(EventType.CALLER_LEFT))

    def tick(self, transfer_id: str, fetch: Fetch) -> Transfer | None:
        """Let a fetch of the wait document be the clock: what is due happens now."""
        waited, tick = fetch.waited, fetch.tick

        def decide(transfer: Transfer, busy: Mapping[str, int]) -> tuple[Transfer, Event | None]:
            joined = transfer.state in {
                State.CONNECTED,
                State.PARTED,
            }  # From fetched on, fetches are counted.
            fetched = replace(
                transfer,
                waited=max(waited, transfer.waited),
                tick=transfer.tick if joined else tick,
                since=waited if transfer.since == UNSEEN else transfer.since,
                topic=fetch.topic or transfer.topic,
            )
            news = fetch.news or due(self.limits, fetched, waited, tick)
            return fetched, news or self._next(transfer, fetch, busy)

        changed = self._change(transfer_id, decide)
        if not changed:
            return None
        if is_unclaimed(changed[1], waited):
            self.later.put_here(Ring(transfer_id, str(changed[1].place + 1)))
        return changed[1]

    def _next(self, transfer: Transfer, fetch: Fetch, busy: Mapping[str, int]) -> Event | None:
        """Choose whom to name to the caller; call them once they were named."""
        match transfer.state:
            case State.SEARCHING if fetch.may_name:
                free = self._free(transfer, busy)
                return Event(EventType.CHOSEN, agency=free[0]) if free else Event(EventType.EXHAUSTED)
            case State.NAMING if fetch.tick > transfer.tick and not fetch.repeats:
                # SQL may have chosen whom to name when the caller's document no longer waited for it.
                named = fetch.said is None or fetch.said > transfer.place
                return Event(EventType.HEARD) if named else None
        return None

    def ring(self, effect: Ring) -> None:
        """Ring the agency that was named: claim the attempt first, so that only one of all who try rings."""
        near = self.slots.near(SLOT_SECONDS)
        changed = self._change(effect.transfer, lambda t, b: (t, self._claim(t, effect, b if near else None)))
        if changed and changed[0].state is State.NAMED and changed[1].state is State.DIALLING:
            self._dial(changed[1])

    def end_ring(self, effect: EndRing) -> None:
        """End an agency's leg. Without its name it ends by itself: whoever answers hears that it is taken."""
        if leg := self.later.take(f"leg-{effect.transfer}-{effect.place}"):
            self.phone.hang_up(leg)

    def _change(
        self,
        transfer_id: str,
        decide: Callable[[Transfer, Mapping[str, int]], tuple[Transfer, Event | None]],
    ) -> tuple[Transfer, Transfer] | None:
        """Change a transfer, then do and note what follows from it."""
        happened: list[Event] = []
        effects: tuple[Effect, ...] = ()

        def change(transfer: Transfer, busy: Mapping[str, int]) -> Transfer:
            nonlocal effects
            counted, news = decide(transfer, busy)
            happened[:] = [news] if news else []
            after, effects = advance(counted, news) if news else (counted, ())
            return after

        def follow(before: Transfer, after: Transfer) -> None:
            moved = before.state is not after.state
            for entry in entries_of(before, after, happened[0], self.now()) if moved and happened else ():
                self.journal.write(entry)
            alarm = self._alarm(after, happened) if moved else None
            for effect in (*effects, Alarm(alarm)) if alarm else effects:
                self.later.put(effect)

        return self.store.change(transfer_id, change, follow)

    def _alarm(self, transfer: Transfer, happened: list[Event]) -> str | None:
        """Name what whoever runs the line may have to know of a transfer that came here."""
        if any(news.event is EventType.LIMITED for news in happened):
            return "limit"
        return "unreached" if is_in_vain(self.limits, transfer) else ALARMED.get(transfer.state)

    def unreached_in_a_row(self) -> int:
        """Count the newest callers who reached nobody, one after another."""
        return self.store.unreached_in_a_row(self.limits.offered_after)

    def _claim(self, transfer: Transfer, effect: Ring, busy: Mapping[str, int] | None) -> Event | None:
        """Claim whom the caller heard named, if a line is still free there; nobody else."""
        if transfer.state is not State.NAMED or str(transfer.place + 1) != effect.place:
            return None
        if busy is None:  # No second is free soon. Nobody is claimed in vain: their line stays free.
            return Event(EventType.REST_LOST, transfer.place)
        if transfer.agency not in self._free(transfer, busy):
            return Event(EventType.PASSED_OVER)
        return Event(EventType.CLAIMED, agency=transfer.agency)

    def _free(self, transfer: Transfer, busy: Mapping[str, int]) -> list[str]:
        """Name those of the order who were not tried and have a line free, the next first."""
        left = [name for name in self._order(transfer) if name not in transfer.tried]
        return [name for name in left if free_lines(self.directory.agencies[name], busy.get(name, 0))]

    def _order(self, transfer: Transfer) -> tuple[str, ...]:
        order, language, status = transfer.order, transfer.language, self.status()
        return who_to_ring(self.directory, order, self.now(), language=language, status=status)

    def _dial(self, transfer: Transfer) -> None:
        """Ask the network to ring the agency that was claimed. Never asked twice unless surely not heard."""
        if news := self._ask(transfer) or self._ask(transfer, last=True):
            self.advance(transfer.id, news)

    def _ask(self, transfer: Transfer, *, last: bool = False) -> Event | None:
        """Ask once; nothing when it is to be asked again."""
        if (wait := self.slots.take(SLOT_SECONDS)) is None:
            return Event(EventType.REST_LOST, transfer.place)
        self.sleep(wait)
        left = [name for name in self._order(transfer) if name not in transfer.tried]
        # While those after the first are named, nobody is called; the caller has a choice by then.
        rung = transfer.waited - NAMING_SECONDS * (transfer.place - 1)
        seconds = ring_seconds(self.limits, rung, len(left) + 1)
        path = f"/transfers/{transfer.id}/{transfer.place}"
        try:
            leg = self.phone.ring_agency(self.directory.agencies[transfer.agency], path, seconds)
        except NumberRefused:
            return Event(EventType.MISSED, transfer.place, how="failed")
        except TooManyCalls:
            return Event(EventType.LIMITED, transfer.place)
        except PhoneThrottled:
            return Event(EventType.REST_LOST, transfer.place) if last else None
        except PhoneSilent:
            return Event(
                EventType.CLAIMED
            )  # It may ring, or not: callbacks will tell, or the clock. Not asked again.
        except PartUnavailable:
            return Event(EventType.REST_LOST, transfer.place)
        self.later.keep(f"leg-{transfer.id}-{transfer.place}", leg)
        return Event(EventType.RANG, transfer.place)


# What the log is told of a transfer: one entry for each thing that became of an attempt.


ENDED_AS = {  # How an attempt ended, for the log, where the news does not say.
    EventType.DECLINED: "declined",
    EventType.AGENCY_LEFT: "no_key",
    EventType.TALKED: "accepted",
    EventType.REST_LOST: "not_rung",  # That is our fault, and says nothing of the agency.
    EventType.LIMITED: "not_rung",
    EventType.GAVE_UP: "cancelled",
    EventType.CALLER_LEFT: "left",
}


def entries_of(before: Transfer, after: Transfer, news: Event, now: float) -> Iterator[Entry]:
    """Tell the log what became of a transfer."""
    entry = Entry(call=after.call, key="", at=now, channel="voice", order=after.order, transfer_id=after.id)
    attempt = f"{after.id}-{after.place}"
    match news.event:
        case EventType.CLAIMED:
            yield replace(entry, key=f"ring-{attempt}", rang=after.agency, heard="rang")
        case EventType.ANSWERED:
            yield replace(entry, key=f"answer-{attempt}", heard="answered")
        case EventType.ACCEPTED:
            yield replace(entry, key=f"accept-{attempt}", heard="accepted", outcome="accepted")
        case EventType.RANG:
            return
        case _ if before.state in LEG | {State.CONNECTED}:
            talked = before.state is State.CONNECTED and news.event is not EventType.STRANDED
            how = "accepted" if talked else news.how or ENDED_AS.get(news.event, "failed")
            yield replace(entry, key=f"end-{attempt}", heard="ended", ended=how)
    if news.event is EventType.CALLER_LEFT and after.state is State.LEFT:
        yield replace(entry, key=f"left-{after.id}", heard="left", outcome="caller_left")
