"""What operators did. Each row holds the hash of the one before, so that a change or a gap shows.

The head is a copy of the newest row, so that it shows, too, when rows are missing at the end.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select

from ivr.records.database import Lock, be_alone, insert_or_change
from ivr.records.tables import audit, audit_head, calls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Select

    from ivr.records.database import Database


@dataclass(frozen=True)
class AuditEntry:
    """One thing that an operator did."""

    n: int
    at: datetime
    who: str
    did: str
    about: str
    before: str
    hash: str


@dataclass(frozen=True)
class AuditFilter:
    """Which entries are wanted; empty: all."""

    who: str = ""
    did: str = ""
    about: str = ""  # Words that stand in what an entry is about.
    since: datetime | None = None
    until: datetime | None = None  # The first moment that is wanted no more.

    def keeps(self, wanted: Select[Any]) -> Select[Any]:
        """Narrow a query."""
        if self.who:
            wanted = wanted.where(audit.c.who == self.who)
        if self.did:
            wanted = wanted.where(audit.c.did == self.did)
        if self.about:
            wanted = wanted.where(audit.c.about.icontains(self.about, autoescape=True))
        if self.since:
            wanted = wanted.where(audit.c.at >= self.since)
        if self.until:
            wanted = wanted.where(audit.c.at < self.until)
        return wanted


@dataclass(frozen=True)
class AuditFault:
    """One way in which the list is not what was written."""

    kind: str  # A key of TELLS.
    n: int = 0  # The row; 0: the head alone.
    upto: int = 0  # The last row that is missing, or the newest of the list.

    def __str__(self) -> str:
        """Say it to whoever looks after the machine."""
        return TELLS[self.kind].format(n=self.n, upto=self.upto)


TELLS = {
    "missing": "row {n}: missing; it and all up to {upto} were deleted",
    "unlinked": "row {n}: does not follow the row before it: one of the two was changed",
    "changed": "row {n}: was changed after it was written",
    "no_head": "the head is missing: rows after the newest may be, too",
    "cut": "row {n}: missing; it and all up to {upto}, the newest, were deleted",
    "other_head": "the head tells of row {n} otherwise than the list, whose newest is {upto}",
}


@dataclass(frozen=True)
class Head:
    """The newest entry, as the row beside the list has it."""

    n: int = 0
    hash: str = ""


def write_audit_entry(sql: Connection, who: str, did: str, about: str) -> None:
    """Add an entry in the transaction that does what it says: there is neither without the other.

    It follows what the head says. So a list that was cut, or has lost its head, is never whole again.
    """
    be_alone(sql, Lock.AUDIT)
    head, last = _head(sql) or Head(), sql.scalar(select(func.max(audit.c.n))) or 0
    n, now = max(head.n, last) + 1, datetime.now(UTC)
    made = _hash(AuditEntry(n, now, who, did, about, head.hash, ""))
    row = {"n": n, "at": now, "who": who, "did": did, "about": about, "before": head.hash, "hash": made}
    sql.execute(insert(audit).values(row))
    insert_or_change(sql, audit_head, [{"id": 1, "n": n, "hash": made}])


def hour_of_call(sql: Connection, call: str) -> str:
    """Name a call by the hour in which it began: the audit outlives calls, and holds no id of theirs."""
    began = sql.scalar(select(calls.c.started_at).where(calls.c.id == call))
    return f"call of {began:%Y-%m-%d %H}:00 UTC" if began else "call"


def add_audit_entry(database: Database, who: str, did: str, about: str = "") -> None:
    """Add an entry about what changes nothing else in SQL."""
    with database.write() as sql:
        write_audit_entry(sql, who, did, about)


def list_audit_entries(
    database: Database, before: int = 0, size: int = 100, kept: AuditFilter | None = None
) -> list[AuditEntry]:
    """Read the newest entries that a filter keeps, or those before a number."""
    wanted = (kept or AuditFilter()).keeps(select(audit)).order_by(audit.c.n.desc()).limit(size)
    with database.read() as sql:
        rows = sql.execute(wanted.where(audit.c.n < before) if before else wanted).all()
    return [AuditEntry(*row) for row in rows]


def audit_choices(database: Database) -> tuple[list[str], list[str]]:
    """Name everybody who stands in the audit, and all that was ever done."""
    with database.read() as sql:
        names, deeds = (
            sql.scalars(select(each).distinct().order_by(each)) for each in (audit.c.who, audit.c.did)
        )
        return list(names), list(deeds)


def verify(database: Database) -> list[str]:
    """Name every row that was changed, and every place where one is missing, the newest too."""
    return [str(fault) for fault in list_faults(database)]


def list_faults(database: Database) -> list[AuditFault]:
    """Find every row that was changed, and every place where one is missing: the first row first."""
    with database.read() as sql:
        be_alone(
            sql, Lock.AUDIT, shared=True
        )  # Else an entry that is added meanwhile would look like a fault.
        head, entries = (
            _head(sql),
            [AuditEntry(*row) for row in sql.execute(select(audit).order_by(audit.c.n))],
        )
    return [*_broken(entries), *_beheaded(entries, head)]


def newest(database: Database) -> Head:
    """Give the newest entry's number and hash, to be kept where nobody who changes SQL can reach."""
    with database.read() as sql:
        return _head(sql) or Head()


def holds(database: Database, known: Head) -> bool:
    """Whether an entry is still as it was when its number and hash were kept."""
    with database.read() as sql:
        return sql.scalar(select(audit.c.hash).where(audit.c.n == known.n)) == known.hash


def _head(sql: Connection) -> Head | None:
    row = sql.execute(select(audit_head.c.n, audit_head.c.hash)).first()
    return Head(row.n, row.hash) if row else None


def _broken(entries: Sequence[AuditEntry]) -> Iterator[AuditFault]:
    """Find what was changed or is missing between the first row and the last that is there."""
    expected, before = 1, ""
    for entry in entries:
        if entry.n != expected:
            yield AuditFault("missing", expected, entry.n - 1)
        elif entry.before != before:
            yield AuditFault("unlinked", entry.n)
        if entry.hash != _hash(entry):
            yield AuditFault("changed", entry.n)
        expected, before = entry.n + 1, entry.hash


def _beheaded(entries: Sequence[AuditEntry], head: Head | None) -> Iterator[AuditFault]:
    """Find that the newest rows are missing, or that the head is not a copy of the newest."""
    last = Head(entries[-1].n, entries[-1].hash) if entries else Head()
    if head is None:
        if entries:
            yield AuditFault("no_head")
    elif head.n > last.n:
        yield AuditFault("cut", last.n + 1, head.n)
    elif head != last:
        yield AuditFault("other_head", head.n, last.n)


def _hash(entry: AuditEntry) -> str:
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    body = json.dumps([entry.n, at, entry.who, entry.did, entry.about, entry.before])
    return hashlib.sha256(body.encode()).hexdigest()
