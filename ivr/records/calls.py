"""The call log, as those who run the line read it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import RowMapping, Select, literal, select, tuple_

from ivr.records.ordering import LAST
from ivr.records.tables import Moment, attempts, calls, transfers, turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from ivr.records.database import Database

AT_ONCE = 200  # Calls read in one go: four queries for all of them.


@dataclass(frozen=True)
class AttemptSummary:
    """One agency that was rung; ``seconds`` runs from the ring to its end."""

    agency: str
    outcome: str | None
    seconds: float | None


@dataclass(frozen=True)
class TransferSummary:
    """One search for a person; ``waited`` seconds from asking to a person, or to the last ring's end."""

    order: str
    outcome: str | None
    waited: float | None
    attempts: tuple[AttemptSummary, ...]


@dataclass(frozen=True)
class CallSummary:
    """One call or text conversation. What is not known while it goes on is None."""

    id: str
    channel: str
    started_at: datetime
    ended_at: datetime | None
    language: str
    outcome: str | None
    turns: int
    stops: tuple[str, ...]
    transfers: tuple[TransferSummary, ...]

    def as_json(self) -> dict[str, Any]:
        """Write the call with nothing in it but what JSON knows."""
        return asdict(self) | {"started_at": _iso(self.started_at), "ended_at": _iso(self.ended_at)}


def list_calls(
    database: Database,
    since: datetime | None = None,
    until: datetime | None = None,
    channel: str | None = None,
    outcome: str | None = None,
) -> Iterator[CallSummary]:
    """Read the calls that began from ``since`` on and before ``until``, oldest first, a few at a time."""
    wanted = select(calls).order_by(calls.c.started_at, calls.c.id).limit(AT_ONCE)
    wanted = wanted.where(calls.c.started_at >= since) if since else wanted
    wanted = wanted.where(calls.c.started_at < until) if until else wanted
    wanted = wanted.where(calls.c.channel == channel) if channel else wanted
    wanted = wanted.where(calls.c.outcome == outcome) if outcome else wanted
    page = wanted
    while True:
        with database.read() as sql:
            found = summaries(sql, page)
        yield from found
        if len(found) < AT_ONCE:
            return
        seen = tuple_(calls.c.started_at, calls.c.id)
        last = tuple_(literal(found[-1].started_at, Moment), literal(found[-1].id))
        page = wanted.where(seen > last)


def summaries(sql: Connection, page: Select[Any]) -> list[CallSummary]:
    """Read one page of calls with all that belongs to them."""
    rows = sql.execute(page).mappings().all()
    ids = [row["id"] for row in rows]
    stops, searches = _stops(sql, ids), _transfers(sql, ids)
    return [_summary(row, stops[row["id"]], searches[row["id"]]) for row in rows]


def _summary(row: RowMapping, stops: list[str], searches: list[TransferSummary]) -> CallSummary:
    """Put one call together."""
    return CallSummary(
        id=row["id"],
        channel=row["channel"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        language=row["language"],
        outcome=row["outcome"],
        turns=row["turns"],
        stops=tuple(stops),
        transfers=tuple(searches),
    )


def _stops(sql: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    """Read where callers were, one after another; staying at a stop is one visit."""
    found: dict[str, list[str]] = defaultdict(list)
    visits = (
        select(turns.c.call_id, turns.c.stop)
        .where(turns.c.call_id.in_(ids), turns.c.stop != "", turns.c.n < LAST)
        .order_by(turns.c.call_id, turns.c.n, turns.c.seconds, turns.c.key)
    )
    for call, stop in sql.execute(visits):
        if found[call][-1:] != [stop]:
            found[call].append(stop)
    return found


def _transfers(sql: Connection, ids: Sequence[str]) -> dict[str, list[TransferSummary]]:
    """Read the searches of some calls."""
    found: dict[str, list[TransferSummary]] = defaultdict(list)
    rings = _attempts(sql, ids)
    searches = (
        select(transfers).where(transfers.c.call_id.in_(ids)).order_by(transfers.c.call_id, transfers.c.place)
    )
    for row in sql.execute(searches):
        summary = TransferSummary(
            row.order_name, row.outcome, _tenths(row.waited_seconds), tuple(rings[row.id])
        )
        found[row.call_id].append(summary)
    return found


def _attempts(sql: Connection, ids: Sequence[str]) -> dict[str, list[AttemptSummary]]:
    """Read the rings of some calls, by search."""
    found: dict[str, list[AttemptSummary]] = defaultdict(list)
    rings = (
        select(attempts)
        .join(transfers)
        .where(transfers.c.call_id.in_(ids))
        .order_by(attempts.c.transfer_id, attempts.c.place)
    )
    for row in sql.execute(rings):
        found[row.transfer_id].append(AttemptSummary(row.agency, row.outcome, _tenths(row.seconds)))
    return found


def _tenths(seconds: float | None) -> float | None:
    """Cut to what a reader needs."""
    return None if seconds is None else round(seconds, 1)


def _iso(moment: datetime | None) -> str | None:
    """Write a moment as ISO 8601 in UTC."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
