"""What each operator wants to be told of and where, and who has sent what: one process alone sends a thing.

An address lies sealed; this file never opens it. An alarm is claimed once for an event: its row stays until
the event is over, and for half an hour at least, so that what comes and goes is not told each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import delete, or_, select, update

from ivr.records.audit import write_audit_entry
from ivr.records.database import insert_missing, insert_or_change
from ivr.records.tables import notifications, notifications_sent, operators

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from ivr.records.database import Database

TRY_AGAIN = timedelta(minutes=5)  # Longer than sending takes: who died while sending is not waited for.
MOST_TRIES = 6
EVENT_LASTS = timedelta(minutes=30)
DIGESTS_KEPT = timedelta(days=30)
DIGEST, ALARM = "digest", "alarm"  # How the name of what is sent begins.


class Digest(StrEnum):
    """How often an operator is sent the counts."""

    NONE = "none"
    DAILY = "daily"
    WEEKLY = "weekly"


class AlarmKind(StrEnum):
    """What an operator may be alarmed of."""

    ALL_OFF = "all_off"
    UNREACHED = "unreached"
    UNDELIVERED = "undelivered"
    SILENT = "silent"


@dataclass(frozen=True)
class Subscription:
    """What one operator is told of."""

    who: str
    address: bytes  # Sealed.
    language: str
    digest: Digest
    alarms: frozenset[AlarmKind]
    unreached: int
    chosen_at: datetime
    tried_at: datetime | None = None
    fault: str = ""


def subscribe(database: Database, wanted: Subscription) -> None:
    """Tell an operator from now on of what they chose. The audit says what, and never where."""
    row = {
        "who": wanted.who,
        "address": wanted.address,
        "language": wanted.language,
        "digest": wanted.digest.value,
        "alarms": " ".join(sorted(wanted.alarms)),
        "unreached": wanted.unreached,
        "chosen_at": wanted.chosen_at,
        "tried_at": wanted.tried_at,
        "fault": wanted.fault,
    }
    with database.write() as sql:
        insert_or_change(sql, notifications, [row])
        about = ", ".join((f"digest {wanted.digest}", *sorted(wanted.alarms)))
        write_audit_entry(sql, wanted.who, "notifications chosen", about)


def unsubscribe(database: Database, who: str) -> bool:
    """Tell an operator nothing any more, and forget their address. False where there was none."""
    with database.write() as sql:
        if not sql.execute(delete(notifications).where(notifications.c.who == who)).rowcount:
            return False
        write_audit_entry(sql, who, "notifications ended", "")
    return True


def find_subscription(database: Database, who: str) -> Subscription | None:
    """Read what one operator is told of."""
    return next((each for each in _read(database) if each.who == who), None)


def list_subscriptions(database: Database) -> list[Subscription]:
    """Read what operators are told of who may sign in; who is disabled learns nothing any more."""
    with database.read() as sql:
        known = frozenset(sql.scalars(select(operators.c.name).where(operators.c.disabled.is_(False))))
    return [each for each in _read(database) if each.who in known]


def list_waiting(database: Database, whats: Collection[str], now: datetime) -> Callable[[str, str], bool]:
    """Give what says, of an operator and a thing, whether it may have to be sent: only then it is claimed."""
    table = notifications_sent
    over = or_(table.c.sent, table.c.tries >= MOST_TRIES, table.c.at > now - TRY_AGAIN)
    with database.read() as sql:
        wanted = select(table.c.who, table.c.what).where(table.c.what.in_(whats), over)
        done = {(row.who, row.what) for row in sql.execute(wanted)}
    return lambda who, what: (who, what) not in done


def claim(database: Database, who: str, what: str, now: datetime) -> bool:
    """Whether this process is to send something to an operator: of several, one is told so."""
    table = notifications_sent
    free = (
        table.c.who == who,
        table.c.what == what,
        table.c.sent.is_(False),
        table.c.tries < MOST_TRIES,
        or_(table.c.tries == 0, table.c.at <= now - TRY_AGAIN),
    )
    with database.write() as sql:
        row = {"who": who, "what": what, "at": now, "tries": 0, "sent": False}
        insert_missing(sql, table, [row])
        return bool(sql.execute(update(table).where(*free).values(at=now, tries=table.c.tries + 1)).rowcount)


def note_sent(database: Database, who: str, what: str, fault: str, now: datetime) -> None:
    """Note what came of sending something: a fault, and it is tried again; empty, and it went."""
    table = notifications_sent
    with database.write() as sql:
        if not fault:
            sql.execute(update(table).where(table.c.who == who, table.c.what == what).values(sent=True))
        note = update(notifications).where(notifications.c.who == who)
        sql.execute(note.values(tried_at=now, fault=fault))


def end_events(database: Database, going_on: Collection[str], now: datetime) -> None:
    """Let alarms be given again whose event is over, and forget which digests were sent long ago."""
    table = notifications_sent
    with database.read() as sql:
        wanted = select(table.c.what).distinct()
        over = (
            [*sql.scalars(wanted.where(table.c.what.startswith(ALARM), table.c.at <= now - EVENT_LASTS))],
            [*sql.scalars(wanted.where(table.c.what.startswith(DIGEST), table.c.at <= now - DIGESTS_KEPT))],
        )
    gone = {*over[0], *over[1]} - set(going_on)
    if not gone:
        return
    with database.write() as sql:
        old = table.c.what.startswith(DIGEST) | (table.c.at <= now - EVENT_LASTS)
        sql.execute(delete(table).where(table.c.what.in_(gone), old))


def carry_addresses(database: Database, carry: Callable[[bytes], bytes]) -> int:
    """Exchange each sealed address for the same one sealed under another secret; give how many there are."""
    with database.write() as sql:
        rows = sql.execute(select(notifications.c.who, notifications.c.address)).all()
        for row in rows:
            theirs = update(notifications).where(notifications.c.who == row.who)
            sql.execute(theirs.values(address=carry(row.address)))
    return len(rows)


def _read(database: Database) -> list[Subscription]:
    with database.read() as sql:
        rows = sql.execute(select(notifications).order_by(notifications.c.who)).all()
    known = {each.value for each in AlarmKind}  # The next version may know others.
    return [
        Subscription(
            row.who,
            row.address,
            row.language,
            Digest(row.digest),
            frozenset(AlarmKind(each) for each in row.alarms.split() if each in known),
            row.unreached,
            row.chosen_at,
            row.tried_at,
            row.fault,
        )
        for row in rows
    ]
