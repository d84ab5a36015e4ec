"""How far each search for a person came: rung, answered, accepted; and at last, talked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, func, or_, select

from ivr.records.outcomes import ACCEPTED
from ivr.records.tables import attempts, calls, transfers

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

REACHED = "reached"
STEPS = ("rung", "answered", "accepted")
TALKED = "connected"


def steps(wanted: ColumnElement[bool]) -> Select[tuple[str, int, int, int]]:
    """Read how far each search of the wanted calls came; who talked came all the way, whatever was lost."""
    talked = transfers.c.outcome == TALKED
    taken = or_(attempts.c.accepted_at.is_not(None), attempts.c.outcome == ACCEPTED)
    came = {
        "rung": attempts.c.id.is_not(None),
        "answered": or_(attempts.c.answered_at.is_not(None), taken),
        "accepted": taken,
    }
    so_far = (func.max(case((or_(talked, claim), 1), else_=0)).label(step) for step, claim in came.items())
    theirs = calls.join(transfers).outerjoin(attempts, attempts.c.transfer_id == transfers.c.id)
    each = select(transfers.c.call_id, *so_far).select_from(theirs).where(wanted)
    return each.group_by(transfers.c.id, transfers.c.call_id)
