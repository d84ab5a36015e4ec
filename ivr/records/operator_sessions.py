"""Which sessions of operators are open: when each began, when it was last used, and in which browser."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert, select, update

from ivr.records.audit import write_audit_entry
from ivr.records.tables import operator_sessions

if TYPE_CHECKING:
    from datetime import datetime

    from ivr.records.database import Database


class OperatorSession(NamedTuple):
    """One session that is open."""

    id: str
    who: str
    browser: str
    began_at: datetime
    seen_at: datetime
    hash: str


def begin_session(database: Database, who: str, hashed: str, browser: str, *, now: datetime) -> None:
    """Open a session, whose cookie has the token of this hash."""
    row = {"hash": hashed, "id": secrets.token_hex(8), "who": who, "browser": browser}
    with database.write() as sql:
        sql.execute(insert(operator_sessions).values(row | {"began_at": now, "seen_at": now}))


def is_open(database: Database, who: str, hashed: str) -> bool:
    """Whether a session is an operator's, and was not ended."""
    theirs = operator_sessions.c.hash == hashed, operator_sessions.c.who == who
    with database.read() as sql:
        return sql.scalar(select(operator_sessions.c.id).where(*theirs)) is not None


def note_seen(database: Database, hashed: str, *, now: datetime) -> None:
    """Note that a session was used."""
    with database.write() as sql:
        sql.execute(update(operator_sessions).where(operator_sessions.c.hash == hashed).values(seen_at=now))


def list_sessions(
    database: Database, who: str = "", *, began_after: datetime, seen_after: datetime
) -> list[OperatorSession]:
    """Read the sessions of an operator, or of everybody, that are not too old; the last used first."""
    table = operator_sessions.c
    wanted = select(table.id, table.who, table.browser, table.began_at, table.seen_at, table.hash)
    wanted = wanted.where(table.began_at > began_after, table.seen_at > seen_after)
    if who:
        wanted = wanted.where(table.who == who)
    with database.read() as sql:
        return [OperatorSession(*row) for row in sql.execute(wanted.order_by(table.seen_at.desc()))]


def end_session(database: Database, session: str, of: str, *, who: str) -> str:
    """End one session of an operator; give its browser, or nothing where there is no such session."""
    theirs = operator_sessions.c.id == session, operator_sessions.c.who == of
    with database.write() as sql:
        browser: str = sql.scalar(select(operator_sessions.c.browser).where(*theirs)) or ""
        if browser:
            sql.execute(delete(operator_sessions).where(*theirs))
            write_audit_entry(sql, who, "session ended", f"{of}: {browser}")
    return browser


def end_other_sessions(database: Database, who: str, but: str) -> int:
    """End every session of an operator but the one of this hash; give how many."""
    others = operator_sessions.c.who == who, operator_sessions.c.hash != but
    with database.write() as sql:
        count = sql.execute(delete(operator_sessions).where(*others)).rowcount
        if count:
            write_audit_entry(sql, who, "other sessions ended", who)
    return count


def sign_out(database: Database, who: str, hashed: str) -> None:
    """End the session in which somebody asks for it."""
    with database.write() as sql:
        sql.execute(delete(operator_sessions).where(operator_sessions.c.hash == hashed))
        write_audit_entry(sql, who, "signed out", who)
