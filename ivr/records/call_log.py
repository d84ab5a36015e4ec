"""The call log as operators look through it: newest first, a page at a time, sifted."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    RowMapping,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ivr.records.call_summary import LAST
from ivr.records.tables import UtcDateTime, attempts, calls, transfers, turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.sql.compiler import SQLCompiler

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
class CallLogPage:
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
) -> CallLogPage:
    """Read one page of the wanted calls, newest first; an ``after`` that cannot be read is the first page.

    At most ``look`` calls are looked through: where there are more, the next page goes on from there.
    """
    size = max(size, 1)
    with database.read() as sql:
        page = _sift(sql, wanted)
        if last := _read_place(after):
            page = page.where(tuple_(*last) > PLACE)
        if end := _end_of_look(sql, wanted, last, look):
            page = page.where(tuple_(literal(end[0], UtcDateTime), literal(end[1])) <= PLACE)
        found = summaries(sql, page.limit(size + 1))
    told = found[:size]
    if len(found) > size:
        end = told[-1].started_at, told[-1].id
    return CallLogPage(told, f"{end[0].isoformat()}{BETWEEN}{end[1]}" if end else "")


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
    return literal(whole, UtcDateTime), literal(last)


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


# The call log, as those who run the line read it.


AT_ONCE_CALLS = 200  # Calls read in one go: four queries for all of them.


@dataclass(frozen=True)
class AttemptSummary:
    """One agency that was rung; ``seconds`` runs from the ring to its end."""

    agency: str
    outcome: str | None
    seconds: float | None


@dataclass(frozen=True)
class TransferSummary:
    """One search for a person; ``waited`` seconds from asking to a person, or to the last ring's end."""

    order: str
    outcome: str | None
    waited: float | None
    attempts: tuple[AttemptSummary, ...]


@dataclass(frozen=True)
class CallSummary:
    """One call or text conversation. What is not known while it goes on is None."""

    id: str
    channel: str
    started_at: datetime
    ended_at: datetime | None
    language: str
    outcome: str | None
    turns: int
    stops: tuple[str, ...]
    transfers: tuple[TransferSummary, ...]

    def as_json(self) -> dict[str, Any]:
        """Write the call with nothing in it but what JSON knows."""
        return asdict(self) | {"started_at": _iso(self.started_at), "ended_at": _iso(self.ended_at)}


def list_calls(
    database: Database,
    since: datetime | None = None,
    until: datetime | None = None,
    channel: str | None = None,
    outcome: str | None = None,
) -> Iterator[CallSummary]:
    """Read the calls that began from ``since`` on and before ``until``, oldest first, a few at a time."""
    wanted = select(calls).order_by(calls.c.started_at, calls.c.id).limit(AT_ONCE_CALLS)
    wanted = wanted.where(calls.c.started_at >= since) if since else wanted
    wanted = wanted.where(calls.c.started_at < until) if until else wanted
    wanted = wanted.where(calls.c.channel == channel) if channel else wanted
    wanted = wanted.where(calls.c.outcome == outcome) if outcome else wanted
    page = wanted
    while True:
        with database.read() as sql:
            found = summaries(sql, page)
        yield from found
        if len(found) < AT_ONCE_CALLS:
            return
        seen = tuple_(calls.c.started_at, calls.c.id)
        last = tuple_(literal(found[-1].started_at, UtcDateTime), literal(found[-1].id))
        page = wanted.where(seen > last)


def summaries(sql: Connection, page: Select[Any]) -> list[CallSummary]:
    """Read one page of calls with all that belongs to them."""
    rows = sql.execute(page).mappings().all()
    ids = [row["id"] for row in rows]
    stops, live_transfers = _stops(sql, ids), _transfers(sql, ids)
    return [_summary(row, stops[row["id"]], live_transfers[row["id"]]) for row in rows]


def _summary(row: RowMapping, stops: list[str], live_transfers: list[TransferSummary]) -> CallSummary:
    """Put one call together."""
    return CallSummary(
        id=row["id"],
        channel=row["channel"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        language=row["language"],
        outcome=row["outcome"],
        turns=row["turns"],
        stops=tuple(stops),
        transfers=tuple(live_transfers),
    )


def _stops(sql: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    """Read where callers were, one after another; staying at a stop is one visit."""
    found: dict[str, list[str]] = defaultdict(list)
    visits = (
        select(turns.c.call_id, turns.c.stop)
        .where(turns.c.call_id.in_(ids), turns.c.stop != "", turns.c.n < LAST)
        .order_by(turns.c.call_id, turns.c.n, turns.c.seconds, turns.c.key)
    )
    for call, stop in sql.execute(visits):
        if found[call][-1:] != [stop]:
            found[call].append(stop)
    return found


def _transfers(sql: Connection, ids: Sequence[str]) -> dict[str, list[TransferSummary]]:
    """Read the searches of some calls."""
    found: dict[str, list[TransferSummary]] = defaultdict(list)
    rings = _attempts(sql, ids)
    live_transfers = (
        select(transfers).where(transfers.c.call_id.in_(ids)).order_by(transfers.c.call_id, transfers.c.place)
    )
    for row in sql.execute(live_transfers):
        summary = TransferSummary(
            row.order_name, row.outcome, _tenths(row.waited_seconds), tuple(rings[row.id])
        )
        found[row.call_id].append(summary)
    return found


def _attempts(sql: Connection, ids: Sequence[str]) -> dict[str, list[AttemptSummary]]:
    """Read the rings of some calls, by search."""
    found: dict[str, list[AttemptSummary]] = defaultdict(list)
    rings = (
        select(attempts)
        .join(transfers)
        .where(transfers.c.call_id.in_(ids))
        .order_by(attempts.c.transfer_id, attempts.c.place)
    )
    for row in sql.execute(rings):
        found[row.transfer_id].append(AttemptSummary(row.agency, row.outcome, _tenths(row.seconds)))
    return found


def _tenths(seconds: float | None) -> float | None:
    """Cut to what a reader needs."""
    return None if seconds is None else round(seconds, 1)


def _iso(moment: datetime | None) -> str | None:
    """Write a moment as ISO 8601 in UTC."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


# Hours of the day and lengths of calls, in the SQL of each database.


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
