"""What the worker does by itself, from time to time: retention, counts, keys, and Twilio's copies."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ivr.circuit_breaker import PartUnavailable
from ivr.pseudonyms import month_of
from ivr.records.counts import count_delivery, count_unknown, tally
from ivr.records.deletion import erase
from ivr.records.opt_outs_blocks import opt_in, opt_out
from ivr.records.periods import moment
from ivr.records.retention import blur, forget
from ivr.records.shared_keys import destroy_shared
from ivr.records.table_rewriting import rewrite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

    from ivr.flow.models import Retention
    from ivr.pseudonyms import MonthKeys
    from ivr.records.database import Database
    from ivr.records.markers import Markers
    from ivr.telephony.data_deletion import SweepResult

logger = logging.getLogger(__name__)

MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True)
class PhoneArchive:
    """What the line remembers of phones, under marks, in SQL."""

    database: Database
    now: Callable[[], float]

    def erase(self, mark: str) -> None:
        """Delete all that is held under a mark."""
        erase(self.database, (mark,), self.now())

    def opt_out(self, mark: str) -> None:
        """Remember that somebody sent STOP."""
        opt_out(self.database, mark, self.now())

    def opt_in(self, mark: str) -> None:
        """Forget that somebody sent STOP."""
        opt_in(self.database, mark)

    def count_delivery(self, reason: str) -> int:
        """Count a text that arrived, or why it did not; give how many in a row have not."""
        return count_delivery(self.database, moment(self.now()).date(), reason)


@dataclass
class Housekeeping:
    """Does each of its duties when it is due, on a thread of its own.

    One that fails because a part is gone is done again in a minute.
    """

    database: Database
    retention: Callable[[], Retention]
    keys: MonthKeys
    accepted: Markers
    sweep: Callable[[], SweepResult] | None
    now: Callable[[], float]
    swept: Callable[[bool], object] = lambda _whole: (
        None
    )  # Called after each sweep: whether it saw everything.
    zone: tzinfo = UTC  # Where days and hours are counted.
    beside: Sequence[Callable[[float], None]] = ()  # Forget what else lies beside the journal for a day.
    _unknown: int = 0
    _due: dict[str, float] = field(default_factory=dict)  # When each duty is due again.
    _thread: ThreadPoolExecutor | None = None

    def start(self) -> None:
        """Start the thread that does the duties."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="housekeeping")

    def finish(self) -> None:
        """End the duties that were begun, and the thread."""
        if self._thread:
            self._thread.shutdown(wait=True)
            self._thread = None

    def run_due(self) -> None:
        """Begin every duty that is due, without waiting for it."""
        if self._thread is None:
            self.start()
        duties = {
            "sweep": (5 * MINUTE, self._sweep),
            "markers": (10 * MINUTE, self._forget_markers),
            "blur": (HOUR, lambda: blur(self.database, self.now())),
            "tally": (HOUR, lambda: tally(self.database, self.now(), self.zone)),
            "keys": (HOUR, self._destroy_keys),
            "forget": (DAY, self._forget),
            "rewrite": (DAY / 2, self._rewrite),  # What is deleted is out of the files within a day.
        }
        for name, (every, duty) in duties.items():
            if self.now() >= self._due.get(name, 0.0):
                self._due[name] = self.now() + every
                self._later(name, duty)

    def _later(self, name: str, duty: Callable[[], object]) -> None:
        if self._thread:
            self._thread.submit(self._try, name, duty)

    def _try(self, name: str, duty: Callable[[], object]) -> None:
        try:
            duty()
        except (PartUnavailable, OSError) as error:
            logger.warning("housekeeping has to wait: %s: %s", name, type(error).__name__)
            self._due[name] = self.now() + MINUTE
        except Exception as error:  # noqa: BLE001 - one duty must not keep the others from being done
            logger.error("housekeeping failed: %s: %s", name, type(error).__name__)  # noqa: TRY400 - its traceback may quote a number

    def _forget_markers(self) -> None:
        for forgets in (self.accepted.forget, *self.beside):
            forgets(self.now())

    def _destroy_keys(self) -> None:
        """Destroy the keys of months that are over: here, and where hosts share them."""
        month = month_of(self.now())
        self.keys.destroy(month)
        destroy_shared(self.database, month)

    def _forget(self) -> None:
        kept = self.retention()
        gone = forget(self.database, self.now(), kept.rows_days, kept.counts_months, zone=self.zone)
        logger.info("forgot %s calls", gone.calls)

    def _rewrite(self) -> None:
        """Write PostgreSQL's tables anew; SQLite's file is written anew whenever something was deleted."""
        if self.database.engine.dialect.name == "postgresql" and not rewrite(self.database):
            self._due["rewrite"] = self.now() + HOUR  # Another worker is at it, or a table is in use.

    def _sweep(self) -> None:
        """Delete Twilio's copies, and count the calls that the log has never heard of."""
        if self.sweep is None:
            return
        try:
            done = self.sweep()
        except Exception:
            self.swept(False)
            raise
        self.swept(done.whole)
        self._unknown += done.unknown_calls
        count_unknown(self.database, datetime.fromtimestamp(self.now(), self.zone).date(), self._unknown)
        self._unknown = 0  # Only now: had SQL been gone, the next sweep would have counted them.
