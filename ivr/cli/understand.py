"""The command `ivr understand`: what is made of texts and why, and how often it is right."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, TextIO

import click

from ivr.cli.context import flow_of, folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ivr.understanding.meaning import Meaning
    from ivr.understanding.understand import Context, Rules, Understanding

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("texts", type=click.File(encoding="utf-8"), required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option(
    "--report",
    type=FILE,
    multiple=True,
    help="Figures against labelled texts: text, language, danger, sounds, wish, stops, by tabs.",
)
@click.option("--reply", is_flag=True, help="Add the words that a new texter would read.")
@click.option("--letters", is_flag=True, help="As where no sentence encoder is installed.")
@click.option("--rules", "rules_alone", is_flag=True, help="As where the classifier's process is gone.")
def understand(  # noqa: PLR0913 - the options of a command
    texts: TextIO | None,
    report: tuple[Path, ...],
    *,
    as_json: bool,
    reply: bool,
    letters: bool,
    rules_alone: bool,
) -> None:
    """Tell what is made of each text of a file (- for what is typed), one a line, and why.

    Each stands for itself, as the first text of somebody new. Nothing is kept.
    """
    phrases = folder("phrases")
    rules, context = _rules_of(phrases), new_texter()
    if report:
        _print_report(report, phrases, rules, context)
        return
    if texts is None:
        raise click.UsageError("name a file of texts, - for what is typed, or --report FILE.tsv")
    meaning = _reader(phrases, letters=letters, rules_alone=rules_alone)
    for line in _lines(texts):
        found = _decide(rules, line, context, meaning)
        words = _reply_to(found) if reply else None
        click.echo(_as_json(line, found, words) if as_json else _as_line(line, found, words))


def _rules_of(phrases: Path) -> Rules:
    from ivr.understanding.danger import RulesError
    from ivr.understanding.understand import read_rules

    try:
        return read_rules(phrases)
    except RulesError as error:
        raise click.ClickException(str(error)) from None


def new_texter() -> Context:
    """Give what a new texter's first text is read with: the line's languages and keywords."""
    from ivr.flow.text_meaning import keywords_of
    from ivr.understanding.understand import Context

    flow = flow_of(folder("config"), folder("prompts"))
    return Context(tuple(flow.languages), home=flow.menus.home, keywords=keywords_of(flow))


def _reader(phrases: Path, *, letters: bool, rules_alone: bool) -> Callable[[str], Meaning | None]:
    if rules_alone:
        return lambda _: None
    from ivr.understanding.classifier import letters_alone, load_classifier

    return (letters_alone(phrases) if letters else load_classifier(phrases)).classify


def _decide(
    rules: Rules, line: str, context: Context, meaning: Callable[[str], Meaning | None]
) -> Understanding:
    from ivr.understanding.understand import understand as decide

    return decide(rules, line, context, meaning(line))


def _lines(texts: TextIO) -> Iterator[str]:
    for line in texts:
        if line.strip():
            yield line.rstrip("\r\n")


def _reply_to(found: Understanding) -> str:
    """Give the words that answer a text, where it is the first of a conversation."""
    from ivr.flow.sms import reply
    from ivr.flow.turn import Texted
    from ivr.position import Position

    turn = reply(flow_of(folder("config"), folder("prompts")), Position(), Texted(found))
    return "\n".join(say.words for say in turn.says)


def _as_json(text: str, found: Understanding, words: str | None) -> str:
    reply = {} if words is None else {"reply": words}
    return json.dumps(
        {
            "text": text,
            "language": found.language or None,
            "safety": found.safety,
            "danger": found.danger or None,
            "wish": found.wish or None,
            "stops": [[each.stop, each.confidence] for each in found.intents],
            "answer": found.answer,
        }
        | reply,
        ensure_ascii=False,
    )


def _as_line(text: str, found: Understanding, words: str | None) -> str:
    what = (
        found.danger
        or found.wish
        or ", ".join(f"{each.stop} {each.confidence:.2f}" for each in found.intents)
    )
    safety = ", begins with 911" if found.safety else ""
    made = f"{text}\n    {found.answer}: {what or 'nothing known'}{safety} · {' · '.join(found.why)}"
    return made if words is None else f"{made}\n" + indent(words or "(no reply)", "    < ")


def _print_report(files: tuple[Path, ...], phrases: Path, rules: Rules, context: Context) -> None:
    from ivr.understanding.classifier import letters_alone, load_classifier
    from ivr.understanding.evaluation import measure, read_labelled, report_lines
    from ivr.understanding.phrases import read_phrases

    texts = [each for file in files for each in read_labelled(file, rules.intents.stops)]
    whole, alone = load_classifier(phrases), letters_alone(phrases)
    readers: dict[str, Callable[[str], Meaning | None]] = {
        whole.by: whole.classify,
        "letters alone": alone.classify,
        "rules alone": lambda _: None,
    }
    sides = {
        name: measure(texts, lambda text, reader=reader: _decide(rules, text, context, reader))  # type: ignore[misc]  # mypy cannot infer a lambda's default.
        for name, reader in readers.items()
    }
    learned = {phrase.text.casefold() for phrase in read_phrases(phrases)}
    known = sum(each.text.casefold() in learned for each in texts)
    click.echo(f"{len(texts)} texts of {', '.join(file.name for file in files)}; 95 % intervals by Wilson")
    click.echo(f"{known} of them stand word for word among the phrases, by chance")
    for line in report_lines(sides):
        click.echo(line)
