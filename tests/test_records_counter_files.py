"""Counter files: bounds that hold over all processes of a host, over restarts, and without a disk."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
from typing import TYPE_CHECKING

import pytest

from ivr.caller_limits import DAY, HOUR, Bound
from ivr.records.counter_files import MOST_REFUSED, CounterFiles, RequestMarks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Clock

HOURLY = (Bound(2, HOUR), Bound(4, DAY))
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def counts(tmp_path: Path, clock: Clock) -> CounterFiles:
    return CounterFiles(tmp_path / "counted", clock)


def ask(folder: Path, process: int, each: int) -> int:
    counts = CounterFiles(folder, lambda: 1_790_000_000.0)
    return sum(counts.allow("text", "phone", (Bound(25, HOUR),), f"r{process}-{n}") for n in range(each))


def begin(folder: Path, requests: list[str]) -> int:
    return sum(RequestMarks(folder).begin(request) for request in requests)


def test_all_processes_of_a_host_together_stay_within_a_bound(tmp_path: Path) -> None:
    with SPAWN.Pool(3) as pool:
        allowed = pool.starmap(ask, [(tmp_path / "counted", process, 40) for process in range(3)])

    assert sum(allowed) == 25


def test_of_all_processes_one_performs_a_request(tmp_path: Path) -> None:
    requests = [f"request-{n}" for n in range(50)]

    with SPAWN.Pool(3) as pool:
        begun = pool.starmap(begin, [(tmp_path, requests)] * 3)

    assert sum(begun) == 50


def test_a_bound_of_an_hour_and_one_of_a_day_hold_together(counts: CounterFiles, clock: Clock) -> None:
    allowed = []
    for hour in range(26):
        allowed += [hour for n in range(3) if counts.allow("text", "phone", HOURLY, f"r{hour}-{n}")]
        clock.seconds += HOUR

    assert allowed == [0, 0, 1, 1, 24, 24, 25, 25]


def test_a_bound_survives_a_restart(counts: CounterFiles, tmp_path: Path, clock: Clock) -> None:
    before = [counts.allow("text", "phone", HOURLY, f"r{n}") for n in range(2)]

    again = CounterFiles(tmp_path / "counted", clock)

    assert (before, again.allow("text", "phone", HOURLY, "r2")) == ([True, True], False)
    assert again.allow("text", "another", HOURLY, "r3")


def test_a_request_that_comes_again_is_counted_once_and_told_the_same(
    counts: CounterFiles, clock: Clock
) -> None:
    first = [counts.allow("text", "phone", HOURLY, f"r{n}") for n in range(3)]
    clock.seconds += HOUR + 1

    assert [counts.allow("text", "phone", HOURLY, f"r{n}") for n in range(3)] == first == [True, True, False]
    assert counts.allow("text", "phone", HOURLY, "r9")


def test_a_bound_that_counts_refusals_lets_nobody_in_who_goes_on(counts: CounterFiles, clock: Clock) -> None:
    bound = (Bound(2, 120, counts_refused=True),)
    allowed = []
    for n in range(20):
        allowed.append(counts.allow("unread", "phone", bound, f"r{n}"))
        clock.seconds += 30
    clock.seconds += 120

    assert allowed == [True, True] + [False] * 18
    assert counts.allow("unread", "phone", bound, "later")


def test_a_flood_does_not_make_a_file_long(counts: CounterFiles, tmp_path: Path) -> None:
    for n in range(MOST_REFUSED + 50):
        counts.allow("text", "phone", HOURLY, f"r{n}")

    lines = (tmp_path / "counted" / "text-phone").read_text().splitlines()

    assert len(lines) == MOST_REFUSED + 2
    assert not counts.allow("text", "phone", HOURLY, "one more")


def test_a_torn_line_is_passed_over(counts: CounterFiles, tmp_path: Path) -> None:
    counts.allow("text", "phone", HOURLY, "r0")
    with (tmp_path / "counted" / "text-phone").open("ab") as file:
        file.write(b"\xff 17900")

    assert [counts.allow("text", "phone", HOURLY, f"r{n}") for n in (1, 2)] == [True, False]


def no_folder(folder: Path) -> None:
    folder.write_text("a file stands where the folder should be")


def a_lock_that_is_kept(folder: Path) -> None:
    folder.mkdir()
    descriptor = os.open(folder / "text-phone", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)


@pytest.mark.parametrize("broken", [no_folder, a_lock_that_is_kept])
def test_where_no_file_can_be_counted_in_a_process_counts_for_itself(
    broken: Callable[[Path], None], tmp_path: Path, clock: Clock
) -> None:
    broken(tmp_path / "counted")
    counts = CounterFiles(tmp_path / "counted", clock)

    assert [counts.allow("text", "phone", HOURLY, f"r{n}") for n in range(4)] == [True, True, False, False]


def test_what_was_counted_or_performed_is_forgotten_after_a_day(
    counts: CounterFiles, tmp_path: Path, clock: Clock
) -> None:
    marks, folder = RequestMarks(tmp_path), tmp_path / "performed"
    counts.allow("text", "phone", HOURLY, "r0")
    marks.begin("r0")
    for path in (tmp_path / "counted" / "text-phone", folder / "r0"):
        os.utime(path, (clock(), clock()))

    for forget in (counts.forget, marks.forget):
        forget(clock() + DAY - 1)
    kept = [*(tmp_path / "counted").iterdir(), *folder.iterdir()]
    for forget in (counts.forget, marks.forget):
        forget(clock() + DAY + 1)

    assert len(kept) == 2
    assert [*(tmp_path / "counted").iterdir(), *folder.iterdir()] == []


def test_what_failed_can_be_tried_again_and_what_was_done_cannot(tmp_path: Path) -> None:
    marks = RequestMarks(tmp_path)
    began = [marks.begin("r0"), marks.begin("r0")]
    marks.undo("r0")

    assert (began, marks.begin("r0"), marks.begin("r0")) == ([True, False], True, False)


def test_without_a_disk_a_process_does_nothing_twice(tmp_path: Path) -> None:
    no_folder(tmp_path / "performed")
    marks = RequestMarks(tmp_path)

    assert [marks.begin("r0"), marks.begin("r0")] == [True, False]
    marks.undo("r0")
    assert marks.begin("r0")
