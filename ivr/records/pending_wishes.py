"""Wishes that were promised and are not in SQL yet: STOP, START and DELETE, each a file beside the journal.

A texter is told that it is done; so it is, whatever is away and whoever dies meanwhile. A wish is an empty
file, and all that it says is in its name: when it came, what it is, and the mark of a phone. So none can be
half written, and one fits on a full disk. Whichever process of this host is alive performs them all, in the
order in which they came, so that a later wish stays the later one; then their files go.
"""

from __future__ import annotations

import fcntl
import logging
import math
import os
import re
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ivr.circuit_breaker import PartUnavailable
from ivr.effects import Erase, OptIn, OptOut
from ivr.encryption import make_private_folder, open_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ivr.effects import Effect

logger = logging.getLogger(__name__)

FOLDER = "wishes"  # In the folder of the journal.
KINDS: dict[str, type[Erase | OptOut | OptIn]] = {kind.__name__: kind for kind in (Erase, OptOut, OptIn)}
NAME = re.compile(rf"\d{{20}}\.({'|'.join(KINDS)})\.([A-Za-z0-9_-]{{1,200}})")


class PendingWishes:
    """The wishes of one host that are still to be performed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._told: set[str] = set()  # Of which the log has that they wait.

    def note(self, wish: Effect) -> bool:
        """Note a wish before its texter is answered; False where it is none, or cannot be noted."""
        if not isinstance(wish, Erase | OptOut | OptIn):
            return False
        name = f"{time.time_ns():020d}.{type(wish).__name__}.{wish.mark}"
        if not NAME.fullmatch(name):
            return False
        try:
            make_private_folder(self._folder)
            os.close(open_private(self._folder / name, os.O_CREAT | os.O_WRONLY))
        except OSError:
            return False
        return True

    def names(self, before: float = math.inf) -> list[str]:
        """List the wishes that wait, in the order in which they came: all, or those of before a moment."""
        with suppress(OSError), os.scandir(self._folder) as files:
            names = sorted(file.name for file in files if NAME.fullmatch(file.name))
            return [name for name in names if int(name.partition(".")[0]) < before * 1e9]
        return []

    def perform(self, do: Callable[[Effect], None]) -> None:
        """Perform all that there are. Those that fail stay, and so do later ones of the same phone.

        One process is at it at a time. Whoever comes meanwhile leaves their wish to it: it looks once more
        after it has let the others in.
        """
        whole = True
        while whole and self.names():
            with self._alone() as alone:
                if not alone:
                    return
                whole = self._perform_all(do)

    def _perform_all(self, do: Callable[[Effect], None]) -> bool:
        """Perform what there is now; give whether all of it was."""
        failed: set[str] = set()
        for name in self.names():
            _, kind, mark = name.split(".")
            if mark in failed:
                continue
            try:
                do(KINDS[kind](mark))
            except PartUnavailable as fault:
                self._tell_once(name, fault, logging.WARNING)
                return False
            except Exception as fault:  # noqa: BLE001 - one wish must not keep the others from being performed
                self._tell_once(name, fault, logging.ERROR)
                failed.add(mark)
            else:
                self._told.discard(name)
                with suppress(FileNotFoundError):
                    (self._folder / name).unlink()
        return not failed

    def _tell_once(self, name: str, fault: Exception, level: int) -> None:
        """Log that a wish waits; not its mark, which a traceback may quote."""
        if name not in self._told:
            logger.log(level, "what a texter wished waits: %s: %s", name.split(".")[1], type(fault).__name__)
        self._told.add(name)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Keep other processes and threads out, unless one is at it; the lock goes with whoever dies."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(OSError):  # A disk that cannot do this is no reason to wait.
                os.fsync(folder)  # A power cut must not take a wish that SQL does not have yet.
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(folder)
