"""The commands that a Procfile starts: `ivr web`, `ivr worker`, `ivr console` and `ivr release`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ivr.cli.context import settings
from ivr.long_running import seek_garbage_often, share_memory

if TYPE_CHECKING:
    from ivr.settings import Settings

FILER = "ivr-filer"  # What `ps` and `top` call the process of `ivr web` that files journals.
PAGE_SECONDS = 120.0  # No page of the console takes longer, not even a printed year.
STUCK_SECONDS = 10.0  # A webhook that takes longer is answered by nobody: its process is replaced.

replaces = click.option(
    "--replace", is_flag=True, help="Take over from the one that answers on this port, once this one answers."
)


@click.command()
@replaces
def web(*, replace: bool) -> None:
    """Answer calls and texts (the `web:` process)."""
    line = _ready()
    waited_for = line.rehearsal is not None  # By a network whose time stands still.
    _serve(
        "web", line.host, line.port, line.workers, STUCK_SECONDS, replace=replace, prepare_first=waited_for
    )


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="The port to listen on.  [default: PORT]")
@replaces
def console(port: int | None, *, replace: bool) -> None:
    """Answer browsers: the public page and the operators' console (the `console:` process)."""
    line = _ready()
    _serve("console", line.host, port or line.port, 1, PAGE_SECONDS, replace=replace)


@click.command()
def worker() -> None:
    """Do what is done later, and keep house (the `worker:` process)."""
    from ivr.jobs import this_line
    from ivr.logs import set_up_logs
    from ivr.operations.version import running_version
    from ivr.wiring import records_of
    from ivr.work.worker import run_worker

    set_up_logs(version=running_version())
    share_memory()
    line = _ready()
    this_line()  # Now, and not with the first job: on a quiet line too there is something to forget.
    seek_garbage_often()
    run_worker(line.redis_url, records_of(line))


@click.command()
@click.option("--back", is_flag=True, help="Go back to this version although the tables are newer.")
def release(*, back: bool) -> None:
    """Prepare a new version to go live (the `release:` step): migrations, and a check of the agencies.

    Where calls are real, it refuses while an agency that is switched on has not been dialled by a person.
    It refuses tables that a newer version made, unless you go back by one version on purpose.
    """
    from functools import partial

    from ivr.authentication import key_recovery
    from ivr.operations.reload import list_faults
    from ivr.records.database import connect
    from ivr.records.migrations.migrate import TablesNewer, upgrade
    from ivr.records.operators import key_recovery_codes
    from ivr.records.prompts import list_published

    line = settings()
    if faults := list_faults(line):
        raise click.ClickException("not ready to go live:\n" + "\n".join(faults))
    try:
        upgrade(line.database_url)
    except TablesNewer as newer:
        if not back:
            raise click.ClickException(str(newer)) from None
        click.echo("the call log's tables are newer than this version, and stay as they are")
    else:
        click.echo("the call log is up to date")
    _share_keys(line)
    database = connect(line.database_url)
    key_recovery_codes(database, partial(key_recovery, line.secret_key))
    if published := list_published(database):
        click.echo(f"published prompts are heard over the files: {len(published)}; `ivr prompts` lists them")


def _ready() -> Settings:
    """Read the settings and have the keys that hosts share, or say why this host must not start."""
    line = settings()
    _share_keys(line)
    return line


def _share_keys(line: Settings) -> None:
    if not line.database_url.startswith("postgres"):
        return  # One host; and a server's main process loads nothing that it does not need.
    from ivr.records.shared_keys import KeysDiffer, share_keys
    from ivr.work.network_clock import clock_of

    try:
        share_keys(line, clock_of(line.rehearsal).now)
    except KeysDiffer as fault:
        raise click.ClickException(str(fault)) from None


def _serve(  # noqa: PLR0913 - what a server needs to know
    what: str,
    host: str,
    port: int,
    workers: int,
    stuck_seconds: float,
    *,
    replace: bool,
    prepare_first: bool = False,
) -> None:
    """Serve until told to end, or say plainly why not."""
    from ivr.operations.reload import FilesRefused
    from ivr.web.server.listening_socket import PortTakenError
    from ivr.web.server.main_process import ServerOptions, serve

    share_memory()
    factory, files = f"ivr.wiring:{what}", f"ivr.wiring:files_of_{what}"
    options = ServerOptions(
        factory,
        host,
        port,
        workers,
        stuck_seconds=stuck_seconds,
        files=files,
        prepare="ivr.wiring:prepare_web" if what == "web" else "",
        background=(FILER, "ivr.wiring:file_journals") if what == "web" else None,
        prepare_first=prepare_first,
        refused="ivr.web.metrics:count_refusal",
    )
    try:
        serve(options, replace=replace)
    except (PortTakenError, FilesRefused) as error:
        raise click.ClickException(str(error)) from None
