"""The call log as it is read: one call, a page of the calls that match a filter, or all of them.

A page is found along the index of starts, newest first, and no filter makes one take long: at most so many
calls are examined for it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    RowMapping,
    Select,
    and_,
    case,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ivr.records.agency_status import FAILURES
from ivr.records.audit import hour_of_call, write_audit_entry
from ivr.records.call_summary import ACCEPTED, LAST
from ivr.records.database import Lock, RecordRefused, be_alone
from ivr.records.periods import end_of_day, midnight
from ivr.records.tables import UtcDateTime, attempts, calls, notes, saved_views, transfers, turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.sql.compiler import SQLCompiler

    from ivr.records.database import Database


BATCH = 200  # Calls of an export that are read in one go: four queries for all of them.
EXAMINED = 20_000  # Calls that one page examines at most, so that no filter can take long.
COUNTED = 1000  # Calls of a result that are counted; beyond it there are "more than".
STARTED: ColumnElement[datetime] = calls.c.started_at
CURSOR = tuple_(calls.c.started_at, calls.c.id)  # Where a call is in the order of the log.
SEPARATOR = "~"  # Stands between a page's last start and its last id; an ISO date has none.
MOVES = timedelta(hours=2)  # A start moves down by less than that: to its hour, or to that of a late turn.
HOUR, DAY = 3600, 86_400

RINGS = ("answered", "missed", ACCEPTED, *sorted(FAILURES))  # The first two sum up others.
PERSONS = ("asked", "reached", "unreached")

Cursor = tuple[ColumnElement[Any], ColumnElement[Any]]


@dataclass(frozen=True)
class CallFilter:
    """Which calls are wanted; what is left empty keeps every call."""

    since: date | None = None
    until: date | None = None  # The last day, itself included.
    hour: int | None = None  # Of the day on which the call began, 0 to 23.
    channel: str | None = None
    language: str | None = None
    outcomes: tuple[str, ...] = ()  # Any of which is how the call ended.
    agency: str | None = None  # That was rung in the call.
    ring: str | None = None  # How a ring went, of that agency or of any: one of ``RINGS``.
    person: str | None = None  # Whether the caller asked for a person, and reached one: of ``PERSONS``.
    stops: tuple[str, ...] = ()  # Any of which the call visited.
    audience: str | None = None  # The branch of the main menu that the call entered: its first stop.
    seconds_from: int | None = None  # Whole seconds from start to end; a call that goes on has none.
    seconds_to: int | None = None  # Itself included.
    ended: bool = False  # Only calls that are over.
    zone: tzinfo = UTC  # Where days and hours are counted.


@dataclass(frozen=True)
class CallLogPage:
    """One page of calls, and the text that asks for the next one: empty after the last page.

    A page may hold fewer calls than it could, even none, and yet not be the last.
    """

    calls: list[CallRecord]
    next: str


@dataclass(frozen=True)
class CallRecord:
    """One call or text conversation. What is not known while it goes on is None."""

    id: str
    channel: str
    started_at: datetime
    ended_at: datetime | None
    language: str
    outcome: str | None
    turns: int
    stops: tuple[str, ...]
    transfers: tuple[TransferRecord, ...]

    def as_json(self) -> dict[str, Any]:
        """Write the call with nothing in it but what JSON knows."""
        times = {"started_at": _iso(self.started_at), "ended_at": _iso(self.ended_at)}
        # `dataclasses.asdict` copies each moment and word: it was more than half of what an export takes.
        return vars(self) | times | {"transfers": tuple(each.as_json() for each in self.transfers)}


@dataclass(frozen=True)
class TransferRecord:
    """One transfer; ``waited`` seconds from asking to a person, or to the last ring's end."""

    order: str
    outcome: str | None
    waited: float | None
    attempts: tuple[AttemptRecord, ...]

    def as_json(self) -> dict[str, Any]:
        """Write the transfer with nothing in it but what JSON knows."""
        return vars(self) | {"attempts": tuple(dict(vars(each)) for each in self.attempts)}


@dataclass(frozen=True)
class AttemptRecord:
    """One agency that was rung; ``seconds`` runs from the ring to its end."""

    agency: str
    outcome: str | None
    seconds: float | None


@dataclass(frozen=True)
class TurnRow:
    """One turn of a call, ``seconds`` after its start."""

    stop: str
    heard: str
    seconds: float
    language: str


@dataclass(frozen=True)
class AttemptRow:
    """One agency that was rung in a call; all times in seconds after its start."""

    agency: str
    outcome: str | None
    rung: float
    answered: float | None
    accepted: float | None
    ended: float | None


def read_page(
    database: Database, wanted: CallFilter, after: str = "", size: int = 50, *, examine: int = EXAMINED
) -> CallLogPage:
    """Read one page of the wanted calls, newest first; an ``after`` that cannot be read is the first page.

    At most ``examine`` calls are examined: where there are more, the next page goes on from there.
    """
    size = max(size, 1)
    with database.read() as sql:
        page = _matching(sql, wanted)
        if last := _read_cursor(after):
            page = page.where(tuple_(*last) > CURSOR)
        if end := _end_of_page(sql, wanted, last, examine):
            page = page.where(tuple_(literal(end[0], UtcDateTime), literal(end[1])) <= CURSOR)
        records = _records(sql, page.limit(size + 1))
    shown = records[:size]
    if len(records) > size:
        end = shown[-1].started_at, shown[-1].id
    return CallLogPage(shown, f"{end[0].isoformat()}{SEPARATOR}{end[1]}" if end else "")


def count_matching(
    database: Database, wanted: CallFilter, *, most: int = COUNTED, examine: int = EXAMINED
) -> dict[str, int]:
    """Count the newest wanted calls, so many at most, by how they ended; "" counts those that go on."""
    with database.read() as sql:
        newest = _matching(sql, wanted)
        if end := _end_of_page(sql, wanted, None, examine):
            newest = newest.where(tuple_(literal(end[0], UtcDateTime), literal(end[1])) <= CURSOR)
        ended = newest.limit(most).with_only_columns(calls.c.outcome).subquery()
        number = func.count().label("number")
        counts = select(ended.c.outcome, number).group_by(ended.c.outcome).order_by(number.desc())
        return {outcome or "": count for outcome, count in sql.execute(counts)}


def export_calls(database: Database, wanted: CallFilter) -> Iterator[list[CallRecord]]:
    """Read all the wanted calls, newest first, a page at a time: an empty one may come before others."""
    given: dict[str, datetime] = {}  # By id: a start that is blurred meanwhile moves its call further down.
    after = ""
    while True:
        page = read_page(database, wanted, after, BATCH)
        yield [call for call in page.calls if call.id not in given]
        after = page.next
        if not after:
            return
        if page.calls:
            given |= {call.id: call.started_at for call in page.calls}
            least = page.calls[-1].started_at + MOVES
            given = {call: at for call, at in given.items() if at < least}


def list_calls(
    database: Database,
    since: datetime | None = None,
    until: datetime | None = None,
    channel: str | None = None,
    outcome: str | None = None,
) -> Iterator[CallRecord]:
    """Read the calls that began from ``since`` on and before ``until``, oldest first, a few at a time."""
    wanted = select(calls).order_by(calls.c.started_at, calls.c.id).limit(BATCH)
    wanted = wanted.where(calls.c.started_at >= since) if since else wanted
    wanted = wanted.where(calls.c.started_at < until) if until else wanted
    wanted = wanted.where(calls.c.channel == channel) if channel else wanted
    wanted = wanted.where(calls.c.outcome == outcome) if outcome else wanted
    page = wanted
    while True:
        with database.read() as sql:
            records = _records(sql, page)
        yield from records
        if len(records) < BATCH:
            return
        last = tuple_(literal(records[-1].started_at, UtcDateTime), literal(records[-1].id))
        page = wanted.where(last < CURSOR)


def find_call(database: Database, id: str) -> CallRecord | None:  # noqa: A002 - the row's own word
    """Read one call; None if there is none of this id."""
    with database.read() as sql:
        return next(iter(_records(sql, select(calls).where(calls.c.id == id))), None)


def read_unreached(database: Database, begins: datetime, ends: datetime, size: int) -> list[CallRecord]:
    """Read the calls of a time whose caller asked for a person and reached nobody, the newest first."""
    wanted = select(calls).where(calls.c.started_at >= begins, calls.c.started_at < ends, reached_nobody())
    with database.read() as sql:
        return _records(sql, wanted.order_by(calls.c.started_at.desc(), calls.c.id.desc()).limit(size))


def read_turns(database: Database, id: str) -> list[TurnRow]:  # noqa: A002 - the row's own word
    """Read the turns of a call, in order."""
    happened = (
        select(turns.c.stop, turns.c.heard, turns.c.seconds, turns.c.language)
        .where(turns.c.call_id == id, turns.c.stop != "", turns.c.n < LAST)
        .order_by(turns.c.n, turns.c.seconds, turns.c.key)
    )
    with database.read() as sql:
        return [TurnRow(*row) for row in sql.execute(happened)]


def read_attempts(database: Database, id: str) -> list[AttemptRow]:  # noqa: A002 - the row's own word
    """Read the attempts of a call, in order."""
    times = ("rung_at", "answered_at", "accepted_at", "ended_at")
    rung = (
        select(calls.c.started_at, attempts.c.agency, attempts.c.outcome, *(attempts.c[at] for at in times))
        .join_from(attempts, transfers)
        .join(calls)
        .where(calls.c.id == id)
        .order_by(transfers.c.number, attempts.c.number)
    )
    with database.read() as sql:
        return [
            AttemptRow(row[1], row[2], *(_after(row[0], at) for at in row[3:])) for row in sql.execute(rung)
        ]


def reached_nobody() -> ColumnElement[bool]:
    """Whether a caller asked for a person and talked with none; some then chose to leave."""
    asked = exists().where(transfers.c.call_id == calls.c.id)
    return (calls.c.outcome == "not_connected") | ((calls.c.outcome == "left") & asked)


def within(
    since: date | None, until: date | None, zone: tzinfo = UTC, began: ColumnElement[datetime] = STARTED
) -> ColumnElement[bool]:
    """Whether a call, or what else began, did so on one of these days, the last one included."""
    claims: list[ColumnElement[bool]] = []
    if since and since > date.min:
        claims.append(began >= midnight(since, zone))
    if until and until < date.max:
        claims.append(began < end_of_day(until, zone))
    return and_(True, *claims)  # True: SQLAlchemy's word for no condition at all.


# Which calls match a filter.


def _matching(sql: Connection, wanted: CallFilter) -> Select[Any]:
    """Choose the wanted calls, newest first: along the index of starts."""
    same = {name: getattr(wanted, name) for name in ("channel", "language")}
    matching = select(calls).order_by(calls.c.started_at.desc(), calls.c.id.desc())
    matching = matching.where(within(wanted.since, wanted.until, wanted.zone))
    matching = matching.where(*(calls.c[name] == value for name, value in same.items() if value is not None))
    matching = matching.where(*_lasts(wanted))
    if wanted.outcomes:
        matching = matching.where(calls.c.outcome.in_(wanted.outcomes))
    if wanted.ended:
        matching = matching.where(calls.c.ended_at.is_not(None))
    if wanted.hour is not None:
        matching = matching.where(_at_hour(sql, wanted.hour, wanted.zone))
    if wanted.agency is not None or wanted.ring is not None:
        matching = matching.where(_rang(wanted.agency, wanted.ring))
    if wanted.person is not None:
        matching = matching.where(_asked(wanted.person))
    for stops in filter(None, (wanted.stops, wanted.audience and (wanted.audience,))):
        visited = turns.c.stop.in_(stops) & (turns.c.n < LAST)
        matching = matching.where(exists().where(turns.c.call_id == calls.c.id, visited))
    return matching


def _rang(agency: str | None, ring: str | None) -> ColumnElement[bool]:
    """Whether an agency was rung in a call: sought among the call's attempts, not among all the agency's."""
    # No index of agencies can tempt SQLite.
    theirs = [func.coalesce(attempts.c.agency, "") == agency] if agency is not None else []
    theirs += [_went(ring)] if ring is not None else []
    of_call = transfers.c.call_id == calls.c.id
    return exists().where(attempts.c.transfer_id == transfers.c.id, of_call, *theirs)


def _went(ring: str) -> ColumnElement[bool]:
    """Whether a ring went so."""
    outcome = func.coalesce(attempts.c.outcome, "")
    match ring:
        case "answered":
            return attempts.c.answered_at.is_not(None) | (outcome == ACCEPTED)
        case "missed":
            return outcome.in_(sorted(FAILURES))
        case "no_key":  # Voicemails and faxes, which the log named apart before, press none either.
            return outcome.in_(["fax", "no_key", "voicemail"])
        case _:
            return outcome == ring


def _asked(person: str) -> ColumnElement[bool]:
    """Whether the caller of a call asked for a person, and what came of it."""
    match person:
        case "reached":
            return calls.c.outcome == "connected"
        case "unreached":
            return reached_nobody()
        case _:
            return exists().where(transfers.c.call_id == calls.c.id)


def _lasts(wanted: CallFilter) -> Iterator[ColumnElement[bool]]:
    """Whether a call lasted as long as is wanted."""
    if wanted.seconds_from is not None:
        yield _Lasted(calls.c.started_at, calls.c.ended_at) >= wanted.seconds_from
    if wanted.seconds_to is not None:
        yield _Lasted(calls.c.started_at, calls.c.ended_at) <= wanted.seconds_to


def _end_of_page(
    sql: Connection, wanted: CallFilter, after: Cursor | None, examine: int
) -> tuple[datetime, str] | None:
    """Find the last call that a page examines; None where there are not so many."""
    seen = select(calls.c.started_at, calls.c.id).where(within(wanted.since, wanted.until, wanted.zone))
    seen = seen.where(tuple_(*after) > CURSOR) if after else seen
    ordered = seen.order_by(calls.c.started_at.desc(), calls.c.id.desc()).offset(max(examine, 1) - 1).limit(1)
    row = sql.execute(ordered).one_or_none()
    return (row.started_at, row.id) if row else None


def _read_cursor(after: str) -> Cursor | None:
    """Read where a page ended; None from what says no such thing."""
    start, _, last = after.partition(SEPARATOR)
    try:
        at = datetime.fromisoformat(start)
        in_utc = at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None or not last or not last.isprintable():
        return None
    return literal(in_utc, UtcDateTime), literal(last)


# A call with all that belongs to it.


def _records(sql: Connection, page: Select[Any]) -> list[CallRecord]:
    """Read one page of calls with all that belongs to them."""
    rows = sql.execute(page).mappings().all()
    ids = [row["id"] for row in rows]
    stops, of_calls = _stops(sql, ids), _transfers(sql, ids)
    return [_record(row, stops[row["id"]], of_calls[row["id"]]) for row in rows]


def _record(row: RowMapping, stops: list[str], of_call: list[TransferRecord]) -> CallRecord:
    """Put one call together."""
    return CallRecord(
        id=row["id"],
        channel=row["channel"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        language=row["language"],
        outcome=row["outcome"],
        turns=row["turns"],
        stops=tuple(stops),
        transfers=tuple(of_call),
    )


def _stops(sql: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    """Read which stops callers visited, in order; staying at a stop is one visit."""
    visited: dict[str, list[str]] = defaultdict(list)
    visits = (
        select(turns.c.call_id, turns.c.stop)
        .where(turns.c.call_id.in_(ids), turns.c.stop != "", turns.c.n < LAST)
        .order_by(turns.c.call_id, turns.c.n, turns.c.seconds, turns.c.key)
    )
    for call, stop in sql.execute(visits):
        if visited[call][-1:] != [stop]:
            visited[call].append(stop)
    return visited


def _transfers(sql: Connection, ids: Sequence[str]) -> dict[str, list[TransferRecord]]:
    """Read the transfers of some calls, by call."""
    by_call: dict[str, list[TransferRecord]] = defaultdict(list)
    rung = _attempts(sql, ids)
    wanted = select(transfers).where(transfers.c.call_id.in_(ids))
    for row in sql.execute(wanted.order_by(transfers.c.call_id, transfers.c.number)):
        waited, of_transfer = _tenths(row.waited_seconds), tuple(rung[row.id])
        by_call[row.call_id].append(TransferRecord(row.order_name, row.outcome, waited, of_transfer))
    return by_call


def _attempts(sql: Connection, ids: Sequence[str]) -> dict[str, list[AttemptRecord]]:
    """Read the attempts of some calls, by transfer."""
    by_transfer: dict[str, list[AttemptRecord]] = defaultdict(list)
    rings = (
        select(attempts)
        .join(transfers)
        .where(transfers.c.call_id.in_(ids))
        .order_by(attempts.c.transfer_id, attempts.c.number)
    )
    for row in sql.execute(rings):
        by_transfer[row.transfer_id].append(AttemptRecord(row.agency, row.outcome, _tenths(row.seconds)))
    return by_transfer


def _tenths(seconds: float | None) -> float | None:
    """Round to what a reader needs."""
    return None if seconds is None else round(seconds, 1)


def _iso(at: datetime | None) -> str | None:
    """Write a date and time as ISO 8601 in UTC."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _after(start: datetime, at: datetime | None) -> Any:
    """Count seconds after a start; None for what has no time."""
    return None if at is None else max((at - start).total_seconds(), 0.0)


# Hours of the day and lengths of calls, in the SQL of each database.


def _at_hour(sql: Connection, hour: int, zone: tzinfo) -> ColumnElement[bool]:
    """Whether a call began in this hour of some day. SQLite knows no time zones, so the SQL holds them."""
    ends = (func.min(calls.c.started_at), func.max(calls.c.started_at))
    first, last = (sql.scalar(select(end)) for end in ends)  # One by one each is read from the index.
    if first is None or last is None:
        return false()
    changes = [(calls.c.started_at < until, literal(ahead)) for until, ahead in _changes(first, last, zone)]
    ahead: ColumnElement[int] = literal(_ahead(last, zone))
    ahead = case(*changes, else_=ahead) if changes else ahead
    second = (_Epoch(calls.c.started_at) + ahead) % DAY
    return second.between(hour * HOUR, hour * HOUR + HOUR - 1)


def _changes(first: datetime, last: datetime, zone: tzinfo) -> Iterator[tuple[datetime, int]]:
    """Give until when the zone was how many seconds ahead of UTC, for each time its clocks were changed."""
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
    """The whole seconds of a date and time since 1970."""

    type = BigInteger()
    inherit_cache = True


class _Lasted(FunctionElement[int]):
    """The whole seconds from one date and time to another."""

    type = BigInteger()
    inherit_cache = True


@compiles(_Epoch)
def _epoch(element: _Epoch, compiler: SQLCompiler, **_: Any) -> str:
    (at,) = (compiler.process(clause) for clause in element.clauses)
    if compiler.dialect.name == "sqlite":
        return f"CAST(strftime('%s', {at}) AS INTEGER)"
    return f"CAST(FLOOR(EXTRACT(epoch FROM {at})) AS BIGINT)"


@compiles(_Lasted)
def _lasted(element: _Lasted, compiler: SQLCompiler, **_: Any) -> str:
    start, end = (compiler.process(clause) for clause in element.clauses)
    if compiler.dialect.name == "sqlite":  # Its times are fractions of days, good to the millisecond.
        return f"CAST(ROUND((julianday({end}) - julianday({start})) * {DAY}.0, 3) AS INTEGER)"
    return f"CAST(FLOOR(EXTRACT(epoch FROM {end} - {start})) AS BIGINT)"


# Filters of the call log that operators saved by name: their own, or for everybody.

MOST_SAVED_VIEWS = 20  # Of one operator.


class SavedView(NamedTuple):
    """A filter under a name, as an address has it."""

    id: int
    who: str
    name: str
    query: str
    shared: bool


def save_view(database: Database, who: str, name: str, query: str, *, shared: bool) -> bool:
    """Save a filter under a name, in place of one's own of that name; False when one has too many."""
    own = saved_views.c.who == who
    with database.write() as sql:
        be_alone(sql, Lock.VIEWS)
        sql.execute(delete(saved_views).where(own, saved_views.c.name == name))
        if (sql.scalar(select(func.count()).select_from(saved_views).where(own)) or 0) >= MOST_SAVED_VIEWS:
            return False
        sql.execute(insert(saved_views).values(who=who, name=name, query=query, shared=shared))
    return True


def list_views(database: Database, who: str) -> list[SavedView]:
    """Read what an operator saved, and what others saved for everybody, by name."""
    theirs = or_(saved_views.c.who == who, saved_views.c.shared)
    wanted = select(saved_views).where(theirs).order_by(func.lower(saved_views.c.name), saved_views.c.id)
    with database.read() as sql:
        return [SavedView(*row) for row in sql.execute(wanted)]


def delete_view(database: Database, view: int, who: str, *, of_anybody: bool = False) -> str:
    """Delete a saved view; give its name, or nothing where it is another's or is not there.

    ``of_anybody`` also deletes what another saved for everybody, and never what they keep for themselves.
    """
    own = saved_views.c.who == who
    theirs = saved_views.c.id == view, or_(own, saved_views.c.shared) if of_anybody else own
    with database.write() as sql:
        name: str = sql.scalar(select(saved_views.c.name).where(*theirs)) or ""
        sql.execute(delete(saved_views).where(*theirs))
    return name


# What operators note about the line at a call: never about the caller.


@dataclass(frozen=True)
class Note:
    """What an operator noted about the line at one call."""

    at: datetime
    who: str
    text: str


def list_notes(database: Database, call: str) -> list[Note]:
    """Read the notes at a call."""
    wanted = select(notes.c.at, notes.c.who, notes.c.text).where(notes.c.call_id == call)
    with database.read() as sql:
        return [Note(*row) for row in sql.execute(wanted.order_by(notes.c.id))]


def write_note(database: Database, call: str, who: str, text: str) -> bool:
    """Add a note to a call; False when the call is gone."""
    try:
        with database.write() as sql:
            sql.execute(insert(notes).values(call_id=call, at=datetime.now(UTC), who=who, text=text))
            write_audit_entry(sql, who, "note added", hour_of_call(sql, call))
    except RecordRefused:
        return False
    return True
