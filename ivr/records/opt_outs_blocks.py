"""Which caller marks get no texts, because they sent STOP, and which are blocked for a while."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from ivr.records.audit import hour_of_call, write_audit_entry
from ivr.records.database import Lock, be_alone, insert_missing, insert_or_change
from ivr.records.periods import moment
from ivr.records.tables import blocks, calls, opt_outs

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ivr.records.database import Database


@dataclass(frozen=True)
class Block:
    """One phone that is blocked, and until when. Pages name it by its id, and never by its mark."""

    mark: str
    until: datetime
    why: str
    id: str = field(default="", compare=False)
    since: date | None = None  # None for a block that is older than this column.
    who: str = ""


def opt_out(database: Database, mark: str, now: float) -> None:
    """Remember that a phone is to get no texts. Twice is once; no mark is nobody."""
    if mark:
        with database.write(lasting=True) as sql:  # What else remembers it is deleted next.
            insert_missing(sql, opt_outs, [{"mark": mark, "since": moment(now).date()}])


def opt_in(database: Database, mark: str) -> None:
    """Let a phone get texts again."""
    with database.write(lasting=True) as sql:
        sql.execute(delete(opt_outs).where(opt_outs.c.mark == mark))


def list_opt_outs(database: Database) -> frozenset[str]:
    """Read whose phones are to get no texts."""
    with database.read() as sql:
        return frozenset(sql.scalars(select(opt_outs.c.mark)))


def block_call(database: Database, call: str, until: datetime, *, who: str, why: str) -> bool:
    """Block whoever made a call until then; False when they have no mark, or the call is gone."""
    with database.write() as sql:
        mark = sql.scalar(select(calls.c.mark).where(calls.c.id == call))
        if not mark:
            return False
        write_block(sql, mark, until, why, who=who)
        write_audit_entry(
            sql, who, "caller blocked", f"{hour_of_call(sql, call)}, until {until:%Y-%m-%d}: {why}"
        )
    return True


def end_block(database: Database, block_id: str, *, who: str) -> bool:
    """End a block, and write down who did; False when there is none of this id any more."""
    with database.write() as sql:
        be_alone(sql, Lock.AUDIT)
        why = sql.scalar(select(blocks.c.why).where(blocks.c.id == block_id))
        if why is None:
            return False
        sql.execute(delete(blocks).where(blocks.c.id == block_id))
        write_audit_entry(sql, who, "block ended", why)
    return True


def list_blocks(database: Database, now: float) -> list[Block]:
    """Read which phones are blocked now, the first to be free again first."""
    wanted = select(blocks).where(blocks.c.until > moment(now))
    with database.read() as sql:
        rows = sql.execute(wanted.order_by(blocks.c.until, blocks.c.mark)).all()
    return [Block(**row._asdict()) for row in rows]


def write_block(sql: Connection, mark: str, until: datetime, why: str, *, who: str) -> None:
    """Block a phone until then; a second block replaces the first."""
    row = {"mark": mark, "until": until, "why": why, "who": who}
    fresh = {"id": secrets.token_hex(8), "since": datetime.now(UTC).date()}
    insert_or_change(sql, blocks, [row | fresh])
