from __future__ import annotations

import errno
import os
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from ivr.effects import Entry
from ivr.records.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def entry(turn: int) -> Entry:
    return Entry("call", str(turn), 1000.0 + turn, "voice", "fr", "main")


def turns(entries: Sequence[Entry]) -> list[int]:
    return [int(found.key) for found in entries]


def only_file(folder: Path) -> Path:
    (path,) = folder.glob("*.journal")
    return path


class Disk:
    """A disk that can be full: it takes ``room`` bytes of a record, then refuses."""

    room: int | None = None

    def put(self, descriptor: int, record: bytes) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(descriptor, record[: self.room])


def test_entries_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    strange = Entry("cöl", 'k"\n\x00', 1.25, "text", "fr", "", "é", outcome="informed")

    journal.write(strange)

    assert journal.unfiled().entries == (strange,)


def test_nothing_is_opened_before_something_happens(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")

    assert journal.unfiled().empty
    assert not (tmp_path / "journal").exists()


def test_file_is_emptied_once_all_is_filed(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for turn in range(5):
        journal.write(entry(turn))

    first = journal.unfiled(3)
    journal.filed(first)
    size = only_file(tmp_path).stat().st_size
    second = journal.unfiled(3)
    journal.filed(second)

    assert (turns(first.entries), turns(second.entries)) == ([0, 1, 2], [3, 4])
    assert size > 0
    assert only_file(tmp_path).stat().st_size == 0


def test_entry_written_while_others_are_filed_is_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write(entry(0))

    batch = journal.unfiled()
    journal.write(entry(1))
    journal.filed(batch)

    assert turns(journal.unfiled().entries) == [1]


def test_batch_that_was_not_filed_is_read_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write(entry(0))

    assert journal.unfiled() == journal.unfiled()


@pytest.mark.parametrize("room", [0, 1, 20])
def test_full_disk_spoils_no_other_record_and_loses_none(tmp_path: Path, room: int) -> None:
    disk = Disk()
    journal = Journal(tmp_path, put=disk.put)

    journal.write(entry(0))
    disk.room = room
    journal.write(entry(1))
    journal.write(entry(2))
    disk.room = None
    journal.write(entry(3))

    assert sorted(turns(journal.unfiled().entries)) == [0, 1, 2, 3]


def test_torn_record_is_cut_off_when_all_else_is_filed(tmp_path: Path) -> None:
    disk = Disk()
    journal = Journal(tmp_path, put=disk.put)
    journal.write(entry(0))
    disk.room = 20
    journal.write(entry(1))

    journal.filed(journal.unfiled())

    assert only_file(tmp_path).stat().st_size == 0
    assert journal.unfiled().empty


def test_full_disk_is_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk()
    journal = Journal(tmp_path, put=disk.put)
    disk.room = 0

    journal.write(entry(0))
    journal.write(entry(1))

    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_folder_that_cannot_be_made_keeps_entries_in_memory(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("a file stands in the way")
    journal = Journal(tmp_path / "journal")

    journal.write(entry(0))

    assert turns(journal.unfiled().entries) == [0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0, 1e300])
def test_absurd_time_is_dropped_and_fails_nothing(tmp_path: Path, bad: float) -> None:
    journal = Journal(tmp_path)

    journal.write(Entry("call", "0", bad, "voice"))
    journal.write(Entry("call", "\ud800", 1.0, "voice"))

    assert journal.unfiled().empty


def test_line_longer_than_any_of_ours_is_passed_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write(entry(0))
    with only_file(tmp_path).open("ab") as spoiler:
        spoiler.write(b"x" * 600_000 + b"\n")
    journal.write(entry(1))

    found: list[Entry] = []
    while not (batch := journal.unfiled()).empty:
        found += batch.entries
        journal.filed(batch)

    assert turns(found) == [0, 1]


def test_journal_that_somebody_removed_is_begun_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write(entry(0))
    only_file(tmp_path).unlink()

    rescued = journal.unfiled()
    journal.filed(rescued)
    journal.write(entry(1))

    assert turns(rescued.entries) == [0]
    assert only_file(tmp_path).stat().st_size > 0


def test_threads_write_whole_records(tmp_path: Path) -> None:
    journal = Journal(tmp_path)

    def note(share: range) -> None:
        for turn in share:
            journal.write(entry(turn))

    writers = [Thread(target=note, args=(range(start, start + 100),)) for start in (0, 100, 200)]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert sorted(turns(journal.unfiled(300).entries)) == list(range(300))
