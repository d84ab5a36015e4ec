"""Calls that Twilio has and our log has not: they are counted before Twilio's copy is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from ivr.records.counts import CountKey, add_counts
from ivr.records.tables import calls, daily, erased_calls

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from ivr.records.database import Database

UNKNOWN = "unknown_calls"
BATCH = 500


def known_calls(database: Database, ids: Sequence[str]) -> set[str]:
    """Choose which of these calls the log holds, or held until they were erased."""
    known: set[str] = set()
    with database.read() as sql:
        for start in range(0, len(ids), BATCH):
            some = ids[start : start + BATCH]
            known.update(sql.scalars(select(calls.c.id).where(calls.c.id.in_(some))))
            known.update(sql.scalars(select(erased_calls.c.call_id).where(erased_calls.c.call_id.in_(some))))
    return known


def count_unknown(database: Database, day: date, number: int) -> None:
    """Count calls of a day that the log does not know."""
    if number:
        with database.write() as sql:
            add_counts(sql, {CountKey(day, UNKNOWN): number})


def list_unknown(database: Database) -> list[tuple[date, int]]:
    """Read on which days how many calls were unknown, the first day first."""
    wanted = select(daily.c.day, daily.c.count).where(daily.c.what == UNKNOWN).order_by(daily.c.day)
    with database.read() as sql:
        return [(day, count) for day, count in sql.execute(wanted)]
