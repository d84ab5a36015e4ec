"""The truth about a transfer that goes on: one row with a version, changed by one at a time.

``TransferStore`` asks SQL and waits for it. ``TimeLimitedStore`` is for those who cannot wait: it gives an
answer in a third of a second, or none.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import delete, func, or_, select, update

from ivr.circuit_breaker import CircuitBreaker
from ivr.long_running import start_threads
from ivr.records.database import Lock, RecordsUnavailable, be_alone, inserting_missing
from ivr.records.periods import moment
from ivr.records.tables import live_transfers
from ivr.transfer.machine import LEG, MOVES, Decide, Follow, State, Transfer, nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from sqlalchemy import Connection, Row, Update

    from ivr.records.database import Database
    from ivr.transfer.coordinator import Transfers

LEG_SECONDS = 3 * 60  # A ring or a briefing of which nothing was heard for longer uses no line any more.
TALK_SECONDS = 4 * 60 * 60  # Longer than any conversation that Twilio allows.
RINGS = [state.value for state in LEG]
REACHED = [State.CONNECTED.value, State.PARTED.value, State.FINISHED.value]
UNREACHED = [State.RETURNED.value, State.DIRECT.value]
OVER = [state.value for state, moves in MOVES.items() if not moves]
FAILURES = 3  # In a row: SQL that was late once is busy, and those who ask next should not go another way.
THREADS = 4  # Fewer than the connections of a pool, so that a hanging SQL cannot take them all.

Answer = TypeVar("Answer")


class TransferStore:
    """Keeps the transfers that go on, for every process. RecordsUnavailable when SQL cannot be asked."""

    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self._database = database
        self._now = now

    def open(self, transfer: Transfer) -> None:
        """Begin a transfer; a second time changes nothing."""
        now = moment(self._now())
        row = {"id": transfer.id, "began_at": now, "changed_at": now} | _columns(transfer)
        dialect = self._database.engine.dialect.name
        self._database.write_one(inserting_missing(live_transfers, dialect), row)

    def change(
        self, transfer_id: str, decide: Decide, follow: Follow = nothing
    ) -> tuple[Transfer, Transfer] | None:
        """Let ``decide`` change a transfer, alone with it: give it before and after, or nothing if gone.

        ``decide`` also gets how many other transfers each agency has now. It may be asked a second time: who
        claims an agency must be alone with all of them, and others may have claimed it meanwhile. ``follow``
        is called once the change is kept, by whoever kept it: nobody may wait for it any more.
        """
        changed = None
        if self._database.engine.dialect.name == "sqlite":
            changed = self._change_unless_others_do(transfer_id, decide)
        changed = changed or self._change_alone(transfer_id, decide)
        if changed:
            follow(*changed)
        return changed

    def _change_unless_others_do(self, transfer_id: str, decide: Decide) -> tuple[Transfer, Transfer] | None:
        """Change a transfer by one statement, the shortest that SQLite can be locked; nothing if another did.

        Nor is an agency claimed so: whoever does must be alone with all transfers.
        """
        with self._database.read() as sql:
            row = sql.execute(select(live_transfers).where(live_transfers.c.id == transfer_id)).one_or_none()
            busy = self._busy(sql, transfer_id)
        if row is None:
            return None
        before, after = _decided(row, decide, busy)
        if after == before:
            return before, before
        if _claims(before, after) or self._database.write_one(self._update(before, after)) != 1:
            return None
        return before, after

    def _change_alone(self, transfer_id: str, decide: Decide) -> tuple[Transfer, Transfer] | None:
        """Change a transfer, alone with it, and with all others where an agency is claimed."""
        with self._database.write() as sql:
            wanted = select(live_transfers).where(live_transfers.c.id == transfer_id).with_for_update()
            row = sql.execute(wanted).one_or_none()
            if row is None:
                return None
            before, after = _decided(row, decide, self._busy(sql, transfer_id))
            if _claims(before, after) and _wait_for_claims(sql):
                before, after = _decided(row, decide, self._busy(sql, transfer_id))
            # Our lock keeps others out; the version would tell if it did not.
            if after != before and sql.execute(self._update(before, after)).rowcount != 1:
                raise RecordsUnavailable("a transfer was changed by two at once")
        return before, after

    def of_calls(self, calls: Sequence[str]) -> list[str]:
        """Name the transfers of some calls that are not over."""
        going_on = live_transfers.c.call_id.in_(calls) & live_transfers.c.state.not_in(OVER)
        with self._database.read() as sql:
            return list(sql.scalars(select(live_transfers.c.id).where(going_on)))

    def forget(self, older_than: float) -> int:
        """Delete the transfers that have not changed since then; say how many."""
        old = delete(live_transfers).where(live_transfers.c.changed_at < moment(older_than))
        with self._database.write() as sql:
            return sql.execute(old).rowcount

    def unreached_in_a_row(self, waited: int) -> int:
        """Count the newest transfers that reached nobody, back to the last one that reached a person.

        A caller who left before a choice was offered says nothing of whether somebody could be reached, and
        is passed over.
        """
        reached = (
            select(func.max(live_transfers.c.changed_at))
            .where(live_transfers.c.state.in_(REACHED))
            .scalar_subquery()
        )
        since = or_(reached.is_(None), live_transfers.c.changed_at > reached)
        gave_up = (live_transfers.c.state == State.LEFT.value) & (live_transfers.c.waited > waited)
        count = select(func.count()).where(or_(live_transfers.c.state.in_(UNREACHED), gave_up), since)
        with self._database.read() as sql:
            return sql.scalar(count) or 0

    def _busy(self, sql: Connection, transfer_id: str) -> dict[str, int]:
        """Count the other transfers at each agency."""
        recent = moment(self._now() - LEG_SECONDS)
        talking = moment(self._now() - TALK_SECONDS)
        occupied = or_(
            live_transfers.c.state.in_(RINGS) & (live_transfers.c.changed_at >= recent),
            (live_transfers.c.state == State.CONNECTED.value) & (live_transfers.c.changed_at >= talking),
        )
        count = select(live_transfers.c.agency, func.count().label("others")).where(
            live_transfers.c.id != transfer_id, occupied
        )
        rows = sql.execute(count.group_by(live_transfers.c.agency))
        return {row.agency: row.others for row in rows}

    def _update(self, before: Transfer, after: Transfer) -> Update:
        """Write what has changed, if nobody else has changed it since."""
        same = (live_transfers.c.id == before.id) & (live_transfers.c.version == before.version)
        return update(live_transfers).where(same).values(changed_at=moment(self._now()), **_columns(after))


def _decided(row: Row[Any], decide: Decide, busy: Mapping[str, int]) -> tuple[Transfer, Transfer]:
    """Give a transfer before and after, with a version of its own where it changed."""
    before = _transfer(row)
    after = replace(decide(before, busy) or before, id=before.id, version=before.version)
    return before, after if after == before else replace(after, version=before.version + 1)


def _claims(before: Transfer, after: Transfer) -> bool:
    return after.state is State.DIALLING and before.state is not State.DIALLING


class TimeLimitedStore:
    """Asks a store in a limited time, and leaves it alone for a while after it failed.

    What is late was still asked for, and may still be done: no answer does not mean that nothing changed.
    """

    _threads: ThreadPoolExecutor | None

    def __init__(
        self,
        transfers: Transfers,
        seconds: float = 0.3,
        rest: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transfers = transfers
        self._seconds = seconds
        self._breaker = CircuitBreaker(clock, rest, FAILURES)
        self._threads = None
        self._pid = 0

    def open(self, transfer: Transfer) -> None:
        """Begin a transfer; RecordsUnavailable when that is not done in time."""
        self._ask(lambda: self._transfers.open(transfer))

    def change(
        self, transfer_id: str, decide: Decide, follow: Follow = nothing
    ) -> tuple[Transfer, Transfer] | None:
        """Change one transfer; RecordsUnavailable when that is not known to be done in time.

        ``decide`` and ``follow`` run in another thread, and perhaps when nobody waits for them any more.
        """
        return self._ask(lambda: self._transfers.change(transfer_id, decide, follow))

    def unreached_in_a_row(self, waited: int) -> int:
        """Count the newest that reached nobody; RecordsUnavailable when that is not known in time."""
        return self._ask(lambda: self._transfers.unreached_in_a_row(waited))

    def of_calls(self, calls: Sequence[str]) -> list[str]:
        """Name the transfers of some calls; RecordsUnavailable when they are not known in time."""
        return self._ask(lambda: self._transfers.of_calls(calls))

    def _ask(self, ask: Callable[[], Answer]) -> Answer:
        """Wait for an answer as long as a caller can."""
        with self._breaker.guard(RecordsUnavailable):
            future = self._own_threads().submit(ask)
            try:
                return future.result(self._seconds)
            except TimeoutError as fault:
                future.cancel()  # What has not begun yet need not begin.
                raise RecordsUnavailable("no answer in time") from fault

    def _own_threads(self) -> ThreadPoolExecutor:
        """Start the threads when first asked in this process: a parent's do not come through a fork."""
        if self._threads is None or self._pid != os.getpid():
            self._threads = start_threads(THREADS, "records")
            self._pid = os.getpid()
        return self._threads


def _wait_for_claims(sql: Connection) -> bool:
    """Wait until no other session is claiming; False where writers are alone anyway."""
    if sql.dialect.name != "postgresql":
        return False
    be_alone(sql, Lock.CLAIMS)
    return True


def _transfer(row: Row[Any]) -> Transfer:
    """Read one row."""
    return Transfer(
        id=row.id,
        call=row.call_id,
        order=row.order_name,
        language=row.language,
        state=State(row.state),
        version=row.version,
        place=row.attempt,
        agency=row.agency,
        tried=tuple(row.tried.split(",")) if row.tried else (),
        waited=row.waited,
        since=row.since,
        tick=row.tick,
        topic=row.topic,
    )


def _columns(transfer: Transfer) -> dict[str, Any]:
    """Write one row, its id and its times aside."""
    return {
        "call_id": transfer.call,
        "order_name": transfer.order,
        "language": transfer.language,
        "state": transfer.state.value,
        "version": transfer.version,
        "attempt": transfer.place,
        "agency": transfer.agency,
        "tried": ",".join(transfer.tried),
        "waited": transfer.waited,
        "since": transfer.since,
        "tick": transfer.tick,
        "topic": transfer.topic,
    }
