from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from ivr.records.audit import list_audit_entries
from ivr.records.database import Database, connect
from ivr.records.disclosure import UNDER, WITHHELD, Count, list_daily, shown, suppressed
from ivr.records.opt_outs_blocks import Block, end_block, list_blocks, opt_in, opt_out, write_block
from ivr.records.snapshot import SnapshotHolder
from ivr.records.unknown_calls import count_unknown, list_unknown

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("postgres",)

MOMENT = datetime(2027, 3, 20, 12, tzinfo=UTC)
NOW = MOMENT.timestamp()
DAY = date(2027, 3, 1)


def block(database: Database, mark: str, until: datetime, why: str) -> None:
    with database.write() as sql:
        write_block(sql, mark, until, why, who="ada")


def test_phones_that_sent_stop_are_known_at_once_and_without_sql(database: Database, tmp_path: Path) -> None:
    snapshots = SnapshotHolder(database, tmp_path, lambda: NOW)
    for mark in ("m", "m", "n", ""):
        opt_out(database, mark, NOW)
    snapshots.refresh()
    both = snapshots.current.opted_out

    opt_in(database, "n")
    opt_in(database, "never")
    snapshots.refresh()
    alone = SnapshotHolder(connect(f"sqlite:///{tmp_path / 'missing.db'}"), tmp_path, lambda: NOW)

    assert both == {"m", "n"}
    assert snapshots.current.opted_out == alone.current.opted_out == {"m"}


def test_block_ends_by_itself_also_without_sql(database: Database, tmp_path: Path) -> None:
    now = NOW
    snapshots = SnapshotHolder(database, tmp_path, lambda: now)
    block(database, "m", MOMENT + timedelta(hours=1), "threats")
    block(database, "n", MOMENT + timedelta(hours=9), "threats")
    snapshots.refresh()
    alone = SnapshotHolder(connect(f"sqlite:///{tmp_path / 'missing.db'}"), tmp_path, lambda: now)
    at_noon = [snapshots.current.blocked, alone.current.blocked]

    now += 3600

    assert at_noon == [{"m", "n"}] * 2
    assert [snapshots.current.blocked, alone.current.blocked] == [{"n"}] * 2


def test_blocks_are_listed_replaced_and_ended(database: Database) -> None:
    block(database, "m", MOMENT + timedelta(hours=1), "threats")
    block(database, "m", MOMENT + timedelta(hours=2), "more threats")
    block(database, "n", MOMENT + timedelta(hours=1), "noise")
    block(database, "over", MOMENT, "noise")
    before = list_blocks(database, NOW)

    ended = [end_block(database, before[0].id, who="bea") for _ in range(2)]

    today = datetime.now(UTC).date()
    longer = Block("m", MOMENT + timedelta(hours=2), "more threats", since=today, who="ada")
    assert before == [Block("n", MOMENT + timedelta(hours=1), "noise", since=today, who="ada"), longer]
    assert ended == [True, False]
    assert list_blocks(database, NOW) == [longer]
    assert [(d.who, d.did, d.about) for d in list_audit_entries(database)] == [("bea", "block ended", "noise")]


def test_calls_that_the_log_does_not_know_are_counted_by_day(database: Database) -> None:
    for day, number in ((DAY, 2), (DAY, 1), (DAY, 0), (DAY - timedelta(days=1), 4)):
        count_unknown(database, day, number)

    assert list_unknown(database) == [(date(2027, 2, 28), 4), (DAY, 3)]


def test_days_are_listed_from_one_on_and_before_another(database: Database) -> None:
    for day in (1, 2, 3):
        count_unknown(database, date(2027, 3, day), day)

    assert [row.count for row in list_daily(database, date(2027, 3, 2))] == [2, 3]
    assert [row.count for row in list_daily(database, until=date(2027, 3, 2))] == [1]


def test_small_counts_are_never_shown() -> None:
    assert [shown(count) for count in (0, 1, 4, 5, 12)] == ["0", UNDER, UNDER, "5", "12"]


def test_small_count_cannot_be_worked_out_from_the_others() -> None:
    counts = {"connected": 2, "informed": 9, "left": 30, "abandoned": 7}

    told = suppressed([Count(DAY, "outcome", name, count) for name, count in counts.items()])

    assert {row.name: row.count for row in told} == {
        "connected": UNDER,
        "abandoned": WITHHELD,  # The next smallest: the two are at least five together.
        "informed": "9",
        "left": "30",
    }


def test_how_an_agency_ended_cannot_be_worked_out_from_how_often_it_was_rung() -> None:
    rows = [("agency_rung", "a", 20), ("agency_busy", "a", 3), ("agency_accepted", "a", 17)]

    told = suppressed(Count(DAY, *row) for row in [*rows, ("agency_accepted", "b", 8), ("stop", "law", 6)])

    assert [row.count for row in told] == ["20", UNDER, WITHHELD, "8", "6"]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_what_is_hidden_is_never_few_unless_all_is_hidden(counts: list[int]) -> None:
    rows = [Count(DAY, "language", str(n), count) for n, count in enumerate(counts)]

    told = suppressed(rows)

    hidden = [count for count, row in zip(counts, told, strict=True) if not row.count.isdigit()]
    assert sum(hidden) == 0 or sum(hidden) >= 5 or len(hidden) == len([c for c in counts if c])
    assert all(row.count == str(c) for c, row in zip(counts, told, strict=True) if row.count.isdigit())
