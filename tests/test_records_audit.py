"""What operators did cannot be taken back unseen: not in the middle, not at the end, not by two at once."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import delete, text, update

from ivr.records import migrations
from ivr.records.audit import Head, add_audit_entry, holds, list_audit_entries, newest, verify
from ivr.records.migrations.migrate import upgrade
from ivr.records.opt_outs_blocks import list_blocks
from ivr.records.tables import audit, audit_head

if TYPE_CHECKING:
    from ivr.records.database import Database

pytest_plugins = ("postgres",)

NOTE_TWENTY = """
import sys
from ivr.circuit_breaker import PartUnavailable
from ivr.records.audit import add_audit_entry
from ivr.records.database import connect
database, left = connect(sys.argv[1]), 20
while left:
    try:
        add_audit_entry(database, sys.argv[2], "tried", str(left))
        left -= 1
    except PartUnavailable:
        pass  # SQLite's other writer was quicker for too long: nothing is written, and it is tried again.
"""


@pytest.fixture
def deeds(database: Database) -> Database:
    for n in range(4):
        add_audit_entry(database, "ada", "tried", str(n))
    return database


def test_a_list_that_nobody_touched_is_whole(deeds: Database) -> None:
    assert verify(deeds) == []
    assert newest(deeds).n == 4


def test_a_list_without_any_deed_is_whole(database: Database) -> None:
    assert verify(database) == []


def test_newest_rows_that_are_cut_off_are_missed_for_ever(deeds: Database) -> None:
    with deeds.write() as sql:
        sql.execute(delete(audit).where(audit.c.n >= 3))
    cut = verify(deeds)

    add_audit_entry(deeds, "bea", "tried", "after it")

    assert cut == ["row 3: missing; it and all up to 4, the newest, were deleted"]
    assert verify(deeds) == ["row 3: missing; it and all up to 4 were deleted"]
    assert newest(deeds).n == 5


def test_a_row_that_is_cut_out_of_the_middle_is_missed(deeds: Database) -> None:
    with deeds.write() as sql:
        sql.execute(delete(audit).where(audit.c.n == 2))

    assert verify(deeds) == ["row 2: missing; it and all up to 2 were deleted"]


def test_a_row_that_is_changed_is_named(deeds: Database) -> None:
    with deeds.write() as sql:
        sql.execute(update(audit).where(audit.c.n == 4).values(who="somebody else"))

    assert verify(deeds) == ["row 4: was changed after it was written"]


@pytest.mark.parametrize("changed", [{"n": 2}, {"hash": "0" * 64}])
def test_a_head_that_is_changed_shows_and_does_not_heal(
    deeds: Database, changed: dict[str, str | int]
) -> None:
    with deeds.write() as sql:
        sql.execute(update(audit_head).values(changed))
    before = verify(deeds)

    add_audit_entry(deeds, "bea", "tried", "after it")

    assert len(before) == 1
    assert before[0].startswith("the head tells of row")
    assert (verify(deeds) == []) is ("n" in changed)  # Its hash was right: what follows it is right, too.
    assert [deed.n for deed in list_audit_entries(deeds)] == [5, 4, 3, 2, 1]


def test_a_head_that_is_deleted_with_the_newest_rows_shows_and_does_not_heal(deeds: Database) -> None:
    with deeds.write() as sql:
        sql.execute(delete(audit).where(audit.c.n == 4))
        sql.execute(delete(audit_head))
    before = verify(deeds)

    add_audit_entry(deeds, "bea", "tried", "after it")

    assert before == ["the head is missing: rows after the newest may be, too"]
    assert verify(deeds) == ["row 4: does not follow the row before it: one of the two was changed"]


def test_a_list_made_anew_is_not_the_one_that_was_written_down(deeds: Database) -> None:
    known = newest(deeds)
    with deeds.write() as sql:
        sql.execute(delete(audit))
        sql.execute(delete(audit_head))
    for n in range(4):
        add_audit_entry(deeds, "eve", "did nothing", str(n))

    assert verify(deeds) == []
    assert not holds(deeds, known)
    assert holds(deeds, newest(deeds))
    assert not holds(deeds, Head(99, known.hash))


def test_two_processes_that_note_deeds_at_once_write_one_list(database: Database, records_url: str) -> None:
    at_once = [
        subprocess.Popen([sys.executable, "-c", NOTE_TWENTY, records_url, who]) for who in ("ada", "bea")
    ]

    ended = [process.wait(60) for process in at_once]

    assert ended == [0, 0]
    assert verify(database) == []
    assert [deed.n for deed in list_audit_entries(database)] == list(range(40, 0, -1))


def test_deeds_and_blocks_of_an_earlier_version_are_kept_whole(deeds: Database, records_url: str) -> None:
    config = Config()
    config.set_main_option("script_location", migrations.__path__[0])
    with deeds.write() as sql:
        config.attributes["connection"] = sql
        command.downgrade(config, "0005")
        for mark in ("a", "b"):
            sql.execute(text("INSERT INTO blocks VALUES (:mark, '2030-01-01', 'rude')"), {"mark": mark})

    upgrade(records_url)
    add_audit_entry(deeds, "bea", "tried", "after it")

    assert verify(deeds) == []
    assert newest(deeds).n == 5
    assert len({block.id for block in list_blocks(deeds, 0)}) == 2
