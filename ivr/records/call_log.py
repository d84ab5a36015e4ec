"""The call log as operators look through it: newest first, a page at a time, sifted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    exists,
    func,
    literal,
    select,
    tuple_,
)

from ivr.records.calls import CallSummary, summaries
from ivr.records.lengths import Lasted, at_hour
from ivr.records.ordering import LAST
from ivr.records.tables import Moment, attempts, calls, transfers, turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from ivr.records.database import Database

AT_ONCE = 200  # Calls of an export that are read in one go.
LOOKED_AT = 20_000  # Calls that one page looks through at most, so that no filter can take long.
BEGAN: ColumnElement[datetime] = calls.c.started_at
PLACE = tuple_(calls.c.started_at, calls.c.id)  # Where a call is in the order of the log.
BETWEEN = "~"  # Stands between a page's last start and its last id; an ISO moment has none.


@dataclass(frozen=True)
class Filter:
    """Which calls are wanted; what is left empty keeps every call."""

    since: date | None = None
    until: date | None = None  # The last day, itself included.
    hour: int | None = None  # Of the day on which the call began, 0 to 23.
    channel: str | None = None
    language: str | None = None
    outcome: str | None = None
    agency: str | None = None  # That was rung in the call, whatever came of it.
    stops: tuple[str, ...] = ()  # Any of which the call visited.
    audience: str | None = None  # The branch of the main menu that the call entered: its first stop.
    seconds_from: int | None = None  # Whole seconds from start to end; a call that goes on has none.
    seconds_to: int | None = None  # Itself included.
    zone: tzinfo = UTC  # Where days and hours are counted.


@dataclass(frozen=True)
class Shelf:
    """One page of calls, and the text that asks for the next one: empty after the last page.

    A page may hold fewer calls than it could, even none, and yet not be the last.
    """

    calls: list[CallSummary]
    next: str


@dataclass(frozen=True)
class TurnRow:
    """One turn of a call, ``seconds`` after its start."""

    stop: str
    heard: str
    seconds: float
    language: str


@dataclass(frozen=True)
class RingRow:
    """One agency that was rung in a call; all times in seconds after its start."""

    agency: str
    outcome: str | None
    rung: float
    answered: float | None
    accepted: float | None
    ended: float | None


def browse(
    database: Database, wanted: Filter, after: str = "", size: int = 50, *, look: int = LOOKED_AT
) -> Shelf:
    """Read one page of the wanted calls, newest first; an ``after`` that cannot be read is the first page.

    At most ``look`` calls are looked through: where there are more, the next page goes on from there.
    """
    size = max(size, 1)
    with database.read() as sql:
        page = _sift(sql, wanted)
        if last := _read_place(after):
            page = page.where(tuple_(*last) > PLACE)
        if end := _end_of_look(sql, wanted, last, look):
            page = page.where(tuple_(literal(end[0], Moment), literal(end[1])) <= PLACE)
        found = summaries(sql, page.limit(size + 1))
    told = found[:size]
    if len(found) > size:
        end = told[-1].started_at, told[-1].id
    return Shelf(told, f"{end[0].isoformat()}{BETWEEN}{end[1]}" if end else "")


def export(database: Database, wanted: Filter) -> Iterator[CallSummary]:
    """Read all the wanted calls, newest first, a few at a time."""
    told: set[str] = set()  # A start that is blurred meanwhile moves its call down, onto a later page.
    after = ""
    while True:
        shelf = browse(database, wanted, after, AT_ONCE)
        yield from (call for call in shelf.calls if call.id not in told)
        told.update(call.id for call in shelf.calls)
        after = shelf.next
        if not after:
            return


def find_call(database: Database, id: str) -> CallSummary | None:  # noqa: A002 - the row's own word
    """Read one call, or nothing if there is none of this id."""
    with database.read() as sql:
        return next(iter(summaries(sql, select(calls).where(calls.c.id == id))), None)


def read_turns(database: Database, id: str) -> list[TurnRow]:  # noqa: A002 - the row's own word
    """Read what happened in a call, in order."""
    happened = (
        select(turns.c.stop, turns.c.heard, turns.c.seconds, turns.c.language)
        .where(turns.c.call_id == id, turns.c.stop != "", turns.c.n < LAST)
        .order_by(turns.c.n, turns.c.seconds, turns.c.key)
    )
    with database.read() as sql:
        return [TurnRow(*row) for row in sql.execute(happened)]


def read_rings(database: Database, id: str) -> list[RingRow]:  # noqa: A002 - the row's own word
    """Read how agencies were rung in a call, in order."""
    times = ("rung_at", "answered_at", "accepted_at", "ended_at")
    rung = (
        select(calls.c.started_at, attempts.c.agency, attempts.c.outcome, *(attempts.c[at] for at in times))
        .join_from(attempts, transfers)
        .join(calls)
        .where(calls.c.id == id)
        .order_by(transfers.c.place, attempts.c.place)
    )
    with database.read() as sql:
        return [RingRow(row[1], row[2], *(_after(row[0], at) for at in row[3:])) for row in sql.execute(rung)]


def _after(start: datetime, at: datetime | None) -> Any:
    """Count seconds after a start; nothing for what has no time."""
    return None if at is None else max((at - start).total_seconds(), 0.0)


def within(
    since: date | None, until: date | None, zone: tzinfo = UTC, began: ColumnElement[datetime] = BEGAN
) -> ColumnElement[bool]:
    """Claim of a call, or of what else began, that it did on one of these days, the last one included."""
    claims: list[ColumnElement[bool]] = []
    if since and since > date.min:
        claims.append(began >= _midnight(since, zone))
    if until and until < date.max:
        claims.append(began < _midnight(until + timedelta(days=1), zone))
    return and_(True, *claims)  # True: SQLAlchemy's word for no claim at all.


def _end_of_look(
    sql: Connection, wanted: Filter, after: tuple[ColumnElement[Any], ColumnElement[Any]] | None, look: int
) -> tuple[datetime, str] | None:
    """Find where a page stops to look: the last of so many calls, or nothing where there are not so many."""
    seen = select(calls.c.started_at, calls.c.id).where(within(wanted.since, wanted.until, wanted.zone))
    seen = seen.where(tuple_(*after) > PLACE) if after else seen
    ordered = seen.order_by(calls.c.started_at.desc(), calls.c.id.desc()).offset(max(look, 1) - 1).limit(1)
    row = sql.execute(ordered).one_or_none()
    return (row.started_at, row.id) if row else None


def _midnight(day: date, zone: tzinfo) -> datetime:
    """Say when a day begins; at the calendar's ends, where there is no such moment, UTC will do."""
    try:
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _read_place(after: str) -> tuple[ColumnElement[Any], ColumnElement[Any]] | None:
    """Read where a page ended, or nothing from what is no such place."""
    start, _, last = after.partition(BETWEEN)
    try:
        moment = datetime.fromisoformat(start)
        whole = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None or not last or not last.isprintable():
        return None
    return literal(whole, Moment), literal(last)


def _sift(sql: Connection, wanted: Filter) -> Select[Any]:
    """Choose the wanted calls, newest first: along the index of starts."""
    same = {name: getattr(wanted, name) for name in ("channel", "language", "outcome")}
    sifted = select(calls).order_by(calls.c.started_at.desc(), calls.c.id.desc())
    sifted = sifted.where(within(wanted.since, wanted.until, wanted.zone))
    sifted = sifted.where(*(calls.c[name] == value for name, value in same.items() if value is not None))
    sifted = sifted.where(*_lasting(wanted))
    if wanted.hour is not None:
        sifted = sifted.where(at_hour(sql, wanted.hour, wanted.zone))
    if wanted.agency is not None:
        sifted = sifted.where(_rang(wanted.agency))
    for wished in filter(None, (wanted.stops, wanted.audience and (wanted.audience,))):
        there = turns.c.stop.in_(wished) & (turns.c.n < LAST)
        sifted = sifted.where(exists().where(turns.c.call_id == calls.c.id, there))
    return sifted


def _rang(agency: str) -> ColumnElement[bool]:
    """Claim that the agency was rung in a call: sought among the call's rings, not among all the agency's."""
    theirs = func.coalesce(attempts.c.agency, "") == agency  # No index of agencies can tempt SQLite.
    searched = transfers.c.call_id == calls.c.id
    return exists().where(attempts.c.transfer_id == transfers.c.id, searched, theirs)


def _lasting(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    """Claim that a call lasted as long as is wanted."""
    if wanted.seconds_from is not None:
        yield Lasted(calls.c.started_at, calls.c.ended_at) >= wanted.seconds_from
    if wanted.seconds_to is not None:
        yield Lasted(calls.c.started_at, calls.c.ended_at) <= wanted.seconds_to
