"""The shift log: short notes about the line, with each switch of an agency and each alarm, and who read them.

It is kept as long as calls are. The audit says that a note was written, and never what: it is kept for good.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import insert, select, update

from ivr.circuit_breaker import PartUnavailable
from ivr.records.audit import write_audit_entry
from ivr.records.database import RecordRefused, insert_missing
from ivr.records.periods import moment
from ivr.records.tables import shift_log, shift_log_readers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from ivr.records.database import Database

logger = logging.getLogger(__name__)

MOST = 2000  # Entries that are read at once; a month has fewer, also a bad one.
ALARM_IS_PINNED = timedelta(days=1)


class EntryKind(StrEnum):
    """What an entry of the shift log tells of."""

    NOTE = "note"
    ALARM = "alarm"
    AGENCY_OFF = "agency_off"
    AGENCY_ON = "agency_on"
    FEEDBACK = "feedback"  # Of an agency: about which, and of what kind.


# What stands on Now; an agency's switch stands with the agency.
PINNED = (EntryKind.NOTE.value, EntryKind.ALARM.value, EntryKind.FEEDBACK.value)


class Reader(NamedTuple):
    """Somebody who said that they have read an entry."""

    who: str
    at: datetime


@dataclass(frozen=True)
class ShiftEntry:
    """One entry of the shift log."""

    id: int
    at: datetime
    kind: EntryKind
    about: str
    text: str
    who: str
    until: datetime | None
    readers: tuple[Reader, ...] = ()

    def is_pinned(self, now: datetime) -> bool:
        """Whether it stands on the page Now."""
        return self.kind.value in PINNED and self.until is not None and self.until > now

    def is_read_by(self, who: str) -> bool:
        """Whether somebody wrote it, or said that they have read it."""
        return who in {self.who, *(each.who for each in self.readers)}


def add_shift_note(database: Database, who: str, text: str, until: datetime, *, now: datetime) -> None:
    """Write a note for the next shift, pinned until then."""
    with database.write() as sql:
        add_shift_entry(sql, EntryKind.NOTE, now, text=text, who=who, until=until)
        write_audit_entry(sql, who, "shift note added", "")


def add_shift_entry(  # noqa: PLR0913 - what a row holds
    sql: Connection,
    kind: EntryKind,
    at: datetime,
    *,
    about: str = "",
    text: str = "",
    who: str = "",
    until: datetime | None = None,
) -> None:
    """Write an entry in the transaction of what it tells of."""
    row = {"at": at, "kind": kind.value, "about": about, "text": text, "who": who, "until": until}
    sql.execute(insert(shift_log).values(row))


def log_alarm(database: Database, why: str, now: float) -> None:
    """Write down that an alarm was sent; without SQL there is none of it, and the alarm went out anyway."""
    at = moment(now)
    try:
        with database.write() as sql:
            add_shift_entry(sql, EntryKind.ALARM, at, about=why, until=at + ALARM_IS_PINNED)
    except (PartUnavailable, RecordRefused):
        logger.warning("an alarm does not stand in the shift log: the database does not answer")


def list_shift_entries(database: Database, begins: datetime | None = None) -> list[ShiftEntry]:
    """Read the newest entries, the newest first; since a moment, where one is given."""
    return _read(database, *([shift_log.c.at >= begins] if begins else []))


def list_pinned(database: Database, now: datetime) -> list[ShiftEntry]:
    """Read what stands on the page Now, the newest first."""
    return _read(database, shift_log.c.kind.in_(PINNED), shift_log.c.until > now)


def mark_read(database: Database, who: str, newest: int, *, now: datetime) -> None:
    """Note that somebody has read what is pinned, up to the newest entry that their page showed."""
    shown = [each for each in list_pinned(database, now) if each.id <= newest and each.who != who]
    if not shown:
        return
    with database.write() as sql:
        insert_missing(
            sql, shift_log_readers, [{"entry_id": each.id, "who": who, "at": now} for each in shown]
        )


def unpin(database: Database, entry: int, who: str, *, now: datetime) -> bool:
    """Take an entry off the page Now; it stays in the log. False where it is not there."""
    pinned = (shift_log.c.id == entry, shift_log.c.kind.in_(PINNED), shift_log.c.until > now)
    with database.write() as sql:
        if not sql.execute(update(shift_log).where(*pinned).values(until=now)).rowcount:
            return False
        write_audit_entry(sql, who, "shift log entry unpinned", str(entry))
    return True


def _read(database: Database, *wanted: ColumnElement[bool]) -> list[ShiftEntry]:
    newest = select(shift_log).where(*wanted).order_by(shift_log.c.id.desc()).limit(MOST)
    with database.read() as sql:
        rows: Sequence[ShiftEntry] = [
            ShiftEntry(**row._asdict() | {"kind": EntryKind(row.kind)}) for row in sql.execute(newest)
        ]
        if not rows:
            return []
        read = select(shift_log_readers).where(shift_log_readers.c.entry_id >= rows[-1].id)
        readers: dict[int, list[Reader]] = {}
        for row in sql.execute(read.order_by(shift_log_readers.c.at, shift_log_readers.c.who)):
            readers.setdefault(row.entry_id, []).append(Reader(row.who, row.at))
    return [
        ShiftEntry(each.id, each.at, each.kind, each.about, each.text, each.who, each.until, tuple(seen))
        if (seen := readers.get(each.id))
        else each
        for each in rows
    ]
