"""The world of real processes: web, worker, Redis and SQL, and a network whose clock waits for them."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import threading
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from ivr.flow.loader import read_flow
from ivr.simulator.faults import RestFault
from real.rehearsal import ROOT, SOON, Rehearsal, becomes, web_workers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ivr.simulator.listening import HeardLine
    from ivr.simulator.rehearse import RehearsedCall

LATE = 10.0  # Seconds of the network's in which also the last callback of a call that is over has come.
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


def start(line: Rehearsal, migrated: Path) -> Processes:
    """Start everything of a line, and make it a world for stories."""
    line.start(migrated)
    return Processes(line)


class Processes:
    """One line that runs, for one story after the other."""

    def __init__(self, line: Rehearsal) -> None:
        self.line = line
        self.slack = line.limits.slack
        self.network = line.network
        self._flow = read_flow(ROOT / "config", ROOT / "prompts")

    @property
    def choice(self) -> tuple[str, ...]:
        prompts = self._flow.prompts["en"]
        lines, unreached = prompts.lines, prompts.stops["unreached"]
        return (lines.wait_offer, lines.wait_offer_briefing, unreached.say.split(".")[0])

    @property
    def joining(self) -> str:
        """How the words begin that a caller hears while they are joined with a person."""
        return self._flow.prompts["en"].lines.joining.partition("{")[0]

    def log(self) -> list[dict[str, Any]]:
        self.network.clock.advance(1)  # In which the last callbacks of a call that is over come in.
        assert becomes(self.line.is_quiet), self.line.in_hand()
        if not self.network.faults.callbacks["caller"].lost:
            becomes(lambda: all(call["ended_at"] for call in self.line.log()))
        return self.line.log()

    def report(self) -> str:
        return self.line.report()

    def lose(self, part: str) -> None:
        if part in self.line.lost:
            return
        if part == "sql":
            self.line.lost.add("sql")
            self._database.rename(self._database.with_suffix(".taken"))
            self._database.mkdir()
        else:
            process = self.line.stage.running.pop(part)
            process.kill()
            process.wait()

    def doom_worker(self) -> None:
        fault = RestFault("hang", match="POST", times=1)
        self.network.faults.rest.append(fault)

        def kill() -> None:
            if becomes(lambda: fault.seen > 0):
                self.lose("worker")

        threading.Thread(target=kill, daemon=True).start()

    def switch_off(self, agency: str) -> None:
        with self.line.at_the_speed_of_life():
            done = self.line.run("agencies", "off", agency, "--why", "a story")
            assert done.returncode == 0, done.stderr
            self.line.let_them_look()

    def mend(self) -> None:
        """Begin anew with a worker that has met no fault: what a story took from the last one is over."""
        self.network.faults.clear()
        self.line.stage.stop("worker")
        self.start_again()

    def start_again(self) -> None:
        """Start the processes that a test has ended, and wait until all are there."""
        stage = self.line.stage
        if "worker" not in stage.running:
            self.line.redis.flushall()  # Also what a worker that was killed had in its hands.
            stage.start_worker()
        if "web" not in stage.running:
            stage.start_web()
        assert becomes(lambda: self.line.redis.scard("rq:workers") > 0), self.report()
        assert becomes(lambda: len(web_workers(stage.running["web"].pid)) == 2), self.report()

    def forget(self) -> None:
        """Begin a story with nothing left of the last one: no faults, no calls, no agency switched off."""
        self.network.faults.clear()
        with self.network.clock.lock:
            for leg in self.network.exchange.legs_alive():  # Of a story that failed.
                leg.hang_up()
        self.network.settle(60)
        self.network.clock.advance(LATE)
        assert becomes(self.line.is_quiet), self.line.in_hand()
        exchange = self.network.exchange
        with exchange.clock.lock:
            exchange.calls.clear()
            exchange.queues.clear()
            exchange.feed.lines.clear()
            exchange.feed.notices.clear()
            exchange.webhooks.differing.clear()
            self.line.webhooks.took.clear()
        for limit in self.line.redis.scan_iter("limit:*"):
            self.line.redis.delete(limit)
        if "sql" in self.line.lost:
            return
        with closing(sqlite3.connect(self._database, timeout=SOON)) as sql:
            known = sql.execute("SELECT count(*) FROM agency_status").fetchone()[0]
            for table in TABLES:
                sql.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
            sql.commit()
        if known:
            self.line.let_them_look()

    @property
    def _database(self) -> Path:
        return self.line.stage.folder / "line.sqlite3"


@dataclass
class TransfersTold:
    """What became of callers who asked for a person, by the network's own account."""

    world: Processes
    keys: int  # That a caller presses, the last of which asks for a person.
    lines: dict[str, list[HeardLine]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for line in self.world.network.feed.lines:
            self.lines.setdefault(line.call, []).append(line)

    def waits(self, call: RehearsedCall) -> float:
        """Count the seconds from asking to a person or a spoken choice."""
        mine = self.lines[call.leg.sid]
        asked = [line.at for line in mine if line.what == "presses"][self.keys - 1]
        came = [line.at for line in mine if line.at > asked and self._comes(line)]
        return came[0] - asked if came else float("inf")

    def joined(self, call: RehearsedCall) -> int:
        """Count the people whom a caller was joined with."""
        return sum(line.what == "joined" for line in self.lines[call.leg.sid])

    def way(self, call: RehearsedCall) -> str:
        """Tell by which way a caller came to a person, or to a choice instead."""
        legs = [leg for leg in self.world.network.exchange.calls.values() if leg.parent is call.leg]
        direct = any(line.what == "joined" for leg in legs for line in self.lines.get(leg.sid, ()))
        if self.joined(call):
            return "joined by the direct path" if direct else "joined by a warm transfer"
        if self.waits(call) == float("inf"):
            return "neither a person nor a choice"
        return "a choice after the direct path" if legs else "a choice after waiting"

    def asked_for(self) -> Counter[str]:
        """Count how often Twilio was asked to ring, for each attempt: its callback names it."""
        legs = self.world.network.exchange.calls.values()
        return Counter(str(leg.plan.callback) for leg in legs if leg.direction == "outbound-api")

    def on_the_network(self, calls: list[RehearsedCall]) -> tuple[Counter[str], Counter[str]]:
        """Count the callers, and the people whom they talked with, by name."""
        legs = self.world.network.exchange.calls.values()
        talked = Counter(
            leg.name
            for leg in legs
            if leg.direction != "inbound" and any(line.what == "joined" for line in self.lines[leg.sid])
        )
        met = sum(self.joined(call) for call in calls)
        return Counter(connected=met, other=len(calls) - met), talked

    def in_the_log(self) -> tuple[Counter[str], Counter[str]]:
        """Count the same in the call log."""
        log = self.world.log()
        outcomes = Counter("connected" if call["outcome"] == "connected" else "other" for call in log)
        tries = [
            attempt for call in log for transfer in call["transfers"] for attempt in transfer["attempts"]
        ]
        talked = Counter(attempt["agency"] for attempt in tries if attempt["outcome"] == "accepted")
        return Counter(connected=outcomes["connected"], other=outcomes["other"]), talked

    def _comes(self, line: HeardLine) -> bool:
        words = (*self.world.choice, self.world.joining)
        return line.what == "joined" or any(each in line.words for each in words)
