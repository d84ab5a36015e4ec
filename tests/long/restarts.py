"""New versions that take over while people call, wait for a person and text: who hears it, and what is lost.

In tests/: `python -m long restarts`. Everything runs on this machine, on 127.0.0.1; every loop has an end.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, cast

from real.rehearsal import CHRYSALIS, IVR, SOON, VICTIM_SERVICES, Rehearsal, becomes, rehearsal
from real.world import with_lines

from ivr.flow.loader import read_flow
from ivr.operations.local_stack import project_folder
from ivr.simulator.people import HangsUp, Joined, Press, When, accepts, caller

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ivr.operations.local_stack import Launch
    from ivr.simulator.rehearse import RehearsedCall
    from long.suites import Run

KEYS = ("1", "2", "9")  # Into a menu, into what it says, and back to the first.
WORDS = ("signs", "shelter", "law", "lawyer")
ASKS = (Press("1", When.SOON), Press("0", When.SOON), Press("2", When.SOON))
WAITS, TALKS = 12.0, 20.0  # Seconds of the network's until an agency answers, and of each talk.
BETWEEN = 4.0  # Seconds of the network's between two keys.
TEXTED_EVERY = 4  # Rounds: fewer than 20 texts a minute and 100 an hour.
FEWEST_ROUNDS = 10  # Fewer would not show that callers go on all the while.
MOST_ROUNDS = 60  # Four minutes of the network's: who still talks then never stops.
APOLOGIES = ("fixed_sorry", "fixed_text")


@dataclass
class Traffic:
    """People who call, wait and text, until they are told to end."""

    line: Rehearsal
    callers: int
    transfers: int
    texters: int
    menus: list[RehearsedCall] = field(default_factory=list)
    asking: list[RehearsedCall] = field(default_factory=list)
    rounds: int = 0
    texts: int = 0

    def begin(self) -> None:
        """Let everybody call who only listens."""
        people = self.line.network.people
        people.put(VICTIM_SERVICES, accepts(WAITS, TALKS), name="victim-services")
        people.put(CHRYSALIS, accepts(WAITS, TALKS), name="chrysalis")
        self.menus = [self.line.network.dial(f"+1289555{1000 + n}") for n in range(self.callers)]
        self._press("1")

    def ask_for_people(self) -> None:
        """Let some more callers ask for a person."""
        numbers = range(len(self.asking), len(self.asking) + self.transfers)
        script = caller(*ASKS, Joined(TALKS), HangsUp())
        self.asking += [self.line.network.dial(f"+1289556{1000 + n}", script) for n in numbers]

    def go_on(self, key: str) -> None:
        """Let every listener press a key, all at once, and now and then every texter write."""
        self._press(key)
        self.rounds += 1
        if self.rounds % TEXTED_EVERY == 1:
            self._text(WORDS[self.rounds // TEXTED_EVERY % len(WORDS)])
        self.line.network.clock.advance(BETWEEN)

    def has_gone_on(self) -> bool:
        """Whether everybody pressed enough keys, however soon a version took over, and all talks are over.

        While a talk goes on, a listener who presses nothing more would hear their menu once again.
        """
        return self.rounds >= FEWEST_ROUNDS and all(call.over for call in self.asking)

    def end(self) -> None:
        """Let the listeners hang up."""
        self.line.network.clock.until(self._all_listen)
        for call in self.menus:
            call.hang_up()
        self.line.network.settle()

    def _all_listen(self) -> bool:
        return all(call.leg.gathering or call.over for call in self.menus)

    def _press(self, key: str) -> None:
        clock = self.line.network.clock
        clock.until(self._all_listen)
        with clock.lock:
            for call in self.menus:
                call.leg.press(key)
        clock.advance(0)

    def _text(self, words: str) -> None:
        network = self.line.network
        sent = [network.exchange.text(f"+1289557{1000 + n}", words) for n in range(self.texters)]
        network.clock.until(lambda: all(text.answered for text in sent))
        self.texts += len(sent)


@dataclass
class NewVersion:
    """Starts web and worker anew beside the old ones, and ends those once the new ones answer."""

    line: Rehearsal
    web_seconds: float = 0.0
    worker_seconds: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    def take_over(self) -> None:
        """Do it; the old ones finish what they began."""
        began, running = time.monotonic(), self.line.stage.running
        older_web, older_worker = running["web"], running["worker"]
        try:
            self.line.stage.start("web", IVR, "web", "--replace")
            older_web.wait(SOON)
            self.web_seconds = time.monotonic() - began
            workers = self.line.redis.scard("rq:workers")
            self.line.stage.start("worker", IVR, "worker")
            becomes(lambda: cast("int", self.line.redis.scard("rq:workers")) > cast("int", workers))
            older_worker.terminate()
            older_worker.wait(SOON)
            self.worker_seconds = time.monotonic() - began - self.web_seconds
        finally:
            self.over.set()


def restart_under_traffic(traffic: Traffic, times: int) -> tuple[dict[str, float], list[str]]:
    """Let new versions take over; give figures, and what a caller or whoever reads the log would notice."""
    line, versions = traffic.line, []
    traffic.begin()
    for _ in range(times):
        traffic.ask_for_people()
        traffic.go_on("1")
        version = NewVersion(line)
        thread = threading.Thread(target=version.take_over, daemon=True)
        thread.start()
        keys, before = cycle(("2", "9", "1")), traffic.rounds
        while not version.over.is_set():
            traffic.go_on(next(keys))
        while not traffic.has_gone_on() and traffic.rounds - before < MOST_ROUNDS:
            traffic.go_on(next(keys))
        thread.join(SOON)
        while (traffic.rounds - before) % len(KEYS) != len(KEYS) - 1:
            traffic.go_on(next(keys))
        versions.append(version)
    traffic.end()
    noticed = _noticed(traffic)
    webhooks = sorted(seconds for seconds, _ in line.webhooks.took)
    return {
        "callers in menus": traffic.callers,
        "transfers": len(traffic.asking),
        "texts": traffic.texts,
        "new versions": times,
        "seconds until the old web was gone, slowest": round(max(each.web_seconds for each in versions), 1),
        "seconds until the old worker was gone, slowest": round(
            max(each.worker_seconds for each in versions), 1
        ),
        "webhooks": len(webhooks),
        "webhooks without an answer": line.webhooks.lost,
        "slowest webhook ms": round(webhooks[-1] * 1000),
        "median webhook ms": round(webhooks[len(webhooks) // 2] * 1000, 1),
    }, noticed


def _noticed(traffic: Traffic) -> list[str]:
    """List what went wrong, by the network's own account and by the log."""
    line, feed = traffic.line, traffic.line.network.feed
    prompts = read_flow(project_folder("config"), project_folder("prompts")).prompts
    apologies = {getattr(each.lines, name).split(".")[0] for each in prompts.values() for name in APOLOGIES}
    sorry = [each.words for each in feed.lines if any(words in each.words for words in apologies)]
    joined = {call.leg.sid: sum(each.what == "joined" for each in call.lines) for call in traffic.asking}
    texted = sum(each.what == "reads" for each in feed.lines)
    wanted = _expected(traffic)
    becomes(lambda: _logged(line) == wanted)
    found = {
        "fallback documents heard": len(sorry),
        "answers with fixed words in the web log": line.stage.log("web")
        .read_text()
        .count("with fixed words"),
        "faults that the network notes": len(feed.faults()),
        "webhooks without an answer": line.webhooks.lost,
        "callers who did not talk with one person": sum(count != 1 for count in joined.values()),
        "texts without an answer": traffic.texts - texted,
        "new processes that ended": sum(each.poll() is not None for each in line.stage.running.values()),
    }
    noticed = [f"{what}: {count}" for what, count in found.items() if count]
    return noticed if _logged(line) == wanted else [*noticed, f"the log: {_logged(line)}, not {wanted}"]


def _expected(traffic: Traffic) -> dict[str, int]:
    presses = 2 + traffic.rounds  # The call itself, the language, and a key each round.
    return {
        "calls": traffic.callers + len(traffic.asking),
        "turns in menus": traffic.callers * presses,
        "connected": len(traffic.asking),
        "turns of texts": traffic.texts,
    }


def _logged(line: Rehearsal) -> dict[str, int]:
    rows = line.log()
    calls = [row for row in rows if row["channel"] == "voice"]
    return {
        "calls": len(calls),
        "turns in menus": sum(row["turns"] for row in calls if not row["transfers"]),
        "connected": sum(row["outcome"] == "connected" for row in calls),
        "turns of texts": sum(row["turns"] for row in rows if row["channel"] == "text"),
    }


@contextmanager
def line_with_traffic(
    folder: Path, start: Launch, callers: int, transfers: int, texters: int
) -> Iterator[Traffic]:
    """Run a whole line whose agencies have lines enough."""
    config = with_lines(folder / "config", 100)
    at_once = callers + transfers + texters
    limits = {"TWILIO_CALLS_PER_SECOND": "100", "IVR_CONFIG": str(config)}
    with rehearsal(folder, at_once=at_once, start=start, **limits) as line:
        line.start()
        yield Traffic(line, callers, transfers, texters)


def measure_restarts(run: Run) -> None:
    """Let five new versions take over from one another, beside 50 callers, 10 transfers and 20 texters."""
    people = run.pick(6, 50), run.pick(2, 10), run.pick(3, 20)
    with line_with_traffic(run.folder, run.launch, *people) as traffic:
        figures, noticed = restart_under_traffic(traffic, run.pick(1, 5))
        rounds = traffic.rounds
    run.figures |= figures | {"keys that each caller pressed": rounds}
    run.failures += noticed
