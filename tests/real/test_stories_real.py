"""Every story of a transfer, with the real processes. What can be lost is lost on a line of its own.

Twilio tells here only what it promises to tell; `tests/test_stories.py` tells each story both ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from stories import AGENCIES, ORDERS, PROMISES, SLOW_STORIES, STORIES, keep_only_what_is_promised

from real.rehearsal import rehearsal
from real.world import start, with_agencies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from real.rehearsal import Limits
    from real.world import Processes

LOSSES = tuple(name for name in STORIES if "lost" in name or name.startswith(("rest", "direct")))
KEPT = tuple(name for name in STORIES if name not in {*LOSSES, *AGENCIES})
CHANGED = tuple(name for name in AGENCIES if name not in ORDERS)  # Another order needs other words.


@pytest.fixture(scope="module")
def one_line(
    tmp_path_factory: pytest.TempPathFactory, limits: Limits, migrated_sqlite: Path
) -> Iterator[Processes]:
    with rehearsal(tmp_path_factory.mktemp("stories"), limits) as line:
        yield start(line, migrated_sqlite)


@pytest.fixture
def own_line(
    story: str, tmp_path_factory: pytest.TempPathFactory, limits: Limits, migrated_sqlite: Path
) -> Iterator[Processes]:
    folder = tmp_path_factory.mktemp("own")
    config = with_agencies(folder / "config", AGENCIES.get(story, {}))
    with rehearsal(folder, limits, IVR_CONFIG=str(config)) as line:
        world = start(line, migrated_sqlite)
        keep_only_what_is_promised(world, PROMISES[-1])
        yield world


@pytest.mark.parametrize("story", KEPT)
def test_a_caller_ends_connected_or_with_a_choice(story: str, one_line: Processes) -> None:
    one_line.forget()
    keep_only_what_is_promised(one_line, PROMISES[-1])

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
