from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ivr.effects import Entry
from ivr.records.agency_status import switch_off
from ivr.records.database import Database, connect
from ivr.records.ingest import JournalFiler, record
from ivr.records.journal import Journal
from ivr.records.snapshot import NAME, Snapshot, SnapshotHolder
from ivr.records.tables import agency_status

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("postgres",)

NOW = 1_800_000_000.0
MOMENT = datetime.fromtimestamp(NOW, UTC)
HOUR = 3600.0


@pytest.fixture
def agencies(database: Database) -> Database:
    with database.write() as sql:
        sql.execute(agency_status.delete())
    return database


class Clock:
    """A clock that the test moves."""

    time = NOW

    def now(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def miss_three(agencies: Database) -> None:
    """Let one agency be busy for three callers: the last time an hour ago."""
    for hours in (3, 2, 1):
        at = NOW - hours * HOUR
        asked = Entry(f"c{hours}", "1", at - 10, "voice", "en", "person", order="any", rang="a")
        record(agencies, [asked, Entry(f"c{hours}", "2", at, "voice", "en", "unreached", ended="busy")], NOW)


def test_snapshot_knows_who_is_off_and_who_fails(agencies: Database, tmp_path: Path, clock: Clock) -> None:
    miss_three(agencies)
    switch_off(agencies, "b", None, "moved")
    snapshots = SnapshotHolder(agencies, tmp_path, clock.now)
    before = snapshots.current

    assert snapshots.refresh()

    assert before == Snapshot()
    assert snapshots.current == Snapshot(frozenset({"b"}), frozenset({"a"}), NOW)


def test_process_without_sql_knows_the_last_good_copy(
    agencies: Database, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    switch_off(agencies, "b", None, "moved")
    SnapshotHolder(agencies, tmp_path, clock.now).refresh()
    clock.time += 100
    alone = SnapshotHolder(connect(f"sqlite:///{tmp_path / 'missing.db'}"), tmp_path, clock.now)

    refreshed = [alone.refresh(), alone.refresh()]

    assert refreshed == [False, False]
    assert alone.current == Snapshot(frozenset({"b"}), frozenset(), NOW)
    assert caplog.text.count("cannot be read") == 1


def test_what_is_over_does_not_hold_on_without_sql(agencies: Database, tmp_path: Path, clock: Clock) -> None:
    miss_three(agencies)
    switch_off(agencies, "b", MOMENT + timedelta(hours=1), "lunch")
    snapshots = SnapshotHolder(agencies, tmp_path, clock.now)
    snapshots.refresh()

    clock.time += HOUR
    at_one = snapshots.current
    clock.time += 4.1 * HOUR
    at_five = snapshots.current

    assert (at_one.off, at_one.failing) == (frozenset(), {"a"})
    assert (at_five.off, at_five.failing) == (frozenset(), frozenset())


def test_copy_is_written_only_when_something_changed(
    agencies: Database, tmp_path: Path, clock: Clock
) -> None:
    snapshots = SnapshotHolder(agencies, tmp_path, clock.now)
    snapshots.refresh()
    first = (tmp_path / NAME).stat().st_mtime_ns
    clock.time += 2

    snapshots.refresh()
    unchanged = (tmp_path / NAME).stat().st_mtime_ns
    switch_off(agencies, "b", None, "moved")
    snapshots.refresh()

    assert unchanged == first
    assert json.loads((tmp_path / NAME).read_bytes())["off"] == {"b": None}
    assert [path.name for path in tmp_path.glob("snap*")] == [NAME]


@pytest.mark.parametrize("spoilt", [b"", b"rubbish", b'{"off": 3}', b"\xff"])
def test_spoilt_copy_is_no_copy(
    sqlite_url: str, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, spoilt: bytes
) -> None:
    (tmp_path / NAME).write_bytes(spoilt)

    snapshots = SnapshotHolder(connect(sqlite_url), tmp_path, clock.now)

    assert snapshots.current == Snapshot()
    assert "cannot be read" in caplog.text
    assert snapshots.refresh()


def test_full_disk_does_not_hide_what_sql_says(
    agencies: Database, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    snapshots = SnapshotHolder(agencies, tmp_path / "file", clock.now)
    switch_off(agencies, "b", None, "moved")

    snapshots.refresh()

    assert snapshots.current.off == {"b"}
    assert "cannot be written" in caplog.text


def test_filing_thread_looks_around_and_outlives_its_faults(
    sqlite_url: str, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    looked: list[float] = []
    enough = threading.Event()

    def look() -> None:
        looked.append(clock.time)
        if len(looked) == 3:
            enough.set()
        else:
            clock.time += 2
        raise LookupError

    filer = JournalFiler(Journal(tmp_path), connect(sqlite_url), clock.now, refresh=look, passed=clock.now)
    filer.start()

    assert enough.wait(60)
    filer.stop()

    assert looked == [NOW, NOW + 2, NOW + 4]
    assert "refreshing failed" in caplog.text
