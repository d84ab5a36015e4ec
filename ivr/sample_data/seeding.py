"""Put a month of pretend conversations into the log, through the same code as real ones.

More begin by day than by night, more on working days, and the same ones each time.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from ivr.hours import zone
from ivr.records.ingest import record
from ivr.records.retention import blur, forget
from ivr.sample_data.conversations import SampleCaller
from ivr.sample_data.in_memory_line import InMemoryWorld, in_memory_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from ivr.effects import Entry
    from ivr.flow.models import Flow
    from ivr.records.database import Database

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
