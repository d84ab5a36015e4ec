"""The world of real processes: web, worker, Redis and SQL, and a network whose clock runs fast."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ivr.flow.reading import read_flow
from ivr.simulator.clock import PacedClock
from real.rehearsal import ROOT, Rehearsal, becomes

if TYPE_CHECKING:
    from pathlib import Path

SPEED = 25.0
FILED = 3.0  # Seconds.
KNOWN = 3.0  # Seconds until every process knows what operators switched.
TABLES = ("attempts", "transfers", "turns", "calls", "searches", "agency_status")


class Processes:
    """One line that runs, for one story after the other."""

    slack = 10.0  # A third of a second of real slowness, at this speed.

    def __init__(self, line: Rehearsal) -> None:
        self._line = line
        self.network = line.network
        clock = line.network.clock
        assert isinstance(clock, PacedClock)
        clock.pace(SPEED)
        self._flow = read_flow(ROOT / "config", ROOT / "prompts")
        self._began = ""
        self._switched = False

    @property
    def choice(self) -> tuple[str, ...]:
        prompts = self._flow.prompts["en"]
        return (prompts.lines.wait_offer, prompts.stops["unreached"].say.split(".")[0])

    def log(self) -> list[dict[str, Any]]:
        becomes(lambda: bool(self._mine()) and all(call["ended_at"] for call in self._mine()), FILED)
        return self._mine()

    def _mine(self) -> list[dict[str, Any]]:
        """Give the calls of this story: those of the last may be filed late."""
        return [call for call in self._line.log() if call["started_at"] >= self._began]

    def lose(self, part: str) -> None:
        if part == "sql":
            self._database.rename(self._database.with_suffix(".taken"))
            self._database.mkdir()
        else:
            process = self._line.stage.running.pop(part)
            process.kill()
            process.wait()

    def switch_off(self, agency: str) -> None:
        clock = self.network.clock
        assert isinstance(clock, PacedClock)
        clock.pace(1.0)  # The line knows after two seconds of its own, whatever the network's are.
        done = self._line.run("agencies", "off", agency, "--why", "a story")
        assert done.returncode == 0, done.stderr
        clock.advance(KNOWN)
        clock.pace(SPEED)
        self._switched = True

    def forget(self) -> None:
        """Begin a story with nothing left of the last one: no faults, no calls, no agency switched off."""
        self.network.faults.clear()
        self.network.settle(60)
        exchange = self.network.exchange
        with exchange.clock.lock:
            exchange.calls.clear()
            exchange.queues.clear()
            exchange.feed.lines.clear()
            exchange.feed.notices.clear()
        with closing(sqlite3.connect(self._database, timeout=5)) as sql:
            for table in TABLES:
                sql.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
            sql.commit()
        if self._switched:
            self.network.clock.advance(KNOWN * SPEED)
            self._switched = False
        time.sleep(1.0 - time.time() % 1.0)  # The log tells whole seconds.
        self._began = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"

    @property
    def _database(self) -> Path:
        return self._line.stage.folder / "line.sqlite3"
