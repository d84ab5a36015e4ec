"""The commands `ivr operators` and `ivr audit`: who may read the console, and what they did in it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ivr.cli.context import readable_log, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.records.database import Database

ROLES = ("viewer", "operator", "administrator")


@click.group(invoke_without_command=True)
@click.pass_context
def operators(context: click.Context) -> None:
    """Print who may sign in to the console."""
    if context.invoked_subcommand:
        return
    from ivr.records.operators import list_operators

    with _records() as database:
        for each in list_operators(database):
            state = "disabled" if each.disabled else "" if each.enrolled else "has not signed in yet"
            click.echo(f"{each.name}  {each.role}  {state}".rstrip())


@operators.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="viewer",
    show_default=True,
    help="viewer reads; operator switches, blocks and notes; administrator lets people in, reads the audit.",
)
def add(name: str, role: str) -> None:
    """Let somebody sign in. Prints their first password, good for a day, until they choose their own."""
    from ivr.authentication import Passwords, first_password
    from ivr.records.operators import Role, add_operator

    password = first_password()
    with _records() as database:
        add_operator(database, name, Role(role), Passwords().hash(password))
    click.echo(f"{name} ({role}) signs in first, within a day, with: {password}")


@operators.command()
@click.argument("name")
def disable(name: str) -> None:
    """Let somebody in no more, from this second on."""
    from ivr.records.operators import disable_operator

    with _records() as database:
        disable_operator(database, name)
    click.echo(f"{name} is disabled, and signed out everywhere")


@operators.command()
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
def role(name: str, role: str) -> None:
    """Give somebody another role, and sign them out everywhere."""
    from ivr.records.operators import Role, change_role

    with _records() as database:
        change_role(database, name, Role(role))
    click.echo(f"{name} is {role} now")


@operators.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Sign somebody out everywhere; they may sign in again."""
    from ivr.records.operators import revoke as end_all

    with _records() as database:
        end_all(database, name)
    click.echo(f"{name} is signed out everywhere")


@operators.command()
@click.argument("name")
def reset(name: str) -> None:
    """Give somebody a new first password and a new second factor: their phone was lost."""
    from ivr.authentication import Passwords, first_password
    from ivr.records.operators import reset_operator

    password = first_password()
    with _records() as database:
        reset_operator(database, name, Passwords().hash(password))
    click.echo(f"{name} begins anew, within a day, with: {password}")


@click.group()
def audit() -> None:
    """Look after the list of what operators did."""


@audit.command(name="verify")
@click.option(
    "--knows", metavar="ROW:HASH", help="What this command printed before: that row must still be so."
)
def verify_audit(knows: str | None) -> None:
    """Find every row that was changed or is missing. Ends with 1 when there is one.

    Whoever can write to the database can make a whole list anew. Keep the row and the hash that this prints
    where they cannot reach, and ask with --knows.
    """
    from ivr.records.audit import Head, holds, list_faults, newest

    n, _, known = (knows or "").partition(":")
    if knows and not n.isdecimal():
        raise click.BadParameter("is not ROW:HASH as it was printed", param_hint="--knows")
    with _records() as database:
        found, head = list_faults(database), newest(database)
        faults = [str(each) for each in found]
        if knows and not holds(database, Head(int(n), known)):
            faults.append(f"row {n}: is not what it was")
    if faults:
        first = next((f"; its first broken row is {each.n}" for each in found if each.n), "")
        raise click.ClickException(f"the audit was changed{first}:\n" + "\n".join(faults))
    click.echo(f"the audit is whole; its newest row is {head.n}:{head.hash}")


@contextmanager
def _records() -> Iterator[Database]:
    """Open the records, and say plainly what does not go."""
    from ivr.records.database import connect
    from ivr.records.operators import OperatorError

    with readable_log():
        try:
            yield connect(settings().database_url)
        except OperatorError as error:
            raise click.ClickException(str(error)) from None
