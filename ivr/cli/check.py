"""The command `ivr check`: faults, figures, what is covered, and what people have yet to do."""

from __future__ import annotations

import gc
import os
from datetime import UTC, datetime
from pathlib import Path

import click

from ivr.cli.context import flow_of

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
ANY_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", type=FOLDER, required=False)
@click.option("--config", type=FOLDER, default="config", show_default=True, help="Menus, agencies, keywords.")
@click.option("--prompts", type=FOLDER, default="prompts", show_default=True, help="Prompts.")
@click.option("--phrases", type=ANY_FOLDER, default="phrases", show_default=True, help="What people text.")
@click.option(
    "--live", is_flag=True, help="Also what people have to do before real callers: who, where, what."
)
@click.option("--coverage", is_flag=True, help="Print which stop carries what the line was asked to say.")
def check(  # noqa: PLR0913 - one for each option
    folder: Path | None, config: Path, prompts: Path, phrases: Path, *, live: bool, coverage: bool
) -> None:
    """Find every fault in menus, words, agencies and keywords, and measure what a caller hears.

    One fault a line: file, place, mend. Ends with 1 if there is any.
    FOLDER holds config, prompts and phrases, as `ivr new` made it.
    """
    from ivr.checks.runner import check as find_faults
    from ivr.flow.menu_measurements import summary

    if folder:
        config, prompts, phrases = (folder / name for name in ("config", "prompts", "phrases"))
    gc.disable()  # All that is read stays until the end, which is soon.
    report = find_faults(config, prompts, phrases if phrases.is_dir() else None, kept=_kept())
    for fault in report.faults:
        click.echo(str(fault))
    if coverage and not report.faults:
        _print_coverage(config, prompts)
        return
    if report.figures:
        click.echo(summary(report.figures))
    if report.faults or (live and _print_duties(config, prompts, phrases)):
        raise SystemExit(1)
    click.echo("no faults")


def _kept() -> Path | None:
    """Name the file of what was found in phrases last time, where programs of this user keep such."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        folder = Path(given) if given else Path.home() / ".cache"
    except RuntimeError:  # Whoever runs this has no folder of their own.
        return None
    return folder / "ivr" / "phrases-checked.json"


def _print_coverage(config: Path, prompts: Path) -> None:
    from ivr.checks.facts import table

    click.echo(table(flow_of(config, prompts)), nl=False)


def _print_duties(config: Path, prompts: Path, phrases: Path) -> int:
    """Print who has to do what before the line goes live; tell how much it is."""
    from ivr.checks.launch import duties, left_when_off

    flow = flow_of(config, prompts)
    left = list(duties(flow, datetime.now(UTC).date()))
    for told in left_when_off(flow, phrases):
        click.echo(told)
    for duty in left:
        click.echo(str(duty))
    if left:
        click.echo(f"not ready to go live: {len(left)} things are left for people to do")
    return len(left)
