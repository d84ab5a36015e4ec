"""The world of real processes: web, worker, Redis and SQL, and a network whose clock runs fast."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivr.flow.loader import read_flow
from ivr.records.journal import SUFFIX
from ivr.simulator.clock import PacedClock
from ivr.simulator.faults import RestFault
from ivr.work.queue import connect_redis
from real.rehearsal import ROOT, Rehearsal, becomes

if TYPE_CHECKING:
    from collections.abc import Mapping

SPEED = 25.0
FILED = 15.0  # Seconds until all is filed, also what a killed process left to be adopted.
SETTLED = 0.5  # Seconds in which the last callbacks of a call that is over come in.
DOOMED = 30.0  # Seconds within which a doomed worker rings.
KNOWN = 4.0  # Seconds until every process knows what operators switched, also on a busy machine.
TABLES = ("attempts", "transfers", "turns", "calls", "live_transfers", "agency_status")


def with_lines(folder: Path, lines: int) -> Path:
    """Make a copy of the line's own configuration in which every agency has so many lines."""
    names = re.findall(r"(?m)^\[agencies\.([\w-]+)\]$", (ROOT / "config/agencies.toml").read_text("utf-8"))
    return with_agencies(folder, {name: {"lines": lines} for name in names})


def with_agencies(folder: Path, changes: Mapping[str, Mapping[str, Any]]) -> Path:
    """Make a copy of the line's own configuration in which something else is known of agencies."""
    shutil.copytree(ROOT / "config", folder)
    file = folder / "agencies.toml"
    text = file.read_text("utf-8")
    for name, values in changes.items():
        text = re.sub(
            rf"(?m)^\[agencies\.{name}\]\n(?:.+\n)*", lambda found, v=values: _with(found[0], v), text
        )
    file.write_text(text, "utf-8")
    return folder


def _with(table: str, values: Mapping[str, Any]) -> str:
    """Change values in a table of a TOML file."""
    kept = [line for line in table.splitlines() if line.partition(" = ")[0] not in values]
    return "\n".join([*kept, *(f"{key} = {_toml(value)}" for key, value in values.items())]) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return value.isoformat() if isinstance(value, date) else json.dumps(value)


def start(line: Rehearsal, speed: float = SPEED) -> Processes:
    """Start everything of a line, and make it a world for stories."""
    line.stage.release()
    line.stage.start_redis()
    line.stage.start_web()
    line.stage.start_worker()
    return Processes(line, speed)


class Processes:
    """One line that runs, for one story after the other."""

    slack = 10.0  # A third of a second of real slowness, at this speed.

    def __init__(self, line: Rehearsal, speed: float = SPEED) -> None:
        self._line = line
        self._speed = speed
        self.network = line.network
        clock = line.network.clock
        assert isinstance(clock, PacedClock)
        clock.pace(speed)
        self._flow = read_flow(ROOT / "config", ROOT / "prompts")
        self._began = ""
        self._switched = False

    @property
    def choice(self) -> tuple[str, ...]:
        prompts = self._flow.prompts["en"]
        lines, unreached = prompts.lines, prompts.stops["unreached"]
        return (lines.wait_offer, lines.wait_offer_briefing, unreached.say.split(".")[0])

    def log(self) -> list[dict[str, Any]]:
        becomes(lambda: bool(self._mine()) and all(call["ended_at"] for call in self._mine()), FILED)
        time.sleep(SETTLED)
        becomes(self._all_filed, FILED)
        return self._mine()

    def _all_filed(self) -> bool:
        """Claim that no process holds anything back: a journal is emptied once SQL has all of it."""
        journals = Path(self._line.stage.environment["JOURNAL_DIR"]).glob(f"*{SUFFIX}")
        try:
            return not any(journal.stat().st_size for journal in journals)
        except FileNotFoundError:  # It was just adopted.
            return False

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

    def doom_worker(self) -> None:
        fault = RestFault("hang", match="POST", times=1)
        self.network.faults.rest.append(fault)

        def kill() -> None:
            if becomes(lambda: fault.seen > 0, DOOMED):
                self.lose("worker")

        threading.Thread(target=kill, daemon=True).start()

    def switch_off(self, agency: str) -> None:
        clock = self.network.clock
        assert isinstance(clock, PacedClock)
        clock.pace(1.0)  # The line knows after two seconds of its own, whatever the network's are.
        done = self._line.run("agencies", "off", agency, "--why", "a story")
        assert done.returncode == 0, done.stderr
        clock.advance(KNOWN)
        clock.pace(self._speed)
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
        with connect_redis(self._line.stage.environment["REDIS_URL"]) as redis:
            for limit in redis.scan_iter("limit:*"):  # Every story's caller has the same telephone.
                redis.delete(limit)
        if self._switched:
            self.network.clock.advance(KNOWN * self._speed)
            self._switched = False
        time.sleep(1.0 - time.time() % 1.0)  # The log tells whole seconds.
        self._began = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"

    @property
    def _database(self) -> Path:
        return self._line.stage.folder / "line.sqlite3"
