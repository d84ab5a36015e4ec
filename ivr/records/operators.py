"""Who may read the console, and what they prove it by."""

from __future__ import annotations

import re
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from ivr.phone_numbers import holds_number
from ivr.records.audit import write_audit_entry
from ivr.records.database import Lock, RecordRefused, be_alone
from ivr.records.tables import operator_sessions, operators, passkeys

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from sqlalchemy import Connection, Row

    from ivr.records.database import Database


class Role(StrEnum):
    """What somebody may do: each may all that the one before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what another may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


COMMAND_LINE = "command line"
FIRST_PASSWORD_LIVES = timedelta(days=1)  # It was told or written somewhere; nobody else is to find it.
FIT = re.compile(r"\w[\w.@'-]{0,63}")  # A name stands in the audit for good, and on paper.


class OperatorError(Exception):
    """An operator is not as whoever changes them expects; the fault is its name, for pages."""

    def __init__(self, fault: str, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True)
class Operator:
    """One person who signs in."""

    name: str
    role: Role
    password: str
    seed: str
    enrolled: bool
    step: int
    recovery: frozenset[str]
    disabled: bool
    epoch: int
    session_key: str
    first_password_until: datetime | None

    def knows_too_late(self, moment: datetime) -> bool:
        """Whether the first password is good no more, and no other was chosen."""
        return not self.enrolled and (
            self.first_password_until is None or self.first_password_until <= moment
        )


def find_operator(database: Database, name: str) -> Operator | None:
    """Read one operator, also a disabled one."""
    with database.read() as sql:
        row = sql.execute(select(operators).where(operators.c.name == name)).first()
    return _operator(row) if row else None


def list_operators(database: Database) -> list[Operator]:
    """Read who there is, by name."""
    with database.read() as sql:
        return [_operator(row) for row in sql.execute(select(operators).order_by(operators.c.name))]


def add_operator(
    database: Database, name: str, role: Role, password: str, *, who: str = COMMAND_LINE
) -> None:
    """Add somebody, with the hash of a password for the first sign-in; OperatorError when there is one."""
    if not FIT.fullmatch(name) or holds_number(name):
        raise OperatorError(
            "unfit_name",
            f"{name!r} is no name: letters, digits and . _ - @ ' without spaces, no telephone number",
        )
    row: dict[str, Any] = _fresh(password) | {"name": name, "role": role.value, "epoch": 1}
    row["session_key"] = _new_session_key()
    try:
        with _alone(database) as sql:
            sql.execute(insert(operators).values(row))
            write_audit_entry(sql, who, "operator added", f"{name} ({role})")
    except RecordRefused:
        message = f"there is an operator {name!r} already; `ivr operators reset {name}`?"
        raise OperatorError("taken_name", message) from None


def disable_operator(database: Database, name: str, *, who: str = COMMAND_LINE) -> None:
    """Let somebody in no more, and end their sessions; OperatorError for the last administrator."""
    with _alone(database) as sql:
        operator = _expected(sql, name)
        _spare_the_last(sql, operator)
        _change(sql, operator, {"disabled": True})
        write_audit_entry(sql, who, "operator disabled", name)


def reset_operator(database: Database, name: str, password: str, *, who: str = COMMAND_LINE) -> None:
    """Let somebody begin anew, also who is disabled: a first password, a new second factor, no passkey."""
    with _alone(database) as sql:
        _change(sql, _expected(sql, name), _fresh(password))
        sql.execute(delete(passkeys).where(passkeys.c.who == name))
        write_audit_entry(sql, who, "operator reset", name)


def change_role(database: Database, name: str, role: Role, *, who: str = COMMAND_LINE) -> None:
    """Give somebody another role, and end their sessions; OperatorError for the last administrator."""
    with _alone(database) as sql:
        operator = _expected(sql, name)
        if operator.role is role:
            return
        if role is not Role.ADMINISTRATOR:
            _spare_the_last(sql, operator)
        _change(sql, operator, {"role": role.value})
        write_audit_entry(sql, who, "role changed", f"{name}: {operator.role}, now {role}")


def revoke(database: Database, name: str, *, who: str = COMMAND_LINE) -> None:
    """End every session of somebody; they may sign in again."""
    with _alone(database) as sql:
        _change(sql, _expected(sql, name), {})
        write_audit_entry(sql, who, "sessions ended", name)


def enrol(
    database: Database, operator: Operator, step: int, *, password: str, recovery: frozenset[str]
) -> Operator | None:
    """Take the second factor and the chosen password into use, and end all other sessions.

    Of two who enrol with one first password, the second gets None.
    """
    values = {"enrolled": True, "step": step, "password": password, "recovery": " ".join(sorted(recovery))}
    unchanged = (
        operators.c.name == operator.name,
        operators.c.epoch == operator.epoch,
        operators.c.enrolled.is_(False),
        operators.c.disabled.is_(False),
    )
    with _alone(database) as sql:
        if not sql.execute(update(operators).where(*unchanged).values(values)).rowcount:
            return None
        _change(sql, operator, {})
        write_audit_entry(sql, operator.name, "second factor set up", operator.name)
        return _expected(sql, operator.name)


def spend(database: Database, operator: Operator, *, step: int = 0, recovery: str = "") -> Operator | None:
    """Spend a code, and give the operator as they are then.

    A second one of the same moment, or the same recovery code again, is refused: None.
    """
    left = " ".join(sorted(operator.recovery - {recovery}))
    was = operators.c.recovery == " ".join(sorted(operator.recovery))
    values: dict[str, Any] = {"step": step} if step else {"recovery": left}
    if not operator.session_key:  # The version before added them.
        values["session_key"] = _new_session_key()
    with _alone(database) as sql:
        theirs = update(operators).where(operators.c.name == operator.name)
        done = sql.execute(theirs.where(operators.c.step < step if step else was).values(values))
        if not done.rowcount:
            return None
        write_audit_entry(sql, operator.name, "signed in", "by recovery code" if recovery else "")
        return _expected(sql, operator.name)


def key_recovery_codes(database: Database, key: Callable[[str, str], str]) -> None:
    """Put a key over recovery codes that were stored without one: ``key`` takes a seed and a hash."""
    with _alone(database) as sql:
        for operator in map(_operator, sql.execute(select(operators)).all()):
            keyed = {key(operator.seed, each) for each in operator.recovery}
            if keyed != operator.recovery:
                theirs = update(operators).where(operators.c.name == operator.name)
                sql.execute(theirs.values(recovery=" ".join(sorted(keyed))))


def carry_seeds(database: Database, carry: Callable[[str], str], *, who: str = COMMAND_LINE) -> list[str]:
    """Exchange the seed of every second factor for one that makes the same key under another secret.

    Recovery codes cannot be carried over, and are good no more. Gives the names of those who had some.
    """
    with _alone(database) as sql:
        everybody = [_operator(row) for row in sql.execute(select(operators)).all()]
        changed = {each: seed for each in everybody if (seed := carry(each.seed)) != each.seed}
        for operator, seed in changed.items():
            theirs = update(operators).where(operators.c.name == operator.name)
            sql.execute(theirs.values(seed=seed, recovery=""))
        if changed:
            write_audit_entry(sql, who, "second factors sealed anew", "")
    return sorted(operator.name for operator in changed if operator.recovery)


def _fresh(password: str) -> dict[str, Any]:
    """Give what somebody has who has not signed in yet."""
    seed = secrets.token_hex(16)
    nothing = {"enrolled": False, "step": 0, "recovery": "", "disabled": False}
    until = datetime.now(UTC) + FIRST_PASSWORD_LIVES
    return nothing | {"password": password, "seed": seed, "first_password_until": until}


def _new_session_key() -> str:
    return secrets.token_hex(32)


@contextmanager
def _alone(database: Database) -> Iterator[Connection]:
    """Decide about operators alone, in the lock of the audit: two at once could disable each other."""
    with database.write() as sql:
        be_alone(sql, Lock.AUDIT)
        yield sql


def _expected(sql: Connection, name: str) -> Operator:
    row = sql.execute(select(operators).where(operators.c.name == name)).first()
    if row is None:
        raise OperatorError("unknown_name", f"there is no operator {name!r}; `ivr operators` lists them")
    return _operator(row)


def _spare_the_last(sql: Connection, operator: Operator) -> None:
    """Refuse to take away the last administrator who can sign in; whoever never did may never do."""
    if operator.role is not Role.ADMINISTRATOR or operator.disabled:
        return
    others = select(operators.c.enrolled).where(
        operators.c.role == Role.ADMINISTRATOR.value,
        operators.c.disabled.is_(False),
        operators.c.name != operator.name,
    )
    if not any(enrolled or not operator.enrolled for enrolled in sql.scalars(others)):
        message = (
            f"{operator.name!r} is the last administrator who can sign in; let another one sign in first"
        )
        raise OperatorError("last_administrator", message)


def _change(sql: Connection, operator: Operator, values: dict[str, Any]) -> None:
    """Change somebody, and end their sessions."""
    theirs = update(operators).where(operators.c.name == operator.name)
    sql.execute(theirs.values(values | {"epoch": operator.epoch + 1, "session_key": _new_session_key()}))
    sql.execute(delete(operator_sessions).where(operator_sessions.c.who == operator.name))


def _operator(row: Row[Any]) -> Operator:
    values = row._asdict()
    recovery = frozenset(values.pop("recovery").split())
    return Operator(**values | {"role": Role(row.role)}, recovery=recovery)


# A second approver: where the line asks for one, nobody publishes what they wrote themselves.


class SecondApproverNeeded(Exception):  # noqa: N818 - named for what whoever publishes must find
    """Whoever publishes wrote it, and ``[publishing]`` in config/line.toml asks for another person."""


def is_own_work(sql: Connection, who: str, writers: Collection[str], about: str) -> bool:
    """Whether somebody would publish their own work; that they tried is then written into the audit."""
    if who not in writers:
        return False
    write_audit_entry(sql, who, "own work not published", about)
    return True
