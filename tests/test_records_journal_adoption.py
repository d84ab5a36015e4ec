from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ivr.effects import Entry
from ivr.records.journal import Journal, claim_dead, claim_new, seal

if TYPE_CHECKING:
    from collections.abc import Sequence

DYING = """
import sys
from pathlib import Path
from ivr.effects import Entry
from ivr.records.journal import Journal
journal = Journal(Path(sys.argv[1]))
for turn in range(100_000):
    journal.write(Entry("call", str(turn), 1000.0 + turn, "voice"))
    print(turn, flush=True)
"""
FORKING = """
import os, sys, time
from pathlib import Path
from ivr.effects import Entry
from ivr.records.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.write(Entry("parent", "0", 1.0, "voice"))
with journal._lock:  # Another thread of the parent is in the middle of writing.
    child = os.fork()
if child:
    os._exit(0)
print("born", flush=True)
sys.stdin.readline()
print(len(journal.unfiled().entries))
journal.write(Entry("child", "0", 1.0, "voice"))
print(flush=True)
sys.stdin.read()
"""


def entry(turn: int) -> Entry:
    return Entry("call", str(turn), 1000.0 + turn, "voice", "fr", "main")


def turns(entries: Sequence[Entry]) -> list[int]:
    return [int(found.key) for found in entries]


def adopted(folder: Path) -> list[Entry]:
    found: list[Entry] = []
    Journal(folder).adopt(found.extend)
    return found


def test_spoilt_lines_are_skipped_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good = seal(entry(7))
    spoilt = [b"", b"rubbish", good[:30], good.replace(b"main", b"mainx"), b"\xff" * 40, b"00000000 {}"]
    (tmp_path / "1-a.journal").write_bytes(b"\n".join([*spoilt, good + good[:20]]))

    found = adopted(tmp_path)

    assert turns(found) == [7]
    assert "skipped" in caplog.text


def test_last_record_of_the_dead_counts_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "1-a.journal").write_bytes(seal(entry(7)).rstrip())

    assert turns(adopted(tmp_path)) == [7]


def test_journal_of_the_living_is_not_touched(tmp_path: Path) -> None:
    living = Journal(tmp_path)
    living.write(entry(0))

    assert adopted(tmp_path) == []
    assert turns(living.unfiled().entries) == [0]


def test_journal_of_the_dead_is_adopted_by_one_only(tmp_path: Path) -> None:
    dead = Journal(tmp_path)
    dead.write(entry(0))
    dead.close()
    seen: list[list[Entry]] = []

    def file(entries: Sequence[Entry]) -> None:
        seen.append(adopted(tmp_path))  # Another process tries at the same moment.
        seen.append(list(entries))

    count = Journal(tmp_path).adopt(file)

    assert count == 1
    assert [turns(found) for found in seen] == [[], [0]]
    assert list(tmp_path.iterdir()) == []


def test_adoption_that_fails_leaves_the_journal_for_later(tmp_path: Path) -> None:
    dead = Journal(tmp_path)
    dead.write(entry(0))
    dead.close()

    def refuse(_entries: Sequence[Entry]) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        Journal(tmp_path).adopt(refuse)

    assert turns(adopted(tmp_path)) == [0]


def test_file_that_cannot_be_read_does_not_hinder_the_others(tmp_path: Path) -> None:
    (tmp_path / "0-a.journal").mkdir()
    (tmp_path / "1-a.journal").write_bytes(seal(entry(7)))

    assert turns(adopted(tmp_path)) == [7]


def test_file_that_vanishes_is_nobodys(tmp_path: Path) -> None:
    assert claim_dead(tmp_path / "gone.journal") is None


def test_file_adopted_by_another_at_the_same_moment_is_nobodys(tmp_path: Path) -> None:
    path = tmp_path / "1-a.journal"
    path.touch()
    opened = os.open(path, os.O_RDWR)
    path.unlink()

    late = claim_dead(Path(f"/proc/self/fd/{opened}"))

    assert late is None
    os.close(opened)


def test_two_claims_never_share_a_file(tmp_path: Path) -> None:
    descriptors = [claim_new(tmp_path)[0] for _ in range(2)]

    assert len(list(tmp_path.iterdir())) == 2
    assert [claim_dead(path) for path in tmp_path.iterdir()] == [None, None]
    for descriptor in descriptors:
        os.close(descriptor)


def test_every_entry_of_a_killed_process_is_adopted_once(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DYING, tmp_path], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout
        while int(writer.stdout.readline()) < 700:
            pass
        writer.kill()
        acknowledged = max([700, *map(int, writer.stdout.read().split("\n")[:-1])])

    found = turns(adopted(tmp_path))

    assert found[: acknowledged + 1] == list(range(acknowledged + 1))
    assert len(found) <= acknowledged + 2
    assert list(tmp_path.iterdir()) == []


def test_forked_child_lets_go_of_its_parents_journal(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FORKING, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        assert parent.stdin
        parent.stdout.readline()
        parent.wait()
        left = [found.call for found in adopted(tmp_path)]
        parent.stdin.write("go on\n")
        parent.stdin.close()
        inherited = parent.stdout.read().strip()  # Until the child has ended as well.

    assert inherited == "0"
    assert left == ["parent"]
    assert [found.call for found in adopted(tmp_path)] == ["child"]
