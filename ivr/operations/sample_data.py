"""A month of pretend conversations, put into the log through the same code as real ones.

More begin by day than by night, more on working days, and the same ones each time.
"""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from ivr.caller_limits import CallerLimits
from ivr.effects import Effect, Entry, Ring
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
from ivr.flow.prompts import LivePrompts
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
from ivr.hours import zone
from ivr.line import CallContext, Line
from ivr.position import Position
from ivr.records.ingest import record
from ivr.records.retention import blur, forget
from ivr.transfer.agency_order import AgencyStatus
from ivr.transfer.coordinator import Fetch, TransferCoordinator
from ivr.transfer.machine import Event, EventType, State, nothing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import tzinfo

    from ivr.agencies import Agency
    from ivr.flow.models import Flow
    from ivr.records.database import Database
    from ivr.transfer.machine import Decide, Follow, Transfer


# A line whose clock, journal, transfers and telephone are in memory: a month passes in seconds.


@dataclass
class InMemoryWorld:
    """The clock, the journal, the transfers and the telephone of one pretend conversation."""

    now: float
    entries: list[Entry] = field(default_factory=list)
    live_transfers: dict[str, Transfer] = field(default_factory=dict)
    rings: list[Ring] = field(default_factory=list)

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now = round(self.now + seconds, 1)

    def write(self, entry: Entry) -> None:
        """Note one thing."""
        self.entries.append(entry)

    def open(self, transfer: Transfer) -> None:
        """Open a transfer."""
        self.live_transfers.setdefault(transfer.id, transfer)

    def find(self, transfer_id: str) -> Transfer | None:
        """Read a transfer."""
        return self.live_transfers.get(transfer_id)

    def change(
        self, transfer_id: str, decide: Decide, follow: Follow = nothing
    ) -> tuple[Transfer, Transfer] | None:
        """Change a transfer, then do what follows."""
        before = self.live_transfers.get(transfer_id)
        after = decide(before, {}) if before else None
        if before is None or after is None:
            return None
        self.live_transfers[transfer_id] = after
        follow(before, after)
        return before, after

    def of_calls(self, calls: Sequence[str]) -> list[str]:
        """Name the transfers of some calls."""
        return [transfer.id for transfer in self.live_transfers.values() if transfer.call in calls]

    def unreached_in_a_row(self, waited: int) -> int:  # noqa: ARG002 - the shape of Transfers
        """Count none: nobody is to be alarmed."""
        return 0

    def put(self, effect: Effect, secret: str = "") -> None:  # noqa: ARG002 - there are no secrets here
        """Keep what is to be rung; all else would reach somebody."""
        if isinstance(effect, Ring):
            self.rings.append(effect)

    put_here = put

    def keep(self, name: str, secret: str) -> None:
        """Keep no secret."""

    def take(self, name: str) -> str:  # noqa: ARG002 - the shape of WorkQueue
        """Know no secret."""
        return ""

    def lend(self, name: str) -> AbstractContextManager[str]:
        """Lend nothing: nobody is texted here."""
        return nullcontext(self.take(name))

    def text(self, number: str, words: str) -> None:
        """Text nobody."""

    def ring_agency(self, agency: Agency, path: str, seconds: int) -> str:  # noqa: ARG002 - the shape of Telephone
        """Ring nobody."""
        return "leg"

    def ring_caller(self, number: str, path: str, seconds: int) -> str:  # noqa: ARG002 - the shape of Telephone
        """Ring nobody."""
        return "leg"

    def hang_up(self, leg: str) -> None:
        """End nothing."""

    def erase(self, mark: str) -> None:
        """Hold nothing under a mark."""

    opt_out = opt_in = erase

    def count_delivery(self, reason: str) -> int:  # noqa: ARG002 - the shape of Archive
        """Count none: nobody is texted here."""
        return 0

    def send_alarm(self, words: str) -> None:
        """Alarm nobody."""


@dataclass(frozen=True)
class SamplePacing:
    """The seconds in which the network may start a call: free ones, or none."""

    free: bool

    def near(self, most: float) -> bool:  # noqa: ARG002 - the shape of Pacing
        """Whether one is free."""
        return self.free

    def take(self, most: float) -> float | None:  # noqa: ARG002 - the shape of Pacing
        """Take one that is free now."""
        return 0.0 if self.free else None


def in_memory_line(flow: Flow, world: InMemoryWorld, *, queues: bool) -> Line:
    """Put a line together around a pretend conversation; without queues it knows the direct path alone."""
    transfers = TransferCoordinator(
        flow.directory,
        flow.line.patience,
        store=world,
        journal=world,
        later=world,
        slots=SamplePacing(queues),
        phone=world,
        status=AgencyStatus,
        now=lambda: world.now,
        sleep=world.pass_time,
    )
    return Line(
        prompts=LivePrompts(flow, dict),
        journal=world,
        phone=world,
        later=world,
        transfers=transfers,
        status=AgencyStatus,
        limits=CallerLimits(),
        archive=world,
        send_alarm=world.send_alarm,
    )


A_DAY = 16  # Conversations on an average day.
WEEKDAY_WEIGHTS = (1.15, 1.1, 1.0, 1.05, 1.1, 0.8, 0.7)  # Monday first.
HOUR_WEIGHTS = (3, 2, 2, 1, 1, 1, 2, 3, 5, 8, 9, 9, 8, 8, 9, 9, 8, 7, 7, 7, 8, 8, 7, 5)
HOUR = 3600
SEED = 7  # The same month for everybody.
TEXT_SHARE = 0.22
DIRECT_SHARE = 0.06  # Calls in a bad moment of the network.
SETTLED = 4 * HOUR  # Seconds after a day's last call: all of them are over.


def seed(database: Database, flow: Flow, now: float) -> int:
    """Fill the log with what was before today; say how many conversations."""
    today = datetime.fromtimestamp(now, zone(flow.line.zone)).date()
    count = 0
    for day in days_before(today):
        started = list(conversations(flow, day))
        entries = [entry for each in started for entry in each]
        count += len(started)
        record(database, entries, max(entry.at for entry in entries) + SETTLED)
    blur(database, now)
    retention = flow.line.retention
    forget(database, now, retention.rows_days, retention.counts_months, zone=zone(flow.line.zone))
    return count


def conversations(flow: Flow, day: date) -> Iterator[list[Entry]]:
    """Make the conversations of one day up: the same each time, and nobody's."""
    dice = Random(f"{SEED} {day}")  # noqa: S311 - nothing depends on its being secret
    for number, start in enumerate(start_times(day, zone(flow.line.zone), dice)):
        world = InMemoryWorld(start)
        line = in_memory_line(flow, world, queues=dice.random() >= DIRECT_SHARE)
        name = hashlib.sha256(f"{SEED} {day} {number}".encode()).hexdigest()[:32]
        caller = SampleCaller(line, world, dice, name)
        caller.texts() if dice.random() < TEXT_SHARE else caller.calls()
        yield world.entries


def days_before(today: date) -> list[date]:
    """List the days that have something to show: the whole of last month, and this one until yesterday."""
    first = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    return [first + timedelta(days=n) for n in range((today - first).days)]


def start_times(day: date, zone: tzinfo, dice: Random) -> Iterator[float]:
    """Give the moments at which somebody calls or texts on a day, in Unix seconds, in their order."""
    count = round(A_DAY * WEEKDAY_WEIGHTS[day.weekday()] * dice.uniform(0.7, 1.3))
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    hours = dice.choices(range(len(HOUR_WEIGHTS)), HOUR_WEIGHTS, k=count)
    for second in sorted(hour * HOUR + dice.randrange(HOUR) for hour in hours):
        yield (midnight + timedelta(seconds=second)).timestamp()  # The wall's time: a lost hour is skipped.


# What pretend callers, texters and agencies do: the line answers each step, so every turn is possible.

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
