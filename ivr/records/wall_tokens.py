"""Tokens of screens on a wall: each shows the page Now, and nothing else, until it is revoked."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert, select

from ivr.records.audit import write_audit_entry
from ivr.records.tables import wall_tokens

if TYPE_CHECKING:
    from datetime import datetime

    from ivr.records.database import Database


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
