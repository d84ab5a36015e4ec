"""What operators did. Each row holds the hash of the one before, so that a change or a gap shows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from ivr.records.database import be_alone
from ivr.records.tables import audit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from ivr.records.database import Database

LOCK = 7_310_004  # Of PostgreSQL: one writer at a time, or two rows would follow the same one.


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


def write_deed(sql: Connection, who: str, did: str, about: str) -> None:
    """Write down a deed in the transaction that does it: there is neither without the other."""
    be_alone(sql, LOCK)
    last = sql.execute(select(audit.c.n, audit.c.hash).order_by(audit.c.n.desc()).limit(1)).first()
    n, before = (last.n + 1, last.hash) if last else (1, "")
    now = datetime.now(UTC)
    made = _hash(Deed(n, now, who, did, about, before, ""))
    row = {"n": n, "at": now, "who": who, "did": did, "about": about, "before": before, "hash": made}
    sql.execute(insert(audit).values(row))


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


def verify(database: Database) -> Iterator[str]:
    """Name every row that was changed, and every place where one is missing."""
    expected, before = 1, ""
    with database.read() as sql:
        for row in sql.execute(select(audit).order_by(audit.c.n)):
            deed = Deed(*row)
            if deed.n != expected:
                yield f"row {expected}: missing; it and all up to {deed.n - 1} were deleted"
            elif deed.before != before:
                yield f"row {deed.n}: does not follow the row before it: one of the two was changed"
            if deed.hash != _hash(deed):
                yield f"row {deed.n}: was changed after it was written"
            expected, before = deed.n + 1, deed.hash


def _hash(deed: Deed) -> str:
    at = deed.at.astimezone(UTC).isoformat(timespec="microseconds")
    told = json.dumps([deed.n, at, deed.who, deed.did, deed.about, deed.before])
    return hashlib.sha256(told.encode()).hexdigest()
