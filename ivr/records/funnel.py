"""How far each search for a person came: rung, answered, accepted; and at last, talked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, or_, select

from ivr.records.outcomes import ACCEPTED
from ivr.records.tables import attempts, transfers

if TYPE_CHECKING:
    from sqlalchemy import Select

REACHED = "reached"
STEPS = ("rung", "answered", "accepted")
TALKED = "connected"


def steps() -> Select[tuple[str, bool, bool, bool]]:
    """Read of each search how far it came; who talked came all the way, whatever was lost of the rest."""
    theirs = attempts.c.transfer_id == transfers.c.id
    talked = transfers.c.outcome == TALKED
    taken = attempts.c.outcome == ACCEPTED
    answered = or_(attempts.c.answered_at.is_not(None), attempts.c.accepted_at.is_not(None), taken)
    accepted = or_(attempts.c.accepted_at.is_not(None), taken)
    return select(
        transfers.c.call_id,
        or_(talked, exists().where(theirs)).label("rung"),
        or_(talked, exists().where(theirs, answered)).label("answered"),
        or_(talked, exists().where(theirs, accepted)).label("accepted"),
    )
