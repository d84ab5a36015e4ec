"""Every story of a transfer, with the real processes. What can be lost is lost on a line of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from stories import AGENCIES, ORDERS, SLOW_STORIES, STORIES

from real.rehearsal import rehearsal
from real.world import SPEED, start, with_agencies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from real.world import Processes

EXACT = {"direct path fails"}  # The direct path counts our own seconds, which do not run fast.
LOSSES = tuple(
    name for name in STORIES if name not in EXACT and ("lost" in name or name.startswith(("rest", "direct")))
)
KEPT = tuple(name for name in STORIES if name not in {*LOSSES, *AGENCIES, *EXACT})
CHANGED = tuple(name for name in AGENCIES if name not in ORDERS)  # Another order needs other words.
SLOW = 5.0  # How fast a network runs on which our own limits must pass.


def per_second(speed: float) -> str:
    """Say how many calls Twilio starts in a second of ours: a second of the network's is so much shorter."""
    return str(int(speed))


@pytest.fixture(scope="module")
def one_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with rehearsal(tmp_path_factory.mktemp("stories"), TWILIO_CALLS_PER_SECOND=per_second(SPEED)) as line:
        yield start(line)


@pytest.fixture
def own_line(story: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    folder = tmp_path_factory.mktemp("own")
    config = with_agencies(folder / "config", AGENCIES.get(story, {}))
    speed = SLOW if story in SLOW_STORIES else SPEED
    with rehearsal(folder, TWILIO_CALLS_PER_SECOND=per_second(speed), IVR_CONFIG=str(config)) as line:
        yield start(line, speed)


@pytest.mark.parametrize("story", KEPT)
def test_a_caller_ends_connected_or_with_a_choice(story: str, one_line: Processes) -> None:
    one_line.forget()

    STORIES[story](one_line)


@pytest.mark.parametrize("story", LOSSES)
def test_a_caller_ends_well_when_a_part_is_lost(story: str, own_line: Processes) -> None:
    STORIES[story](own_line)


@pytest.mark.parametrize("story", CHANGED)
def test_a_caller_ends_well_whatever_is_known_of_agencies(story: str, own_line: Processes) -> None:
    STORIES[story](own_line)


@pytest.mark.parametrize("story", SLOW_STORIES)
def test_a_caller_ends_well_when_a_part_hangs(story: str, own_line: Processes) -> None:
    SLOW_STORIES[story](own_line)
