"""What is known of agencies beyond their file: switched off by an operator, or failing call after call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from ivr.records.audit import write_audit_entry
from ivr.records.call_summary import ACCEPTED
from ivr.records.database import insert_or_change
from ivr.records.periods import moment
from ivr.records.shift_log import EntryKind, add_shift_entry
from ivr.records.tables import agency_status, attempts, audit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from ivr.records.database import Database

FAILURES = frozenset({"no_answer", "busy", "failed", "declined", "voicemail", "fax", "no_key"})
JUDGED = [ACCEPTED, *sorted(FAILURES)]  # How a ring ends that says something of the agency.
OFF, ON = "agency switched off", "agency switched on"  # As the audit says it.
IN_A_ROW = 3
SHOWN = 5  # So many rings are shown.
WITHIN = timedelta(hours=24)
FAILS_FOR = timedelta(hours=6)


@dataclass(frozen=True)
class AgencyRecord:
    """What is known of one agency."""

    off: bool = False
    until: datetime | None = None  # When it is on again by itself.
    why: str = ""
    who: str = ""  # Who switched it off.
    failing: bool = False
    last_outcome: str | None = None  # Of the last ring that says something of the agency,
    last_at: datetime | None = None  # and when that was.
    rings: tuple[RecentRing, ...] = ()  # The last of that kind, the newest first.


class RecentRing(NamedTuple):
    """How one ring went, and when that was known."""

    outcome: str
    at: datetime


def switch_off(
    database: Database, agency: str, until: datetime | None, why: str, *, who: str = "command line"
) -> None:
    """Have an agency rung no more, until then or until it is switched on."""
    _switch(database, agency, who, off=True, off_until=until, why=why)


def switch_on(database: Database, agency: str, *, who: str = "command line") -> None:
    """Have an agency rung again."""
    _switch(database, agency, who, off=False, off_until=None, why="")


def list_status(database: Database, now: float) -> dict[str, AgencyRecord]:
    """Read what is known of every agency that was ever switched or rung; of others there is nothing."""
    at = moment(now)
    with database.read() as sql:
        switched = {row.agency: row for row in sql.execute(select(agency_status))}
        rung = sql.scalars(select(attempts.c.agency).distinct()).all()
        names = sorted({*switched, *rung} - {""})
        known = {name: _status(switched.get(name), _last_rings(sql, name), at) for name in names}
        return {name: replace(one, who=_who(sql, name, one)) for name, one in known.items()}


def write_switch_off(sql: Connection, agency: str, why: str, who: str) -> None:
    """Have an agency rung no more until it is switched on, in the transaction of what decided it."""
    _write_switch(sql, agency, who, off=True, off_until=None, why=why)


def _switch(database: Database, agency: str, who: str, **switched: Any) -> None:
    with database.write() as sql:
        _write_switch(sql, agency, who, **switched)


def _write_switch(sql: Connection, agency: str, who: str, **switched: Any) -> None:
    """Write down how an agency is switched, whether or not it ever was, and who did it."""
    now = datetime.now(UTC)
    values = switched | {"changed_at": now}
    insert_or_change(sql, agency_status, [{"agency": agency} | values])
    did, about = (OFF, _about(agency, switched["why"])) if switched["off"] else (ON, agency)
    write_audit_entry(sql, who, did, about)
    kind = EntryKind.AGENCY_OFF if switched["off"] else EntryKind.AGENCY_ON
    told = {"about": agency, "text": switched["why"], "who": who, "until": switched["off_until"]}
    add_shift_entry(sql, kind, now, **told)


def _about(agency: str, why: str) -> str:
    """Say for the audit what was switched off, and why."""
    return f"{agency}: {why}"


def _who(sql: Connection, agency: str, known: AgencyRecord) -> str:
    """Name whoever switched an agency off that is off now: the audit knows."""
    if not known.off:
        return ""
    theirs = (audit.c.did == OFF) & (audit.c.about == _about(agency, known.why))
    return sql.scalar(select(audit.c.who).where(theirs).order_by(audit.c.n.desc()).limit(1)) or ""


def _last_rings(sql: Connection, agency: str) -> Sequence[RecentRing]:
    """Read the last rings that say something of an agency, the newest first."""
    # Whoever talks with a caller now does not fail, though that ring has no end yet.
    at = func.coalesce(attempts.c.ended_at, attempts.c.accepted_at, attempts.c.rung_at)
    rings = (
        select(attempts.c.outcome, at.label("at"))
        .where(attempts.c.agency == agency, attempts.c.outcome.in_(JUDGED))
        .order_by(attempts.c.rung_at.desc(), attempts.c.id)
        .limit(SHOWN)
    )
    return [RecentRing(row.outcome, row.at) for row in sql.execute(rings)]


def _status(switched: Row[Any] | None, rings: Sequence[RecentRing], now: datetime) -> AgencyRecord:
    """Put together what is known of one agency now."""
    off = switched is not None and switched.off and (switched.off_until is None or now < switched.off_until)
    return AgencyRecord(
        off=off,
        until=switched.off_until if switched and off else None,
        why=switched.why if switched and off else "",
        failing=_fails(rings, now),
        last_outcome=rings[0].outcome if rings else None,
        last_at=rings[0].at if rings else None,
        rings=tuple(rings),
    )


def _fails(rings: Sequence[RecentRing], now: datetime) -> bool:
    """Whether nobody there took any of the last calls, not long ago."""
    recent = [ring for ring in rings[:IN_A_ROW] if ring.at > now - WITHIN]
    if len(recent) < IN_A_ROW or recent[0].at <= now - FAILS_FOR:
        return False
    return all(ring.outcome in FAILURES for ring in recent)
