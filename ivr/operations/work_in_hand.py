"""What a line in a rehearsal has in hand: until that is nothing, the network's time stands still."""

from __future__ import annotations

import mmap
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.circuit_breaker import PartUnavailable
from ivr.records.journal import SUFFIX
from ivr.work.network_clock import COUNTS, PAGE, TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


def in_hand(settings: Mapping[str, str], parts: Collection[str], jobs: Callable[[], object]) -> str:
    """Say what a line's processes still have to do, or nothing. Only ``parts`` that are there are asked."""
    effects = {pid: count for pid, (count, _) in pages(Path(settings["REHEARSAL"])).items() if count}
    if effects:
        return f"effects in hand, by process: {effects}"
    if {"redis", "worker"} <= set(parts):
        try:
            left = jobs()
        except PartUnavailable as error:
            left = error
        if left:
            return f"jobs of the worker: {left}"
    entries = unfiled(Path(settings["JOURNAL_DIR"])) if "sql" in parts else {}
    return f"bytes to be filed: {entries}" if entries else ""


def pages(folder: Path) -> dict[int, tuple[int, int]]:
    """Read what the living processes have in hand, and how often they looked around."""
    found = {int(page.stem): page.read_bytes() for page in folder.glob(f"*{PAGE}")}
    return {
        pid: COUNTS.unpack(page)
        for pid, page in found.items()
        if is_alive(pid) and len(page) == COUNTS.size  # A process that just makes its page has nothing yet.
    }


def unfiled(folder: Path, *, dead: bool = False) -> dict[str, int]:
    """Tell the sizes of the journals that are not filed: those of the living, or also of the dead."""
    sizes = {}
    for journal in folder.glob(f"*{SUFFIX}"):
        with suppress(FileNotFoundError):  # It was just adopted.
            if (dead or is_alive(int(journal.name.partition("-")[0]))) and (size := journal.stat().st_size):
                sizes[journal.name] = size
    return sizes


def is_alive(pid: int) -> bool:
    """Say whether a process lives; one that is dead and not yet buried does not.

    As long as a thread of it is still ending, it holds its port and its files.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except OSError:
        return False
    return threads > 1 or status.rpartition(")")[2].split()[0] not in {"Z", "X"}


def show_in(path: Path) -> Callable[[float], None]:
    """Keep the network's time in a file that the line's processes read as memory."""
    path.write_bytes(TIME.pack(0.0))
    with path.open("r+b") as file:
        shared = mmap.mmap(file.fileno(), TIME.size)

    def show(now: float) -> None:
        shared[: TIME.size] = TIME.pack(now)

    return show
