"""Forms that met a session that had ended, sealed: each is for its author, once, and for a short time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert, or_, select

from ivr.records.tables import kept_forms

if TYPE_CHECKING:
    from datetime import datetime

    from ivr.records.database import Database


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
