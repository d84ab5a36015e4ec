"""The command `ivr agencies`: who can be rung, and the switch that takes somebody out of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ivr.cli.context import flow_of, folder, readable_log, settings, utc

if TYPE_CHECKING:
    from ivr.settings import Settings


@click.group(invoke_without_command=True)
@click.pass_context
def agencies(context: click.Context) -> None:
    """Print who can be rung, when a person last dialled them, and how the last rings went."""
    if context.invoked_subcommand:
        return
    from ivr.cli.tables import print_agencies
    from ivr.records.agency_status import list_status
    from ivr.records.database import connect

    here = settings()
    with readable_log():
        status = list_status(connect(here.database_url), time.time())
    print_agencies(flow_of(here.config, here.prompts).directory, status)


@agencies.command()
@click.argument("name")
@click.option(
    "--until", type=click.DateTime(), help="When it is on again by itself (UTC). Without: until 'on'."
)
@click.option("--why", required=True, help="For whoever reads the console next.")
def off(name: str, until: datetime | None, why: str) -> None:
    """Stop ringing an agency. The next caller is not put through to it; no restart is needed."""
    from ivr.records.agency_status import switch_off
    from ivr.records.database import connect

    here = _known_agency(name)
    with readable_log():
        switch_off(connect(here.database_url), name, utc(until), why)
    click.echo(f"{name} is off{f' until {until} UTC' if until else ''}")


@agencies.command()
@click.argument("name")
def on(name: str) -> None:
    """Ring an agency again."""
    from ivr.records.agency_status import switch_on
    from ivr.records.database import connect

    here = _known_agency(name)
    with readable_log():
        switch_on(connect(here.database_url), name)
    click.echo(f"{name} is on")


@agencies.command()
@click.argument("name")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The day: 2026-11-30.")
@click.option("--by", required=True, help="Initials of the person who dialled.")
@click.option("--heard", required=True, help="What answered, such as: a person, who named the service.")
def dialled(name: str, day: datetime, by: str, heard: str) -> None:
    """Note in agencies.toml that a person has dialled an agency. Its comments stay."""
    from ivr.operations.toml_editing import DialTest, DialTestError, note

    path = folder("config") / "agencies.toml"
    today = datetime.now(UTC).date()
    try:
        noted = note(path.read_text("utf-8"), DialTest(name, day.date(), by, heard), today)
        fresh = path.with_suffix(".fresh")
        fresh.write_text(noted, "utf-8")
        fresh.replace(path)
    except DialTestError as error:
        raise click.ClickException(f"{path}: {error}") from None
    except OSError as error:
        mend = f"cannot be read or written ({error.strerror}); set IVR_CONFIG, or run this where config/ is"
        raise click.ClickException(f"{path}: whole file: {mend}") from None
    click.echo(f"{name}: dialled on {day:%Y-%m-%d} by {by}, who heard: {heard}")


def _known_agency(name: str) -> Settings:
    here = settings()
    known = flow_of(here.config, here.prompts).directory.agencies
    if name not in known:
        raise click.ClickException(f"there is no agency {name!r}; there are: {', '.join(known)}")
    return here
