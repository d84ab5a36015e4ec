"""Brings the journal into SQL: a thread files its entries, and their calls' rows are computed anew.

Each entry is stored once, as a turn. What is computed of a call (its own row, its transfers, its attempts)
is replaced whenever an entry of it arrives, or when it has been silent for so long that it is over.
"""

from __future__ import annotations

import logging
import math
import time
from collections import defaultdict
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from ivr.effects import Entry
from ivr.records.call_summary import (
    VOICE_SILENT,
    cut_to_milliseconds,
    in_order,
    is_of_transfer,
    summarize,
    turn_number,
)
from ivr.records.counts import drop_tallies
from ivr.records.database import (
    RecordRefused,
    RecordsUnavailable,
    delete_together,
    insert_together,
    read_together,
    update_together,
)
from ivr.records.deletion import without_erased, without_forgotten
from ivr.records.journal import LATE, is_handed_over, is_left
from ivr.records.periods import moment
from ivr.records.tables import attempts, calls, transfers, turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from ivr.records.call_summary import CallSummary
    from ivr.records.database import Database
    from ivr.records.journal import Journal

logger = logging.getLogger(__name__)

PAUSE = 0.1  # The log is right 2 s after a call's end, with much to spare.
BUSY_PAUSE = 0.5  # At most, while much happens: what a transaction costs by itself is paid for more entries.
SHARE = 4  # Times as long as filing took: so that callers have the process, and not the filer.
REST = 0.005  # Between two batches, for SQLite's other writers: they look for the lock only now and then.
LONGEST_PAUSE = 2  # While SQL is gone: it is not pressed, and not left waiting once it is back.
TEND_EVERY = 10
REFRESH_EVERY = 2
FAREWELL = 5  # Seconds that a process may take to end while SQL hangs.

BATCH = 200  # Calls recomputed in one transaction.
LATE_SECONDS = 3600  # A call keeps its exact start for so long after anything arrived, however late it did.
EXACT_SECONDS = 24 * 3600  # After that the start of a call is blurred.

OF_A_CALL = ("id", "exact_until", "channel", "started_at", "mark", "ended_at", "end_estimated", "outcome")
WHILE_IT_GOES_ON = ("id", "language", "last_stop", "turns")  # No more of a call's row changes until its end.
OF_A_TURN = (  # Its columns, from which an entry is read back, in the order of an entry's own.
    *("call_id", "key", "seconds", "language", "stop", "heard", "order_name", "rang", "ended"),
    *("transfer_id", "outcome", "written", "nearest"),
)

Row = dict[str, Any]


class JournalFiler:
    """Files one process's journal, in a thread. It is started after a fork, in each process that writes."""

    _thread: Thread | None

    def __init__(  # noqa: PLR0913 - its usual choices, by name
        self,
        journal: Journal,
        database: Database,
        now: Callable[[], float],
        *,
        keep_seconds: Callable[[], float] = lambda: math.inf,
        refresh: Callable[[], object] | None = None,
        often: int = 1,
        passed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._database = database
        self._now = now
        self._keep_seconds = keep_seconds
        self._pause = PAUSE / often
        self._rest = REST if database.engine.dialect.name == "sqlite" else 0
        self._passed = passed  # Tells when to tend and to refresh, whatever becomes of the wall clock.
        self._refresh = refresh  # Called from this thread every two seconds, SQL or not.
        self._refreshed = self._tended = -math.inf
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
                time.sleep(self._rest)

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
        adopted = self._journal.adopt(self.file, is_left)
        if adopted:
            logger.warning("entries adopted from processes that died: %s", adopted)
        close_silent(self._database, now)
        self._database.fold_log()

    def _begin(self) -> None:
        """Start with a lock, a signal and no thread."""
        self._thread = None
        self._stopping = Event()
        self._filing = Lock()

    def _run(self) -> None:
        """File until the process stops."""
        pause = self._pause
        while not self._stopping.wait(pause):
            began = time.monotonic()
            found = self._round()
            pause = pause_after(pause, time.monotonic() - began, found=found, shortest=self._pause)
            self._refresh_if_due()

    def _round(self) -> bool | None:
        """File and tend once; give whether there was anything, None without SQL. No fault ends the thread."""
        try:
            found = self.do_round()
        except (RecordsUnavailable, OSError) as fault:
            if not self._away:
                logger.warning("records unavailable, the journal keeps what happens: %s", fault)
            self._away = True
            return None
        except Exception:
            logger.exception("filing failed, and is tried again")
            return None
        if self._away:
            logger.warning("records are back, and the journal is filed")
        self._away = False
        return found

    def do_round(self) -> bool:
        """File what there is; give whether there was anything."""
        filed = self.file_once()
        self._tend_if_due()
        return filed > 0

    def _tend_if_due(self) -> None:
        """Tend every few seconds, also when the wall clock was set back."""
        passed = self._passed()
        if passed - self._tended >= TEND_EVERY:
            self.tend(self._now())
            self._tended = passed

    def _refresh_if_due(self) -> None:
        """Refresh every two seconds, also when the wall clock was set back. Its faults are its own."""
        passed = self._passed()
        if self._refresh is None or passed - self._refreshed < REFRESH_EVERY:
            return
        self._refreshed = passed
        try:
            self._refresh()
        except Exception:
            logger.warning("refreshing failed, and is tried again", exc_info=True)


class JournalHandover(JournalFiler):
    """Hands the journal of one process over to the `HostFiler` of its host, so that callers have the process.

    What nobody takes within some seconds it files itself, and so what the disk did not.
    """

    _waits_since: float | None = None

    def do_round(self) -> bool:
        """Hand over, or file after all; give whether there was anything."""
        filed = 0 if self._journal.hand_over() else self.file_once()
        passed = self._passed()
        if not self._journal.is_waiting:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = passed
        elif passed - self._waits_since > LATE:
            self._tend_if_due()
        return filed > 0 or self._waits_since is not None


class HostFiler(JournalFiler):
    """Files what the processes of a host hand over, in a process in which no caller is answered."""

    def stop(self) -> None:
        """File also what processes leave that end now."""
        super().stop()
        try:
            self._journal.adopt(self.file)
        except (RecordsUnavailable, OSError) as fault:
            logger.warning("records unavailable, journals are left for later: %s", fault)

    def file(self, entries: Sequence[Entry]) -> None:
        """File some entries, then let SQLite's other writers have their turn."""
        super().file(entries)
        time.sleep(self._rest)

    def do_round(self) -> bool:
        """Take what was handed over since; give whether there was anything."""
        adopted = self._journal.adopt(self.file, is_handed_over)
        self._tend_if_due()
        return adopted > 0


def pause_after(pause: float, took: float, *, found: bool | None, shortest: float = PAUSE) -> float:
    """Give the seconds until entries are filed again, after a pause and a round that took so many.

    Without SQL (``found`` is None) pauses double. Where there was nothing, they do so up to the usual one: a
    rehearsal asks for shorter ones, for as long as something happens in it.
    """
    if found is None:
        return min(pause * 2, LONGEST_PAUSE)
    rest = min(max(shortest, SHARE * took), max(shortest, BUSY_PAUSE))
    return rest if found else max(rest, min(pause * 2, PAUSE))


def record(database: Database, entries: Iterable[Entry], now: float) -> None:
    """Store entries that are not stored yet, and bring the rows of their calls up to date."""
    by_call: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_call[entry.call].append(cut_to_milliseconds(entry))
    with database.write() as sql:
        arrived = without_forgotten(sql, without_erased(sql, by_call, now), now)
        if sql.dialect.name != "sqlite":  # Others file turns of the same calls now: each has a row to lock.
            insert_together(sql, calls, [_stub(arrived[call]) for call in sorted(arrived)])
        recompute(sql, sorted(arrived), arrived, now)


def close_silent(database: Database, now: float) -> int:
    """Close the calls of which nothing has been heard for long; give how many."""
    going_on = select(calls.c.id).where(
        calls.c.ended_at.is_(None), calls.c.started_at <= moment(now - VOICE_SILENT)
    )
    with database.read() as sql:
        ids = sorted(sql.scalars(going_on))
    return sum(_close_some(database, ids[start : start + BATCH], now) for start in range(0, len(ids), BATCH))


def recompute(
    sql: Connection, ids: Sequence[str], arrived: Mapping[str, Sequence[Entry]], now: float
) -> None:
    """Compute these calls anew from what is stored and what has arrived; a call without a row gets one."""
    heads = _read_heads(sql, ids, locked=True)
    exact = {call: head["exact_until"] for call, head in heads.items()}
    stored = _read_entries(sql, heads)
    summaries: list[CallSummary] = []
    fresh: list[Row] = []
    for call in ids:
        before, came = stored.get(call, []), arrived.get(call, [])
        if call not in heads and came:
            exact[call] = _exact_until(came)
        new = _new(before, came, blurred=exact.get(call) is None)
        if not before and not new:
            continue  # Somebody erased the call meanwhile.
        summary = summarize([*before, *new], now)
        if new:
            exact[call] = max(exact[call], moment(now + LATE_SECONDS))
        if before and summary.started < min(entry.at for entry in before):
            # All its seconds count from the start, which has turned out to be earlier.
            sql.execute(delete(turns).where(turns.c.call_id == call))
            new = [*before, *new]
        summaries.append(summary)
        fresh += [_turn_row(entry, summary.started) for entry in new]
    begun = [_call_row(call, exact[call.id]) for call in summaries if call.id not in heads]
    insert_together(sql, calls, begun)
    insert_together(sql, turns, fresh)
    drop_tallies(sql, {moment(call.started) for call in summaries})
    _update_calls(sql, [_call_row(call, exact[call.id]) for call in summaries if call.id in heads], heads)
    _replace_transfers(sql, summaries, stored)


def _close_some(database: Database, ids: Sequence[str], now: float) -> int:
    """Read first and lock after: most calls that go on are not silent."""
    with database.read() as sql:
        stored = _read_entries(sql, _read_heads(sql, ids))
    silent = [call for call in ids if call in stored and summarize(stored[call], now).ended is not None]
    if silent:
        with database.write() as sql:
            recompute(sql, silent, {}, now)
    return len(silent)


def _new(before: Sequence[Entry], arrived: Sequence[Entry], *, blurred: bool) -> list[Entry]:
    """Choose what is not stored yet; into a call whose start is blurred nothing more can be put."""
    keys = {entry.key for entry in before}
    new = in_order(entry for entry in arrived if entry.key not in keys)
    if new and blurred:
        logger.warning("entries that came more than a day late are dropped: %s", len(new))
        return []
    return new


def _update_calls(sql: Connection, rows: Sequence[Row], heads: Mapping[str, Row]) -> None:
    """Change the rows of calls; of one that goes on three columns, which one index holds, not five."""
    some, whole = [], []
    for row in rows:
        head = heads[row["id"]]
        if all(head[name] == row[name] for name in OF_A_CALL):
            some.append({name: row[name] for name in WHILE_IT_GOES_ON})
        else:
            whole.append(row)
    update_together(sql, calls, some)
    update_together(sql, calls, whole)


def _replace_transfers(
    sql: Connection, summaries: Sequence[CallSummary], stored: Mapping[str, Sequence[Entry]]
) -> None:
    """Replace the rows of transfers and attempts, which hold nothing of their own; most calls have none."""
    if ids := [call.id for call in summaries if any(map(is_of_transfer, stored.get(call.id, ())))]:
        theirs = [row[0] for row in read_together(sql, [transfers.c.id], transfers.c.call_id, ids)]
        delete_together(sql, attempts.c.transfer_id, theirs)
        delete_together(sql, transfers.c.call_id, ids)
    insert_together(sql, transfers, [row for call in summaries for row in _transfer_rows(call)])
    insert_together(sql, attempts, [row for call in summaries for row in _attempt_rows(call)])


# Entries and summaries as rows.


def _read_heads(sql: Connection, ids: Sequence[str], *, locked: bool = False) -> dict[str, Row]:
    """Read what is computed with of some calls' own rows."""
    columns = [calls.c[name] for name in OF_A_CALL]
    # Another process may file other turns of the same calls now.
    rows = read_together(sql, columns, calls.c.id, ids, locked=locked)
    return {row[0]: dict(zip(OF_A_CALL, row, strict=True)) for row in rows}


def _read_entries(sql: Connection, heads: Mapping[str, Row]) -> dict[str, list[Entry]]:
    """Read back the entries of some calls."""
    known = {
        call: (head["channel"], head["started_at"].timestamp(), head["mark"]) for call, head in heads.items()
    }
    entries: dict[str, list[Entry]] = defaultdict(list)
    # By way of their calls: a table without statistics is read as a whole by PostgreSQL.
    columns = [turns.c[name] for name in OF_A_TURN]
    rows = read_together(sql, columns, turns.c.call_id, heads, through=calls.c.id)
    for call, key, seconds, language, stop, heard, order, rang, ended, *more in rows:
        channel, began, mark = known[call]
        at = round(began + seconds, 3)
        entry = Entry(call, key, at, channel, language, stop, heard, order, rang, ended, mark, *more)
        entries[call].append(entry)
    return entries


def _stub(entries: Sequence[Entry]) -> Row:
    """Write a call's row with what never changes, so that it can be locked and its turns can refer to it."""
    first = min(entries, key=lambda entry: entry.at)
    return {
        "id": first.call,
        "channel": first.channel,
        "started_at": _moment(first.at),
        "exact_until": _exact_until(entries),
        "end_estimated": False,
        "language": "",
        "last_stop": "",
        "turns": 0,
    }


def _exact_until(entries: Sequence[Entry]) -> datetime:
    """Say until when the start of a new call is exact."""
    return moment(min(entry.at for entry in entries) + EXACT_SECONDS)


def _call_row(call: CallSummary, exact_until: datetime | None) -> Row:
    """Write what is computed of a call."""
    return {
        "exact_until": exact_until,
        "mark": call.mark,
        "id": call.id,
        "channel": call.channel,
        "started_at": _moment(call.started),
        "ended_at": _moment(call.ended),
        "end_estimated": call.end_estimated,
        "language": call.language,
        "last_stop": call.last_stop,
        "outcome": call.outcome,
        "turns": call.turns,
    }


def _turn_row(entry: Entry, started: float) -> Row:
    """Write one entry."""
    return {
        "call_id": entry.call,
        "key": entry.key,
        "n": turn_number(entry),
        "stop": entry.stop,
        "heard": entry.heard,
        "seconds": round(entry.at - started, 3),
        "language": entry.language,
        "order_name": entry.order,
        "rang": entry.rang,
        "ended": entry.ended,
        "outcome": entry.outcome,
        "transfer_id": entry.transfer_id,
        "written": entry.written,
        "nearest": entry.nearest,
    }


def _transfer_rows(call: CallSummary) -> list[Row]:
    """Write the transfers of a call."""
    return [
        {
            "id": f"{call.id}-{number}",
            "call_id": call.id,
            "number": number,
            "order_name": transfer.order,
            "started_at": _moment(transfer.started),
            "outcome": transfer.outcome,
            "waited_seconds": transfer.waited,
        }
        for number, transfer in enumerate(call.transfers, 1)
    ]


def _attempt_rows(call: CallSummary) -> list[Row]:
    """Write the attempts of a call's transfers."""
    return [
        {
            "id": f"{call.id}-{number}-{rank}",
            "transfer_id": f"{call.id}-{number}",
            "number": rank,
            "agency": attempt.agency,
            "rung_at": _moment(attempt.rung),
            "answered_at": _moment(attempt.picked_up),
            "accepted_at": _moment(attempt.accepted),
            "ended_at": _moment(attempt.ended),
            "outcome": attempt.outcome,
            "seconds": attempt.seconds,
            "waited_seconds": attempt.waited,
        }
        for number, transfer in enumerate(call.transfers, 1)
        for rank, attempt in enumerate(transfer.attempts, 1)
    ]


def _moment(at: float | None) -> datetime | None:
    return None if at is None else moment(at)
