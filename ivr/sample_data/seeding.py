"""Put pretend conversations into the log, through the same code as real ones."""

from __future__ import annotations

import hashlib
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from ivr.hours import zone
from ivr.records.ingest import record
from ivr.records.retention import blur, forget
from ivr.sample_data.call_times import days_before, starts
from ivr.sample_data.conversations import SampleCaller
from ivr.sample_data.in_memory_line import InMemoryTransfers, line_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from ivr.effects import Entry
    from ivr.flow.models import Flow
    from ivr.records.database import Database

SEED = 7  # The same month for everybody.
SHARE_OF_TEXTS = 0.22
SHARE_OF_DIRECT = 0.06  # Calls in a bad moment of the network.
SETTLED = 3600 * 4  # Seconds after a day's last call: all of them are over.


def seed(database: Database, flow: Flow, now: float) -> int:
    """Fill the log with what was before today; say how many conversations."""
    today = datetime.fromtimestamp(now, zone(flow.line.zone)).date()
    count = 0
    for day in days_before(today):
        told = list(conversations(flow, day))
        entries = [entry for each in told for entry in each]
        count += len(told)
        record(database, entries, max(entry.at for entry in entries) + SETTLED)
    blur(database, now)
    retention = flow.line.retention
    forget(database, now, retention.rows_days, retention.counts_months, zone=zone(flow.line.zone))
    return count


def conversations(flow: Flow, day: date) -> Iterator[list[Entry]]:
    """Tell the conversations of one day: the same each time, and nobody's."""
    dice = Random(f"{SEED} {day}")  # noqa: S311 - nothing depends on its being secret
    for number, start in enumerate(starts(day, zone(flow.line.zone), dice)):
        told = InMemoryTransfers(start)
        line = line_of(flow, told, queues=dice.random() >= SHARE_OF_DIRECT)
        name = hashlib.sha256(f"{SEED} {day} {number}".encode()).hexdigest()[:32]
        pretender = SampleCaller(line, told, dice, name)
        pretender.texts() if dice.random() < SHARE_OF_TEXTS else pretender.calls()
        yield told.entries
