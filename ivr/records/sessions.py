"""Sessions: of operators, of screens on a wall, and the forms that met a session that had ended."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert, or_, select, update

from ivr.records.audit import write_audit_entry
from ivr.records.tables import kept_forms, operator_sessions, wall_tokens

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


# Tokens of screens on a wall: each shows the page Now, and nothing else, until it is revoked.


class Screen(NamedTuple):
    """One screen that may show Now."""

    id: str
    name: str
    at: datetime
    who: str


def add_screen(database: Database, name: str, hashed: str, *, now: datetime, who: str) -> None:
    """Let a screen show Now, which proves itself by the token of this hash."""
    row = {"hash": hashed, "id": secrets.token_hex(8), "name": name, "at": now, "who": who}
    with database.write() as sql:
        sql.execute(insert(wall_tokens).values(row))
        write_audit_entry(sql, who, "screen added", name)


def list_screens(database: Database) -> list[Screen]:
    """Read every screen that may show Now, the newest first."""
    wanted = select(wall_tokens.c.id, wall_tokens.c.name, wall_tokens.c.at, wall_tokens.c.who)
    with database.read() as sql:
        return [Screen(*row) for row in sql.execute(wanted.order_by(wall_tokens.c.at.desc()))]


def may_show_now(database: Database, hashed: str) -> bool:
    """Whether the token of this hash was given to a screen, and is not revoked."""
    with database.read() as sql:
        found = sql.scalar(select(wall_tokens.c.id).where(wall_tokens.c.hash == hashed))
    return found is not None


def revoke_screen(database: Database, screen: str, *, who: str) -> str:
    """Let a screen show nothing any more; give its name, or nothing where there is no such screen."""
    theirs = wall_tokens.c.id == screen
    with database.write() as sql:
        name: str = sql.scalar(select(wall_tokens.c.name).where(theirs)) or ""
        if name:
            sql.execute(delete(wall_tokens).where(theirs))
            write_audit_entry(sql, who, "screen revoked", name)
    return name


# Forms that met a session that had ended, sealed: each is for its author, once, and for a short time.


class KeptForm(NamedTuple):
    """What an operator typed, sealed."""

    hash: str  # Of the token under which it is sealed.
    who: str
    sealed: bytes
    until: datetime


def keep_form(database: Database, form: KeptForm, *, now: datetime) -> None:
    """Keep what an operator typed; what was kept of theirs before goes."""
    over = or_(kept_forms.c.who == form.who, kept_forms.c.until <= now)
    with database.write() as sql:
        sql.execute(delete(kept_forms).where(over))
        sql.execute(insert(kept_forms).values(form._asdict()))


def read_form(database: Database, who: str, hashed: str, *, now: datetime) -> bytes:
    """Give what an operator typed, as long as it is kept for them; nothing that is another's."""
    wanted = select(kept_forms.c.sealed).where(kept_forms.c.hash == hashed, kept_forms.c.who == who)
    with database.read() as sql:
        return sql.scalar(wanted.where(kept_forms.c.until > now)) or b""


def drop_form(database: Database, hashed: str) -> None:
    """Keep a form no longer."""
    with database.write() as sql:
        sql.execute(delete(kept_forms).where(kept_forms.c.hash == hashed))
