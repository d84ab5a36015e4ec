"""A process that answers hands its journal over to the one that files; and files itself where nobody does."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from ivr.effects import Entry
from ivr.records.call_log import list_calls
from ivr.records.database import Database, connect
from ivr.records.ingest import HostFiler, JournalFiler, JournalHandover
from ivr.records.journal import LATE, Journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest_plugins = ("postgres",)

STORY = [Entry("c", str(turn), 1000.0 + turn, "voice", "en", "main") for turn in range(3)]


class Passing:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def now() -> float:
    return 1400.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    mine = Journal(folder)
    yield mine
    mine.close()


@pytest.fixture
def filer(folder: Path, database: Database) -> HostFiler:
    """Give what files for the host; it has looked once, and found nothing."""
    mine = HostFiler(Journal(folder), database, now)
    mine.do_round()
    return mine


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    found = connect(sqlite_url)
    yield found
    found.close()


def turns(database: Database) -> int:
    return sum(call.turns for call in list_calls(database))


def adopted(folder: Path) -> list[Entry]:
    found: list[Entry] = []
    Journal(folder).adopt(found.extend)
    return found


def test_what_was_handed_over_is_anybodys_and_what_comes_next_is_not(folder: Path, journal: Journal) -> None:
    journal.write(STORY[0])
    journal.hand_over()
    journal.write(STORY[1])

    assert journal.is_waiting
    assert adopted(folder) == STORY[:1]
    assert not journal.is_waiting
    assert list(journal.unfiled().entries) == STORY[1:2]


def test_nothing_more_is_handed_over_before_the_last_is_taken(folder: Path, journal: Journal) -> None:
    for entry in STORY:
        journal.write(entry)
        journal.hand_over()

    first = adopted(folder)
    journal.hand_over()

    assert (first, adopted(folder)) == (STORY[:1], STORY[1:])


def test_a_journal_without_anything_in_it_stays(folder: Path, journal: Journal) -> None:
    done_at_first = journal.hand_over()
    journal.write(STORY[0])
    journal.filed(journal.unfiled())
    (before,) = folder.iterdir()

    assert (done_at_first, journal.hand_over()) == (True, True)
    assert list(folder.iterdir()) == [before]


def test_a_journal_that_somebody_removed_is_let_go(folder: Path, journal: Journal) -> None:
    journal.write(STORY[0])
    for path in folder.iterdir():
        path.unlink()

    assert journal.hand_over()
    journal.write(STORY[1])
    journal.hand_over()
    assert adopted(folder) == STORY[1:2]


def test_a_process_files_itself_what_the_disk_refused(folder: Path, database: Database) -> None:
    full = True

    def put(descriptor: int, record: bytes) -> int:
        if full:
            raise OSError(errno.ENOSPC, "no space")
        return os.write(descriptor, record)

    journal = Journal(folder, put=put)
    journal.write(STORY[0])
    full = False
    journal.write(STORY[1])

    JournalHandover(journal, database, now).do_round()

    assert turns(database) == 2
    assert not journal.is_waiting


def test_a_process_files_itself_what_nobody_takes_for_long(
    folder: Path, journal: Journal, database: Database
) -> None:
    passing = Passing()
    handover = JournalHandover(journal, database, now, passed=passing)
    journal.write(STORY[0])
    handover.do_round()
    (left,) = folder.glob("*.full.journal")
    os.utime(left, (0, left.stat().st_mtime - LATE - 1))
    journal.write(STORY[1])
    handover.do_round()
    before = turns(database)
    passing.seconds = LATE + 1

    handover.do_round()

    assert (before, turns(database)) == (0, 1)
    handover.do_round()
    assert journal.is_waiting


def test_rounds_tell_whether_there_was_anything_so_that_the_next_comes_soon(
    filer: HostFiler, journal: Journal, database: Database
) -> None:
    handover = JournalHandover(journal, database, now)
    nothing = (handover.do_round(), filer.do_round())
    journal.write(STORY[0])

    assert nothing == (False, False)
    assert (handover.do_round(), handover.do_round()) == (True, True)  # The second waits for the filer.
    assert (filer.do_round(), filer.do_round(), handover.do_round()) == (True, False, False)


def test_the_filer_of_a_host_takes_what_is_handed_over_by_the_living(
    filer: HostFiler, journal: Journal, database: Database
) -> None:
    journal.write(STORY[0])
    filer.do_round()
    before = turns(database)
    journal.hand_over()
    journal.write(STORY[1])

    filer.do_round()

    assert (before, turns(database)) == (0, 1)
    assert list(journal.unfiled().entries) == STORY[1:2]


def test_the_filer_of_a_host_files_at_its_end_what_those_who_answered_left(
    folder: Path, filer: HostFiler, journal: Journal, database: Database
) -> None:
    journal.write(STORY[0])
    journal.hand_over()
    journal.write(STORY[1])
    journal.close()

    filer.stop()

    assert turns(database) == 2
    assert list(folder.iterdir()) == []


def test_whoever_tends_leaves_to_the_filer_what_was_just_handed_over(
    folder: Path, journal: Journal, database: Database
) -> None:
    journal.write(STORY[0])
    journal.hand_over()
    tending = JournalFiler(Journal(folder), database, now)
    tending.tend(now())
    (left,) = folder.glob("*.full.journal")
    before = turns(database)
    os.utime(left, (0, left.stat().st_mtime - LATE - 1))

    tending.tend(now())

    assert (before, turns(database)) == (0, 1)
