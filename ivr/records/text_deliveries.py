"""How many texts arrived, and why others did not, by Twilio's codes: counts, and nothing of a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from ivr.records.database import insert_missing
from ivr.records.tables import text_deliveries

if TYPE_CHECKING:
    from datetime import date

    from ivr.records.database import Database

ARRIVED = ""


def count_delivery(database: Database, day: date, reason: str) -> int:
    """Count a text that arrived, or why it did not; give how many in a row have not."""
    table = text_deliveries
    with database.write() as sql:
        row = {"day": day, "reason": reason, "count": 0, "in_a_row": 0}
        insert_missing(sql, table, [row])
        here = (table.c.day == day) & (table.c.reason == reason)
        sql.execute(update(table).where(here).values(count=table.c.count + 1))
        if reason == ARRIVED:
            sql.execute(update(table).where(table.c.in_a_row > 0).values(in_a_row=0))
            return 0
        sql.execute(update(table).where(here).values(in_a_row=table.c.in_a_row + 1))
        return int(sql.scalar(select(func.sum(table.c.in_a_row))) or 0)


def count_in_a_row(database: Database) -> int:
    """Give how many texts have not arrived since one last did."""
    with database.read() as sql:
        return int(sql.scalar(select(func.sum(text_deliveries.c.in_a_row))) or 0)


def list_undelivered(database: Database, since: date, until: date | None = None) -> dict[str, int]:
    """Count the texts that did not arrive from a day on, or up to another, the most frequent reason first."""
    table, count = text_deliveries, func.sum(text_deliveries.c.count)
    wanted = select(table.c.reason, count).where(table.c.day >= since, table.c.reason != ARRIVED)
    wanted = wanted.where(table.c.day <= until) if until else wanted
    with database.read() as sql:
        rows = sql.execute(wanted.group_by(table.c.reason).order_by(count.desc(), table.c.reason))
        return {reason: int(number) for reason, number in rows}
