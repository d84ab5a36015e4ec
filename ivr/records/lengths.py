"""Hours of the day and lengths of calls, in the SQL of each database."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnElement, case, false, func, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ivr.records.tables import calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection
    from sqlalchemy.sql.compiler import SQLCompiler

HOUR, DAY = 3600, 86_400


def at_hour(sql: Connection, hour: int, zone: tzinfo) -> ColumnElement[bool]:
    """Claim that a call began in this hour of some day. SQLite knows no time zones: it is told them."""
    ends = (func.min(calls.c.started_at), func.max(calls.c.started_at))
    first, last = (sql.scalar(select(end)) for end in ends)  # One by one each is a look at the index.
    if first is None or last is None:
        return false()
    changes = [(calls.c.started_at < until, literal(ahead)) for until, ahead in _changes(first, last, zone)]
    ahead: ColumnElement[int] = literal(_ahead(last, zone))
    ahead = case(*changes, else_=ahead) if changes else ahead
    second = (_Epoch(calls.c.started_at) + ahead) % DAY
    return second.between(hour * HOUR, hour * HOUR + HOUR - 1)


def _changes(first: datetime, last: datetime, zone: tzinfo) -> Iterator[tuple[datetime, int]]:
    """Tell until when the zone was how many seconds ahead of UTC, for each time its clocks were changed."""
    at = first.replace(minute=0, second=0, microsecond=0)
    while at < last:
        step = timedelta(days=1) if _ahead(at, zone) == _ahead(at + timedelta(days=1), zone) else None
        later = at + (step or timedelta(hours=1))
        if _ahead(at, zone) != _ahead(later, zone):
            yield later, _ahead(at, zone)
        at = later


def _ahead(at: datetime, zone: tzinfo) -> int:
    """Count the seconds that the zone was ahead of UTC at a moment."""
    return int((at.astimezone(zone).utcoffset() or timedelta()).total_seconds())


class _Epoch(FunctionElement[int]):
    """The whole seconds of a moment since 1970."""

    type = BigInteger()
    inherit_cache = True


class Lasted(FunctionElement[int]):
    """The whole seconds from one moment to another."""

    type = BigInteger()
    inherit_cache = True


@compiles(_Epoch)
def _epoch(element: _Epoch, compiler: SQLCompiler, **_: Any) -> str:
    (moment,) = (compiler.process(clause) for clause in element.clauses)
    if compiler.dialect.name == "sqlite":
        return f"CAST(strftime('%s', {moment}) AS INTEGER)"
    return f"CAST(FLOOR(EXTRACT(epoch FROM {moment})) AS BIGINT)"


@compiles(Lasted)
def _lasted(element: Lasted, compiler: SQLCompiler, **_: Any) -> str:
    start, end = (compiler.process(clause) for clause in element.clauses)
    if compiler.dialect.name == "sqlite":  # Its moments are fractions of days, good to the millisecond.
        return f"CAST(ROUND((julianday({end}) - julianday({start})) * {DAY}.0, 3) AS INTEGER)"
    return f"CAST(FLOOR(EXTRACT(epoch FROM {end} - {start})) AS BIGINT)"
