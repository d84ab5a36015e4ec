from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from sizes import examples
from sqlalchemy import select

from ivr.effects import Entry
from ivr.records.call_log import list_calls
from ivr.records.ingest import record
from ivr.records.retention import blur
from ivr.records.tables import attempts, calls, live_transfers, transfers, turns
from ivr.records.transfer_store import TransferStore
from ivr.transfer.machine import Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from ivr.records.database import Database

pytest_plugins = ("postgres",)

START = datetime(2027, 1, 2, 3, 44, 5, 123000, tzinfo=UTC)
HOUR = datetime(2027, 1, 2, 3, tzinfo=UTC)
DAY = 86_400


def at(seconds: float) -> float:
    return START.timestamp() + seconds


STORY = [
    Entry("c", "0", at(0), "voice", "", "hello", mark="m"),
    Entry("c", "1", at(5.25), "voice", "fr", "person", order="any", rang="a", mark="m"),
    Entry("c", "2", at(30.5), "voice", "fr", "person", order="any", rang="b", ended="busy"),
    Entry("c", "accept-2", at(40.125), "voice", heard="accepted", outcome="accepted"),
    Entry("c", "3", at(300), "voice", "fr", "anything-else", ended="accepted"),
    Entry("c", "end", at(310.5), "voice"),
]


def moments(database: Database) -> Iterator[datetime]:
    """Read every moment that is stored of the only call."""
    with database.read() as sql:
        yield sql.execute(select(calls.c.started_at)).scalar_one()
        yield sql.execute(select(calls.c.ended_at)).scalar_one()
        yield from sql.scalars(select(transfers.c.started_at))
        for row in sql.execute(select(attempts).order_by(attempts.c.number)):
            yield from (m for m in (row.rung_at, row.accepted_at, row.ended_at) if m)


def seconds(database: Database) -> list[float]:
    with database.read() as sql:
        return list(sql.scalars(select(turns.c.seconds).order_by(turns.c.seconds)))


def test_after_a_day_only_the_hour_of_a_call_is_known(database: Database) -> None:
    record(database, STORY, at(400))
    early = blur(database, at(DAY) - 1)
    exact, within = list(moments(database)), seconds(database)

    count = blur(database, at(DAY))

    assert (early, count) == (0, 1)
    assert exact[0] == START
    assert [moment - (START - HOUR) for moment in exact] == list(moments(database))
    assert seconds(database) == within
    (call,) = list_calls(database)
    assert call.started_at == HOUR
    assert (call.outcome, call.transfers[0].waited) == ("connected", 34.9)


def test_blurring_twice_changes_nothing(database: Database) -> None:
    record(database, STORY, at(400))
    blur(database, at(DAY))
    once = list(moments(database))

    again = blur(database, at(2 * DAY))

    assert again == 0
    assert list(moments(database)) == once


def test_call_that_began_on_the_hour_is_blurred_as_any_other(database: Database) -> None:
    record(database, [Entry("c", "0", HOUR.timestamp(), "voice", "en", "main")], at(0))

    assert [blur(database, at(DAY)), blur(database, at(DAY))] == [1, 0]


@examples(8)
@given(st.lists(st.floats(0, 7200), min_size=1, max_size=450, unique=True))
def test_any_calls_keep_their_seconds(database: Database, starts: list[float]) -> None:
    with database.write() as sql:
        sql.execute(calls.delete())
    entries = [
        Entry(str(n), str(k), at(s + 1.5 * k), "voice", "en", "main")
        for n, s in enumerate(starts)
        for k in (0, 1)
    ]
    record(database, entries, at(0))

    count = blur(database, at(DAY + 7200))

    assert count == len(starts)
    assert all(
        (call.started_at.minute, call.started_at.second, call.started_at.microsecond) == (0, 0, 0)
        and call.ended_at == call.started_at + timedelta(seconds=1.5)
        for call in list_calls(database)
    )


def test_late_turn_neither_undoes_it_nor_gets_wrong_seconds(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    record(database, STORY[:-1], at(400))
    blur(database, at(DAY))
    blurred, within = list(moments(database)), seconds(database)

    record(database, [STORY[0], STORY[-1]], at(2 * DAY))

    assert list(moments(database)) == blurred
    assert seconds(database) == within
    assert "more than a day late are dropped: 1" in caplog.text


def test_call_filed_late_waits_an_hour_for_its_other_turns(database: Database) -> None:
    record(database, STORY[::2], at(3 * DAY))  # SQL was gone, and other processes have the rest.
    early = blur(database, at(3 * DAY + 60))
    record(database, STORY[1::2], at(3 * DAY + 61))

    late = blur(database, at(3 * DAY + 61 + 3600))

    assert (early, late) == (0, 1)
    assert seconds(database) == [0, 5.25, 30.5, 40.125, 300, 310.5]


def test_live_transfers_are_deleted_after_a_day(database: Database) -> None:
    for name, age in (("old", 1.01), ("young", 0.99)):
        TransferStore(database, lambda age=age: at(-age * DAY)).open(Transfer(name, "c", "any", "en"))  # type: ignore[misc]

    blur(database, at(0))

    with database.read() as sql:
        assert list(sql.scalars(select(live_transfers.c.id))) == ["young"]
