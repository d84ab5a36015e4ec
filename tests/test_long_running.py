"""A process that runs for months has as many threads, and as much memory, as on its first day."""

from __future__ import annotations

import gc
import platform
import threading
from typing import TYPE_CHECKING

from ivr.long_running import ASKED, SOUGHT, seek_garbage_often, share_memory, start_threads

if TYPE_CHECKING:
    import pytest

SOON = 60.0  # Seconds that a thread may take: the machine may be busy.


def test_the_threads_of_a_pool_are_there_before_the_first_rush() -> None:
    pool = start_threads(7, "all-there")

    assert sum(thread.name.startswith("all-there") for thread in threading.enumerate()) == 7
    assert pool.submit(lambda: "done").result(SOON) == "done"
    pool.shutdown()


def test_threads_share_memory_unless_whoever_runs_the_line_chose_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(ASKED, raising=False)
    shares = share_memory()
    monkeypatch.setenv(ASKED, "8")

    assert (shares, share_memory()) == (platform.libc_ver()[0] == "glibc", False)


def test_garbage_is_sought_among_what_came_since_the_start_alone() -> None:
    before = gc.get_threshold()

    try:
        seek_garbage_often()

        assert gc.get_threshold() == SOUGHT
        assert gc.get_freeze_count() > 10 * len(gc.get_objects())
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
