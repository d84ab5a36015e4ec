"""The commands that a Procfile starts: `ivr web`, `ivr worker`, `ivr console` and `ivr release`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr.cli.context import flow_of, settings

if TYPE_CHECKING:
    from ivr.agencies import Directory

GRANIAN = (
    *("granian", "--interface", "wsgi", "--factory", "--host", "0.0.0.0"),  # noqa: S104 - the platform's proxy must reach us
    *("--blocking-threads", "8", "--respawn-failed-workers", "--workers-kill-timeout", "3"),
    *("--no-ws", "--no-access-log"),  # No visit is written down.
)


@click.command()
def web() -> None:
    """Answer calls and texts (the `web:` process)."""
    line = settings()
    _serve("ivr.wiring:web", line.port, "--workers", str(line.workers), "--backpressure", "256")


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="The port to listen on.  [default: PORT]")
def console(port: int | None) -> None:
    """Answer browsers: the public page and the operators' console (the `console:` process)."""
    _serve("ivr.wiring:console", port or settings().port, "--workers", "1")


@click.command()
def worker() -> None:
    """Do what is done later, and keep house (the `worker:` process)."""
    from ivr.jobs import this_line
    from ivr.logs import set_up_logs
    from ivr.work.worker import run_worker

    set_up_logs()
    line = settings()
    this_line()  # Now, and not with the first job: on a quiet line too there is something to forget.
    run_worker(line.redis_url)


@click.command()
def release() -> None:
    """Prepare a new version to go live (the `release:` step): migrations, and a check of the agencies.

    Where calls are real, it refuses while an agency that is switched on has not been dialled by a person.
    """
    from ivr.checks.runner import check
    from ivr.records.database import connect
    from ivr.records.migrations.migrate import upgrade
    from ivr.records.prompts import list_published

    line = settings()
    faults = [str(fault) for fault in check(line.config, line.prompts).faults]
    if line.live and not faults:
        faults = undialled(flow_of(line.config, line.prompts).directory, line.config)
    if faults:
        raise click.ClickException("not ready to go live:\n" + "\n".join(faults))
    upgrade(line.database_url)
    click.echo("the call log is up to date")
    if published := list_published(connect(line.database_url)):
        click.echo(f"published prompts are heard over the files: {len(published)}; `ivr prompts` lists them")


def undialled(directory: Directory, config: Path) -> list[str]:
    """Name the agencies that would be rung although no person has ever dialled them."""
    return [
        f"{config / 'agencies.toml'}: agencies.{name}.last_dialled: no person has dialled it;"
        " dial it and write the date here, or set on = false"
        for name, agency in directory.agencies.items()
        if agency.on and agency.transfer and not agency.last_dialled
    ]


def _serve(app: str, port: int, *options: str) -> None:
    """Become granian, which serves an app in processes of its own."""
    arguments = [*GRANIAN, "--port", str(port), *options, app]
    os.execv(Path(sys.executable).with_name("granian"), arguments)  # noqa: S606 - our own program, no shell
