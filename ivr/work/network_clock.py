"""What time it is for this process, and what it has in hand: both can be shared with a pretend network.

A pretend network jumps from one event to the next, and must not jump while the line has something to do. So
in a rehearsal (the setting REHEARSAL, a folder) the network keeps its time in a file that our processes read
in place of the wall clock, and each of them notes in a page of its own how many effects it has in hand. Both
files are memory that is shared: nothing waits, and nothing can fail.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

NOW = "now"  # In the folder of a rehearsal: the network's time, in Unix seconds.
PAGE = ".page"  # Beside it, PID.page: what a process has in hand, and how often it has looked around.
TIME, COUNTS = struct.Struct("<d"), struct.Struct("<qq")


class Clock(Protocol):
    """What time it is, and who is told what this process has in hand."""

    def now(self) -> float:
        """Tell the time in Unix seconds."""

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""

    def take_in_hand(self) -> None:
        """Note that there is one more effect to perform or to hand on."""

    def be_done(self) -> None:
        """Note that there is one less."""

    def looked(self) -> None:
        """Note that this process has just read what operators switch."""


class WallClock:
    """The clock of a line that people call. Nobody asks what it has in hand."""

    def now(self) -> float:
        """Tell the time in Unix seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""
        time.sleep(seconds)

    def take_in_hand(self) -> None:
        """Note nothing."""

    def be_done(self) -> None:
        """Note nothing."""

    def looked(self) -> None:
        """Note nothing."""


class NetworkClock:
    """The clock of a pretend network; where that keeps none, the wall's. Only one is made in each process."""

    def __init__(self, folder: Path) -> None:
        self._time = _shared(folder / NOW, TIME.size) if (folder / NOW).exists() else None
        self._page = _shared(folder / f"{os.getpid()}{PAGE}", COUNTS.size)
        self._lock = threading.Lock()
        self._in_hand = self._looks = 0

    def now(self) -> float:
        """Tell the network's time."""
        if self._time is None:
            return WALL.now()
        now: float = TIME.unpack(self._time[: TIME.size])[0]
        return now

    def sleep(self, seconds: float) -> None:
        """Go on at once: the network stands still as long as this process has something in hand."""
        if self._time is None:
            WALL.sleep(seconds)

    def take_in_hand(self) -> None:
        """Note that there is one more effect to perform or to hand on."""
        self._note(in_hand=1)

    def be_done(self) -> None:
        """Note that there is one less."""
        self._note(in_hand=-1)

    def looked(self) -> None:
        """Note that this process has just read what operators switch."""
        self._note(looks=1)

    def _note(self, in_hand: int = 0, looks: int = 0) -> None:
        with self._lock:
            self._in_hand += in_hand
            self._looks += looks
            self._page[: COUNTS.size] = COUNTS.pack(self._in_hand, self._looks)


WALL = WallClock()


def clock_of(rehearsal: Path | None) -> Clock:
    """Give the clock that the settings ask for: the network's in a rehearsal, else the wall's."""
    return NetworkClock(rehearsal) if rehearsal else WALL


def _shared(path: Path, size: int) -> mmap.mmap:
    """Open a small file as memory that processes share; it is made where it is missing."""
    with path.open("a+b") as file:
        if file.seek(0, os.SEEK_END) < size:
            file.truncate(size)
        return mmap.mmap(file.fileno(), size)
