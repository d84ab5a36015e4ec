"""What the worker does by itself is done when it is due, and tried again when a part was gone."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from postgres import put_tables

from ivr.circuit_breaker import PartUnavailable
from ivr.effects import Entry
from ivr.flow.models import Retention
from ivr.pseudonyms import MonthKeys
from ivr.records.call_log import list_calls
from ivr.records.counts import days_tallied, list_daily, list_unknown
from ivr.records.database import connect
from ivr.records.ingest import record
from ivr.records.markers import Markers
from ivr.records.migrations.migrate import upgrade
from ivr.records.periods import Period
from ivr.records.snapshot import SnapshotHolder
from ivr.telephony.data_deletion import SweepResult
from ivr.work.housekeeping import DAY, Housekeeping, PhoneArchive

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.records.database import Database

NOW = 1_795_000_000.0


@dataclass
class Watch:
    at: float = NOW

    def __call__(self) -> float:
        return self.at


@dataclass
class Sweeps:
    unknown: int = 2
    times: list[float] = field(default_factory=list)

    def __call__(self) -> SweepResult:
        self.times.append(time.monotonic())
        return SweepResult(unknown_calls=self.unknown)


def made(folder: Path) -> Database:
    url = f"sqlite:///{folder}/line.sqlite3"
    put_tables(url)
    return connect(url)


def house(folder: Path, database: Database, watch: Watch, sweeps: Sweeps | None) -> Housekeeping:
    retention = Retention(rows_days=30, counts_months=24)
    return Housekeeping(
        database, lambda: retention, MonthKeys(folder / "keys"), Markers(folder), sweeps, watch
    )


def finish(keeps: Housekeeping) -> None:
    keeps.run_due()
    keeps.finish()


def tallied(database: Database, zone: ZoneInfo) -> frozenset[date]:
    with database.read() as sql:
        return days_tallied(sql, Period(date(2026, 11, 1), date(2026, 11, 30), zone))


def call(identity: str, at: float, mark: str = "") -> list[Entry]:
    return [
        Entry(identity, "0", at, "voice", stop="hello", heard="arrived", mark=mark),
        Entry(identity, "end", at + 20, "voice", heard="ended"),
    ]


def test_old_calls_are_forgotten_after_they_were_counted(tmp_path: Path) -> None:
    database, watch = made(tmp_path), Watch()
    record(database, [*call("old", NOW - 31 * DAY), *call("new", NOW - 3600)], NOW)

    finish(house(tmp_path, database, watch, None))

    assert [each.id for each in list_calls(database)] == ["new"]
    assert sum(count.count for count in list_daily(database) if count.what == "calls") == 1


def test_a_shorter_time_is_kept_to_without_a_restart(tmp_path: Path) -> None:
    database, watch = made(tmp_path), Watch()
    record(database, [*call("old", NOW - 20 * DAY), *call("new", NOW - 3600)], NOW)
    kept = Retention(rows_days=30, counts_months=24)
    keeps = Housekeeping(database, lambda: kept, MonthKeys(tmp_path / "keys"), Markers(tmp_path), None, watch)
    finish(keeps)
    before = [each.id for each in list_calls(database)]

    kept = Retention(rows_days=14, counts_months=24)
    watch.at += DAY
    keeps.start()
    finish(keeps)

    assert before == ["old", "new"]
    assert [each.id for each in list_calls(database)] == ["new"]


def test_each_sweep_is_told_and_whether_it_saw_everything(tmp_path: Path) -> None:
    told: list[bool] = []
    outcomes: list[SweepResult | Exception] = [
        SweepResult(),
        SweepResult(whole=False),
        PartUnavailable("Twilio is gone"),
    ]

    def sweep() -> SweepResult:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    database, watch = made(tmp_path), Watch()
    keeps = house(tmp_path, database, watch, None)
    keeps.sweep, keeps.swept = sweep, told.append
    for _ in range(3):
        keeps.start()
        finish(keeps)
        watch.at += 301

    assert told == [True, False, False]


def test_days_that_are_over_are_counted_by_the_lines_own_clock(tmp_path: Path) -> None:
    database, night = made(tmp_path), datetime(2026, 11, 10, 3, tzinfo=UTC).timestamp()
    record(database, [*call("old", night - 30 * DAY), *call("new", night)], night)
    keeps = house(tmp_path, database, Watch(), None)
    keeps.zone = ZoneInfo("America/Toronto")  # There it is still the evening before.

    finish(keeps)

    assert [count.day for count in list_daily(database) if count.what == "calls"] == [date(2026, 10, 10)]
    assert date(2026, 11, 9) in tallied(database, keeps.zone)


def test_calls_that_the_log_never_heard_of_are_counted_by_the_day(tmp_path: Path) -> None:
    database, sweeps = made(tmp_path), Sweeps()

    finish(house(tmp_path, database, Watch(), sweeps))

    assert [count for _, count in list_unknown(database)] == [2]


def test_a_duty_is_not_done_again_before_it_is_due(tmp_path: Path) -> None:
    database, sweeps, watch = made(tmp_path), Sweeps(), Watch()
    keeps = house(tmp_path, database, watch, sweeps)

    keeps.run_due()
    watch.at += 60
    keeps.run_due()
    watch.at += 300
    keeps.run_due()
    keeps.finish()

    assert len(sweeps.times) == 2


def test_every_duty_that_fails_waits_a_minute(tmp_path: Path) -> None:
    tried: list[float] = []
    watch = Watch()

    def sweep() -> SweepResult:
        tried.append(watch.at)
        raise PartUnavailable("Twilio is gone")

    gone = connect(f"sqlite:///{tmp_path}/nowhere/line.sqlite3")
    keeps = house(tmp_path, gone, watch, None)
    keeps.sweep = sweep
    for _ in range(31):  # What the worker does every two seconds, for a minute.
        keeps.start()
        finish(keeps)
        watch.at += 2

    assert tried == [NOW, NOW + 60]


def test_what_was_unknown_while_sql_was_gone_is_counted_later(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/line.sqlite3"
    sweeps, watch = Sweeps(), Watch()
    keeps = house(tmp_path, connect(url), watch, sweeps)

    keeps.run_due()
    keeps.finish()
    upgrade(url)
    watch.at += 301
    keeps.start()
    finish(keeps)

    assert [count for _, count in list_unknown(connect(url))] == [4]


def test_whoever_asks_for_it_is_erased_under_their_mark(tmp_path: Path) -> None:
    database = made(tmp_path)
    record(database, [*call("mine", NOW, "m1"), *call("theirs", NOW, "m2")], NOW)

    PhoneArchive(database, Watch()).erase("m1")

    assert [each.id for each in list_calls(database)] == ["theirs"]


def test_stop_is_known_to_every_process_until_start(tmp_path: Path) -> None:
    database, watch = made(tmp_path), Watch()
    archive, snapshots = PhoneArchive(database, watch), SnapshotHolder(database, tmp_path, watch)

    archive.opt_out("m1")
    snapshots.refresh()
    stopped = snapshots.current.opted_out
    archive.opt_in("m1")
    snapshots.refresh()

    assert stopped == {"m1"}
    assert snapshots.current.opted_out == frozenset()
