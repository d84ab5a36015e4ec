"""How callers reached a person, in numbers: as they are, to be shown only as ``daily.shown`` writes them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from math import ceil
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from ivr.records.call_log import within
from ivr.records.tables import attempts, transfers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ivr.records.database import Database

HALF_MINUTE, MINUTE = 30, 60


@dataclass(frozen=True)
class AgencyFigures:
    """How often an agency was rung, and what came of it; what has another end is in ``rung`` alone."""

    agency: str
    rung: int
    answered: int
    accepted: int
    declined: int
    voicemail: int
    no_answer: int
    busy: int
    failed: int


@dataclass(frozen=True)
class Waiting:
    """How long callers waited for a person; all but the first three are of those who reached one."""

    asked: int
    connected: int
    abandoned: int  # The caller went while somebody was being looked for.
    within_30: int
    within_60: int
    median: float | None  # None where nobody reached a person, or nobody knows when.
    p90: float | None


def transfer_figures(database: Database, since: date, until: date, zone: tzinfo = UTC) -> list[AgencyFigures]:
    """Count how each agency was rung on these days, the agencies by name."""
    rings = (
        select(attempts.c.agency, attempts.c.outcome, func.count(), func.count(attempts.c.answered_at))
        .where(within(since, until, zone, attempts.c.rung_at))
        .group_by(attempts.c.agency, attempts.c.outcome)
    )
    with database.read() as sql:
        rows = sql.execute(rings).all()
    ends: dict[str, Counter[str]] = {agency: Counter() for agency in sorted({row[0] for row in rows})}
    for agency, outcome, rung, answered in rows:
        ends[agency].update({"rung": rung, "answered": answered})
        ends[agency].update({outcome or "": rung})
    return [_figures(agency, counts) for agency, counts in ends.items()]


def waiting(database: Database, since: date, until: date, zone: tzinfo = UTC) -> Waiting:
    """Count how long callers waited who asked for a person on these days."""
    asked = select(transfers.c.outcome, transfers.c.waited_seconds)
    with database.read() as sql:
        rows = sql.execute(asked.where(within(since, until, zone, transfers.c.started_at))).all()
    ends = Counter(row.outcome for row in rows)
    waits = sorted(
        row.waited_seconds for row in rows if row.outcome == "connected" and row.waited_seconds is not None
    )
    return Waiting(
        asked=len(rows),
        connected=ends["connected"],
        abandoned=ends["left"],
        within_30=sum(wait <= HALF_MINUTE for wait in waits),
        within_60=sum(wait <= MINUTE for wait in waits),
        median=_share(waits, 50),
        p90=_share(waits, 90),
    )


def _figures(agency: str, counts: Counter[str]) -> AgencyFigures:
    """Put one agency's counts together."""
    return AgencyFigures(
        agency,
        rung=counts["rung"],
        answered=counts["answered"],
        accepted=counts["accepted"],
        declined=counts["declined"],
        voicemail=counts["voicemail"],
        no_answer=counts["no_answer"],
        busy=counts["busy"],
        failed=counts["failed"],
    )


def _share(waits: Sequence[float], percent: int) -> float | None:
    """Find the shortest wait that so many of a hundred did not exceed."""
    return waits[max(ceil(len(waits) * percent / 100) - 1, 0)] if waits else None
