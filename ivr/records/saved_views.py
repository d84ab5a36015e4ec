"""Filters of the call log that operators saved by name: their own, or for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, func, insert, or_, select

from ivr.records.database import Lock, be_alone
from ivr.records.tables import saved_views

if TYPE_CHECKING:
    from ivr.records.database import Database

MOST = 20  # Of one operator.


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
        if (sql.scalar(select(func.count()).select_from(saved_views).where(own)) or 0) >= MOST:
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
