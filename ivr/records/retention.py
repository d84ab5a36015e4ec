"""For how long the log is kept: as `config/line.toml` says, or shorter where an administrator chose so.

It also knows up to when everything was forgotten, so that a longer time lets nothing of that come back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from ivr.checks.retention import LEAST
from ivr.flow.linefile import Retention
from ivr.records.audit import write_deed
from ivr.records.database import be_alone, insert_or_change
from ivr.records.erasing import ERASING
from ivr.records.tables import retention

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from ivr.effects import Entry
    from ivr.records.database import Database

DAY = 86_400
LONGEST_CALL = 7 * 3600  # Seconds; longer than any that Twilio allows,
BLUR = 3600  # and by so much a start may be put back.


class Chosen(NamedTuple):
    """What an administrator chose; None where nobody did."""

    rows_days: int | None = None
    counts_months: int | None = None


NOBODY_CHOSE = Chosen()


def within(file: Retention, chosen: Chosen) -> Retention:
    """Say how long the log is kept: what was chosen, where the file allows that much and it is enough."""
    return Retention(
        _between(chosen.rows_days, LEAST.rows_days, file.rows_days),
        _between(chosen.counts_months, LEAST.counts_months, file.counts_months),
    )


def read_chosen(database: Database) -> Chosen:
    """Read what an administrator chose."""
    with database.read() as sql:
        row = sql.execute(select(retention.c.rows_days, retention.c.counts_months)).first()
    return Chosen(row.rows_days, row.counts_months) if row else NOBODY_CHOSE


def choose(database: Database, file: Retention, wanted: Retention, *, who: str) -> bool:
    """Keep the log for so long from now on; False when that is out of bounds, and nothing is changed."""
    chosen = Chosen(wanted.rows_days, wanted.counts_months)
    if within(file, chosen) != wanted:
        return False
    with database.write() as sql:
        told = f"calls {wanted.rows_days} days, counts {wanted.counts_months} months"
        write_deed(sql, who, "retention chosen", told)
        insert_or_change(sql, retention, [{"id": 1} | chosen._asdict()])
    return True


def filed_for(rows_days: int) -> float:
    """Say for how many seconds an entry may still be filed: less than until its call may be forgotten.

    Else the last turns of a call that was just forgotten would be a call of their own.
    """
    return rows_days * DAY - LONGEST_CALL - BLUR


def note_forgotten(database: Database, until: datetime) -> None:
    """Note that all calls that began before a moment are being forgotten; nobody files meanwhile."""
    with database.write() as sql:
        be_alone(sql, ERASING)
        before = sql.scalar(select(retention.c.forgot_to))
        latest = max(before, until) if before else until
        insert_or_change(sql, retention, [{"id": 1, "forgot_to": latest}])


def without_forgotten(
    sql: Connection, arrived: Mapping[str, Sequence[Entry]], now: float
) -> dict[str, Sequence[Entry]]:
    """Leave out what may be of calls that were forgotten, also when the log is kept for longer by now."""
    forgot_to = sql.scalar(select(func.max(retention.c.forgot_to)))
    if forgot_to is None:
        return dict(arrived)
    # A clock that once ran ahead must not keep today's calls out.
    oldest = min(forgot_to.timestamp() + LONGEST_CALL + BLUR, now - filed_for(LEAST.rows_days))
    return {call: fresh for call, all_of_it in arrived.items() if (fresh := _since(all_of_it, oldest))}


def _since(entries: Sequence[Entry], oldest: float) -> list[Entry]:
    return [entry for entry in entries if entry.at >= oldest]


def _between(chosen: int | None, least: int, most: int) -> int:
    return most if chosen is None else min(max(chosen, least), most)
