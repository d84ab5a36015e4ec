"""What goes on at this moment, and what operators add to a call: notes about the line, and blocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from ivr.records.audit import write_deed
from ivr.records.database import RecordRefused
from ivr.records.opt_outs_blocks import write_block
from ivr.records.tables import attempts, calls, live_transfers, notes, transfers

if TYPE_CHECKING:
    from ivr.records.database import Database

MOST = 200
GOING_ON = ("searching", "dialling", "ringing", "briefing", "connected", "parted")


@dataclass(frozen=True)
class Live:
    """One conversation that goes on, and whom it is put through to."""

    id: str
    channel: str
    language: str
    started_at: datetime
    stop: str
    state: str  # Of its transfer; empty without one.
    agency: str


@dataclass(frozen=True)
class Ringing:
    """One agency that is being rung for a caller, on either path."""

    agency: str
    language: str  # The caller's.
    rung_at: datetime
    answered: bool  # A person there is being told what the call is.


@dataclass(frozen=True)
class Note:
    """What an operator noted about the line at one call."""

    at: datetime
    who: str
    words: str


def list_live(database: Database) -> list[Live]:
    """Read the conversations that go on, the newest first."""
    theirs = (live_transfers.c.call_id == calls.c.id) & live_transfers.c.state.in_(GOING_ON)
    columns = (
        calls.c.id,
        calls.c.channel,
        calls.c.language,
        calls.c.started_at,
        calls.c.last_stop,
        live_transfers.c.state,
        live_transfers.c.agency,
    )
    wanted = (
        select(*columns)
        .select_from(calls.outerjoin(live_transfers, theirs))
        .where(calls.c.ended_at.is_(None))
    )
    with database.read() as sql:
        rows = sql.execute(wanted.order_by(calls.c.started_at.desc()).limit(MOST)).all()
    return [Live(*row[:5], row.state or "", row.agency or "") for row in rows]


def list_rings(database: Database) -> list[Ringing]:
    """Read which agencies are being rung now, the longest first."""
    columns = (attempts.c.agency, calls.c.language, attempts.c.rung_at, attempts.c.answered_at.is_not(None))
    going_on = (
        attempts.c.outcome.is_(None),
        attempts.c.ended_at.is_(None),
        calls.c.ended_at.is_(None),
    )
    wanted = select(*columns).join_from(calls, transfers).join(attempts).where(*going_on)
    with database.read() as sql:
        return [Ringing(*row) for row in sql.execute(wanted.order_by(attempts.c.rung_at).limit(MOST))]


def list_notes(database: Database, call: str) -> list[Note]:
    """Read the notes at a call."""
    wanted = select(notes.c.at, notes.c.who, notes.c.words).where(notes.c.call_id == call)
    with database.read() as sql:
        return [Note(*row) for row in sql.execute(wanted.order_by(notes.c.id))]


def write_note(database: Database, call: str, who: str, words: str) -> bool:
    """Add a note to a call; False when the call is not there any more."""
    try:
        with database.write() as sql:
            sql.execute(insert(notes).values(call_id=call, at=datetime.now(UTC), who=who, words=words))
            write_deed(sql, who, "note added", "")  # No id: deeds outlive calls.
    except RecordRefused:
        return False
    return True


def block_call(database: Database, call: str, until: datetime, *, who: str, why: str) -> bool:
    """Block whoever made a call until a moment; False when they have no mark, or the call is gone."""
    with database.write() as sql:
        mark = sql.scalar(select(calls.c.mark).where(calls.c.id == call))
        if not mark:
            return False
        write_block(sql, mark, until, why, who=who)
        write_deed(sql, who, "caller blocked", f"until {until:%Y-%m-%d}: {why}")
    return True
