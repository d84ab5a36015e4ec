"""The command `ivr`: its groups of commands, the demo, the pretend telephone and the diagrams."""

from __future__ import annotations

import gc
from pathlib import Path

import click

from ivr.cli.agencies import agencies
from ivr.cli.backup import backup, restore
from ivr.cli.calls import calls, forget
from ivr.cli.check import check
from ivr.cli.context import flow_of, folder
from ivr.cli.doctor import alarm, doctor, probe
from ivr.cli.go_live import fallback, go_live, provision
from ivr.cli.new import new
from ivr.cli.operators import audit, operators
from ivr.cli.phrases import phrases, understand
from ivr.cli.processes import console, release, web, worker
from ivr.cli.prompts import notice, prompts
from ivr.cli.report import materials, report
from ivr.cli.secrets import secrets
from ivr.operations.version import running_version

# Objects made between two looks for rings of them that nobody holds: what a command imports stays, and with
# Python's own 700 a quarter of the time in which a process starts went into looking at it.
OBJECTS_BETWEEN_LOOKS = 50_000


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(running_version(), message="ivr %(version)s")
def main() -> None:
    """Run a telephone and text information line on human trafficking.

    Try it without an account or a server: `ivr demo`, then `ivr phone` in a second terminal.
    Settings come from the environment; `ivr web` names what is missing.
    """
    gc.set_threshold(OBJECTS_BETWEEN_LOOKS, *gc.get_threshold()[1:])


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

    Type a key (0-9, *, #) to press it, s and words to say them, t and words to send a text, h to hang up,
    q to leave.
    """
    from ivr.cli.demo import sit_down_at_phone

    raise SystemExit(sit_down_at_phone(number, record))


COMMANDS = (
    *(web, worker, console, release, check, doctor),
    *(alarm, backup, restore),
    *(
        agencies,
        audit,
        calls,
        fallback,
        forget,
        go_live,
        materials,
        new,
        notice,
        operators,
        phrases,
        probe,
        prompts,
        provision,
        report,
        secrets,
        understand,
    ),
)
for command in COMMANDS:
    main.add_command(command)
