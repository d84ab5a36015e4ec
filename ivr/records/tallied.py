"""Which days' tallies no longer hold, because a call of theirs has changed or gone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from ivr.records.count_tables import tallies
from ivr.records.tables import calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

A_DAY = timedelta(days=1)


def drop_tallies(sql: Connection, moments: Iterable[datetime]) -> None:
    """Delete the tallies of every day that a call which began then may belong to, by whatever clock."""
    around = {moment.date() + A_DAY * n for moment in moments for n in (-1, 0, 1)}
    if around:
        sql.execute(delete(tallies).where(tallies.c.day.in_(sorted(around))))


def drop_tallies_of(sql: Connection, ids: Sequence[str]) -> None:
    """Delete the tallies of some calls' days."""
    drop_tallies(sql, sql.scalars(select(calls.c.started_at).where(calls.c.id.in_(ids))).all())
