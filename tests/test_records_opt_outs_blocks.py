from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from ivr.records.audit import list_audit_entries
from ivr.records.database import Database, connect
from ivr.records.opt_outs_blocks import Block, end_block, list_blocks, opt_in, opt_out, write_block
from ivr.records.snapshot import SnapshotHolder

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
    assert [(d.who, d.did, d.about) for d in list_audit_entries(database)] == [
        ("bea", "block ended", "noise")
    ]
