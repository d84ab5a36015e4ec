"""The journal: what happened is appended to a file of this process, and filed into SQL when SQL is there.

Nothing that answers a caller waits for more than one ``write`` to a local file. A file is locked while its
process lives and writes to it, so others can tell which are handed over, or whose process has died, and adopt
them.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import itertools
import logging
import os
import secrets
import time
import weakref
import zlib
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import msgspec

from ivr.effects import Entry
from ivr.encryption import make_private_folder, open_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path


logger = logging.getLogger(__name__)

BATCH = 100  # Entries filed in one transaction: some 15 ms, so that other writers of SQLite get their turn.
CHUNK = 1 << 18  # Bytes read at once: well over a batch of entries.
KEPT = 10_000  # Entries kept in memory while the disk refuses them: some megabytes.


@dataclass(frozen=True)
class Batch:
    """Some entries that are not filed yet, and how far the journal is done when they are."""

    entries: tuple[Entry, ...]
    kept: int = 0  # The first so many came from memory.
    start: int = 0  # Where in the file it begins,
    end: int = 0  # and where the next one does.

    @property
    def empty(self) -> bool:
        """Whether there was nothing to read, not even a line that is spoilt."""
        return not self.kept and self.start == self.end


class Journal:
    """The journal of this process. Threads may share it, and a forked child begins its own."""

    _descriptor: int | None
    _path: Path | None
    _handed_over: Path | None
    _kept: deque[Entry]

    def __init__(self, folder: Path, *, put: Callable[[int, bytes], int] = os.write) -> None:
        self._folder = folder
        self._put = put
        self._begin()
        os.register_at_fork(after_in_child=functools.partial(_leave_parent, weakref.ref(self)))

    def write(self, entry: Entry) -> None:
        """Note one thing that happened. Never fails: the caller's answer matters more than our log."""
        try:
            line = seal(entry)
        except Exception:
            logger.exception(
                "an entry that cannot be written is dropped: key=%a stop=%a", entry.key, entry.stop
            )
            return
        self._be_own()
        with self._lock:
            self._append(entry, line)

    def unfiled(self, limit: int = BATCH) -> Batch:
        """Read the next entries to be filed. Only one thread files at a time."""
        self._be_own()
        with self._lock:
            kept = tuple(itertools.islice(self._kept, limit))
            descriptor, start = self._descriptor, self._filed_to
        room = limit - len(kept)
        chunk = b"" if descriptor is None else os.pread(descriptor, CHUNK, start)
        *lines, _ = chunk.split(b"\n", room)
        if not lines and room and len(chunk) == CHUNK:
            lines = [chunk[:-1]]  # A line of this length is none of ours.
        end = start + sum(len(line) + 1 for line in lines)
        return Batch((*kept, *read_lines(lines)), len(kept), start, end)

    def filed(self, batch: Batch) -> None:
        """Forget a batch that SQL now holds, and empty the file when nothing else is in it."""
        with self._lock:
            for _ in range(batch.kept):
                self._kept.popleft()
            self._filed_to = batch.end
            if self._descriptor is not None:
                self._shorten(self._descriptor)

    def adopt(
        self, file: Callable[[Sequence[Entry]], None], which: Callable[[Path], bool] = lambda _: True
    ) -> int:
        """File journals that no process holds, then remove them; one that ``file`` refuses stays."""
        return sum(_take_over(path, file) for path in sorted(self._folder.glob(f"*{SUFFIX}")) if which(path))

    def hand_over(self) -> bool:
        """Let go of what is written, for another process to file; what comes next is written elsewhere.

        As long as what was handed over last is still there, more is written to the file that there is.
        False where this process must file itself: entries are in memory, or the disk takes no other file.
        """
        self._be_own()
        if self._kept:
            return False
        if self.is_waiting or self._descriptor is None or not os.fstat(self._descriptor).st_size:
            return True
        try:
            another = claim_new(self._folder)
        except OSError:
            return False
        with self._lock:  # Nobody who answers waits for a file to be made or named.
            written = self._descriptor, self._path
            self._descriptor, self._path = another
            self._filed_to, self._torn = 0, False
        self._pass_on(*written)
        return True

    @property
    def is_waiting(self) -> bool:
        """Whether what was handed over last has not been filed yet."""
        return self._handed_over is not None and self._handed_over.exists()

    def close(self) -> None:
        """Let go of the file: whatever it still holds can now be adopted."""
        with self._lock:
            self._let_go()

    def leave_parent(self) -> None:
        """Close the parent's file in its child, so that the lock dies with the parent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._begin()  # Another thread of the parent may have held the lock at the fork.

    def _begin(self) -> None:
        """Start with nothing: no file is opened before something happens in this process."""
        self._pid = os.getpid()
        self._lock = Lock()
        self._descriptor = self._path = self._handed_over = None
        self._filed_to = 0
        self._torn = False  # The file may end in the middle of a record.
        self._failing = False
        self._lost = 0
        self._kept = deque()

    def _pass_on(self, descriptor: int | None, path: Path | None) -> None:
        """Rename and unlock a file that is written to no more."""
        if descriptor is None or path is None:
            return
        try:
            self._handed_over = path.rename(path.with_suffix(HANDED_OVER))
        except OSError:  # Somebody removed it, or it is adopted under its old name.
            self._handed_over = path
        os.close(descriptor)

    def _let_go(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor, self._filed_to, self._torn = None, 0, False

    def _be_own(self) -> None:
        """Notice a fork of which no hook was called."""
        if self._pid != os.getpid():
            self.leave_parent()

    def _append(self, entry: Entry, line: bytes) -> None:
        """Append one record in one write, or keep its entry in memory."""
        try:
            if self._descriptor is None:
                self._descriptor, self._path = claim_new(self._folder)
            record = b"\n" + line if self._torn else line
            self._torn = True  # Until the whole record is known to be there.
            if self._put(self._descriptor, record) != len(record):
                raise OSError(errno.ENOSPC, "only a part was written")  # noqa: TRY301 - a short write is the same news
        except OSError as fault:
            self._keep(entry, fault)
        else:
            self._torn = False
            if self._failing:
                logger.warning("the journal can be written again; entries lost: %s", self._lost)
            self._failing, self._lost = False, 0

    def _keep(self, entry: Entry, fault: OSError) -> None:
        """Hold in memory what the disk refused, so that it can still be filed."""
        if not self._failing:
            logger.error("the journal cannot be written, entries are kept in memory: %s", fault)
        self._failing = True
        if len(self._kept) < KEPT:
            self._kept.append(entry)
            return
        if not self._lost:
            logger.error("the memory for entries is full: what happens now is lost")
        self._lost += 1

    def _shorten(self, descriptor: int) -> None:
        """Empty the file if all of it is filed, a torn record at its end aside."""
        status = os.fstat(descriptor)
        rest = status.st_size - self._filed_to
        torn = self._torn and rest < CHUNK and b"\n" not in os.pread(descriptor, CHUNK, self._filed_to)
        if rest and not torn:
            return
        if status.st_size:
            os.ftruncate(descriptor, 0)
        self._filed_to, self._torn = 0, False
        if status.st_nlink == 0:  # Somebody removed our file: what is written now would die with us.
            os.close(descriptor)
            self._descriptor = None


def _leave_parent(journal: weakref.ref[Journal]) -> None:
    """Tell a journal of the fork: the interpreter keeps this call for ever, and must not keep the journal."""
    mine = journal()
    if mine is not None:
        mine.leave_parent()


def _take_over(path: Path, file: Callable[[Sequence[Entry]], None]) -> int:
    """File one dead process's journal and remove it; give how many entries it held."""
    descriptor = claim_dead(path)
    if descriptor is None:
        return 0
    count = 0
    try:
        with os.fdopen(descriptor, "rb") as dead:
            while lines := list(itertools.islice(dead, BATCH)):
                entries = read_lines(lines)
                file(entries)
                count += len(entries)
            path.unlink(missing_ok=True)  # While it is locked: nobody can adopt it a second time.
    except OSError:
        logger.exception("a dead process's journal cannot be read and is left: %s", path.name)
    return count


# How an entry is written as one line of a journal, with a checksum, and read back.


LATEST = 32_503_680_000  # The year 3000: a moment after it is a mistake, and some dates cannot hold it.


def backlog(folder: Path) -> int:
    """Count the bytes that wait to be filed, in the journals of all processes of this host."""
    total = 0
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(FileNotFoundError):  # It was just adopted.
            total += path.stat().st_size
    return total


def seal(entry: Entry) -> bytes:
    """Write an entry as ``<checksum> <json>`` and a line's end; ValueError if its time is absurd."""
    if not 0 <= entry.at <= LATEST:
        raise ValueError(entry.at)
    body = msgspec.json.encode(entry)
    return b"%08x %s\n" % (zlib.crc32(body), body)


def unseal(line: bytes) -> Entry | None:
    """Read one line, or nothing if it was torn or is not ours."""
    checksum, _, body = line.partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(body):
            return None
        entry = msgspec.json.decode(body, type=Entry)
    except (ValueError, msgspec.MsgspecError):
        return None
    return entry if 0 <= entry.at <= LATEST else None


def read_lines(lines: Iterable[bytes]) -> list[Entry]:
    """Read the entries of some lines, passing over those that cannot be read."""
    stripped = [bare for line in lines if (bare := line.rstrip(b"\n"))]
    entries = [entry for line in stripped if (entry := unseal(line)) is not None]
    if len(entries) < len(stripped):
        logger.warning("journal lines skipped because they cannot be read: %s", len(stripped) - len(entries))
    return entries


# Whose a journal file is: its process holds a lock on it for as long as it lives and writes to it.


SUFFIX = ".journal"
HANDED_OVER = f".full{SUFFIX}"
LATE = 5.0  # Seconds in which a journal that was handed over is filed, where all is well.


def is_handed_over(path: Path) -> bool:
    """Whether a process left a journal to another that files for it."""
    return path.name.endswith(HANDED_OVER)


def is_left(path: Path) -> bool:
    """Whether a journal was left by a process that died, or was handed over and is taken by nobody."""
    if not is_handed_over(path):
        return True
    with suppress(FileNotFoundError):
        return not 0 <= time.time() - path.stat().st_mtime < LATE
    return False


def claim_new(folder: Path) -> tuple[int, Path]:
    """Create a file that belongs to this process; give its descriptor and path. OSError if it cannot be."""
    make_private_folder(folder)
    while True:
        path = folder / f"{os.getpid()}-{secrets.token_hex(8)}{SUFFIX}"
        descriptor = open_private(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL)
        if _lock(descriptor):
            return descriptor, path
        # Between its birth and its lock a file looks like a dead process's, and somebody adopted it.
        os.close(descriptor)


def claim_dead(path: Path) -> int | None:
    """Take the file of a process that has died, or nothing if it lives or somebody else was first."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    except OSError as fault:
        logger.warning("a journal cannot be opened: %s: %s", path.name, fault)
        return None
    if _lock(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _lock(descriptor: int) -> bool:
    """Lock a file unless another holds it; a file that was removed meanwhile is nobody's any more."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return os.fstat(descriptor).st_nlink > 0
