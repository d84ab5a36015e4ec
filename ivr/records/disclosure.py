"""The counts that outlive the calls, and what of them may be shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import select

from ivr.records.database import insert_or_change
from ivr.records.tables import daily

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

    from ivr.records.counts import CountKey
    from ivr.records.database import Database

Name = TypeVar("Name", bound=Hashable)

FEW = 5  # Fewer are never shown: somebody could recognise themselves, or another.
UNDER = f"under {FEW}"
WITHHELD = "not shown"  # It would tell, by subtraction, how few the others are.
CHANNELS = frozenset({"calls", "texts"})
# What adds up to a total that is known elsewhere: every call has one of each.
PARTS = frozenset(
    {"language", "outcome", "hour", "last_stop", "order", "transfer", "waited", "waited_in_vain"}
)
RINGS = "agency_"
NO_PARTS = frozenset({"agency_rung", "agency_answered"})  # Sums of the others, or counted beside them.


@dataclass(frozen=True)
class Count:
    """One count, as it is kept."""

    day: date
    what: str
    name: str
    count: int


@dataclass(frozen=True)
class ShownCount:
    """One count, as it may be shown."""

    day: date
    what: str
    name: str
    count: str


def add_counts(sql: Connection, counts: Mapping[CountKey, int]) -> None:
    """Add to what is counted already."""
    rows = [{**key._asdict(), "count": count} for key, count in sorted(counts.items())]
    insert_or_change(sql, daily, rows, add="count")


def list_daily(database: Database, since: date | None = None, until: date | None = None) -> list[Count]:
    """Read the counts of the days from ``since`` on and before ``until``, as they are: not to be shown."""
    wanted = select(daily).order_by(daily.c.day, daily.c.what, daily.c.name)
    wanted = wanted.where(daily.c.day >= since) if since else wanted
    wanted = wanted.where(daily.c.day < until) if until else wanted
    with database.read() as sql:
        return [Count(*row) for row in sql.execute(wanted)]


def shown(count: int) -> str:
    """Write a count as it may be shown."""
    return UNDER if 0 < count < FEW else str(count)


def suppressed(rows: Iterable[Count]) -> list[ShownCount]:
    """Write counts as they may be shown: no small one, and none from which a small one can be worked out."""
    told = list(rows)
    groups: dict[tuple[object, ...], list[Count]] = defaultdict(list)
    for row in told:
        groups[_group(row)].append(row)
    withheld = {row for group in groups.values() for row in _withheld(group)}
    return [
        ShownCount(row.day, row.what, row.name, WITHHELD if row in withheld else shown(row.count))
        for row in told
    ]


def parts_shown(counts: Mapping[Name, int]) -> dict[Name, str]:
    """Write the parts of a whole that may be known: no small one, and none that tells a small one."""
    rows = {
        Count(date.min, "", str(place), count): name for place, (name, count) in enumerate(counts.items())
    }
    more = {rows[row] for row in _withheld(rows)}
    return {name: WITHHELD if name in more else shown(count) for name, count in counts.items()}


def steps_shown(counts: Mapping[Name, int]) -> dict[Name, str]:
    """Write steps each of which holds the next: none that differs by few from another that is shown.

    The first and the last say the most: those between them give way.
    """
    first, *between, last = counts
    told: dict[Name, str] = {}
    seen: list[int] = []
    for name in (first, last, *reversed(between)):
        count = counts[name]
        near = any(0 < abs(count - other) < FEW for other in seen)
        told[name] = WITHHELD if near and count >= FEW else shown(count)
        if told[name] == str(count):
            seen.append(count)
    return {name: told[name] for name in counts}


def _group(row: Count) -> tuple[object, ...]:
    """Say with which others a count adds up to something that may be known."""
    if row.what in CHANNELS:
        return row.day, CHANNELS
    if row.what in PARTS:
        return row.day, row.what
    if row.what.startswith(RINGS) and row.what not in NO_PARTS:
        return row.day, RINGS, row.name
    return row.day, row.what, row.name


def _withheld(group: Iterable[Count]) -> list[Count]:
    """Choose which others to hide as well, until those that are hidden are not few together."""
    ordered = sorted(group, key=lambda row: row.count)
    hidden = sum(row.count for row in ordered if row.count < FEW)
    more: list[Count] = []
    for row in ordered:
        if row.count >= FEW and 0 < hidden < FEW:
            hidden += row.count
            more.append(row)
    return more
