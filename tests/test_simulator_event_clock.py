"""The clock of a network around real processes: it jumps, and only when nobody has anything in hand."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from ivr.simulator.event_clock import EventClock, StuckError

START = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)


def test_time_jumps_to_what_is_due_and_is_shown_to_whoever_reads_it() -> None:
    shown: list[float] = []
    clock, done = EventClock(show=shown.append, start=START), threading.Event()
    clock.after(3600, done.set)

    became = clock.until(done.is_set, 4000)

    assert became
    assert clock.now() == 3600
    assert shown == [START.timestamp(), START.timestamp() + 3600]


def test_time_stands_at_the_limit_when_nothing_comes() -> None:
    clock = EventClock()
    clock.after(100, lambda: None)

    became = clock.until(lambda: False, 60)

    assert not became
    assert clock.now() == 60


def test_time_stands_still_until_an_answer_has_come() -> None:
    clock, go_on = EventClock(), threading.Event()
    seen: list[float] = []
    clock.work(lambda: go_on.wait(60), lambda _: seen.append(clock.now()))
    clock.after(5, lambda: seen.append(-1))
    waits = threading.Thread(target=lambda: clock.advance(10))

    waits.start()
    go_on.set()
    waits.join(60)

    assert seen == [0, -1]


def test_time_that_passes_is_lived_through_while_an_answer_is_waited_for() -> None:
    clock, go_on = EventClock(passes=True), threading.Event()
    seen: list[float] = []
    clock.work(lambda: go_on.wait(60), lambda _: seen.append(clock.now()))
    clock.after(0.05, go_on.set)  # Due before the answer comes: for that it is waited.
    clock.after(3600, lambda: seen.append(clock.now()))

    became = clock.until(lambda: len(seen) == 2, 4000)

    assert became
    assert 0.05 <= seen[0] < 3600  # As long as that took;
    assert seen[1] == 3600  # and then nothing was to be waited for.


def test_time_that_passes_ends_at_its_limit_also_when_something_stays_in_hand() -> None:
    clock = EventClock(lambda: "a job", passes=True)

    became = clock.until(lambda: False, 0.1)

    assert not became
    assert clock.now() == pytest.approx(0.1)


def test_time_stands_still_while_the_other_side_has_something_in_hand() -> None:
    looks = iter(["a job", "a job", "an entry"])
    asked: list[float] = []

    def busy() -> str:
        asked.append(clock.now())
        return next(looks, "")

    clock = EventClock(busy)
    clock.after(5, lambda: None)
    clock.advance(10)

    assert asked[:4] == [0, 0, 0, 0]
    assert clock.now() == 10


def test_one_after_the_other_is_asked_where_all_has_an_order() -> None:
    clock, under_way, most = EventClock(), [0], [0]
    lock = threading.Lock()

    def job() -> None:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        with lock:
            under_way[0] -= 1

    for _ in range(20):
        clock.after(1, lambda: clock.work(job, lambda _: None))
    clock.advance(2)

    assert most == [1]


def test_those_who_ask_in_the_same_moment_are_answered_side_by_side() -> None:
    clock, meeting = EventClock(at_once=3), threading.Barrier(3)
    met: list[int] = []
    for _ in range(3):
        clock.after(1, lambda: clock.work(lambda: meeting.wait(60), met.append))

    clock.advance(2)

    assert sorted(met) == [0, 1, 2]


def test_whoever_has_something_in_hand_for_ever_is_named() -> None:
    clock = EventClock(lambda: "jobs of the worker: Ring-1", patience=0.05)

    with pytest.raises(StuckError, match="Ring-1"):
        clock.advance(1)


def test_an_answer_that_cannot_be_taken_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    clock, done = EventClock(), threading.Event()

    clock.work(lambda: 1 / 0, lambda _: None)
    clock.after(1, lambda: int("no number"))
    clock.after(2, done.set)

    assert clock.until(done.is_set, 10)
    assert "could not be got" in caplog.text
    assert "a thing that was due failed" in caplog.text


def test_the_clock_tells_what_happened_and_what_is_due() -> None:
    clock = EventClock(lambda: "a job")
    clock.after(7, lambda: None)

    now, due = clock.tell()

    assert now.endswith("0.00 now; waits for: a job")
    assert due.startswith("    7.00 due: test_the_clock_tells")


def test_nothing_happens_on_a_clock_that_is_closed() -> None:
    clock, done = EventClock(), threading.Event()
    clock.after(1, done.set)

    clock.close()

    assert not clock.until(done.is_set, 10)
    assert not done.is_set()
