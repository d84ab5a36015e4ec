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
    before, early = gc.get_threshold(), [object()]
    gc.unfreeze()  # What another test put aside.

    try:
        sought_before = is_sought(early)
        seek_garbage_often()
        late = [object()]

        assert gc.get_threshold() == SOUGHT
        assert (sought_before, is_sought(early), is_sought(late)) == (True, False, True)
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def is_sought(held: object) -> bool:
    return any(each is held for each in gc.get_objects())
