"""Pretend months in a log: each is made once a run of tests, then copied into every database that asks."""

from __future__ import annotations

import os
from datetime import datetime
from fcntl import LOCK_EX, flock
from typing import TYPE_CHECKING

import pytest
from postgres import put_tables
from sqlalchemy import insert, select

from ivr.hours import zone
from ivr.operations.sample_data import conversations, seed
from ivr.records.database import connect
from ivr.records.tables import metadata

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from ivr.effects import Entry
    from ivr.flow.models import Flow
    from ivr.records.database import Database


class Months:
    """What pretend callers did, by day, and logs that hold it."""

    def __init__(self, flow: Flow, folder: Path) -> None:
        self._flow, self._folder = flow, folder
        self._days: dict[date, list[list[Entry]]] = {}
        self._logs: dict[date, tuple[int, str]] = {}

    def conversations(self, day: date) -> list[list[Entry]]:
        """List what was noted of each conversation of a day."""
        if day not in self._days:
            self._days[day] = list(conversations(self._flow, day))
        return self._days[day]

    def fill(self, database: Database, now: float) -> int:
        """Fill an empty log with what was before the day of now; give the number of conversations."""
        today = datetime.fromtimestamp(now, zone(self._flow.line.zone)).date()
        if today not in self._logs:
            self._logs[today] = self._make(today, now)
        count, url = self._logs[today]
        source = connect(url)
        with source.read() as log, database.write() as copy:
            for table in metadata.sorted_tables:
                rows = [row._asdict() for row in log.execute(select(table))]
                if rows:
                    copy.execute(insert(table), rows)
        source.close()
        return count

    def _make(self, today: date, now: float) -> tuple[int, str]:
        log, counted = self._folder / f"{today}.sqlite3", self._folder / f"{today}.count"
        url = f"sqlite:///{log}"
        with (self._folder / f"{today}.lock").open("w") as lock:
            flock(lock, LOCK_EX)  # Processes that run tests side by side make it once, not each.
            if not counted.exists():
                put_tables(url)
                database = connect(url)
                counted.write_text(str(seed(database, self._flow, now)))
                database.close()
        return int(counted.read_text()), url


@pytest.fixture(scope="session")
def months(flow: Flow, tmp_path_factory: pytest.TempPathFactory) -> Months:
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent  # Of all processes of this run.
    (folder / "months").mkdir(exist_ok=True)
    return Months(flow, folder / "months")
