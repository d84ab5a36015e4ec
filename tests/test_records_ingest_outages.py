from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from ivr.effects import Entry
from ivr.records.call_log import list_calls
from ivr.records.database import Database, RecordsUnavailable, connect
from ivr.records.ingest import JournalFiler, record
from ivr.records.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest_plugins = ("postgres",)

STORY = [
    Entry("c", "0", 1000.0, "voice", "", "hello"),
    Entry("c", "1", 1008.0, "voice", "en", "main"),
    Entry("c", "2", 1012.0, "voice", "en", "signs-me"),
]


def now() -> float:
    return 1400.0


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    mine = Journal(tmp_path / "journal")
    yield mine
    mine.close()


def turns(database: Database) -> int:
    (call,) = list_calls(database)
    return call.turns


def test_directory_in_place_of_the_database_loses_nothing(
    tmp_path: Path, sqlite_url: str, journal: Journal
) -> None:
    path, aside = tmp_path / "ivr.db", tmp_path / "aside.db"
    database = connect(sqlite_url)
    filer = JournalFiler(journal, database, now)
    journal.write(STORY[0])
    filer.file_once()
    path.rename(aside)
    path.mkdir()
    journal.write(STORY[1])
    with pytest.raises(RecordsUnavailable):
        filer.file_once()
    path.rmdir()
    with pytest.raises(RecordsUnavailable):
        filer.file_once()
    assert not path.exists()  # A missing file is not replaced by an empty one.
    aside.rename(path)
    journal.write(STORY[2])

    filer.file_once()

    assert turns(database) == 3


def test_server_that_went_away_and_came_back_loses_nothing(
    postgres: str, postgres_url: str, journal: Journal
) -> None:
    database = connect(postgres_url)
    filer = JournalFiler(journal, database, now)
    journal.write(STORY[0])
    filer.file_once()
    with psycopg.connect(postgres, autocommit=True) as administrator:
        administrator.execute("ALTER DATABASE records ALLOW_CONNECTIONS false")
        try:
            administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'records'"
            )
            journal.write(STORY[1])
            with pytest.raises(RecordsUnavailable):
                filer.file_once()
        finally:
            administrator.execute("ALTER DATABASE records ALLOW_CONNECTIONS true")

    filer.file_once()

    assert turns(database) == 2
    database.close()


def test_server_that_was_restarted_is_not_noticed(postgres: str, postgres_url: str) -> None:
    database = connect(postgres_url)
    record(database, STORY[:1], 1400.0)
    with psycopg.connect(postgres, autocommit=True) as administrator:
        administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'records'"
        )

    record(database, STORY, 1400.0)

    assert turns(database) == 3
    database.close()


def test_server_that_keeps_us_waiting_counts_as_away(postgres_url: str) -> None:
    database = connect(postgres_url, patience=0.05)
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE")

        with pytest.raises(RecordsUnavailable, match="timeout"):
            record(database, STORY, 1400.0)

    record(database, STORY, 1400.0)
    assert turns(database) == 3
    database.close()


def test_writers_of_a_file_do_not_slip_into_one_another(sqlite_url: str) -> None:
    database = connect(sqlite_url)

    with database.write(), pytest.raises(RecordsUnavailable, match="locked"):
        record(database, STORY, 1400.0)


def test_database_without_tables_is_waited_for(empty_postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    for url in (empty_postgres_url, f"sqlite:///{tmp_path / 'empty.db'}"):
        database = connect(url)
        with pytest.raises(RecordsUnavailable):
            record(database, STORY, 1400.0)
        database.close()


def test_thread_outlives_a_missing_database(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    filer = JournalFiler(journal, connect(f"sqlite:///{tmp_path / 'missing.db'}"), now)
    journal.write(STORY[0])

    filer.start()
    filer.stop()

    assert "unavailable" in caplog.text
    assert len(journal.unfiled().entries) == 1
