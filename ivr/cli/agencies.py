"""The command `ivr agencies`: who can be rung, and the switch that takes somebody out of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from ivr.cli.context import flow_of, folder, readable_log, settings, utc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from ivr.agencies import Agency, Directory
    from ivr.records.agency_status import AgencyRecord
    from ivr.settings import Settings


@click.group(invoke_without_command=True)
@click.pass_context
def agencies(context: click.Context) -> None:
    """Print who can be rung, when a person last dialled them, and how the last rings went."""
    if context.invoked_subcommand:
        return
    from ivr.records.agency_status import list_status
    from ivr.records.database import connect

    line = settings()
    with readable_log():
        status = list_status(connect(line.database_url), time.time())
    print_agencies(flow_of(line.config, line.prompts).directory, status)


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
    from ivr.web.console.query_params import LONGEST_TEXT, mask

    line = _settings_knowing(name)
    kept = mask(" ".join(why.split())[:LONGEST_TEXT])  # As the console does: the audit keeps it for good.
    if not kept:
        raise click.BadParameter("say why, for whoever reads the console next", param_hint="--why")
    with readable_log():
        switch_off(connect(line.database_url), name, utc(until), kept)
    click.echo(f"{name} is off{f' until {until} UTC' if until else ''}")
    if kept != why:
        click.echo(f"the reason is kept as: {kept}")


@agencies.command()
@click.argument("name")
def on(name: str) -> None:
    """Ring an agency again."""
    from ivr.records.agency_status import switch_on
    from ivr.records.database import connect

    line = _settings_knowing(name)
    with readable_log():
        switch_on(connect(line.database_url), name)
    click.echo(f"{name} is on")


@agencies.command()
@click.argument("name")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The day: 2026-11-30.")
@click.option("--by", required=True, help="Initials of the person who dialled.")
@click.option("--heard", required=True, help="What answered, such as: a person, who named the service.")
def dialled(name: str, day: datetime, by: str, heard: str) -> None:
    """Note in agencies.toml that a person has dialled an agency. Its comments stay."""
    from ivr.operations.toml_editing import DialTest, DialTestError, write_dial_test

    path = folder("config") / "agencies.toml"
    today = datetime.now(UTC).date()
    try:
        edited = write_dial_test(path.read_text("utf-8"), DialTest(name, day.date(), by, heard), today)
        fresh = path.with_suffix(".fresh")
        fresh.write_text(edited, "utf-8")
        fresh.replace(path)
    except DialTestError as error:
        raise click.ClickException(f"{path}: {error}") from None
    except OSError as error:
        mend = f"cannot be read or written ({error.strerror}); set IVR_CONFIG, or run this where config/ is"
        raise click.ClickException(f"{path}: whole file: {mend}") from None
    click.echo(f"{name}: dialled on {day:%Y-%m-%d} by {by}, who heard: {heard}")


@agencies.command("feedback-link")
@click.argument("name")
@click.option(
    "--days", type=click.IntRange(1, 60), default=30, show_default=True, help="How long it is good."
)
def feedback_link(name: str, days: int) -> None:
    """Make a link on which an agency can say: too many calls, wrong hours, wrong number, list us no more.

    Send it to their contact: whoever has it speaks for them. Each thing can be said once.
    """
    from ivr.authentication import make_feedback_token
    from ivr.hours import zone
    from ivr.records.audit import add_audit_entry
    from ivr.records.database import connect
    from ivr.records.operators import COMMAND_LINE

    line = _settings_knowing(name)
    there = zone(flow_of(line.config, line.prompts).line.zone)
    until = datetime.now(there).date() + timedelta(days=days)
    token = make_feedback_token(line.second_secret_key or line.secret_key, name, until)
    with readable_log():
        add_audit_entry(connect(line.database_url), COMMAND_LINE, "feedback link made", name)
    click.echo(f"{line.console_url}/agency/{token}")
    if not line.console_url:
        click.echo("put the address of the console before it, or set CONSOLE_URL", err=True)


def _settings_knowing(name: str) -> Settings:
    """Read the settings of a line, or end if it has no agency of that name."""
    line = settings()
    known = flow_of(line.config, line.prompts).directory.agencies
    if name not in known:
        raise click.ClickException(f"there is no agency {name!r}; there are: {', '.join(known)}")
    return line


def print_agencies(
    directory: Directory, status: Mapping[str, AgencyRecord], console: Console | None = None
) -> None:
    """Print who can be rung, an agency a row."""
    columns = ("agency", "police", "number", "rung", "state", "last ring", "last dialled", "rehearsed")
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for name, agency in directory.agencies.items():
        known = status.get(name)
        last = f"{known.last_outcome or ''} {known.last_at or ''}".strip() if known else ""
        row = (name, "police" if agency.police else "", agency.number, "yes" if agency.transfer else "no")
        table.add_row(
            *row, _state(agency, known), last, agency.last_dialled or "never", agency.rehearsed_on or "never"
        )
    (console or Console()).print(table)


def _state(agency: Agency, status: AgencyRecord | None) -> str:
    """Say whether an agency is rung now, and why not."""
    if not agency.on:
        return "off in its file"
    if status and status.off:
        return f"off: {status.why}" + (f", until {status.until:%Y-%m-%d %H:%M} UTC" if status.until else "")
    return "failing: rung last" if status and status.failing else "on"
