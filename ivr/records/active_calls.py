"""Which calls go on now, which agencies are being rung, and who reached nobody, as operators see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from ivr.records.call_log import reached_nobody
from ivr.records.tables import attempts, calls, live_transfers, transfers

if TYPE_CHECKING:
    from datetime import datetime

    from ivr.records.database import Database


MOST = 200  # Rows of one list.
GOING_ON = ("searching", "naming", "named", "dialling", "ringing", "briefing", "connected", "parted")


@dataclass(frozen=True)
class ActiveCall:
    """One conversation that goes on, and the agency to which it is transferred."""

    id: str
    channel: str
    language: str
    started_at: datetime
    stop: str
    state: str  # Of its transfer; empty without one.
    agency: str


@dataclass(frozen=True)
class RingingAgency:
    """One agency that is being rung for a caller, on either path."""

    agency: str
    language: str  # The caller's.
    rung_at: datetime
    answered: bool  # A person there hears what the call is.


def list_active_calls(database: Database) -> list[ActiveCall]:
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
    return [ActiveCall(*row[:5], row.state or "", row.agency or "") for row in rows]


def list_ringing_agencies(database: Database) -> list[RingingAgency]:
    """Read which agencies are being rung now, the longest first."""
    columns = (attempts.c.agency, calls.c.language, attempts.c.rung_at, attempts.c.answered_at.is_not(None))
    going_on = (
        attempts.c.outcome.is_(None),
        attempts.c.ended_at.is_(None),
        calls.c.ended_at.is_(None),
    )
    wanted = select(*columns).join_from(calls, transfers).join(attempts).where(*going_on)
    with database.read() as sql:
        return [RingingAgency(*row) for row in sql.execute(wanted.order_by(attempts.c.rung_at).limit(MOST))]


def count_unreached(database: Database, since: datetime) -> int:
    """Count the conversations from then on whose caller asked for a person and reached nobody."""
    theirs = select(func.count()).select_from(calls).where(calls.c.started_at >= since, reached_nobody())
    with database.read() as sql:
        return int(sql.scalar(theirs) or 0)
