"""Many callers at once, by the wall clock: whoever comes does not wait until another was answered.

In tests/: `python -m long callers_at_once`. A caller at a stop of the menus presses a key now and then, and
goes where the answer leads; who hears the end calls again. They share the processors with the line.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import secrets
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from real.rehearsal import becomes

from ivr.operations.local_stack import ACCOUNT, NUMBER
from ivr.records.journal import backlog
from ivr.simulator.webhooks import sign
from long.arrivals import Connections
from long.line import staged
from long.side_by_side import SETTLED, answering, cpu_seconds, fixed_words, resident_mib
from long.suites import Size

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ivr.operations.local_stack import LocalStack
    from long.suites import Run

EVERY = 8.0  # Seconds between two keys of one caller, on average.
RAMP, FULL_SECONDS, STEP_SECONDS = 30.0, 180.0, 20.0  # The ramp is of the largest step; others come as fast.
STEPS = (500, 1000, 2000, 5000)
MOST_P999 = 250.0  # Milliseconds.
GATHER = re.compile(rb'<Gather[^>]* action="http://127\.0\.0\.1:[0-9]+(/voice/[^"?]*)"')
KEYS = ("1", "2", "3", "4", "9", "*", "")


@dataclass
class Noted:
    """What callers came to."""

    took: list[float] = field(default_factory=list)  # Seconds, from when it was due.
    failed: int = 0
    calls: int = 0

    def at(self, share: float) -> float:
        """Give the milliseconds within which such a share was answered."""
        ordered = sorted(self.took) or [float("nan")]
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 1)


@dataclass
class Caller:
    """One caller after the other on one phone."""

    stack: LocalStack
    connections: Connections
    noted: Noted
    chance: random.Random
    phone: str

    async def call_until(self, begins: float, end: float) -> None:
        """Call from one moment of the loop's clock to another."""
        loop, due, path = asyncio.get_running_loop(), begins, ""
        while due < end:
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            if not path:
                self.sid, path = "CA" + secrets.token_hex(16), "/voice"
                self.noted.calls += 1
            path = await self._press(path, due)
            due = max(loop.time(), due) + self.chance.uniform(0.5, 1.5) * EVERY

    async def _press(self, path: str, due: float) -> str:
        """Press a key, or dial; give where the answer leads, nothing when the call is over."""
        key = self.chance.choice(KEYS) if path != "/voice" else ""
        form = {"CallSid": self.sid, "From": self.phone, "To": NUMBER, "AccountSid": ACCOUNT}
        form |= {"CallStatus": "in-progress", "Direction": "inbound"} | ({"Digits": key} if key else {})
        answer = await self.connections.ask(write_webhook(self.stack, path, form), due)
        if answer.status != 200 or b"<Response" not in answer.body:
            self.noted.failed += 1
            return path
        self.noted.took.append(answer.seconds)
        found = GATHER.search(answer.body)
        # Who would be put through hangs up: 500 transfers at once are another suite's.
        return found[1].decode() if found and b"/person/" not in found[1] else ""


def write_webhook(stack: LocalStack, path: str, form: dict[str, str]) -> bytes:
    """Write a signed webhook as it goes over the wire."""
    body = urlencode(form)
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{stack.web_port}\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
        f"X-Twilio-Signature: {sign(stack.token, stack.public_url + path, form)}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def _all_call(
    stack: LocalStack, count: int, ramp: float, seconds: float, seed: int
) -> tuple[Noted, int]:
    noted, connections, loop = Noted(), Connections(stack.web_port), asyncio.get_running_loop()
    began = loop.time()
    callers = [
        Caller(stack, connections, noted, random.Random(f"{seed} {number}"), f"+1905{2_000_000 + number}")  # noqa: S311 - a test's lot
        for number in range(count)
    ]
    await asyncio.gather(
        *(
            caller.call_until(began + ramp * number / count, began + ramp + seconds)
            for number, caller in enumerate(callers)
        )
    )
    connections.close()
    return noted, connections.opened


def calls_in_log(folder: Path) -> tuple[int, int]:
    """Count the calls and the turns in the log."""
    with closing(sqlite3.connect(folder / "line.sqlite3")) as log:
        return (
            log.execute("SELECT count(*) FROM calls").fetchone()[0],
            log.execute("SELECT count(*) FROM turns").fetchone()[0],
        )


def measure_callers_at_once(run: Run) -> None:
    """Let more and more callers call, and hold the largest number against what is promised."""
    steps = STEPS if run.size is Size.FULL else (20, 40)
    with staged(run.folder, run.launch) as (stack, _):
        for count in run.progress.track(steps, description="callers"):
            largest = count == steps[-1]
            ramp = RAMP * count / steps[-1] if run.size is Size.FULL else 1.0
            seconds = FULL_SECONDS if largest and run.size is Size.FULL else run.pick(6, round(STEP_SECONDS))
            _step(run, stack, count, ramp, seconds)
        if failed := fixed_words(stack):
            run.failures.append(f"webhooks answered with fixed words: {failed}")
    p999 = run.figures[f"{steps[-1]} callers: p99.9 ms"]
    if run.size is Size.FULL and float(p999 or 0) > MOST_P999:
        run.failures.append(f"p99.9 of {steps[-1]} callers: {p999} ms, promised {MOST_P999}")


def _step(run: Run, stack: LocalStack, count: int, ramp: float, seconds: float) -> None:
    leader = stack.running["web"].pid
    before, cpu, own = calls_in_log(stack.folder), cpu_seconds(leader), time.process_time()
    began = time.monotonic()
    noted, opened = asyncio.run(_all_call(stack, count, ramp, seconds, run.seed))
    lasted = time.monotonic() - began
    late = backlog(stack.folder / "journal")
    if not becomes(lambda: not backlog(stack.folder / "journal"), SETTLED):
        run.failures.append(f"{count} callers: not in the log within {SETTLED:g} s")
    after, processors = calls_in_log(stack.folder), os.cpu_count() or 1
    run.figures |= {
        f"{count} callers: requests": len(noted.took),
        f"{count} callers: a second": round(len(noted.took) / lasted, 1),
        f"{count} callers: failed": noted.failed,
        f"{count} callers: p50 ms": noted.at(0.5),
        f"{count} callers: p99 ms": noted.at(0.99),
        f"{count} callers: p99.9 ms": noted.at(0.999),
        f"{count} callers: worst ms": noted.at(1.0),
        f"{count} callers: calls": noted.calls,
        f"{count} callers: calls in the log": after[0] - before[0],
        f"{count} callers: connections": opened,
        f"{count} callers: bytes in the journal at the end": late,
        f"{count} callers: processors busy with the line, of {processors}": round(
            (cpu_seconds(leader) - cpu) / lasted, 2
        ),
        f"{count} callers: processors busy with the callers": round((time.process_time() - own) / lasted, 2),
        f"{count} callers: MiB of a web process": round(_largest(answering(leader)), 1),
        f"{count} callers: load of the machine": round(os.getloadavg()[0], 1),
    }
    if noted.failed:
        run.failures.append(f"{count} callers: {noted.failed} requests failed")
    if after[0] - before[0] < noted.calls:
        run.failures.append(f"{count} callers: calls not in the log: {noted.calls - after[0] + before[0]}")


def _largest(pids: Iterable[int]) -> float:
    return max(map(resident_mib, pids), default=0.0)
