"""Put a month of pretend conversations into the log, through the same code as real ones.

More begin by day than by night, more on working days, and the same ones each time.
"""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from ivr.caller_limits import CallerLimits
from ivr.effects import Effect, Entry, Ring
from ivr.flow.prompts import LivePrompts
from ivr.hours import zone
from ivr.line import Line
from ivr.records.ingest import record
from ivr.records.retention import blur, forget
from ivr.sample_data.conversations import SampleCaller
from ivr.transfer.agency_order import AgencyStatus
from ivr.transfer.coordinator import TransferCoordinator
from ivr.transfer.machine import nothing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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
