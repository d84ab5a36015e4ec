"""What silent sockets, hanging processes and a busy machine cost a caller.

In tests/: `python -m long.sockets`.

Everything runs on this machine, on 127.0.0.1; every loop has an end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from postgres import put_tables
from real.rehearsal import IVR, becomes, web_workers

from ivr.operations.local_stack import ACCOUNT, NUMBER, LocalStack, launch
from ivr.simulator.webhooks import sign

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from ivr.operations.local_stack import Launch

TURN = "/voice/1/en/main/0"
PATIENCE = 60.0  # Seconds until an answer counts as lost.
DRIBBLE_SECONDS = 2.0
KINDS = {
    "nothing": b"",
    "half a header": b"POST /voice/1/en/main/0 HTTP/1.1\r\nHost: a\r\nContent-Le",
    "half a body": b"POST /voice/1/en/main/0 HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\nCallSid=CA",
    "a byte every 2 s": b"P",
}


@dataclass
class Answers:
    """How long callers waited, and who got no answer."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0

    def figures(self) -> dict[str, float]:
        """Sum up."""
        ordered = sorted(self.seconds) or [float("nan")]
        return {
            "answers": len(self.seconds),
            "failed": self.failed,
            "median ms": round(ordered[len(ordered) // 2] * 1000, 1),
            "p99 ms": round(ordered[int(len(ordered) * 0.99)] * 1000, 1),
            "slowest ms": round(ordered[-1] * 1000, 1),
        }


def signed_turn(stack: LocalStack, path: str = TURN) -> bytes:
    """Prepare a webhook of a new call, signed as Twilio does."""
    form = {
        "CallSid": "CA" + secrets.token_hex(16),
        "From": f"+1289555{secrets.randbelow(9000) + 1000}",
        "To": NUMBER,
        "AccountSid": ACCOUNT,
        "CallStatus": "in-progress",
    }
    body = urlencode(form)
    head = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{stack.web_port}",
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8",
        f"X-Twilio-Signature: {sign(stack.token, stack.public_url + path, form)}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*head, "", body]).encode()


async def call(stack: LocalStack, answers: Answers) -> None:
    """Send one signed webhook over a connection of its own."""
    request, began = signed_turn(stack), time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", stack.web_port)
            writer.write(request)
            got = await reader.read()
            writer.close()
    except (OSError, TimeoutError):
        got = b""
    if got.startswith(b"HTTP/1.1 200") and got.rstrip().endswith(b"</Response>"):
        answers.seconds.append(time.monotonic() - began)
    else:
        answers.failed += 1


async def call_steadily(
    stack: LocalStack,
    seconds: float,
    every: float,
    over: asyncio.Future[Any] | None = None,
) -> Answers:
    """Call at fixed moments, whether or not the last answer has come, for so long and until ``over``."""
    answers, calls, end = Answers(), [], time.monotonic() + seconds
    while time.monotonic() < end or not (over is None or over.done()):
        calls.append(asyncio.create_task(call(stack, answers)))
        await asyncio.sleep(every)
    await asyncio.gather(*calls)
    return answers


async def hold(stack: LocalStack, kind: str, opened: Callable[[], None]) -> None:
    """Hold a connection without asking anything, and open it again when it is closed; tell of each."""
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", stack.web_port)
            opened()
            try:
                await _say(kind, reader, writer)
            finally:
                writer.close()
        await asyncio.sleep(0.05)


async def _say(kind: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(KINDS[kind])
    rest = iter(KINDS["half a header"][1:])
    while kind == "a byte every 2 s":
        with suppress(TimeoutError):
            async with asyncio.timeout(DRIBBLE_SECONDS):
                if not await reader.read(4096):
                    return
        writer.write(bytes([next(rest, ord("a"))]))
        await writer.drain()
    while await reader.read(4096):
        pass


def allow_many_sockets() -> None:
    """Let this process hold as many sockets as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def hold_many(stack: LocalStack, kind: str, sockets: int, seconds: float) -> dict[str, float]:
    """Hold many connections, and call beside them, for so long and until the server has closed one."""
    opened, closed = 0, asyncio.Event()

    def note() -> None:
        nonlocal opened
        opened += 1
        if opened > sockets:
            closed.set()

    held = [asyncio.create_task(hold(stack, kind, note)) for _ in range(sockets)]
    one = asyncio.create_task(asyncio.wait_for(closed.wait(), PATIENCE))
    answers = await call_steadily(stack, seconds, 0.1, one if sockets else None)
    for each in (one, *held):
        each.cancel()
    await asyncio.gather(one, *held, return_exceptions=True)
    return answers.figures() | {"connections opened": opened}


async def lose(
    stack: LocalStack, news: signal.Signals, seconds: float = 20, *, under_way: bool = True
) -> dict[str, float]:
    """Stop or kill one process of two while people call; tell when another answers in its place.

    What it is answering in that moment is lost with any server. ``under_way``: whether there may be such;
    else it happens between two calls.
    """
    main = stack.running["web"].pid
    before = set(web_workers(main))
    started = stack.log("web").read_text().count("Started worker")

    def act() -> float:
        began = time.monotonic()
        os.kill(min(before), news)
        becomes(lambda: stack.log("web").read_text().count("Started worker") > started, PATIENCE)
        return time.monotonic() - began

    def act_later() -> float:
        time.sleep(3)
        return act()

    answers = Answers() if under_way else await call_steadily(stack, 1, 0.02)
    acting = asyncio.get_running_loop().run_in_executor(None, act_later if under_way else act)
    after, took = await asyncio.gather(call_steadily(stack, seconds, 0.02, acting), acting)
    answers.seconds += after.seconds
    answers.failed += after.failed
    replaced = len(set(web_workers(main)) - before)
    return answers.figures() | {"processes replaced": replaced, "seconds until replaced": round(took, 2)}


async def take_over(
    stack: LocalStack, seconds: float = 20, every: float = 0.005, times: int = 3
) -> dict[str, float]:
    """Start the server anew with --replace while people call, several times."""

    def act() -> float:
        began = time.monotonic()
        for _ in range(times):
            time.sleep(1)
            older = stack.running["web"]
            stack.start("web", IVR, "web", "--replace")
            older.wait(PATIENCE)
        return time.monotonic() - began

    acting = asyncio.get_running_loop().run_in_executor(None, act)
    answers, took = await asyncio.gather(call_steadily(stack, seconds, every, acting), acting)
    return answers.figures() | {"taken over": times, "seconds for all": round(took, 2)}


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep processors busy."""
    burn = "while True: sum(range(100000))"
    burning = [subprocess.Popen([sys.executable, "-c", burn]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


async def starve(stack: LocalStack, seconds: float, *, nice: int = 0) -> dict[str, float]:
    """Let the machine be busy with other work; count the processes that were replaced."""
    main = stack.running["web"].pid
    before = web_workers(main)
    hung = stack.log("web").read_text().count("hangs, and is replaced")
    for pid in before:
        os.setpriority(os.PRIO_PROCESS, pid, nice)
    with busy(4 * (os.cpu_count() or 1)):
        answers = await call_steadily(stack, seconds, 0.25)
    hung = stack.log("web").read_text().count("hangs, and is replaced") - hung
    return answers.figures() | {
        "processes replaced": len(set(before) - set(web_workers(main))),
        "taken for hanging": hung,
        "load": round(os.getloadavg()[0], 1),
    }


def measure(
    stack: LocalStack, sockets: int, seconds: float, load_seconds: float
) -> dict[str, dict[str, float]]:
    """Measure everything, one after the other."""
    found: dict[str, dict[str, float]] = {}

    def note(what: str, work: Coroutine[None, None, dict[str, float]]) -> None:
        found[what] = asyncio.run(work)
        print(f"{what}: {json.dumps(found[what])}", flush=True)  # noqa: T201 - a command's output

    note("no sockets", hold_many(stack, "nothing", 0, seconds / 4))
    for kind in KINDS:
        note(f"{sockets} sockets: {kind}", hold_many(stack, kind, sockets, seconds))
    note("SIGSTOP of one of two", lose(stack, signal.SIGSTOP))
    note("kill -9 of one of two", lose(stack, signal.SIGKILL))
    note("three new versions at 200 calls a second", take_over(stack))
    note(f"full load for {load_seconds:g} s", starve(stack, load_seconds))
    note(f"full load for {load_seconds / 4:g} s at nice 19", starve(stack, load_seconds / 4, nice=19))
    return found


@contextmanager
def nothing_runs(folder: Path, launch: Launch = launch, **extra: str) -> Iterator[LocalStack]:
    """Give a line of which nothing runs yet."""
    stack = LocalStack(folder, api_url="http://127.0.0.1:9", extra=extra, launch=launch)
    try:
        put_tables(stack.environment["DATABASE_URL"])
        yield stack
    finally:
        stack.close()


@contextmanager
def web_alone(folder: Path, launch: Launch = launch, **extra: str) -> Iterator[LocalStack]:
    """Run nothing of a line but what answers webhooks."""
    with nothing_runs(folder, launch, **extra) as stack:
        stack.start_web()
        becomes(lambda: stack.log("web").read_text().count("Started worker") == 2, PATIENCE)
        yield stack


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--load-seconds", type=float, default=120)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    allow_many_sockets()
    with tempfile.TemporaryDirectory() as folder, web_alone(Path(folder)) as stack:
        found = measure(stack, given.sockets, given.seconds, given.load_seconds)
    if given.json:
        given.json.write_text(
            json.dumps({"load": os.getloadavg(), "figures": found}, indent=2) + "\n", "utf-8"
        )


if __name__ == "__main__":
    main()
