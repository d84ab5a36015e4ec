"""Whose marks are on our lists: who sent STOP, and who is blocked for a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from ivr.records.database import insert_missing, insert_or_change
from ivr.records.tables import blocks, opt_outs

if TYPE_CHECKING:
    from ivr.records.database import Database


@dataclass(frozen=True)
class Block:
    """One phone that is blocked, and until when."""

    mark: str
    until: datetime
    why: str


def opt_out(database: Database, mark: str, now: float) -> None:
    """Remember that a phone is to get no texts. Twice is once; no mark is nobody."""
    if mark:
        with database.write() as sql:
            insert_missing(sql, opt_outs, [{"mark": mark, "since": datetime.fromtimestamp(now, UTC).date()}])


def opt_in(database: Database, mark: str) -> None:
    """Let a phone get texts again."""
    with database.write() as sql:
        sql.execute(delete(opt_outs).where(opt_outs.c.mark == mark))


def list_opt_outs(database: Database) -> frozenset[str]:
    """Read whose phones are to get no texts."""
    with database.read() as sql:
        return frozenset(sql.scalars(select(opt_outs.c.mark)))


def block(database: Database, mark: str, until: datetime, why: str) -> None:
    """Block a phone until a moment; a second block replaces the first. No mark is nobody."""
    if mark:
        with database.write() as sql:
            insert_or_change(sql, blocks, [{"mark": mark, "until": until, "why": why}])


def unblock(database: Database, mark: str) -> None:
    """End a block."""
    with database.write() as sql:
        sql.execute(delete(blocks).where(blocks.c.mark == mark))


def list_blocks(database: Database, now: float) -> list[Block]:
    """Read which phones are blocked now, the first to be free again first."""
    wanted = select(blocks).where(blocks.c.until > datetime.fromtimestamp(now, UTC))
    with database.read() as sql:
        rows = sql.execute(wanted.order_by(blocks.c.until, blocks.c.mark)).all()
    return [Block(row.mark, row.until, row.why) for row in rows]
