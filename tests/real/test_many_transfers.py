"""Many callers ask for a person in the same second, and Twilio starts one call a second."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from stories import CHRYSALIS, HOTLINE, VICTIM_SERVICES, WITHIN

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
from real.rehearsal import becomes, rehearsal
from real.world import Processes, start, with_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ivr.simulator.listening import HeardLine
    from ivr.simulator.rehearse import RehearsedCall
    from real.rehearsal import Limits

FULL, SMALL = 200, 50  # Callers: with the limits of production, and else.
LINES = 100
SPEED = 2.0  # What two processors can do where the network's time is paced.
TALKS = 10.0
LONGEST = 90.0
ASKS = (Press("1", When.SOON), Press("0", When.SOON), Press("2", When.SOON))
ACCEPTS = Person(answers=2, steps=(Press("1", When.SOON), Joined(2 * TALKS), HangsUp()))
DECLINES = Person(answers=2, steps=(Press("2", When.SOON),))


@pytest.fixture
def callers(limits: Limits) -> int:
    return FULL if limits.paced else SMALL


@pytest.fixture
def world(
    tmp_path_factory: pytest.TempPathFactory, limits: Limits, callers: int, migrated_sqlite: Path
) -> Iterator[Processes]:
    folder = tmp_path_factory.mktemp("many")
    config = with_lines(folder / "config", LINES)
    with rehearsal(folder, limits, speed=SPEED, at_once=callers, IVR_CONFIG=str(config)) as line:
        yield start(line, migrated_sqlite)


def test_many_callers_at_once_each_reach_one_person_or_a_choice(world: Processes, callers: int) -> None:
    people = world.network.people
    first = [busy(), never_answers(), ACCEPTS, DECLINES]
    people.put(VICTIM_SERVICES, *first * callers, name="victim-services")
    people.put(CHRYSALIS, ACCEPTS, name="chrysalis")
    people.put(HOTLINE, switchboard(), name="hotline")

    calls = [
        world.network.dial(f"+1289555{1000 + number}", caller(*ASKS, Joined(TALKS), HangsUp()))
        for number in range(callers)
    ]
    _let_pass(world, calls)
    told = Told(world)

    late = {call.leg.sid: told.waits(call) for call in calls if told.waits(call) > WITHIN + world.slack}
    assert late == {}
    assert Counter(told.joined(call) for call in calls).keys() <= {0, 1}
    assert max(told.asked_for().values()) == 1  # No attempt was rung twice.
    assert world.network.feed.faults() == []
    assert world.network.exchange.legs_alive() == []
    becomes(lambda: told.in_the_log() == told.on_the_network(calls))
    assert told.in_the_log() == told.on_the_network(calls)


def _let_pass(world: Processes, calls: list[RehearsedCall]) -> None:
    """Let time pass until everybody has talked; whoever heard a choice instead hangs up."""
    world.network.clock.until(lambda: all(call.over for call in calls), LONGEST)
    for call in calls:
        if not call.over:
            call.hang_up()
    assert world.network.settle(60)


@dataclass
class Told:
    """What happened, by the network's own account."""

    world: Processes
    lines: dict[str, list[HeardLine]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for line in self.world.network.feed.lines:
            self.lines.setdefault(line.call, []).append(line)

    def waits(self, call: RehearsedCall) -> float:
        """Count the seconds from asking to a person or a spoken choice."""
        mine = self.lines[call.leg.sid]
        asked = [line.at for line in mine if line.what == "presses"][len(ASKS) - 1]
        came = [line.at for line in mine if line.at > asked and self._comes(line)]
        return came[0] - asked if came else float("inf")

    def joined(self, call: RehearsedCall) -> int:
        """Count the people whom a caller was joined with."""
        return sum(line.what == "joined" for line in self.lines[call.leg.sid])

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
        return line.what == "joined" or any(words in line.words for words in self.world.choice)
