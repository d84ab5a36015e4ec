"""What the line's days come to, in numbers: as they are, to be shown only as ``daily.shown`` writes them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from math import ceil
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from ivr.records.browsing import within
from ivr.records.tables import attempts, calls, transfers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ivr.records.database import Database

COLUMNS = frozenset({"language", "outcome", "last_stop", "channel"})
TEXT = "text"
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


def per_day(database: Database, since: date, until: date, zone: tzinfo = UTC) -> list[tuple[date, int, int]]:
    """Count the calls and the text conversations of each day that had any, the first day first."""
    counts: dict[date, list[int]] = {}
    for began, channel, count in _starts(database, since, until, zone):
        counts.setdefault(began.date(), [0, 0])[channel == TEXT] += count
    return [(day, voice, text) for day, (voice, text) in sorted(counts.items())]


def per_hour_of_week(
    database: Database, since: date, until: date, zone: tzinfo = UTC
) -> dict[tuple[int, int], int]:
    """Count what began in each hour of the week that had any; Monday is 0."""
    counts: Counter[tuple[int, int]] = Counter()
    for began, _, count in _starts(database, since, until, zone):
        counts[began.weekday(), began.hour] += count
    return dict(sorted(counts.items()))


def by(database: Database, column: str, since: date, until: date, *, zone: tzinfo = UTC) -> dict[str, int]:
    """Count the calls of these days by one of COLUMNS, the most frequent first; empty where not known yet."""
    if column not in COLUMNS:
        raise ValueError(f"calls are not counted by {column!r}")
    counted = select(calls.c[column], func.count()).where(within(since, until, zone))
    with database.read() as sql:
        rows = sql.execute(counted.group_by(calls.c[column])).all()
    counts: Counter[str] = Counter()
    for value, count in rows:
        counts[value or ""] += count
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


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


def _starts(database: Database, since: date, until: date, zone: tzinfo) -> list[tuple[datetime, str, int]]:
    """Read how many began when; starts are soon blurred to the hour, so few of them are different."""
    counted = select(calls.c.started_at, calls.c.channel, func.count()).where(within(since, until, zone))
    with database.read() as sql:
        rows = sql.execute(counted.group_by(calls.c.started_at, calls.c.channel)).all()
    return [(began.astimezone(zone), channel, count) for began, channel, count in rows]
