"""Notices: a short sentence that callers hear and texters read for a time, such as of a holiday."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, update

from ivr.records.audit import write_audit_entry
from ivr.records.database import Lock, be_alone
from ivr.records.periods import moment
from ivr.records.tables import notices

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ivr.records.database import Database

PUT, ENDED = "notice put", "notice ended"  # As the audit says it.


@dataclass(frozen=True)
class Notice:
    """A sentence for each language that has one, until when it is said, and who put it there."""

    words: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None
    until: datetime | None = None
    who: str = ""


NO_NOTICE = Notice()


def put_notice(
    database: Database, words: Mapping[str, str], until: datetime, *, now: datetime, who: str
) -> None:
    """Have callers hear a sentence until then, in place of the one before.

    A language without words hears none.
    """
    with database.write() as sql:
        be_alone(sql, Lock.PROMPTS)
        sql.execute(update(notices).where(notices.c.until > now).values(until=now))
        last: int = sql.scalar(select(func.max(notices.c.n))) or 0
        row = {"n": last + 1, "at": now, "until": until, "who": who}
        sql.execute(
            insert(notices), [row | {"language": name, "words": said} for name, said in words.items()]
        )
        write_audit_entry(sql, who, PUT, f"{' '.join(words)}: until {until:%Y-%m-%d %H:%M} UTC")


def end_notice(database: Database, *, now: datetime, who: str) -> bool:
    """Have nobody hear the notice any more. False where there is none."""
    with database.write() as sql:
        be_alone(sql, Lock.PROMPTS)
        said = sql.scalars(
            select(notices.c.language).where(notices.c.until > now).order_by(notices.c.language)
        )
        if not (languages := said.all()):
            return False
        sql.execute(update(notices).where(notices.c.until > now).values(until=now))
        write_audit_entry(sql, who, ENDED, " ".join(languages))
    return True


def read_notice(database: Database, now: float) -> Notice:
    """Read the notice that is said now, if there is one."""
    with database.read() as sql:
        rows = sql.execute(
            select(notices).where(notices.c.until > moment(now)).order_by(notices.c.language)
        ).all()
    if not rows:
        return NO_NOTICE
    return Notice({row.language: row.words for row in rows}, rows[0].at, rows[0].until, rows[0].who)
