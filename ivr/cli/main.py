"""The command `ivr`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr.cli.agencies import agencies
from ivr.cli.check import check
from ivr.cli.context import flow_of, folder, readable_log, settings, utc
from ivr.cli.doctor import doctor
from ivr.cli.forget import forget
from ivr.cli.operators import audit, operators
from ivr.cli.prompts import prompts
from ivr.cli.public import console, materials
from ivr.cli.report import report
from ivr.cli.understand import understand

if TYPE_CHECKING:
    from datetime import datetime

    from ivr.agencies import Directory

CHANNELS = click.Choice(["voice", "text"])
OUTCOMES = click.Choice(["informed", "connected", "not_connected", "left", "abandoned", "opted_out"])


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ivr")
def main() -> None:
    """Run a telephone and text information line on human trafficking.

    Try it without an account or a server: `ivr demo`, then `ivr phone` in a second terminal.
    Settings come from the environment; `ivr web` names what is missing.
    """


@main.command()
def web() -> None:
    """Answer calls and texts (the `web:` process)."""
    here = settings()
    arguments = ["granian", "--interface", "wsgi", "--factory", "--host", "0.0.0.0", "--port", str(here.port)]  # noqa: S104 - the platform's proxy must reach us
    arguments += ["--workers", str(here.workers), "--blocking-threads", "8", "--respawn-failed-workers"]
    arguments += [
        "--workers-kill-timeout",
        "3",
        "--no-ws",
        "--no-access-log",
        "--backpressure",
        "256",
        "ivr.wiring:web",
    ]
    os.execv(Path(sys.executable).with_name("granian"), arguments)  # noqa: S606 - our own program, no shell


@main.command()
def worker() -> None:
    """Do what is done later, and keep house (the `worker:` process)."""
    from ivr.jobs import this_line
    from ivr.logs import set_up_logs
    from ivr.work.worker import work

    set_up_logs()
    here = settings()
    this_line()  # Now, and not with the first job: on a quiet line too there is something to forget.
    work(here.redis_url)


@main.command()
def release() -> None:
    """Prepare a new version to go live (the `release:` step): migrations, and a check of the agencies.

    Where calls are real, it refuses while an agency that is switched on has not been dialled by a person.
    """
    from ivr.checks.runner import check as find
    from ivr.records.database import connect
    from ivr.records.migrations.migrate import upgrade
    from ivr.records.prompts import list_published

    here = settings()
    faults = [str(fault) for fault in find(here.config, here.prompts).faults]
    if here.live and not faults:
        faults = undialled(flow_of(here.config, here.prompts).directory, here.config)
    if faults:
        raise click.ClickException("not ready to go live:\n" + "\n".join(faults))
    upgrade(here.database_url)
    click.echo("the call log is up to date")
    if over := list_published(connect(here.database_url)):
        click.echo(f"published words are heard over the files: {len(over)}; `ivr prompts` lists them")


@main.command()
@click.option("--since", type=click.DateTime(), help="Only what began at or after this moment (UTC).")
@click.option("--until", type=click.DateTime(), help="Only what began before this moment (UTC).")
@click.option("--channel", type=CHANNELS, help="Only calls, or only texts.")
@click.option("--outcome", type=OUTCOMES, help="Only what ended so.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option(
    "--unknown", is_flag=True, help="Days on which Twilio had calls that the log has never heard of."
)
def calls(  # noqa: PLR0913 - the filters of a log
    since: datetime | None,
    until: datetime | None,
    channel: str | None,
    outcome: str | None,
    *,
    as_json: bool,
    unknown: bool,
) -> None:
    """Print the call log. It knows nobody: no number and no word of a caller is in it."""
    from ivr.cli.tables import print_json, print_table
    from ivr.records.call_log import list_calls
    from ivr.records.database import connect
    from ivr.records.disclosure import shown
    from ivr.records.unknown_calls import list_unknown

    database = connect(settings().database_url)
    if unknown:
        with readable_log():
            for day, count in list_unknown(database):
                click.echo(f"{day}  {shown(count)}")
        return
    found = list_calls(database, utc(since), utc(until), channel, outcome)
    with readable_log():
        (print_json if as_json else print_table)(call.as_json() for call in found)


@main.command()
@click.option("--transfer", is_flag=True, help="Draw how a warm transfer goes, not the menus.")
@click.option(
    "--svg", type=click.Path(dir_okay=False, path_type=Path), help="Write the stops as a picture for A3."
)
def flow(*, transfer: bool, svg: Path | None) -> None:
    """Draw the stops that a caller can reach, or a transfer's states, as a Mermaid diagram."""
    from ivr.flow.diagrams import diagram, picture
    from ivr.transfer.machine import diagram as transfer_diagram

    if svg:
        svg.write_text(picture(flow_of(folder("config"), folder("prompts"))), "utf-8")
        return
    click.echo(transfer_diagram() if transfer else diagram(flow_of(folder("config"), folder("prompts"))))


@main.command()
@click.option("--once", is_flag=True, help="Play one call and one text, print them, and end.")
def demo(*, once: bool) -> None:
    """Run the whole line on this machine, with a pretend telephone network, and show it at work."""
    from ivr.cli.demo import run

    raise SystemExit(run(once=once))


@main.command()
@click.option(
    "--record", type=click.Path(dir_okay=False, path_type=Path), help="Write the conversation to a file."
)
@click.option(
    "--number", default="+12895550123", show_default=True, help="The number to pretend to call from."
)
def phone(record: Path | None, number: str) -> None:
    """Sit down at a pretend telephone and call the line that `ivr demo` runs.

    Type a key (0-9, *, #) to press it, t and words to send a text, h to hang up, q to leave.
    """
    from ivr.cli.demo import sit_down_at_phone

    raise SystemExit(sit_down_at_phone(number, record))


def undialled(directory: Directory, config: Path) -> list[str]:
    """Name the agencies that would be rung although no person has ever dialled them."""
    return [
        f"{config / 'agencies.toml'}: agencies.{name}.last_dialled: no person has dialled it;"
        " dial it and write the date here, or set on = false"
        for name, agency in directory.agencies.items()
        if agency.on and agency.transfer and not agency.last_dialled
    ]


for command in (agencies, audit, check, console, materials, operators, prompts):
    main.add_command(command)
main.add_command(doctor)
main.add_command(forget)
main.add_command(report)
main.add_command(understand)
