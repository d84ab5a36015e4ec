from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sizes import examples
from sqlalchemy import event, func, select

from ivr.effects import Entry
from ivr.records.call_log import CallRecord, list_calls
from ivr.records.call_summary import BRIDGED_SILENT, TEXT_SILENT, VOICE_SILENT
from ivr.records.database import Database, RecordsUnavailable, connect
from ivr.records.ingest import JournalFiler, pause_after, record
from ivr.records.journal import Journal
from ivr.records.tables import attempts, calls, transfers, turns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest_plugins = ("postgres",)

START = 1_800_000_000.0
STORY = [
    Entry("c", "0", START, "voice", "", "hello"),
    Entry("c", "1", START + 8.125, "voice", "en", "main", "key"),
    Entry("c", "2", START + 12, "voice", "en", "signs-me", "key", outcome="informed"),
    Entry("c", "3", START + 30, "voice", "en", "person", "key", order="any", rang="victim-services"),
    Entry("c", "4", START + 50, "voice", "en", "person", "", order="any", rang="chrysalis", ended="busy"),
    Entry("c", "accept-4", START + 60, "voice", heard="accepted", outcome="accepted"),
    Entry("c", "5", START + 300, "voice", "en", "anything-else", ended="accepted"),
    Entry("c", "end", START + 310.5, "voice"),
]


class Clock:
    """A clock that the test moves."""

    time = START + 400

    def now(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    mine = Journal(tmp_path / "journal")
    yield mine
    mine.close()


@pytest.fixture
def filer(journal: Journal, database: Database, clock: Clock) -> JournalFiler:
    return JournalFiler(journal, database, clock.now)


def log(database: Database) -> list[CallRecord]:
    return list(list_calls(database))


def only(database: Database) -> CallRecord:
    (call,) = log(database)
    return call


def counts(database: Database) -> list[int | None]:
    with database.read() as sql:
        tables = (calls, turns, transfers, attempts)
        return [sql.scalar(select(func.count()).select_from(table)) for table in tables]


def test_call_is_in_the_log_once_it_is_filed(
    journal: Journal, filer: JournalFiler, database: Database
) -> None:
    for entry in STORY:
        journal.write(entry)

    filed = filer.file_once()

    assert filed == 8
    assert only(database).outcome == "connected"
    assert journal.unfiled().empty


def test_the_row_of_a_call_that_goes_on_tells_its_last_turn(database: Database) -> None:
    told = []
    for entry in STORY[:3]:
        record(database, [entry], START + 20)
        with database.read() as sql:
            told.append(tuple(sql.execute(select(calls.c.language, calls.c.last_stop, calls.c.turns)).one()))

    assert told == [("", "hello", 1), ("en", "main", 2), ("en", "signs-me", 3)]


def test_entries_filed_twice_are_in_the_log_once(
    journal: Journal, filer: JournalFiler, database: Database
) -> None:
    for entry in [*STORY, *STORY]:
        journal.write(entry)
    filer.file_once()
    once = only(database)

    for entry in STORY:
        journal.write(entry)
    filer.file_once()

    assert counts(database) == [1, 8, 1, 2]
    assert only(database) == once


def test_turn_that_came_twice_counts_when_it_first_came(database: Database) -> None:
    record(database, [Entry("c", "1", START + 8.12534, "voice", "en", "main", "key")], START)
    record(database, [Entry("c", "1", START + 99, "voice", "en", "main", "key")], START)

    assert only(database).started_at == datetime.fromtimestamp(START + 8.125, UTC)


@examples(10)
@given(data=st.data())
def test_rows_are_the_same_in_whatever_order_entries_arrive(sqlite_url: str, data: st.DataObject) -> None:
    arrivals = data.draw(st.permutations([*STORY, *STORY[:: data.draw(st.integers(1, 8))]]))
    cut = data.draw(st.integers(0, len(arrivals)))
    database = connect(sqlite_url)
    with database.write() as sql:
        sql.execute(calls.delete())

    for part in (arrivals[:cut], arrivals[cut:]):
        record(database, part, START + 400)

    call = only(database).as_json()
    record(database, STORY, START + 400)
    assert call == only(database).as_json()
    assert list(call["stops"]) == ["hello", "main", "signs-me", "person", "anything-else"]
    assert (call["turns"], call["outcome"], call["ended_at"]) == (6, "connected", "2027-01-15T08:05:10Z")
    assert call["transfers"][0]["waited"] == 30.0


def test_more_than_a_batch_is_filed_at_once(
    journal: Journal, filer: JournalFiler, database: Database
) -> None:
    for number in range(1201):
        journal.write(Entry(f"call-{number % 7}", str(number), START + number, "voice"))
    transactions: list[object] = []
    event.listen(database.engine, "commit", transactions.append)

    filer.file_once()

    assert counts(database)[:2] == [7, 1201]
    assert len(transactions) > 12  # Between them others write.


def test_entry_that_sql_refuses_spoils_no_other(
    journal: Journal, postgres_url: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    database = connect(postgres_url)
    for entry in [*STORY[:4], Entry("c", "7", START, "voice", stop="nul \x00"), *STORY[4:]]:
        journal.write(entry)

    JournalFiler(journal, database, clock.now).file_once()

    assert counts(database) == [1, 8, 1, 2]
    assert "refuses" in caplog.text
    assert "nul" not in caplog.text
    database.close()


def test_entries_past_retention_are_dropped(journal: Journal, database: Database, clock: Clock) -> None:
    journal.write(STORY[0])
    journal.write(Entry("new", "0", clock.time, "voice"))

    JournalFiler(journal, database, clock.now, keep_seconds=lambda: 100).file_once()

    assert [call.id for call in log(database)] == ["new"]


def test_two_processes_file_one_call_together(database: Database) -> None:
    both = threading.Barrier(2)

    def file(share: list[Entry]) -> None:
        both.wait()
        for entry in share:
            while True:
                try:
                    record(database, [entry], START + 400)
                except RecordsUnavailable:
                    continue
                break

    filers = [threading.Thread(target=file, args=(share,)) for share in (STORY[::2], STORY[1::2])]
    for one in filers:
        one.start()
    for one in filers:
        one.join()

    assert counts(database) == [1, 8, 1, 2]
    assert only(database).outcome == "connected"


def test_journals_of_the_dead_are_filed_when_tending(
    tmp_path: Path, filer: JournalFiler, database: Database, clock: Clock
) -> None:
    dead = Journal(tmp_path / "journal")
    for entry in STORY:
        dead.write(entry)
    dead.close()

    filer.tend(clock.time)

    assert only(database).turns == 6
    assert list((tmp_path / "journal").iterdir()) == []


@pytest.mark.parametrize(
    ("entries", "silent", "outcome"),
    [
        (STORY[:2], VOICE_SILENT, "abandoned"),
        (STORY[:3], VOICE_SILENT, "informed"),
        (STORY[:6], BRIDGED_SILENT, "connected"),
        ([Entry("t", "ab", START, "text", "en", "main")], TEXT_SILENT, "abandoned"),
    ],
)
def test_silent_conversation_is_closed_when_tending(
    filer: JournalFiler, database: Database, entries: list[Entry], silent: int, outcome: str
) -> None:
    last = entries[-1].at
    record(database, entries, last)

    filer.tend(last + silent - 1)
    before = only(database)
    filer.tend(last + silent)
    after = only(database)

    assert (before.ended_at, before.outcome) == (None, None)
    assert (after.ended_at, after.outcome) == (datetime.fromtimestamp(last, UTC), outcome)


def test_turn_after_closing_is_taken_in(filer: JournalFiler, database: Database) -> None:
    record(database, STORY[:2], START + 10)
    filer.tend(START + 2000)
    assert only(database).outcome == "abandoned"

    record(database, STORY[2:], START + 2001)

    call = only(database)
    assert (call.outcome, call.ended_at) == ("connected", datetime.fromtimestamp(START + 310.5, UTC))


def test_thread_files_and_stops(journal: Journal, filer: JournalFiler, database: Database) -> None:
    filer.start()
    filer.start()
    journal.write(STORY[0])

    filer.stop()

    assert only(database).turns == 1
    assert "filer" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("pause", "took", "found", "shortest", "expected"),
    [
        (0.1, 0.01, True, 0.1, 0.1),
        (0.1, 0.05, True, 0.1, 0.2),  # Callers have the process for four times as long.
        (0.1, 3.0, True, 0.1, 0.5),
        (0.1, 0.001, False, 0.1, 0.1),
        (0.1, 0.05, False, 0.1, 0.2),  # Nothing was filed, but calls that fell silent were closed.
        (0.01, 0.001, False, 0.01, 0.02),  # A rehearsal in which nothing happens.
        (0.08, 0.001, False, 0.01, 0.1),
        (0.1, 0.001, True, 0.01, 0.01),  # And one in which something does again.
        (0.1, 0.3, None, 0.1, 0.2),
        (1.6, 0.3, None, 0.1, 2.0),
    ],
)
def test_the_next_round_comes_when_callers_and_sql_can_bear_it(
    *, pause: float, took: float, found: bool | None, shortest: float, expected: float
) -> None:
    assert pause_after(pause, took, found=found, shortest=shortest) == pytest.approx(expected)
