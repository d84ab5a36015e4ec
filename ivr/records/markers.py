"""Marker files beside the journal: they hold what must be known when SQL cannot be asked.

One says that a person at an agency pressed 1 on the direct path; another, whether a wish for a person was
answered by waiting or by the direct path, so that a webhook that comes twice is answered the same. A third
says that a caller's number is forged, a fourth that a waiting caller asked for slower speech.

Each host has files of its own, and nobody who answers waits for more than them. Where several hosts share
PostgreSQL, they copy each other's files by it every two seconds. So a host whose file is not there yet, or
that lost SQL meanwhile, goes by what Twilio says of a ring (`DialBridged`).
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from ivr.circuit_breaker import PartUnavailable
from ivr.encryption import make_private_folder, open_private
from ivr.records.database import RecordRefused, insert_missing
from ivr.records.periods import moment
from ivr.records.tables import markers

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from ivr.records.database import Database

FORGED = -1  # Stands where the turn does: it is about the whole call.
SLOW = -2  # So does this, of a transfer.
FORGET_AFTER = 6 * 3600  # Seconds; longer than any call that Twilio allows.
TELL_FOR = FORGET_AFTER / 2  # An older file is told to nobody: hosts would hand it to each other for ever.
OVERLAP = timedelta(minutes=2)  # Read again, for what was being written when we last looked.


class Markers:
    """The marker files of one host."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "accepted"

    def mark(self, call: str, turn: int) -> bool:
        """Note that the ring of one turn was accepted. False when it cannot be noted; twice is once."""
        try:
            make_private_folder(self._folder)
            os.close(open_private(self._path(call, turn), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return True
        except OSError:
            return False
        return True

    def knows(self, call: str, turn: int) -> bool:
        """Whether the ring of one turn was accepted."""
        return self._path(call, turn).exists()

    def agree(self, transfer_id: str, waits: bool) -> bool:  # noqa: FBT001 - the answer that is agreed upon
        """Whether one wish for a person was first answered by waiting; else it was by the direct path."""
        path = self._folder / transfer_id
        try:
            make_private_folder(self._folder)
            path.symlink_to("waits" if waits else "direct")  # Made whole or not at all; it leads nowhere.
        except FileExistsError:
            with suppress(OSError):
                return path.readlink().name == "waits"
        except OSError:
            return waits
        return waits

    def note_forged(self, call: str) -> None:
        """Note that the number of a call is not its caller's: only its first webhook says so."""
        self.mark(call, FORGED)

    def is_forged(self, call: str) -> bool:
        """Whether the number of a call is not its caller's."""
        return self.knows(call, FORGED)

    def note_slow(self, transfer_id: str) -> None:
        """Note that the caller of a transfer asked for slower speech."""
        self.mark(transfer_id, SLOW)

    def is_slow(self, transfer_id: str) -> bool:
        """Whether the caller of a transfer asked for slower speech."""
        return self.knows(transfer_id, SLOW)

    def forget(self, now: float) -> None:
        """Delete markers whose calls are long over."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                with suppress(OSError):
                    if path.lstat().st_mtime < now - FORGET_AFTER:
                        path.unlink()

    def names(self) -> set[str]:
        """Name all markers."""
        with suppress(OSError), os.scandir(self._folder) as files:
            return {file.name for file in files}
        return set()

    def read(self, name: str) -> tuple[str, float] | None:
        """Give what a marker says, and since when it is there; nothing when it is gone."""
        path = self._folder / name
        with suppress(OSError):
            since = path.lstat().st_mtime
            return (path.readlink().name if path.is_symlink() else ""), since
        return None

    def put(self, name: str, says: str, at: float) -> None:
        """Make a marker as another host has it; one that is there stays as it is."""
        path = self._folder / name
        with suppress(FileExistsError):
            make_private_folder(self._folder)
            if says:
                path.symlink_to(says)
            else:
                os.close(open_private(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            os.utime(path, (at, at), follow_symlinks=False)

    def _path(self, call: str, turn: int) -> Path:
        return self._folder / f"{call}-{turn}"


class SharedMarkers:
    """Copies the markers of one host to the others, and theirs to it, by way of SQL."""

    def __init__(self, database: Database, own: Markers, now: Callable[[], float]) -> None:
        self._database = database
        self._own = own
        self._now = now
        self._known: set[str] = set()  # What both SQL and this host have.
        self._read_to: datetime | None = None

    def refresh(self) -> None:
        """Learn what other hosts noted, and tell them what this one did. Never fails."""
        with suppress(PartUnavailable, RecordRefused, OSError):
            here = self._own.names()
            self._learn(here)
            self._tell(here - self._known)
            self._known &= self._own.names()

    def _learn(self, here: set[str]) -> None:
        rows = select(markers).order_by(markers.c.at)
        if self._read_to is not None:
            rows = rows.where(markers.c.at > self._read_to - OVERLAP)
        with self._database.read() as sql:
            found = sql.execute(rows).all()
        for row in found:
            if row.name not in here:
                self._own.put(row.name, row.says, row.at.timestamp())
            self._known.add(row.name)
            self._read_to = row.at

    def _tell(self, names: set[str]) -> None:
        now = self._now()
        read = {name: told for name in sorted(names) if (told := self._own.read(name))}
        rows = [
            {"name": name, "says": says, "at": moment(now)}
            for name, (says, since) in read.items()
            if since > now - TELL_FOR
        ]
        if rows:
            with self._database.write() as sql:
                insert_missing(sql, markers, rows)
        self._known |= read.keys()


def forget_shared(database: Database, now: float) -> None:
    """Delete what hosts told each other of calls that are long over."""
    with database.write() as sql:
        sql.execute(delete(markers).where(markers.c.at < moment(now - FORGET_AFTER)))
