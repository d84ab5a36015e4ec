from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from postgres import stored

from ivr.records.database import Database, RecordsUnavailable, connect
from ivr.records.tables import live_transfers
from ivr.records.transfer_store import LEG_SECONDS, TALK_SECONDS, TransferStore
from ivr.transfer.machine import State, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

pytest_plugins = ("postgres",)

WAITED = 50  # Seconds after which a choice is offered.
ASKED = Transfer("t", "call", "any", "fr")


class Clock:
    """A clock that the test moves."""

    time = 1_800_000_000.0

    def now(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def transfers(database: Database, clock: Clock) -> TransferStore:
    with database.write() as sql:
        sql.execute(live_transfers.delete())
    return TransferStore(database, clock.now)


def becomes(state: State, agency: str = "a") -> Callable[[Transfer, Mapping[str, int]], Transfer]:
    return lambda transfer, _busy: replace(transfer, state=state, agency=agency)


def put(transfers: TransferStore, name: str, state: State, agency: str = "a") -> None:
    transfers.open(replace(ASKED, id=name, state=state, agency=agency))


def busy_at(transfers: TransferStore, name: str) -> dict[str, int]:
    seen: dict[str, int] = {}

    def look(_transfer: Transfer, busy: Mapping[str, int]) -> None:
        seen.update(busy)

    transfers.change(name, look)
    return seen


def all_at_once(names: list[str], act: Callable[[str], object]) -> None:
    """Let each name be acted on in a thread of its own, again and again until SQL takes it."""
    ready = threading.Barrier(len(names))

    def go(name: str) -> None:
        ready.wait()
        while True:
            try:
                act(name)
            except RecordsUnavailable:  # SQLite kept it waiting too long.
                continue
            return

    threads = [threading.Thread(target=go, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_transfer_is_found_as_it_was_opened(transfers: TransferStore) -> None:
    full = Transfer(
        "t",
        "call",
        "any",
        "fr",
        State.BRIEFING,
        0,
        2,
        "chrysalis",
        ("victim-services", "chrysalis"),
        31,
        20,
        7,
        "2",
    )

    transfers.open(full)

    assert stored(transfers, "t") == full
    assert stored(transfers, "other") is None


def test_opening_a_second_time_changes_nothing(transfers: TransferStore) -> None:
    transfers.open(ASKED)
    transfers.change("t", becomes(State.RINGING))

    transfers.open(ASKED)

    kept = stored(transfers, "t")
    assert kept
    assert (kept.state, kept.version) == (State.RINGING, 1)


def test_change_is_told_before_and_after(transfers: TransferStore) -> None:
    transfers.open(ASKED)

    changed = transfers.change("t", becomes(State.DIALLING))

    after = replace(ASKED, state=State.DIALLING, agency="a", version=1)
    assert changed == (ASKED, after)
    assert stored(transfers, "t") == after


def test_change_to_the_same_writes_nothing(transfers: TransferStore, clock: Clock) -> None:
    transfers.open(ASKED)
    clock.time += 100

    assert transfers.change("t", lambda *_: None) == (ASKED, ASKED)
    assert transfers.change("t", lambda transfer, _: transfer) == (ASKED, ASKED)
    assert transfers.forget(clock.time) == 1


def test_transfer_that_is_not_there_is_not_changed(transfers: TransferStore) -> None:
    assert transfers.change("t", becomes(State.RINGING)) is None


def test_decision_that_fails_leaves_the_transfer_as_it_was(transfers: TransferStore) -> None:
    transfers.open(ASKED)

    def fail(*_: object) -> Transfer:
        raise LookupError

    with pytest.raises(LookupError):
        transfers.change("t", fail)

    assert stored(transfers, "t") == ASKED


@pytest.mark.parametrize("state", list(State))
def test_only_telephones_in_use_take_up_an_agencys_lines(transfers: TransferStore, state: State) -> None:
    put(transfers, "t", State.RINGING)
    put(transfers, "other", state)

    busy = busy_at(transfers, "t")  # It does not count itself.

    assert busy == (
        {"a": 1} if state in {State.DIALLING, State.RINGING, State.BRIEFING, State.CONNECTED} else {}
    )


@pytest.mark.parametrize(
    ("state", "seconds"), [(State.RINGING, LEG_SECONDS), (State.CONNECTED, TALK_SECONDS)]
)
def test_line_of_a_lost_transfer_is_free_again(
    transfers: TransferStore, clock: Clock, state: State, seconds: int
) -> None:
    transfers.open(ASKED)
    put(transfers, "lost", state)

    clock.time += seconds
    just_before = busy_at(transfers, "t")
    clock.time += 1
    after = busy_at(transfers, "t")

    assert (just_before, after) == ({"a": 1}, {})


def test_no_change_is_lost_when_many_come_at_once(transfers: TransferStore) -> None:
    transfers.open(ASKED)

    def count(transfer: Transfer, _: Mapping[str, int]) -> Transfer:
        return replace(transfer, tick=transfer.tick + 1)

    all_at_once(["t"] * 8, lambda name: [transfers.change(name, count) for _ in range(5)][:0])

    kept = stored(transfers, "t")
    assert kept
    assert kept.tick == kept.version >= 40


def test_nobody_waits_for_a_decision_and_none_is_lost_that_came_meanwhile(
    sqlite_url: str, clock: Clock
) -> None:
    slow, quick = (TransferStore(connect(sqlite_url, locked=0), clock.now) for _ in range(2))
    slow.open(ASKED)
    asked = []

    def decide(transfer: Transfer, _: Mapping[str, int]) -> Transfer:
        asked.append(transfer.topic)
        if len(asked) == 1:
            quick.change("t", lambda found, _: replace(found, topic="2"))
        return replace(transfer, tick=transfer.tick + 1)

    slow.change("t", decide)

    assert asked == ["", "2"]
    assert stored(quick, "t") == replace(ASKED, topic="2", tick=1, version=2)


def test_two_sessions_never_claim_one_line(transfers: TransferStore) -> None:
    names = [f"t{number}" for number in range(6)]
    for name in names:
        transfers.open(replace(ASKED, id=name))

    def claim(transfer: Transfer, busy: Mapping[str, int]) -> Transfer | None:
        if busy.get("a", 0) or transfer.agency:
            return None
        return replace(transfer, state=State.DIALLING, agency="a")

    all_at_once(names, lambda name: transfers.change(name, claim))

    kept = [stored(transfers, name) for name in names]
    assert sum(1 for one in kept if one and one.agency == "a") == 1


def test_old_transfers_are_forgotten(transfers: TransferStore, clock: Clock) -> None:
    transfers.open(ASKED)
    clock.time += 50
    transfers.open(replace(ASKED, id="new"))

    forgotten = transfers.forget(clock.time - 10)

    assert forgotten == 1
    assert (stored(transfers, "t"), stored(transfers, "new")) == (None, replace(ASKED, id="new"))


@pytest.mark.parametrize(
    ("states", "count"),
    [
        ([], 0),
        ([State.RETURNED], 1),
        ([State.RETURNED, State.DIRECT, State.RETURNED], 3),
        ([State.RETURNED, State.FINISHED, State.DIRECT], 1),
        ([State.RETURNED, State.RETURNED, State.CONNECTED], 0),
        ([State.FINISHED, State.RETURNED, State.LEFT, State.RETURNED, State.RINGING], 2),
    ],
)
def test_callers_who_reached_nobody_are_counted_in_a_row(
    transfers: TransferStore, clock: Clock, states: list[State], count: int
) -> None:
    for number, state in enumerate(states):
        clock.time += 1
        put(transfers, f"t{number}", state)

    assert transfers.unreached_in_a_row(WAITED) == count


@pytest.mark.parametrize(("waited", "count"), [(50, 0), (51, 1)])
def test_a_caller_who_left_once_a_choice_was_offered_reached_nobody(
    transfers: TransferStore, waited: int, count: int
) -> None:
    transfers.open(replace(ASKED, state=State.LEFT, waited=waited))

    assert transfers.unreached_in_a_row(WAITED) == count


def test_missing_database_is_told_by_every_verb(tmp_path: Path, clock: Clock) -> None:
    transfers = TransferStore(connect(f"sqlite:///{tmp_path / 'missing.db'}"), clock.now)
    verbs: list[Callable[[], object]] = [
        lambda: transfers.open(ASKED),
        lambda: transfers.change("t", becomes(State.RINGING)),
        lambda: transfers.forget(0),
        lambda: transfers.unreached_in_a_row(WAITED),
    ]

    for verb in verbs:
        with pytest.raises(RecordsUnavailable):
            verb()
