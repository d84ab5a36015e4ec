"""What phones caused of late, counted in files beside the journal: by all processes of a host, without Redis.

A file holds one line for each request that was counted: when, a keyed id of it, and whether it was allowed.
So a request that comes again is answered as the first time, and counted once. No file outlives a day.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.caller_limits import DAY, Bound
from ivr.encryption import make_private_folder, open_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


LOCK_SECONDS = 0.1  # A process that was stopped while it counted must not stop the others.
LOCK_PAUSE = 0.001
MOST_REFUSED = 256  # Refusals that a file remembers: a flood must not make it long.
MOST_KEPT = 10_000  # Marks that this process counts by itself where no file can be written.


@dataclass(frozen=True)
class Counted:
    """One request that was counted."""

    at: float
    request: str
    allowed: bool

    def write(self) -> bytes:
        """Write it as a line."""
        return f"{self.at:.3f} {self.request} {int(self.allowed)}\n".encode()


class CounterFiles:
    """Counts under a name and a mark, in windows that end now."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self._folder = folder
        self._now = now
        self._local: dict[str, list[Counted]] = {}
        self._lock = threading.Lock()

    def allow(self, what: str, mark: str, bounds: Sequence[Bound], request: str) -> bool:
        """Whether one more is within every bound; a request that was counted is told what it was told."""
        name, now = f"{what}-{mark}", self._now()
        try:
            with self._open(name) as descriptor:
                known = list(_read(descriptor))
                kept, allowed = _count(known, bounds, request, now)
                if kept != known:
                    _write(descriptor, kept)
                return allowed
        except OSError:  # No disk, or a stopped process holds the lock: this process counts for itself.
            return self._count_here(name, bounds, request, now)

    def forget(self, now: float) -> None:
        """Delete the files in which nothing was counted for a day."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                with suppress(OSError):
                    if path.lstat().st_mtime < now - DAY:
                        path.unlink()

    def _count_here(self, name: str, bounds: Sequence[Bound], request: str, now: float) -> bool:
        with self._lock:
            if len(self._local) >= MOST_KEPT:
                self._local = {n: kept for n, kept in self._local.items() if kept[-1].at > now - DAY}
            kept, allowed = _count(self._local.get(name, []), bounds, request, now)
            self._local[name] = kept
            return allowed

    @contextmanager
    def _open(self, name: str) -> Iterator[int]:
        """Open a file alone; OSError where that cannot be."""
        make_private_folder(self._folder)
        while True:
            descriptor = open_private(self._folder / name, os.O_RDWR | os.O_CREAT)
            try:
                _lock(descriptor)
                if os.fstat(descriptor).st_nlink:  # Else it was forgotten between its opening and its lock.
                    yield descriptor
                    return
            finally:
                os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Lock a file, within a tenth of a second; BlockingIOError when another process keeps it."""
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise
            time.sleep(LOCK_PAUSE)
        else:
            return


def _read(descriptor: int) -> Iterator[Counted]:
    """Read what was counted; a line that was torn is passed over."""
    for line in os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode("ascii", "replace").splitlines():
        with suppress(ValueError):
            at, request, allowed = line.split(" ")
            yield Counted(float(at), request, allowed == "1")


def _write(descriptor: int, kept: Sequence[Counted]) -> None:
    """Write over what was there, then cut: whoever dies between leaves more counts, never none."""
    whole = b"".join(each.write() for each in kept)
    os.pwrite(descriptor, whole, 0)
    os.ftruncate(descriptor, len(whole))


def _count(
    known: Sequence[Counted], bounds: Sequence[Bound], request: str, now: float
) -> tuple[list[Counted], bool]:
    """Count one request among those that are known; give what is to be kept, and whether it is allowed."""
    told = [each.allowed for each in known if each.request == request]
    if told:
        return list(known), told[0]
    allowed = all(
        sum(each.at > now - bound.seconds for each in known if each.allowed or bound.counts_refused)
        < bound.most
        for bound in bounds
    )
    fresh = [*(each for each in known if each.at > now - DAY), Counted(now, request, allowed)]
    refused = [each for each in fresh if not each.allowed]
    dropped = {each.request for each in refused[:-MOST_REFUSED]}
    return [each for each in fresh if each.request not in dropped], allowed


# Which requests were performed: a file each beside the journal, for a day, so that none is performed
# twice.

MOST_REMEMBERED = 10_000  # By this process, where no file can be made.


class RequestMarks:
    """The marks of one host."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "performed"
        self._local: dict[str, None] = {}

    def begin(self, request: str) -> bool:
        """Whether a request is performed now for the first time. Of all who ask at once, one is told so."""
        if request in self._local:
            return False
        with suppress(OSError):
            make_private_folder(self._folder)
        try:
            os.close(open_private(self._folder / request, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        except OSError:  # No disk: this process at least does nothing twice.
            if len(self._local) >= MOST_REMEMBERED:
                self._local.pop(next(iter(self._local)))
            self._local[request] = None
        return True

    def undo(self, request: str) -> None:
        """Let a request that was not performed be tried again."""
        self._local.pop(request, None)
        with suppress(OSError):
            (self._folder / request).unlink()

    def forget(self, now: float) -> None:
        """Delete the marks of requests that are a day old."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                with suppress(OSError):
                    if path.lstat().st_mtime < now - DAY:
                        path.unlink()
