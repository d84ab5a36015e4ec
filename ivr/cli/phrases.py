"""The command `ivr phrases`: what people write, taught to a line that runs, and the way back."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, TextIO

import click

from ivr.cli.context import flow_of, folder, readable_log, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ivr.records.database import Database
    from ivr.records.phrase_versions import PhraseVersion
    from ivr.understanding.classifier import Classifier
    from ivr.understanding.intents import Meaning
    from ivr.understanding.phrases import Phrase
    from ivr.understanding.training import Outcome
    from ivr.understanding.understand import Context, Rules, Understanding


WHO = "command line"
LOOK_SECONDS = 1.0
MOST_CHANGES = 40
SAYS = {
    "waiting": "waits for a worker",
    "learning": "is being learned",
    "published": "published",
    "refused": "refused: worse on the check set",
    "failed": "could not be learned",
    "tried": "was only tried",
}


@click.group()
def phrases() -> None:
    """Teach a running line what people write, and go back where that was no good.

    The line understands texts by phrases: those of the files in phrases/, and those that are added here.
    Each stands under a language and a name: what a text of that kind means.

    \b
    1. Find out what is missing   the reports page of the console tells, by language, how many texts
                                  were not understood, and which stops they were near
    2. ivr phrases draft en shelter "can i crash somewhere" "thrown out with 2 kids"
    3. ivr phrases try "nowhere to stay with my kids"
    4. ivr phrases publish        a worker learns them; weights that are worse are refused
    5. ivr phrases back           if that was a mistake: at once as before

    Write as people write, each phrase in other words; never what somebody has really texted.
    `ivr phrases show` lists the names, the draft and every version.
    """  # noqa: D301 - click's own mark for lines that stay as they are


@phrases.command()
@click.argument("language")
@click.argument("name")
@click.argument("texts", nargs=-1)
@click.option(
    "--file", type=click.File(encoding="utf-8"), help="More phrases, one a line; - for what is typed."
)
def draft(language: str, name: str, texts: tuple[str, ...], file: TextIO | None) -> None:
    """Add phrases of a LANGUAGE that mean NAME to the draft. Nobody's text is read by them yet.

    They are checked like those of the files: none that is nearly there already, no templates ("i need X",
    "i need Y"), no telephone numbers, nothing of the check set. If one has a fault, none is added.
    """
    from ivr.checks.phrases import draft_faults
    from ivr.records.phrase_versions import DRAFT, list_added, save_draft, version_in_force
    from ivr.understanding.phrases import Phrase

    lines = [line.strip() for line in file or () if line.strip()]
    new = [Phrase(text, language, name) for text in (*texts, *lines)]
    if not new:
        raise click.UsageError("name at least one phrase, or --file FILE")
    database = _database()
    with readable_log():
        added = {*list_added(database, DRAFT), *list_added(database, version_in_force(database))}
        faults = list(draft_faults(folder("phrases"), sorted(added, key=lambda each: each.text), new))
        if faults:
            raise click.ClickException("nothing was added:\n" + "\n".join(map(str, faults)))
        save_draft(database, new, who=WHO)
    click.echo(f"{len(new)} added to the draft; next: ivr phrases try, then: ivr phrases publish")


@phrases.command()
def drop() -> None:
    """Drop the whole draft. What is published stays."""
    from ivr.records.phrase_versions import drop_draft

    with readable_log():
        count = drop_draft(_database(), who=WHO)
    click.echo(f"{count} phrases dropped")


@phrases.command()
@click.argument("version", type=int, required=False)
def show(version: int | None) -> None:
    """List names, the draft and every version; with a VERSION, the phrases that it adds to the files'."""
    from ivr.records.phrase_versions import DRAFT, list_added, list_phrase_versions, version_in_force
    from ivr.understanding.phrases import read_phrases
    from ivr.understanding.weights_in_force import FILES, basis_of

    database, files = _database(), folder("phrases")
    with readable_log():
        if version is not None:
            _print_phrases(list_added(database, version))
            return
        known, now = list_phrase_versions(database), version_in_force(database)
        drafted = list_added(database, DRAFT)
    click.echo(f"names: {', '.join(sorted({phrase.name for phrase in read_phrases(files)}))}")
    click.echo(f"draft: {len(drafted)} phrases")
    _print_phrases(drafted)
    for each in known:
        at = f"{each.at:%Y-%m-%d %H:%M} UTC by {each.who}"
        mark = ", IN FORCE" if each.version == now else ""
        click.echo(f"version {each.version} ({at}): {SAYS[each.state]}{mark}{_told(each)}")
        if each.version == now and each.basis != basis_of(files):
            click.echo("  but the files have learned more since, and theirs count: ivr phrases publish")
    if now == FILES:
        click.echo("in force: what the files have learned")


@phrases.command("try")
@click.argument("texts", nargs=-1)
def try_draft(texts: tuple[str, ...]) -> None:
    """Show what TEXTS are made of now, and would be with the draft; and what changes on the check set.

    It learns on this machine, and changes nothing. The first time takes some minutes, as each phrase is read.
    """
    from ivr.records.phrase_versions import DRAFT, list_added, version_in_force
    from ivr.understanding.client import ONE_THREAD

    os.environ.update(ONE_THREAD)  # Before its numbers are loaded: as the worker learns.
    from ivr.understanding.training import compare, encoder_beside, learn
    from ivr.understanding.weights_in_force import FOLDER

    line, database = settings(), _database()
    with readable_log():
        drafted = list_added(database, DRAFT)
        added = dict.fromkeys((*list_added(database, version_in_force(database)), *drafted))
    encoder = encoder_beside(line.journal_dir / FOLDER)
    with tempfile.TemporaryDirectory(prefix="ivr-phrases-") as place:
        now = _in_force(database, line.phrases, Path(place), encoder)
        if not drafted:
            click.echo("the draft is empty: this is how the line reads now")
            _print_tried(line.phrases, texts, {"now": now})
            return
        click.echo(f"learning with {len(drafted)} drafted phrases ...", err=True)
        to = Path(place) / "new"
        to.mkdir()
        new = learn(line.phrases, tuple(added), encoder, to)
        _print_tried(line.phrases, texts, {"now": now, "with the draft": new})
        from ivr.understanding.classifier import classifier_of

        _print_outcome(compare(line.phrases, new, now, classifier_of(encoder, line.phrases)))


@phrases.command()
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until a worker is done.")
def publish(*, wait: bool) -> None:
    """Have a worker learn the draft, and put it in force everywhere within seconds, unless it is worse.

    Worse is: fewer useful answers or less danger found on the check set, or more that is sure and wrong or
    called danger for nothing, than with what is in force, or than with the files. Then the draft stays.
    """
    from ivr.records.operators import SecondApproverNeeded
    from ivr.records.phrase_versions import ask_to_learn, list_phrase_versions

    database, rules = _database(), flow_of(folder("config"), folder("prompts")).line.publishing
    with readable_log():
        try:
            version = ask_to_learn(database, who=WHO, second_approver=rules.second_approver)
        except SecondApproverNeeded:
            raise click.ClickException(
                "phrases of the draft were added from here, and config/line.toml asks for a second approver: "
                "an administrator publishes them on the console"
            ) from None
        if version is None:
            raise click.ClickException("a version is being learned already; see: ivr phrases show")
        click.echo(f"version {version} waits for a worker, which learns it in some minutes")
        while wait:
            found = next(each for each in list_phrase_versions(database) if each.version == version)
            if found.state not in {"waiting", "learning"}:
                click.echo(f"version {version}: {SAYS[found.state]}{_told(found)}")
                if found.state != "published":
                    raise SystemExit(1)
                return
            time.sleep(LOOK_SECONDS)


@phrases.command()
def back() -> None:
    """Go back to what was in force before: the version that was published before it, or the files alone.

    Its weights are still there, so that nothing is learned; every process follows within seconds.
    """
    from ivr.records.phrase_versions import take_phrases_back
    from ivr.understanding.weights_in_force import FILES

    with readable_log():
        to = take_phrases_back(_database(), who=WHO)
    if to is None:
        raise click.ClickException(
            "what the files have learned is in force: there is nothing to go back from"
        )
    click.echo(f"in force again: {'what the files have learned' if to == FILES else f'version {to}'}")


def _database() -> Database:
    from ivr.records.database import connect

    return connect(settings().database_url)


def _in_force(database: Database, files: Path, place: Path, encoder: Any) -> Classifier:
    """Load what is in force now, wherever this is run: SQL has it."""
    from ivr.records.phrase_versions import read_weights, version_in_force
    from ivr.understanding.classifier import classifier_of
    from ivr.understanding.weights_in_force import FILES, basis_of

    with readable_log():
        version = version_in_force(database)
        weights = read_weights(database, version) if version != FILES else None
    if weights and weights.basis == basis_of(files):
        for name, content in weights.files.items():
            (place / name).write_bytes(content)
    return classifier_of(encoder, place, files)


def _print_tried(files: Path, texts: Sequence[str], readers: dict[str, Classifier]) -> None:
    from ivr.cli.phrases import new_texter
    from ivr.understanding.evaluation import summary_of
    from ivr.understanding.understand import read_rules, understand

    rules, context = read_rules(files), new_texter()
    for text in texts:
        click.echo(text)
        for name, reader in readers.items():
            found = understand(rules, text, context, reader.classify(text))
            sure = ", ".join(f"{each.stop} {each.confidence:.2f}" for each in found.intents)
            click.echo(f"    {name}: {summary_of(found)}{f' ({sure})' if sure else ''}")


def _print_outcome(outcome: Outcome) -> None:
    click.echo(f"on the check set now: {outcome.now}")
    click.echo(f"      with the draft: {outcome.new}")
    click.echo(f"{len(outcome.changes)} of its texts are read otherwise")
    for text, before, after in outcome.changes[:MOST_CHANGES]:
        click.echo(f"    {text}: {before} -> {after}")
    for fault in outcome.worse:
        click.echo(f"worse: {fault}")
    click.echo("it would be refused" if outcome.worse else "it would be published")


def _print_phrases(added: Sequence[Phrase]) -> None:
    for each in added:
        click.echo(f"  {each.language} {each.name}: {each.text}")


def _told(version: PhraseVersion) -> str:
    """Tell what came of a version, from its outcome."""
    if not version.outcome:
        return ""
    outcome = json.loads(version.outcome)
    if failed := outcome.get("failed"):
        return f"\n  {failed}"
    figures = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in outcome["new"].items())
    return "".join([f"\n  check set: {figures}", *(f"\n  worse: {fault}" for fault in outcome["worse"])])


# The command `ivr understand`: what is made of texts and why, and how often it is right.

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
    from ivr.flow.sms import keywords_of
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
