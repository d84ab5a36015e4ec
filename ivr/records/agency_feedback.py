"""What agencies said of the calls that they get, by a link that they were sent: of each kind once for a link.

It lands in the shift log. A wrong number, or the wish to be listed no more, proposes to switch the agency
off; an operator decides.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import insert, select, update

from ivr.records.agency_status import write_switch_off
from ivr.records.audit import write_audit_entry
from ivr.records.database import RecordRefused
from ivr.records.shift_log import EntryKind, add_shift_entry
from ivr.records.tables import agency_feedback

if TYPE_CHECKING:
    from datetime import datetime

    from ivr.records.database import Database

PINNED_FOR = timedelta(days=3)
SHOWN = 100


class FeedbackKind(StrEnum):
    """What an agency may say."""

    TOO_MANY = "too_many"
    WRONG_HOURS = "wrong_hours"
    WRONG_NUMBER = "wrong_number"
    STOP = "stop"


class FeedbackState(StrEnum):
    """What became of it."""

    NOTED = "noted"
    PROPOSED = "proposed"  # An operator is to decide whether the agency is switched off.
    DONE = "done"
    DISMISSED = "dismissed"


PROPOSES = frozenset({FeedbackKind.WRONG_NUMBER, FeedbackKind.STOP})


class Feedback(NamedTuple):
    """One thing that an agency said; its words stand in the shift log."""

    link: str
    kind: FeedbackKind
    agency: str
    at: datetime
    state: FeedbackState
    who: str  # Who decided.


def add_feedback(  # noqa: PLR0913 - what a row holds
    database: Database, link: str, agency: str, kind: FeedbackKind, note: str, *, now: datetime
) -> bool:
    """Note what an agency said; False where it said that by this link before."""
    state = FeedbackState.PROPOSED if kind in PROPOSES else FeedbackState.NOTED
    row = {"link": link, "kind": kind.value, "agency": agency, "at": now, "state": state.value}
    try:
        with database.write() as sql:
            sql.execute(insert(agency_feedback).values(row))
            about, until = f"{agency} {kind}", now + PINNED_FOR
            add_shift_entry(sql, EntryKind.FEEDBACK, now, about=about, text=note, until=until)
    except RecordRefused:
        return False
    return True


def list_feedback(database: Database) -> list[Feedback]:
    """Read what agencies said last, the newest first."""
    wanted = select(agency_feedback).order_by(agency_feedback.c.at.desc(), agency_feedback.c.kind)
    with database.read() as sql:
        rows = sql.execute(wanted.limit(SHOWN)).all()
    return [
        Feedback(row.link, FeedbackKind(row.kind), row.agency, row.at, FeedbackState(row.state), row.who)
        for row in rows
    ]


def list_said(database: Database, link: str) -> frozenset[FeedbackKind]:
    """Give what was said by a link."""
    with database.read() as sql:
        said = sql.scalars(select(agency_feedback.c.kind).where(agency_feedback.c.link == link))
        return frozenset(map(FeedbackKind, said))


def list_proposals(database: Database) -> list[Feedback]:
    """Read what an operator is to decide."""
    return [each for each in list_feedback(database) if each.state is FeedbackState.PROPOSED]


def decide(database: Database, link: str, kind: str, who: str, *, off_because: str) -> str:
    """Switch the agency off for a reason, or, without one, leave it; give its name.

    Nothing where that was decided before.
    """
    row = (
        agency_feedback.c.link == link,
        agency_feedback.c.kind == kind,
        agency_feedback.c.state == FeedbackState.PROPOSED.value,
    )
    state = FeedbackState.DONE if off_because else FeedbackState.DISMISSED
    with database.write() as sql:
        if not sql.execute(update(agency_feedback).where(*row).values(state=state.value, who=who)).rowcount:
            return ""
        theirs = select(agency_feedback.c.agency).where(*row[:2])
        agency: str = sql.scalar(theirs) or ""
        if off_because:
            write_switch_off(sql, agency, off_because, who)
        else:
            write_audit_entry(sql, who, "feedback dismissed", f"{agency}: {kind}")
    return agency
