"""Who may read the console, and what they prove it by."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from ivr.records.audit import write_deed
from ivr.records.database import RecordRefused
from ivr.records.tables import operators

if TYPE_CHECKING:
    from ivr.records.database import Database


class Role(StrEnum):
    """What somebody may do: each may all that the one before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"

    def covers(self, needed: Role) -> bool:
        """Claim that this role may do what another may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class OperatorError(Exception):
    """An operator is not as the command expects; whoever typed it must mend it."""


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


def find_operator(database: Database, name: str) -> Operator | None:
    """Read one operator, also a disabled one."""
    with database.read() as sql:
        row = sql.execute(select(operators).where(operators.c.name == name)).first()
    if row is None:
        return None
    values = row._asdict()
    recovery = frozenset(values.pop("recovery").split())
    return Operator(**values | {"role": Role(row.role)}, recovery=recovery)


def list_operators(database: Database) -> list[tuple[str, Role, bool]]:
    """Read who there is: name, role, disabled."""
    columns = (operators.c.name, operators.c.role, operators.c.disabled)
    with database.read() as sql:
        return [(row.name, Role(row.role), row.disabled) for row in sql.execute(select(*columns))]


def add_operator(database: Database, name: str, role: Role, password: str) -> None:
    """Add somebody, with the hash of a password for the first sign-in; OperatorError when there is one."""
    row: dict[str, Any] = _fresh(password) | {"name": name, "role": role.value, "epoch": 1}
    try:
        with database.write() as sql:
            sql.execute(insert(operators).values(row))
            write_deed(sql, "command line", "operator added", f"{name} ({role})")
    except RecordRefused:
        raise OperatorError(f"there is an operator {name!r} already; `ivr operators reset {name}`?") from None


def disable_operator(database: Database, name: str) -> None:
    """Let somebody in no more, and end their sessions."""
    _change(database, name, "operator disabled", {"disabled": True})


def reset_operator(database: Database, name: str, password: str) -> None:
    """Let somebody begin anew, with a first password and a new second factor."""
    _change(database, name, "operator reset", _fresh(password))


def enrol(database: Database, name: str, step: int, *, password: str, recovery: frozenset[str]) -> None:
    """Take the second factor and the chosen password into use."""
    values = {"enrolled": True, "step": step, "password": password, "recovery": " ".join(sorted(recovery))}
    with database.write() as sql:
        sql.execute(update(operators).where(operators.c.name == name).values(values))
        write_deed(sql, name, "second factor set up", "")


def spend(database: Database, operator: Operator, *, step: int = 0, recovery: str = "") -> bool:
    """Spend a code: a second one of the same moment, or the same recovery code again, is refused."""
    left = " ".join(sorted(operator.recovery - {recovery}))
    was = operators.c.recovery == " ".join(sorted(operator.recovery))
    values: dict[str, Any] = {"step": step} if step else {"recovery": left}
    with database.write() as sql:
        theirs = update(operators).where(operators.c.name == operator.name)
        done = sql.execute(theirs.where(operators.c.step < step if step else was).values(values))
        if done.rowcount:
            write_deed(sql, operator.name, "signed in", "by recovery code" if recovery else "")
        return bool(done.rowcount)


def end_sessions(database: Database, name: str, did: str) -> None:
    """End every session of an operator."""
    with database.write() as sql:
        sql.execute(update(operators).where(operators.c.name == name).values(epoch=operators.c.epoch + 1))
        write_deed(sql, name, did, "")


def _fresh(password: str) -> dict[str, Any]:
    """Give what somebody has who has not signed in yet."""
    seed = secrets.token_hex(16)
    nothing = {"enrolled": False, "step": 0, "recovery": "", "disabled": False}
    return nothing | {"password": password, "seed": seed}


def _change(database: Database, name: str, did: str, values: dict[str, Any]) -> None:
    with database.write() as sql:
        theirs = update(operators).where(operators.c.name == name)
        done = sql.execute(theirs.values(values | {"epoch": operators.c.epoch + 1}))
        if not done.rowcount:
            raise OperatorError(f"there is no operator {name!r}; `ivr operators` lists them")
        write_deed(sql, "command line", did, name)
