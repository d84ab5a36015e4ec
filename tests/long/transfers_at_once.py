"""Hundreds of callers who ask for a person in the same moment: by which way, how soon, and what came of it.

In tests/: `python -m long transfers_at_once`. Time is the wall clock's: one call a second is just that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import quantiles
from typing import TYPE_CHECKING

from real.rehearsal import CHRYSALIS, HOTLINE, PRODUCTION, STEADY, VICTIM_SERVICES, becomes, rehearsal
from real.world import Processes, TransfersTold, with_lines

from ivr.simulator.people import (
    HangsUp,
    Joined,
    Person,
    Press,
    When,
    busy,
    caller,
    never_answers,
    switchboard,
)
from long.suites import Size

if TYPE_CHECKING:
    from ivr.simulator.rehearse import RehearsedCall
    from long.suites import Run

STEPS = (50, 500)
WITHIN = 60.0  # Seconds from asking until a person or a spoken choice.
LONGEST = 240.0
TALKS = 10.0
ASKS = (Press("1", When.SOON), Press("0", When.SOON), Press("2", When.SOON))
ACCEPTS = Person(answers=3, steps=(Press("1", When.SOON), Joined(2 * TALKS), HangsUp()))
DECLINES = Person(answers=3, steps=(Press("2", When.SOON),))


@dataclass(frozen=True)
class Account:
    """What Twilio's account and the agencies can take."""

    calls_a_second: int
    lines: int  # Of each agency.

    def __str__(self) -> str:
        return f"{self.calls_a_second} calls a second, {self.lines} lines"


ACCOUNTS = (Account(1, 1), Account(20, 50))


def measure_transfers_at_once(run: Run) -> None:
    """Let more and more callers ask at once, on a small account and on a large one."""
    steps = STEPS if run.size is Size.FULL else (4,)
    accounts = ACCOUNTS if run.size is Size.FULL else ACCOUNTS[1:]
    for account in run.progress.track(accounts, description="accounts"):
        for count in steps:
            _ask_at_once(run, account, count)


def _ask_at_once(run: Run, account: Account, count: int) -> None:
    folder = run.folder / f"{account.calls_a_second}-{count}"
    folder.mkdir()
    config = with_lines(folder / "config", account.lines)
    limits = PRODUCTION if run.size is Size.FULL else STEADY  # Whose time waits for the line, so jumps.
    settings = {"IVR_CONFIG": str(config), "TWILIO_CALLS_PER_SECOND": str(account.calls_a_second)}
    with rehearsal(folder, limits, speed=1.0, at_once=count, **settings) as line:
        line.network.exchange.calls_a_second = account.calls_a_second
        line.start()
        world, people = Processes(line), line.network.people
        people.put(
            VICTIM_SERVICES, *[busy(), never_answers(), ACCEPTS, DECLINES] * count, name="victim-services"
        )
        people.put(CHRYSALIS, ACCEPTS, name="chrysalis")
        people.put(HOTLINE, switchboard(), name="hotline")
        calls = [
            line.network.dial(f"+1289{5550000 + number}", caller(*ASKS, Joined(TALKS), HangsUp()))
            for number in range(count)
        ]
        line.network.clock.until(lambda: all(call.over for call in calls), LONGEST)
        for call in calls:
            if not call.over:
                call.hang_up()
        line.network.settle(60)
        told = TransfersTold(world, len(ASKS))
        becomes(lambda: told.in_the_log() == told.on_the_network(calls))
        _tell(run, f"{count} callers, {account}", told, calls)


def _tell(run: Run, title: str, told: TransfersTold, calls: list[RehearsedCall]) -> None:
    waits = sorted(told.waits(call) for call in calls)
    late = sum(wait > WITHIN for wait in waits)
    ways = Counter(told.way(call) for call in calls)
    agree = told.in_the_log() == told.on_the_network(calls)
    twice = sum(count > 1 for count in told.asked_for().values())
    hundredths = quantiles(waits, n=100, method="inclusive")
    run.figures |= {f"{title}: {way}": count for way, count in sorted(ways.items())}
    run.figures |= {
        f"{title}: seconds to a person or a choice, p50": round(hundredths[49], 1),
        f"{title}: p99": round(hundredths[98], 1),
        f"{title}: worst": round(waits[-1], 1),
        f"{title}: later than {WITHIN:g} s": late,
        f"{title}: attempts rung twice": twice,
        f"{title}: the log agrees with the network": agree,
        f"{title}: webhooks lost": told.world.line.webhooks.lost,
        f"{title}: slowest webhook, s": round(told.world.line.webhooks.slowest, 2),
    }
    run.failures += [
        f"{title}: {words}"
        for words, wrong in (
            (f"{late} callers waited longer than {WITHIN:g} s", late and run.size is Size.FULL),
            (f"{twice} attempts were rung twice", twice),
            ("the log does not agree with the network", not agree),
        )
        if wrong
    ]
