"""How calls leave the log, with everything that belongs to them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, or_, select

from ivr.records.tables import attempts, calls, searches, transfers, turns
from ivr.records.tallied import drop_tallies_of
from ivr.records.transfer_store import TALK_SECONDS
from ivr.transfer.machine import S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

OVER = [state.value for state in (S.FINISHED, S.RETURNED, S.DIRECT, S.LEFT)]


def delete_calls(sql: Connection, ids: Sequence[str], now: datetime) -> Counter[str]:
    """Delete some calls; say how many rows of each table that were.

    A search during which somebody waits, or talks, stays: deleting it would leave them alone. All it knows is
    which call that is, and it lasts a day.
    """
    drop_tallies_of(sql, ids)
    over = or_(searches.c.state.in_(OVER), searches.c.changed_at < now - timedelta(seconds=TALK_SECONDS))
    theirs = select(transfers.c.id).where(transfers.c.call_id.in_(ids))
    rows = {  # From the leaves to the root: the database would do it too, without counting.
        "attempts": delete(attempts).where(attempts.c.transfer_id.in_(theirs)),
        "transfers": delete(transfers).where(transfers.c.call_id.in_(ids)),
        "turns": delete(turns).where(turns.c.call_id.in_(ids)),
        "searches": delete(searches).where(searches.c.call_id.in_(ids), over),
        "calls": delete(calls).where(calls.c.id.in_(ids)),
    }
    return Counter({name: sql.execute(statement).rowcount for name, statement in rows.items()})
