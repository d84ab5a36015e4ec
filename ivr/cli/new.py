"""The command `ivr new`: the files of a line for another city."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr.cli.context import flow_of

if TYPE_CHECKING:
    from ivr.flow.models import Flow
    from ivr.operations.new_line import NewLine

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("city")
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option("--number", default="", help="The line's own number, such as +17055550100.")
@click.option("--name", default="", help="What the line is called.  [default: CITY Information Line …]")
@click.option("--language", "languages", multiple=True, help="One of its languages; give it for each.")
@click.option("--police", default="", help='What its police are called in a sentence: "the Sudbury Police".')
@click.option(
    "--agency",
    "agencies",
    multiple=True,
    metavar="NAME=NUMBER",
    help="The number of an agency that every city has, or NAME=none where this one has not.",
)
@click.option("--from", "source", type=FOLDER, help="The files to begin with.  [default: those delivered]")
@click.option("--ask/--no-ask", default=None, help="Ask for what no option says.  [default: in a terminal]")
def new(  # noqa: PLR0913 - one for each option
    city: str,
    folder: Path,
    *,
    number: str,
    name: str,
    languages: tuple[str, ...],
    police: str,
    agencies: tuple[str, ...],
    source: Path | None,
    ask: bool | None,
) -> None:
    """Write config, prompts and phrases for the line of another CITY into the new folder DIR.

    What holds everywhere is kept. What is of one city alone is left out, and what belongs there is marked:
    `ivr check DIR` names every blank, every word of the old city, and every fact whose source is that city's.
    """
    from ivr.operations.new_line import NewLine, NewLineError, delivered_files, lay_out

    begin = source or delivered_files()
    flow = flow_of(begin / "config", begin / "prompts")
    known = dict(_pair(each) for each in agencies)
    wanted = NewLine(city, languages, number, name, police, known)
    if sys.stdin.isatty() if ask is None else ask:
        wanted = _ask(flow, wanted)
    wanted = replace(wanted, languages=wanted.languages or flow.first_languages)
    try:
        lay_out(begin, folder, wanted)
    except NewLineError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"the files of a line for {city} are in {folder}: now run `ivr check {folder}`")


def _pair(text: str) -> tuple[str, str]:
    name, _, number = text.partition("=")
    return name.strip(), number.strip()


def _ask(flow: Flow, known: NewLine) -> NewLine:
    """Ask for what no option said. Nothing typed: it becomes a marked blank."""
    from ivr.operations.new_line import own_agencies

    click.echo("Press Enter for what you do not know yet: it becomes a marked blank.")
    languages = known.languages
    if not languages:
        listed = " ".join(flow.first_languages)
        typed: str = click.prompt(f"Languages, of {' '.join(flow.languages)}", default=listed)
        languages = tuple(typed.replace(",", " ").split())
    number = known.number or _typed("The line's own number, such as +17055550100")
    police = known.police or _typed(f"The police of {known.city}, as in a sentence")
    agencies = dict(known.agencies)
    for name in own_agencies(flow):
        if name not in agencies:
            agencies[name] = _typed(f"The number of {name}, or none")
    return replace(known, languages=languages, number=number, police=police, agencies=agencies)


def _typed(question: str) -> str:
    typed: str = click.prompt(question, default="", show_default=False)
    return typed.strip()
