"""Signs of life of the workers: a row each, written every few seconds, whatever has become of Redis."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from ivr.records.database import insert_or_change
from ivr.records.periods import moment
from ivr.records.tables import worker_heartbeats

if TYPE_CHECKING:
    from ivr.records.database import Database

BEAT_SECONDS = 5.0
DEAD_SECONDS = 20.0  # Three signs were missed, and the clocks of two hosts may differ a little.
FORGOTTEN = timedelta(days=1)  # Then also the row of a worker that was killed is deleted.


def note_alive(database: Database, worker: str, now: float) -> None:
    """Note that a worker is alive."""
    at = moment(now)
    with database.write() as sql:
        insert_or_change(sql, worker_heartbeats, [{"worker": worker, "at": at}])
        sql.execute(delete(worker_heartbeats).where(worker_heartbeats.c.at < at - FORGOTTEN))


def note_ended(database: Database, worker: str) -> None:
    """Note that a worker has ended by itself, so that nobody has to wait until that shows."""
    with database.write() as sql:
        sql.execute(delete(worker_heartbeats).where(worker_heartbeats.c.worker == worker))


def seconds_since_signs(database: Database, now: float) -> list[float]:
    """Give for each worker that is alive how many seconds ago its last sign was, the newest first."""
    with database.read() as sql:
        signs = sql.scalars(select(worker_heartbeats.c.at)).all()
    ages = sorted(abs(now - at.timestamp()) for at in signs)
    return [age for age in ages if age <= DEAD_SECONDS]
