from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from ivr.circuit_breaker import PartUnavailable
from ivr.records.database import RecordsUnavailable
from ivr.records.transfer_store import FAILURES, TimeLimitedStore
from ivr.transfer.machine import Decide, Follow, Transfer, nothing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ASKED = Transfer("t", "call", "any", "fr")


@dataclass
class Kept:
    """A store in memory that can be made to hang or to fail."""

    rows: dict[str, Transfer] = field(default_factory=dict)
    fails: Exception | None = None
    free: threading.Event = field(default_factory=threading.Event)
    asked: int = 0

    def open(self, transfer: Transfer) -> None:
        self._wait()
        self.rows[transfer.id] = transfer

    def change(
        self, transfer_id: str, decide: Decide, follow: Follow = nothing
    ) -> tuple[Transfer, Transfer] | None:
        self._wait()
        before = self.rows[transfer_id]
        self.rows[transfer_id] = decide(before, {}) or before
        follow(before, self.rows[transfer_id])
        return before, self.rows[transfer_id]

    def of_calls(self, calls: Sequence[str]) -> list[str]:
        self._wait()
        return [transfer.id for transfer in self.rows.values() if transfer.call in calls]

    def unreached_in_a_row(self) -> int:
        self._wait()
        return len(self.rows)

    def _wait(self) -> None:
        self.asked += 1
        self.free.wait(10)
        if self.fails:
            raise self.fails


class Clock:
    """A clock that the test moves."""

    time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def kept() -> Iterator[Kept]:
    store = Kept()
    store.free.set()
    yield store
    store.free.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_answers_in_time_are_the_stores_own(kept: Kept, clock: Clock) -> None:
    timely = TimeLimitedStore(kept, 5, clock=clock)

    timely.open(ASKED)

    assert kept.rows == {"t": ASKED}
    assert timely.change("t", lambda *_: None) == (ASKED, ASKED)


def test_hanging_store_is_left_alone_for_a_while_and_one_that_was_late_once_is_not(
    kept: Kept, clock: Clock
) -> None:
    kept.free.clear()
    timely = TimeLimitedStore(kept, 0.01, rest=5, clock=clock)

    for _ in range(FAILURES):
        with pytest.raises(RecordsUnavailable, match="in time"):
            timely.open(ASKED)
    clock.time += 4.9
    with pytest.raises(PartUnavailable, match="alone"):
        timely.open(ASKED)

    assert kept.asked == FAILURES > 1


def test_store_that_is_back_is_asked_again(kept: Kept, clock: Clock) -> None:
    kept.fails = RecordsUnavailable("gone")
    timely = TimeLimitedStore(kept, 5, rest=5, clock=clock)
    for _ in range(FAILURES):
        with pytest.raises(RecordsUnavailable, match="gone"):
            timely.open(ASKED)
    kept.fails = None
    clock.time += 5

    timely.open(ASKED)

    assert kept.rows == {"t": ASKED}


def test_fault_of_a_decision_is_no_fault_of_the_store(kept: Kept, clock: Clock) -> None:
    timely = TimeLimitedStore(kept, 5, clock=clock)

    with pytest.raises(KeyError):
        timely.change("nobody", lambda *_: None)

    timely.open(ASKED)
    assert kept.rows == {"t": ASKED}


def test_change_that_is_late_may_still_be_done(kept: Kept, clock: Clock) -> None:
    kept.free.clear()
    timely = TimeLimitedStore(kept, 0.01, clock=clock)
    done = threading.Event()
    kept.rows["t"] = ASKED

    def decide(transfer: Transfer, _: Mapping[str, int]) -> Transfer:
        done.set()
        return transfer

    with pytest.raises(PartUnavailable):
        timely.change("t", decide)
    kept.free.set()

    assert done.wait(10)
