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

WITHOUT_SQL = tuple(name for name in STORIES if name == "sql lost" or name.startswith("direct"))
MENDED = (*(name for name in STORIES if name.startswith(("worker lost", "rest"))), *SLOW_STORIES)
LOSSES = ("redis lost", "sql lost while waiting")
KEPT = tuple(name for name in STORIES if name not in {*WITHOUT_SQL, *MENDED, *LOSSES, *AGENCIES})
CHANGED = tuple(name for name in AGENCIES if name not in ORDERS)  # Another order needs other words.


@pytest.fixture
def mended_line(one_line: Processes) -> Iterator[Processes]:
    """Give the line that runs already, and afterwards the others a worker that knows of no loss."""
    yield one_line
    one_line.mend()


@pytest.fixture(scope="module")
def line_without_sql(
    tmp_path_factory: pytest.TempPathFactory, limits: Limits, migrated_sqlite: Path
) -> Iterator[Processes]:
    with rehearsal(tmp_path_factory.mktemp("dark"), limits) as line:
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
    keep_only_what_is_promised(one_line, PROMISES[-1])

    STORIES[story](one_line)


@pytest.mark.parametrize("story", MENDED)
def test_a_caller_ends_well_when_the_worker_or_rest_is_lost(story: str, mended_line: Processes) -> None:
    keep_only_what_is_promised(mended_line, PROMISES[-1])

    (STORIES | SLOW_STORIES)[story](mended_line)


@pytest.mark.parametrize("story", WITHOUT_SQL)
def test_a_caller_ends_well_without_sql(story: str, line_without_sql: Processes) -> None:
    line_without_sql.forget()
    keep_only_what_is_promised(line_without_sql, PROMISES[-1])

    STORIES[story](line_without_sql)


@pytest.mark.parametrize("story", LOSSES)
def test_a_caller_ends_well_when_a_part_is_lost(story: str, own_line: Processes) -> None:
    STORIES[story](own_line)


@pytest.mark.parametrize("story", CHANGED)
def test_a_caller_ends_well_whatever_is_known_of_agencies(story: str, own_line: Processes) -> None:
    STORIES[story](own_line)
