"""The thread that files the journal into SQL, and looks after what nobody else will finish."""

from __future__ import annotations

import logging
import math
import time
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from ivr.records.database import RecordRefused, RecordsUnavailable
from ivr.records.recording import close_silent, record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ivr.effects import Entry
    from ivr.records.database import Database
    from ivr.records.journal import Journal

logger = logging.getLogger(__name__)

PAUSE = 0.1  # The log is right 2 s after a call's end, with much to spare.
LONGEST_PAUSE = 2  # While SQL is gone: it is not pressed, and not left waiting once it is back.
TEND_EVERY = 10
LOOK_EVERY = 2
FAREWELL = 5  # Seconds that a process may take to end while SQL hangs.


class Filer:
    """Files one process's journal. It is started after a fork, in each process that writes."""

    _thread: Thread | None

    def __init__(  # noqa: PLR0913 - its usual choices, by name
        self,
        journal: Journal,
        database: Database,
        now: Callable[[], float],
        *,
        keep_seconds: Callable[[], float] = lambda: math.inf,
        look: Callable[[], object] | None = None,
        often: int = 1,
        passed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._database = database
        self._now = now
        self._keep_seconds = keep_seconds
        self._pause, self._look_every = PAUSE / often, LOOK_EVERY / often
        self._passed = passed  # Tells when to tend and to look, whatever becomes of the wall clock.
        self._look = look  # What else is to be done from this thread every two seconds, SQL or not.
        self._looked = self._tended = -math.inf
        self._away = False
        self._begin()

    def start(self) -> None:
        """Begin to file, in a thread that ends with the process."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._begin()  # A lock that came through a fork may be held by nobody.
        self._thread = Thread(target=self._run, name="filer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """File what is left, and end; whatever SQL does not take now is adopted later."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(FAREWELL)
        if self._thread is None or not self._thread.is_alive():  # Else SQL hangs, and so would we.
            self._round()

    def file_once(self) -> int:
        """File all that the journal holds; RecordsUnavailable if SQL does not take it: nothing is lost."""
        count = 0
        with self._filing:
            while True:
                batch = self._journal.unfiled()
                self.file(batch.entries)
                self._journal.filed(batch)
                count += len(batch.entries)
                if batch.empty:
                    return count

    def file(self, entries: Sequence[Entry]) -> None:
        """File some entries; those past retention are dropped, and one that SQL refuses spoils no other."""
        oldest = self._now() - self._keep_seconds()
        fresh = [entry for entry in entries if entry.at >= oldest]
        if not fresh:
            return
        try:
            record(self._database, fresh, self._now())
        except RecordRefused as fault:
            if len(fresh) == 1:
                logger.error("the database refuses an entry, it is dropped: %s", fault)  # noqa: TRY400 - it holds values
                return
            half = len(fresh) // 2
            self.file(fresh[:half])
            self.file(fresh[half:])

    def tend(self, now: float) -> None:
        """Adopt the journals of dead processes, and close the calls that have fallen silent."""
        adopted = self._journal.adopt(self.file)
        if adopted:
            logger.warning("entries adopted from processes that died: %s", adopted)
        close_silent(self._database, now)

    def _begin(self) -> None:
        """Start with a lock, a signal and no thread."""
        self._thread = None
        self._stopping = Event()
        self._filing = Lock()

    def _run(self) -> None:
        """File until told to stop."""
        pause = self._pause
        while not self._stopping.wait(pause):
            pause = self._pause if self._round() else min(pause * 2, LONGEST_PAUSE)
            self._look_if_due()

    def _round(self) -> bool:
        """File and tend once; say whether SQL was there. Nothing may end the thread."""
        try:
            self.file_once()
            self._tend_if_due()
        except (RecordsUnavailable, OSError) as fault:
            if not self._away:
                logger.warning("records unavailable, the journal keeps what happens: %s", fault)
            self._away = True
            return False
        except Exception:
            logger.exception("filing failed, and is tried again")
            return False
        if self._away:
            logger.warning("records are back, and the journal is filed")
        self._away = False
        return True

    def _tend_if_due(self) -> None:
        """Tend every few seconds, also when the wall clock was set back."""
        passed = self._passed()
        if passed - self._tended >= TEND_EVERY:
            self.tend(self._now())
            self._tended = passed

    def _look_if_due(self) -> None:
        """Look every two seconds, also when the wall clock was set back. Its faults are its own."""
        passed = self._passed()
        if self._look is None or passed - self._looked < self._look_every:
            return
        self._looked = passed
        try:
            self._look()
        except Exception:
            logger.warning("looking around failed, and is tried again", exc_info=True)
