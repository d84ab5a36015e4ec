"""What happened on the line between two moments, as somebody who comes back wants to know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from ivr.records.agency_status import FAILURES, OFF, ON
from ivr.records.call_log import read_unreached
from ivr.records.tables import attempts, audit, calls, turns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from ivr.records.call_log import CallRecord
    from ivr.records.database import Database

NOT_UNDERSTOOD = "unclear"
MOST = 50  # Of one list.
SESSION_BEGINS = ("signed in", "second factor set up")  # As the audit says it.


@dataclass(frozen=True)
class Switch:
    """One time that somebody switched an agency."""

    at: datetime
    who: str
    agency: str
    off: bool
    why: str


@dataclass(frozen=True)
class ShiftSummary:
    """What happened; all counts are exact, as the log is that the same people read."""

    calls: int
    texts: int
    outcomes: Mapping[str, int]  # Of calls and texts that are over, the most frequent first.
    unreached: list[CallRecord]  # Whoever asked for a person and reached nobody, the newest first.
    missed: Mapping[str, int]  # Agency -> rings that nobody there took, the most first.
    not_understood: int  # Texts.
    switches: list[Switch]  # The newest first.


def summarize(database: Database, begins: datetime, ends: datetime) -> ShiftSummary:
    """Put together what happened from one moment to another."""

    def between(at: ColumnElement[datetime]) -> ColumnElement[bool]:
        return (at >= begins) & (at < ends)

    of_calls = select(calls.c.channel, calls.c.outcome, func.count()).where(between(calls.c.started_at))
    count = func.count().label("count")
    of_rings = select(attempts.c.agency, count).where(between(attempts.c.rung_at))
    of_rings = of_rings.where(attempts.c.outcome.in_(sorted(FAILURES))).group_by(attempts.c.agency)
    lost = select(func.count()).select_from(turns.join(calls)).where(between(calls.c.started_at))
    lost = lost.where(calls.c.channel == "text", turns.c.heard == NOT_UNDERSTOOD)
    switched = select(audit).where(between(audit.c.at), audit.c.did.in_([OFF, ON]))
    with database.read() as sql:
        rows = sql.execute(of_calls.group_by(calls.c.channel, calls.c.outcome)).all()
        missed = sql.execute(of_rings.order_by(count.desc(), attempts.c.agency)).all()
        not_understood = int(sql.scalar(lost) or 0)
        deeds = sql.execute(switched.order_by(audit.c.n.desc()).limit(MOST)).all()
    outcomes: dict[str, int] = {}
    for _, outcome, number in sorted(rows, key=lambda row: -row[2]):
        if outcome:
            outcomes[outcome] = outcomes.get(outcome, 0) + number
    return ShiftSummary(
        calls=sum(number for channel, _, number in rows if channel == "voice"),
        texts=sum(number for channel, _, number in rows if channel == "text"),
        outcomes=outcomes,
        unreached=read_unreached(database, begins, ends, MOST),
        missed={agency: number for agency, number in missed},  # noqa: C416 - rows are no pairs to mypy
        not_understood=not_understood,
        switches=[_switch(deed.at, deed.who, deed.did, deed.about) for deed in deeds],
    )


def last_sign_ins(database: Database) -> dict[str, datetime]:
    """Give when each operator last signed in; whoever never did is not among them."""
    wanted = select(audit.c.who, func.max(audit.c.at).label("last")).where(audit.c.did.in_(SESSION_BEGINS))
    with database.read() as sql:
        return {row.who: row.last for row in sql.execute(wanted.group_by(audit.c.who))}


def sign_in_before(database: Database, who: str) -> datetime | None:
    """Give when somebody signed in before they did last; None at their first time."""
    begun = audit.c.did.in_(SESSION_BEGINS), audit.c.who == who
    with database.read() as sql:
        return sql.scalar(select(audit.c.at).where(*begun).order_by(audit.c.n.desc()).offset(1).limit(1))


def last_here(database: Database, who: str) -> datetime | None:
    """Give when somebody last did anything before they signed in now; None at their first time."""
    theirs = select(audit.c.n).where(audit.c.who == who, audit.c.did.in_(SESSION_BEGINS))
    with database.read() as sql:
        began = sql.scalar(theirs.order_by(audit.c.n.desc()).limit(1))
        if began is None:
            return None
        before = select(audit.c.at).where(audit.c.who == who, audit.c.n < began)
        return sql.scalar(before.order_by(audit.c.n.desc()).limit(1))


def _switch(at: datetime, who: str, did: str, about: str) -> Switch:
    agency, _, why = about.partition(": ")
    return Switch(at, who, agency, off=did == OFF, why=why)
