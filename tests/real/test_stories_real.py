"""Every story of a transfer, with the real processes. What can be lost is lost on a line of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from stories import STORIES

from real.rehearsal import Rehearsal, rehearsal
from real.world import SPEED, Processes

if TYPE_CHECKING:
    from collections.abc import Iterator

LOSSES = tuple(name for name in STORIES if "lost" in name or name.startswith(("rest", "direct")))
KEPT = tuple(name for name in STORIES if name not in LOSSES)
QUICK = {"TWILIO_CALLS_PER_SECOND": str(int(SPEED))}  # A second of the network's is so much shorter here.


def start(line: Rehearsal) -> Processes:
    line.stage.release()
    line.stage.start_redis()
    line.stage.start_web()
    line.stage.start_worker()
    return Processes(line)


@pytest.fixture(scope="module")
def one_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with rehearsal(tmp_path_factory.mktemp("stories"), **QUICK) as line:
        yield start(line)


@pytest.fixture
def own_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with rehearsal(tmp_path_factory.mktemp("loss"), **QUICK) as line:
        yield start(line)


@pytest.mark.parametrize("story", KEPT)
def test_a_caller_ends_connected_or_with_a_choice(story: str, one_line: Processes) -> None:
    one_line.forget()

    STORIES[story](one_line)


@pytest.mark.parametrize("story", LOSSES)
def test_a_caller_ends_well_when_a_part_is_lost(story: str, own_line: Processes) -> None:
    STORIES[story](own_line)
