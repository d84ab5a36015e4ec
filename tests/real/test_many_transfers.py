"""Many callers ask for a person in the same second, and Twilio starts one call a second."""

from __future__ import annotations

from collections import Counter
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
from real.world import Processes, TransfersTold, start, with_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
    told = TransfersTold(world, len(ASKS))

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
