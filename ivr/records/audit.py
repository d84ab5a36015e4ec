"""What operators did. Each row holds the hash of the one before, so that a change or a gap shows.

The head is a copy of the newest row, so that it shows, too, when rows are missing at the end.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from ivr.records.database import Lock, be_alone, insert_or_change
from ivr.records.tables import audit, audit_head

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

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


def add_audit_entry(database: Database, who: str, did: str, about: str = "") -> None:
    """Add an entry about what changes nothing else in SQL."""
    with database.write() as sql:
        write_audit_entry(sql, who, did, about)


def list_audit_entries(database: Database, before: int = 0, size: int = 100) -> list[AuditEntry]:
    """Read the newest entries, or those before a number."""
    wanted = select(audit).order_by(audit.c.n.desc()).limit(size)
    with database.read() as sql:
        rows = sql.execute(wanted.where(audit.c.n < before) if before else wanted).all()
    return [AuditEntry(*row) for row in rows]


def verify(database: Database) -> list[str]:
    """Name every row that was changed, and every place where one is missing, the newest too."""
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


def _broken(entries: Sequence[AuditEntry]) -> Iterator[str]:
    """Find what was changed or is missing between the first row and the last that is there."""
    expected, before = 1, ""
    for entry in entries:
        if entry.n != expected:
            yield f"row {expected}: missing; it and all up to {entry.n - 1} were deleted"
        elif entry.before != before:
            yield f"row {entry.n}: does not follow the row before it: one of the two was changed"
        if entry.hash != _hash(entry):
            yield f"row {entry.n}: was changed after it was written"
        expected, before = entry.n + 1, entry.hash


def _beheaded(entries: Sequence[AuditEntry], head: Head | None) -> Iterator[str]:
    """Find that the newest rows are missing, or that the head is not a copy of the newest."""
    last = Head(entries[-1].n, entries[-1].hash) if entries else Head()
    if head is None:
        if entries:
            yield "the head is missing: rows after the newest may be, too"
    elif head.n > last.n:
        yield f"row {last.n + 1}: missing; it and all up to {head.n}, the newest, were deleted"
    elif head != last:
        yield f"the head tells of row {head.n} otherwise than the list, whose newest is {last.n}"


def _hash(entry: AuditEntry) -> str:
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    body = json.dumps([entry.n, at, entry.who, entry.did, entry.about, entry.before])
    return hashlib.sha256(body.encode()).hexdigest()
