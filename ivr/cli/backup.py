"""The commands `ivr backup` and `ivr restore`: copies of the call log."""

from __future__ import annotations

from pathlib import Path

import click

from ivr.cli.context import flow_of, readable_log, settings

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=FILE)
def backup(file: Path) -> None:
    """Copy the call log into the new FILE, while the line goes on.

    It holds no number, no word and no key. Keep it no longer than the log itself is kept, and never beside
    KEYS_DIR.
    """
    from ivr.records.backup import BackupError, make_backup

    line = settings()
    try:
        with readable_log():
            count = make_backup(line.database_url, file)
    except BackupError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{file}: {count} calls, read again and whole")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--into", metavar="URL", help="Another database, to try it.  [default: DATABASE_URL]")
def restore(file: Path, *, yes: bool, into: str | None) -> None:
    """Put the backup FILE in the place of the call log. Stop worker and console first; web may go on.

    What was deleted since is deleted again, whoever sent STOP or is blocked stays so, and what was restored
    is looked at before the command ends well.
    """
    from ivr.hours import zone
    from ivr.records.backup import BackupError, restore_backup

    line = settings()
    ours = flow_of(line.config, line.prompts).line
    if not yes:
        click.confirm("Calls that were logged after this backup are lost. Restore it?", abort=True)
    try:
        with readable_log():
            done = restore_backup(
                into or line.database_url, file, line.journal_dir, ours.retention, zone=zone(ours.zone)
            )
    except (BackupError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"calls in the backup: {done.held}")
    click.echo(f"erased since, and again: {done.erased}; grown too old: {done.forgotten}")
    click.echo(f"phones that sent STOP: {done.stopped}; blocked: {done.blocked}")
    if not done.present_read:
        click.echo(
            "the log as it was could not be read: all operators are signed out, with the passwords of then"
        )
    if done.set_aside:
        click.echo(f"{done.set_aside} is what could not be read: delete it once nobody needs it any more")
    for fault in done.faults:
        click.echo(fault)
    if done.faults:
        raise click.ClickException("the restored log is not as it has to be")
    click.echo("looked at, and right: start the worker and the console again")
