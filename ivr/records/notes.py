"""What operators note about the line at a call: never about the caller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from ivr.records.audit import hour_of_call, write_audit_entry
from ivr.records.database import RecordRefused
from ivr.records.tables import notes

if TYPE_CHECKING:
    from ivr.records.database import Database


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
