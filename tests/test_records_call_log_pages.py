from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

from ivr.effects import Entry
from ivr.records.call_log import CallFilter, TurnRow, export_calls, find_call, read_page, read_turns
from ivr.records.database import Database, connect
from ivr.records.ingest import record
from ivr.records.retention import blur

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ("postgres",)

START = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
TORONTO = ZoneInfo("America/Toronto")


def at(seconds: float) -> float:
    return START.timestamp() + seconds


def call(name: str, seconds: float, lasts: float = 1, channel: str = "voice") -> list[Entry]:
    return [
        Entry(name, "1", at(seconds), channel, "en", "main"),
        Entry(name, "end", at(seconds + lasts), channel),
    ]


def ids(database: Database, wanted: CallFilter) -> list[str]:
    return [found.id for found in read_page(database, wanted).calls]


def pages(database: Database, wanted: CallFilter, size: int) -> Iterator[list[str]]:
    after = ""
    while True:
        page = read_page(database, wanted, after, size)
        yield [found.id for found in page.calls]
        after = page.next
        if not after:
            return


def test_each_call_is_on_one_page_also_where_starts_are_equal(database: Database) -> None:
    named = [(f"{number:03}", number // 7) for number in range(20)]
    record(database, [entry for one in named for entry in call(*one)], at(500))

    found = list(pages(database, CallFilter(), 5))

    assert [len(page) for page in found] == [5, 5, 5, 5]
    assert [one for page in found for one in page] == [f"{number:03}" for number in reversed(range(20))]


@pytest.mark.parametrize("examine", [1, 3, 7, 8, 100])
def test_a_page_examines_so_many_calls_and_the_next_goes_on_from_there(
    database: Database, examine: int
) -> None:
    kept = {"000", "005", "006"}
    called = [call(f"{n:03}", n // 2, channel="text" if f"{n:03}" in kept else "voice") for n in range(8)]
    record(database, [entry for each in called for entry in each], at(500))
    found, after, read = [], "", 0

    while after or not read:
        page = read_page(database, CallFilter(channel="text"), after, examine=examine)
        found += [each.id for each in page.calls]
        after, read = page.next, read + 1

    assert found == ["006", "005", "000"]
    assert read == 8 // examine + 1


def test_calls_are_newest_first_and_those_that_arrive_meanwhile_repeat_none(database: Database) -> None:
    record(database, [*call("a", 0), *call("b", 60), *call("c", 120)], at(500))
    first = read_page(database, CallFilter(), size=2)

    record(database, call("d", 180), at(500))

    assert [found.id for found in first.calls] == ["c", "b"]
    assert [found.id for found in read_page(database, CallFilter(), first.next).calls] == ["a"]


@pytest.mark.parametrize(
    "after",
    [
        "rubbish",
        "~",
        "2027-01-02T03:04:05~a",  # Of no time zone.
        "2027-01-02T03:04:05+00:00~",
        "2027-01-02T03:04:05+00:00~a\0",
        "0001-01-01T00:00:00+05:00~a",
    ],
)
def test_what_is_no_cursor_is_the_first_page(database: Database, after: str) -> None:
    record(database, [*call("a", 0), *call("b", 60)], at(500))

    assert read_page(database, CallFilter(), after) == read_page(database, CallFilter())


def test_export_gives_all_the_pages(database: Database) -> None:
    record(
        database, [entry for number in range(450) for entry in call(f"{number:03}", number // 300)], at(999)
    )

    assert [[found.id for found in page] for page in export_calls(database, CallFilter())] == [
        [f"{n:03}" for n in reversed(range(*some))] for some in ((250, 450), (50, 250), (0, 50))
    ]


def test_export_gives_a_call_once_that_is_blurred_meanwhile(database: Database) -> None:
    record(database, [entry for n in range(250) for entry in call(f"{n:03}", n)], at(999))
    exported = export_calls(database, CallFilter())

    found = next(exported)
    blur(database, at(90_000))
    found += [one for page in exported for one in page]

    assert sorted(one.id for one in found) == [f"{n:03}" for n in range(250)]


def test_an_export_of_many_days_holds_no_more_than_one_of_a_few(database: Database) -> None:
    every_ten_minutes = [Entry(f"{n:05}", "1", at(600 * n), "voice", "en", "main") for n in range(3000)]
    record(database, every_ten_minutes, at(600 * 3000))
    held: list[int] = []

    tracemalloc.start()
    try:
        for _ in export_calls(database, CallFilter()):
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()

    assert len(held) == 15
    assert max(held[5:]) < held[4] + 50_000  # Bytes; the ids of all these calls take 300,000 more.


VARIED = [
    *call("plain", 0, 60),
    Entry("french", "1", at(90_000), "voice", "fr", "main"),
    Entry("french", "2", at(90_010), "voice", "fr", "person", order="any", rang="chrysalis"),
    Entry("french", "3", at(90_030), "voice", "fr", "unreached", ended="no_answer"),
    Entry("french", "end", at(90_120), "voice"),
    Entry("text", "1", at(180_000), "text", "en", "signs", outcome="left"),
    Entry("on", "1", at(200_000), "voice", "en", "main"),
]


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (CallFilter(), ["on", "text", "french", "plain"]),
        (CallFilter(since=date(2027, 1, 3)), ["on", "text", "french"]),
        (CallFilter(until=date(2027, 1, 3)), ["french", "plain"]),
        (CallFilter(since=date(2027, 1, 3), until=date(2027, 1, 3)), ["french"]),
        (CallFilter(since=date.min, until=date.max, zone=TORONTO), ["on", "text", "french", "plain"]),
        (CallFilter(until=date(2027, 1, 1), zone=TORONTO), ["plain"]),
        (CallFilter(hour=3), ["plain"]),
        (CallFilter(hour=4), ["french"]),
        (CallFilter(hour=22, zone=TORONTO), ["plain"]),
        (CallFilter(hour=4, until=date(2027, 1, 2)), []),
        (CallFilter(channel="text"), ["text"]),
        (CallFilter(language="fr"), ["french"]),
        (CallFilter(outcomes=("not_connected",)), ["french"]),
        (CallFilter(agency="chrysalis"), ["french"]),
        (CallFilter(agency="victim-services"), []),
        (CallFilter(stops=("person",)), ["french"]),
        (CallFilter(stops=("signs", "unreached", "nowhere")), ["text", "french"]),
        (CallFilter(seconds_from=60), ["french", "plain"]),
        (CallFilter(seconds_from=61), ["french"]),
        (CallFilter(seconds_from=1, seconds_to=60), ["plain"]),
        (CallFilter(channel="voice", stops=("main",), outcomes=("abandoned",)), ["plain"]),
    ],
)
def test_a_filter_keeps_the_calls_it_speaks_of(
    database: Database, wanted: CallFilter, kept: list[str]
) -> None:
    record(database, VARIED, at(200_001))

    assert ids(database, wanted) == kept


def test_hours_are_those_of_the_clock_on_the_wall_in_winter_and_in_summer(database: Database) -> None:
    moments = {
        "winter": datetime(2027, 1, 5, 15, tzinfo=TORONTO),
        "before": datetime(2027, 3, 14, 1, 59, 59, tzinfo=TORONTO),
        "after": datetime(2027, 3, 14, 3, tzinfo=TORONTO),
        "summer": datetime(2027, 7, 5, 15, 59, 59, tzinfo=TORONTO),
        "autumn": datetime(2027, 12, 5, 15, 30, tzinfo=TORONTO),
        "later": datetime(2027, 12, 5, 16, tzinfo=TORONTO),
    }
    told = {name: (moment.astimezone(UTC) - START).total_seconds() for name, moment in moments.items()}
    record(database, [entry for one in told.items() for entry in call(*one)], at(40_000_000))

    assert ids(database, CallFilter(hour=15, zone=TORONTO)) == ["autumn", "summer", "winter"]
    assert ids(database, CallFilter(hour=1, zone=TORONTO)) == ["before"]
    assert ids(database, CallFilter(hour=2, zone=TORONTO)) == []
    assert ids(database, CallFilter(hour=3, zone=TORONTO)) == ["after"]


def test_an_empty_log_has_one_empty_page(database: Database) -> None:
    page = read_page(database, CallFilter(hour=3))

    assert (page.calls, page.next, list(export_calls(database, CallFilter()))) == ([], "", [[]])


def test_one_call_is_found_with_its_turns_in_order(database: Database) -> None:
    told = [
        replace(VARIED[3], heard="1"),
        *(entry for entry in VARIED if entry.call != "french"),
        *(entry for entry in VARIED if entry.call == "french" and entry.key != "2"),
    ]
    record(database, told, at(200_001))

    found = find_call(database, "french")

    assert found is not None
    assert found.stops == ("main", "person", "unreached")
    assert read_turns(database, "french") == [
        TurnRow("main", "", 0.0, "fr"),
        TurnRow("person", "1", 10.0, "fr"),
        TurnRow("unreached", "", 30.0, "fr"),
    ]
    assert (find_call(database, "nobody"), read_turns(database, "nobody")) == (None, [])


def test_sqlite_reads_a_filtered_page_along_an_index(sqlite_url: str) -> None:
    database = connect(sqlite_url)
    record(database, [*VARIED, *call("z", 1000)], at(200_001))
    after = read_page(database, CallFilter(), size=1).next
    asked: list[tuple[str, tuple[object, ...]]] = []
    event.listen(
        database.engine, "before_cursor_execute", lambda *told: asked.append((told[2], tuple(told[3])))
    )

    day = START.date()
    wanted = CallFilter(
        day, day + timedelta(days=3), hour=3, agency="chrysalis", stops=("main",), zone=TORONTO
    )
    read_page(database, wanted, after)
    read_page(database, CallFilter(outcomes=("left",)), after)

    queries = [one for one in asked if "FROM calls" in one[0]]
    with database.read() as sql:
        plans = [
            row[3]
            for query, given in queries
            for row in sql.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given)
        ]
    touched = [step for step in plans if "calls" in step]
    assert len(queries) == 6
    assert [step for step in touched if "INDEX" not in step] == []
    assert [
        step for step in plans if "ix_attempts_agency" in step
    ] == []  # All its rings, for each call anew.
    assert [step for step in plans if "TEMP B-TREE" in step or step.startswith("SCAN")] == []
