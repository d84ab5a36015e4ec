"""The counts that outlive the calls, and what of any count may be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import select

from ivr.records.database import insert_or_change
from ivr.records.tables import daily

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from datetime import date

    from sqlalchemy import Connection

    from ivr.records.counts import CountKey
    from ivr.records.database import Database

Name = TypeVar("Name", bound="Hashable")

FEW = 5  # Fewer are never shown: somebody could recognise themselves, or another.
# A small count, or one that would tell how small another is: which of the two it is, would tell as well.
HIDDEN = "not shown"
CHANNELS = frozenset({"calls", "texts"})


@dataclass(frozen=True)
class Count:
    """One count, as it is kept."""

    day: date
    what: str
    name: str
    count: int


def add_counts(sql: Connection, counts: Mapping[CountKey, int]) -> None:
    """Add to the counts that outlive the calls."""
    rows = [{**key._asdict(), "count": count} for key, count in sorted(counts.items())]
    insert_or_change(sql, daily, rows, add="count")


def list_daily(database: Database, since: date | None = None, until: date | None = None) -> list[Count]:
    """Read the counts of the days from ``since`` on and before ``until``, exactly: not to be shown."""
    wanted = select(daily).order_by(daily.c.day, daily.c.what, daily.c.name)
    wanted = wanted.where(daily.c.day >= since) if since else wanted
    wanted = wanted.where(daily.c.day < until) if until else wanted
    with database.read() as sql:
        return [Count(*row) for row in sql.execute(wanted)]


def shown(count: int) -> str:
    """Write a count as it may be shown."""
    return HIDDEN if 0 < count < FEW else str(count)


def parts_shown(counts: Mapping[Name, int]) -> dict[Name, str]:
    """Write the parts of a whole that may be known: no small one, and none that tells a small one.

    Others are withheld as well, the smallest first, until those that are hidden are not few together.
    """
    hidden = sum(count for count in counts.values() if count < FEW)
    withheld: set[Name] = set()
    for name, count in sorted(counts.items(), key=lambda part: part[1]):
        if count >= FEW and 0 < hidden < FEW:
            hidden += count
            withheld.add(name)
    return {name: HIDDEN if name in withheld else shown(count) for name, count in counts.items()}


def ranked_parts_shown(counts: Mapping[str, int]) -> dict[str, str]:
    """Write parts as ``parts_shown`` does, the largest first; the order of hidden ones tells nothing."""
    cells = parts_shown(counts)
    ranked = sorted(cells, key=lambda name: (-counts[name], name) if cells[name] != HIDDEN else (-1, name))
    return {name: cells[name] for name in ranked}


def steps_shown(counts: Mapping[Name, int]) -> dict[Name, str]:
    """Write steps each of which holds the next: none that differs by few from another that is shown.

    The first and the last say the most: those between them give way.
    """
    first, *between, last = counts
    written: dict[Name, str] = {}
    exact: list[int] = []
    for name in (first, last, *reversed(between)):
        count = counts[name]
        near = any(0 < abs(count - other) < FEW for other in exact)
        written[name] = HIDDEN if near and count >= FEW else shown(count)
        if written[name] == str(count):
            exact.append(count)
    return {name: written[name] for name in counts}
