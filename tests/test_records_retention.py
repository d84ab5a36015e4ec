"""How long the log is kept can be chosen, and nothing that was forgotten comes back by a longer time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ivr.effects import Entry
from ivr.flow.models import Retention
from ivr.records.audit import list_audit_entries
from ivr.records.call_log import list_calls
from ivr.records.database import connect
from ivr.records.deletion import DAY, note_forgotten
from ivr.records.ingest import record
from ivr.records.retention import NOBODY_CHOSE, Chosen, choose, forget, read_chosen, within
from ivr.records.snapshot import SnapshotHolder

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.records.database import Database

pytest_plugins = ("postgres",)

NOW = 1_800_000_000.0
FILE = Retention(30, 24)


def call(name: str, days_ago: float) -> Entry:
    return Entry(name, "0", NOW - days_ago * DAY, "voice", "en", "hello", heard="arrived")


def test_nobody_chose_at_first_and_the_file_says_it(database: Database) -> None:
    assert read_chosen(database) == NOBODY_CHOSE
    assert within(FILE, NOBODY_CHOSE) == FILE


@pytest.mark.parametrize(
    ("chosen", "kept"),
    [
        (Chosen(7, 1), Retention(7, 1)),
        (Chosen(30, 24), Retention(30, 24)),
        (Chosen(1, 0), Retention(7, 1)),
        (Chosen(99, 99), Retention(30, 24)),
        (Chosen(None, 3), Retention(30, 3)),
    ],
)
def test_what_was_chosen_holds_within_bounds(chosen: Chosen, kept: Retention) -> None:
    assert within(FILE, chosen) == kept


def test_what_was_chosen_last_is_kept_beside_what_was_forgotten(database: Database) -> None:
    forget(database, NOW, 30, 24)
    chosen = [choose(database, FILE, Retention(days, 6), who="ada") for days in (14, 10, 31)]
    forget(database, NOW, 10, 6)

    assert chosen == [True, True, False]
    assert read_chosen(database) == Chosen(10, 6)
    assert [deed.about for deed in list_audit_entries(database)] == [
        "calls 10 days, counts 6 months",
        "calls 14 days, counts 6 months",
    ]


def test_nothing_forgotten_is_filed_again_when_the_log_is_kept_for_longer(database: Database) -> None:
    record(database, [call("old", 10), call("young", 6)], NOW)
    forget(database, NOW, 7, 24)
    forget(database, NOW, 30, 24)

    record(database, [call("old", 10), call("another old", 8), call("late", 6.5)], NOW)

    assert {found.id for found in list_calls(database)} == {"young", "late"}


def test_a_clock_that_once_ran_ahead_does_not_keep_new_calls_out(database: Database) -> None:
    note_forgotten(database, datetime.fromtimestamp(NOW + 300 * DAY, UTC))

    record(database, [call("new", 0.1)], NOW)

    assert [found.id for found in list_calls(database)] == ["new"]


def test_every_process_knows_what_was_chosen_also_without_sql(database: Database, tmp_path: Path) -> None:
    snapshots = SnapshotHolder(database, tmp_path, lambda: NOW)
    before = snapshots.current.kept
    choose(database, FILE, Retention(14, 12), who="ada")

    snapshots.refresh()
    alone = SnapshotHolder(connect(f"sqlite:///{tmp_path / 'missing.db'}"), tmp_path, lambda: NOW)

    assert before == NOBODY_CHOSE
    assert snapshots.current.kept == alone.current.kept == Chosen(14, 12)
    assert not alone.refresh()
    assert alone.current.kept == Chosen(14, 12)
