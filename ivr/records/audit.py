"""What operators did. Each row holds the hash of the one before, so that a change or a gap shows.

The head tells the newest row a second time, so that it shows, too, when rows are missing at the end.
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
class Deed:
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
    """The newest deed, as the row beside the list tells it."""

    n: int = 0
    hash: str = ""


def write_deed(sql: Connection, who: str, did: str, about: str) -> None:
    """Write down a deed in the transaction that does it: there is neither without the other.

    It follows what the head tells. So a list that was cut, or has lost its head, is never whole again.
    """
    be_alone(sql, Lock.AUDIT)
    head, last = _head(sql) or Head(), sql.scalar(select(func.max(audit.c.n))) or 0
    n, now = max(head.n, last) + 1, datetime.now(UTC)
    made = _hash(Deed(n, now, who, did, about, head.hash, ""))
    row = {"n": n, "at": now, "who": who, "did": did, "about": about, "before": head.hash, "hash": made}
    sql.execute(insert(audit).values(row))
    insert_or_change(sql, audit_head, [{"id": 1, "n": n, "hash": made}])


def note_deed(database: Database, who: str, did: str, about: str = "") -> None:
    """Write down a deed that changes nothing else in SQL."""
    with database.write() as sql:
        write_deed(sql, who, did, about)


def list_deeds(database: Database, before: int = 0, size: int = 100) -> list[Deed]:
    """Read the newest deeds, or those before a number."""
    wanted = select(audit).order_by(audit.c.n.desc()).limit(size)
    with database.read() as sql:
        rows = sql.execute(wanted.where(audit.c.n < before) if before else wanted).all()
    return [Deed(*row) for row in rows]


def verify(database: Database) -> list[str]:
    """Name every row that was changed, and every place where one is missing, the newest too."""
    with database.read() as sql:
        be_alone(sql, Lock.AUDIT, shared=True)  # Else a deed that is noted meanwhile would look like a fault.
        head, deeds = _head(sql), [Deed(*row) for row in sql.execute(select(audit).order_by(audit.c.n))]
    return [*_broken(deeds), *_beheaded(deeds, head)]


def newest(database: Database) -> Head:
    """Tell the newest deed's number and hash, to be written down where nobody who changes SQL can reach."""
    with database.read() as sql:
        return _head(sql) or Head()


def holds(database: Database, known: Head) -> bool:
    """Claim that a deed is still as it was when its number and hash were written down."""
    with database.read() as sql:
        return sql.scalar(select(audit.c.hash).where(audit.c.n == known.n)) == known.hash


def _head(sql: Connection) -> Head | None:
    row = sql.execute(select(audit_head.c.n, audit_head.c.hash)).first()
    return Head(row.n, row.hash) if row else None


def _broken(deeds: Sequence[Deed]) -> Iterator[str]:
    """Find what was changed or is missing between the first row and the last that is there."""
    expected, before = 1, ""
    for deed in deeds:
        if deed.n != expected:
            yield f"row {expected}: missing; it and all up to {deed.n - 1} were deleted"
        elif deed.before != before:
            yield f"row {deed.n}: does not follow the row before it: one of the two was changed"
        if deed.hash != _hash(deed):
            yield f"row {deed.n}: was changed after it was written"
        expected, before = deed.n + 1, deed.hash


def _beheaded(deeds: Sequence[Deed], head: Head | None) -> Iterator[str]:
    """Find that the newest rows are missing, or that the head does not tell of the newest."""
    last = Head(deeds[-1].n, deeds[-1].hash) if deeds else Head()
    if head is None:
        if deeds:
            yield "the head is missing: rows after the newest may be, too"
    elif head.n > last.n:
        yield f"row {last.n + 1}: missing; it and all up to {head.n}, the newest, were deleted"
    elif head != last:
        yield f"the head tells of row {head.n} otherwise than the list, whose newest is {last.n}"


def _hash(deed: Deed) -> str:
    at = deed.at.astimezone(UTC).isoformat(timespec="microseconds")
    told = json.dumps([deed.n, at, deed.who, deed.did, deed.about, deed.before])
    return hashlib.sha256(told.encode()).hexdigest()
