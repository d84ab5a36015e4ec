"""What the line writes beside SQL can be read by its own user alone."""

from __future__ import annotations

import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# A process of its own: a umask belongs to a whole process, and other threads of this one make files too.
WRITES = """
import os, sys, time
from pathlib import Path

os.umask(int(sys.argv[1], 8))
folder = Path(sys.argv[2])

from ivr.effects import Entry, OptOut
from ivr.pseudonyms import MonthKeys
from ivr.records.database import connect
from ivr.records.journal import Journal
from ivr.records.markers import Markers
from ivr.records.migrations.migrate import upgrade
from ivr.records.pending_wishes import PendingWishes
from ivr.records.snapshot import SnapshotHolder

journal = folder / "deep" / "journal"
url = f"sqlite:///{folder}/records/line.sqlite3"
upgrade(url)
Journal(journal).write(Entry(call="c", key="1", at=time.time(), channel="voice"))
assert PendingWishes(folder / "other").note(OptOut("m"))
assert Markers(folder / "other").mark("c", 1)
assert MonthKeys(folder / "keys").part("2026-11", make=True)
assert SnapshotHolder(connect(url), folder / "copy", time.time).refresh()
"""


@pytest.mark.parametrize("umask", ["000", "022", "777"])
def test_files_and_folders_are_private_whatever_the_umask(tmp_path: Path, umask: str) -> None:
    subprocess.run([sys.executable, "-c", WRITES, umask, str(tmp_path)], check=True, timeout=60)

    modes = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")
    }
    folders = {mode for name, mode in modes.items() if (tmp_path / name).is_dir()}
    files = {mode for name, mode in modes.items() if (tmp_path / name).is_file()}
    assert len(modes) >= 13
    assert (folders, files) == ({0o700}, {0o600})
