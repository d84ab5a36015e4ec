"""The passkeys of operators: public keys, each by the name that its owner gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert, select, update

from ivr.records.audit import write_audit_entry
from ivr.records.database import Lock, RecordRefused, be_alone
from ivr.records.tables import operators, passkeys

if TYPE_CHECKING:
    from datetime import datetime

    from ivr.records.database import Database

MOST_PASSKEYS = 10  # Of one operator.


class Passkey(NamedTuple):
    """One passkey of an operator."""

    id: str
    who: str
    handle: str
    name: str
    public_key: bytes
    sign_count: int
    challenged_at: float
    added_at: datetime
    used_at: datetime | None


def add_passkey(database: Database, passkey: Passkey) -> bool:
    """Let an operator sign in by a passkey; False when it is known already, or they have too many."""
    theirs = select(passkeys.c.id).where(passkeys.c.who == passkey.who)
    try:
        with database.write() as sql:
            be_alone(sql, Lock.AUDIT)
            if len(sql.scalars(theirs).all()) >= MOST_PASSKEYS:
                return False
            sql.execute(insert(passkeys).values(passkey._asdict()))
            write_audit_entry(sql, passkey.who, "passkey added", passkey.name)
    except RecordRefused:
        return False
    return True


def find_passkey(database: Database, id_: str) -> Passkey | None:
    """Read one passkey."""
    with database.read() as sql:
        row = sql.execute(select(passkeys).where(passkeys.c.id == id_)).first()
    return Passkey(*row) if row else None


def list_passkeys(database: Database, who: str = "") -> list[Passkey]:
    """Read the passkeys of an operator, or of everybody, the oldest first."""
    wanted = select(passkeys).order_by(passkeys.c.added_at, passkeys.c.id)
    with database.read() as sql:
        rows = sql.execute(wanted.where(passkeys.c.who == who) if who else wanted).all()
    return [Passkey(*row) for row in rows]


def remove_passkey(database: Database, who: str, id_: str) -> str:
    """Let an operator sign in by a passkey of theirs no more; give its name, or nothing where it is none."""
    theirs = passkeys.c.id == id_, passkeys.c.who == who
    with database.write() as sql:
        name: str = sql.scalar(select(passkeys.c.name).where(*theirs)) or ""
        if name:
            sql.execute(delete(passkeys).where(*theirs))
            write_audit_entry(sql, who, "passkey removed", name)
    return name


def sign_in_by_passkey(
    database: Database, passkey: Passkey, sign_count: int, *, challenged_at: float, now: datetime
) -> bool:
    """Note that a passkey signed its owner in; whether it may.

    It answers each challenge once, and none that is older than the last. Its counter has counted up since, or
    never counts; else there may be two of it. Its owner is not disabled.
    """
    counted = passkeys.c.sign_count < sign_count if sign_count else passkeys.c.sign_count == 0
    owner = select(operators.c.name).where(operators.c.disabled.is_(False), operators.c.enrolled.is_(True))
    used = update(passkeys).where(
        passkeys.c.id == passkey.id,
        passkeys.c.challenged_at < challenged_at,
        counted,
        passkeys.c.who.in_(owner),
    )
    with database.write() as sql:
        be_alone(sql, Lock.AUDIT)
        values = {"sign_count": sign_count, "challenged_at": challenged_at, "used_at": now}
        if not sql.execute(used.values(values)).rowcount:
            return False
        write_audit_entry(sql, passkey.who, "signed in", f"by passkey: {passkey.name}")
    return True
