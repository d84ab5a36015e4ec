"""The command `ivr prompts`: what operators published over the files, and the way into the files."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from subprocess import TimeoutExpired, run
from typing import TYPE_CHECKING

import click

from ivr.cli.context import flow_of, folder, readable_log, settings, utc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ivr.flow.loader import Fault, PageWords
    from ivr.flow.models import Flow
    from ivr.operations.toml_editing import WrittenPrompts
    from ivr.records.database import Database
    from ivr.records.prompts import Notice, PromptVersion


ESPEAK_VOICES = {"pt": "pt-br", "zh": "cmn", "es": "es-419"}  # Where its name is another.
LONGEST_HEARD = 180  # Seconds; no prompt takes so long.
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group(invoke_without_command=True)
@click.pass_context
def prompts(context: click.Context) -> None:
    """Print the prompts that were published in the console, and are heard in place of the files'.

    One a line: language, key, version, who wrote it, the text. "Not heard" stands before one that does not
    fit the files any more: its stop is gone, or an agency that it names.
    """
    if context.invoked_subcommand:
        return
    from ivr.flow.prompts import word
    from ivr.records.prompts import texts

    line = settings()
    published = _published(line.database_url)
    ignored = word(flow_of(line.config, line.prompts), texts(published)).ignored
    for each in published:
        unheard = "not heard: " if (each.language, each.key) in ignored else ""
        version = f"version {each.version} by {each.who}"
        click.echo(f"{unheard}{each.language} {each.key} ({version}): {each.text}")
    if not published:
        click.echo("nothing is published: the files are heard")


@prompts.command()
@click.option("--prompts", "to", type=FOLDER, help="The folder to write to.  [default: IVR_PROMPTS]")
@click.option("--clear", is_flag=True, help="Also take back in SQL what the files said before this command.")
def export(to: Path | None, *, clear: bool) -> None:
    """Write the published prompts into the prompts files. Comments and layout stay.

    \b
    1. ivr prompts export           write them, where the files of the next version are
    2. ivr check, then a review     and release that version
    3. ivr prompts export --clear   there again, once it is live

    Until step 3 the published prompts stay over the files: what somebody writes there later is not heard.
    --clear never takes back what it has just written, for the version that is live does not say it yet.
    """  # noqa: D301 - click's own mark for lines that stay as they are
    from ivr.operations.toml_editing import ExportError

    target = to or folder("prompts")
    database_url = settings().database_url
    published = _published(database_url)
    for language in dict.fromkeys(each.language for each in published):
        path = target / f"{language}.toml"
        try:
            written = _write_file(path, {v.key: v.text for v in published if v.language == language})
        except ExportError as error:
            raise click.ClickException(f"{path}: whole file: {error}") from None
        except OSError as error:
            mend = f"cannot be read or written ({error.strerror}); set IVR_PROMPTS, or --prompts"
            raise click.ClickException(f"{path}: whole file: {mend}") from None
        _print_written(path, written)
        if clear:
            _take_back(
                database_url, [v for v in published if v.language == language and v.key in written.same]
            )
    if not published:
        click.echo("nothing is published: there is nothing to write")


@prompts.command("behind")
@click.argument("language", required=False)
def list_behind(language: str | None) -> None:
    """Print the translations whose English has changed since they were made, and that English."""
    from ivr.flow.prompts import SOURCE, behind, read_made_from, texts

    flow, at = flow_of(folder("config"), folder("prompts")), folder("prompts")
    pages = _pages(at, flow)
    made_from, faults = read_made_from(at, flow)
    if faults:
        raise click.ClickException("\n".join(map(str, faults)))
    if language and language not in made_from:
        raise click.ClickException(f"nobody noted what '{language}' was made from: ivr prompts translated")
    english = texts(flow, SOURCE, pages)
    chosen = {language: made_from[language]} if language else made_from
    late = [(name, place) for name, notes in chosen.items() for place in behind(flow, name, notes, pages)]
    for name, place in late:
        click.echo(f"{name} {place}: the English is now: {english[place]}")
    if not late:
        click.echo("no translation is behind")


@prompts.command("translated")
@click.argument("language")
@click.argument("keys", nargs=-1)
def note_translated(language: str, keys: tuple[str, ...]) -> None:
    """Note that prompts of a language say what the English of now says: those of KEYS, or all.

    A translator runs it once the words in prompts/LANGUAGE.toml, and in prompts/pages/LANGUAGE.toml, are
    right. It writes prompts/made_from/LANGUAGE.toml and nothing else.
    """
    from ivr.flow.prompts import (
        SOURCE,
        MadeFrom,
        behind,
        made_from_file,
        read_made_from,
        translated,
        written,
    )

    at = folder("prompts")
    flow = flow_of(folder("config"), at)
    pages = _pages(at, flow)
    made_from, faults = read_made_from(at, flow)
    if faults:
        raise click.ClickException("\n".join(map(str, faults)))
    if language == SOURCE or language not in flow.prompts:
        known = ", ".join(each for each in flow.prompts if each != SOURCE)
        raise click.ClickException(f"'{language}' is no language that is translated; there are: {known}")
    notes = made_from.get(language, MadeFrom())
    all_there = behind(flow, language, MadeFrom(), pages)
    if unknown := [key for key in keys if key not in all_there]:
        raise click.ClickException(f"{unknown[0]}: no such prompt in '{language}' and in English")
    late = [place for place in keys or all_there if place in behind(flow, language, notes, pages)]
    path = made_from_file(at, language)
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_suffix(".fresh")
    fresh.write_text(written(translated(flow, language, notes, tuple(late), pages)), "utf-8")
    fresh.replace(path)
    click.echo(f"{language}: {len(late)} prompts noted as made from the English of now")


@prompts.command("meanings")
@click.argument("languages", nargs=-1)
def compare_meanings(languages: tuple[str, ...]) -> None:
    """Compare what translations mean with the English, by the encoders installed here: minutes a language.

    Prints each prompt of LANGUAGES, or of all, that lies nearer to another English prompt than to its own.
    Who has read such a one, and finds it right, says why in prompts/made_from/accepted.toml.
    """
    from ivr.checks.translation_meanings import FILE, compare, read_accepted
    from ivr.flow.prompts import SOURCE
    from ivr.understanding.encoders import encoder_of

    faults: list[Fault] = []
    at = folder("prompts")
    flow = flow_of(folder("config"), at)
    accepted = read_accepted(at, faults)
    if faults:
        raise click.ClickException("\n".join(map(str, faults)))
    all_there = tuple(each for each in flow.prompts if each != SOURCE)
    if unknown := [each for each in languages if each not in all_there]:
        raise click.ClickException(
            f"'{unknown[0]}' is no language that is translated: {', '.join(all_there)}"
        )
    right = True
    for found in compare(flow, _pages(at, flow), encoder_of, accepted, languages or all_there):
        for each in found.astray:
            click.echo(str(each))
        for place in found.in_vain:
            click.echo(f"{found.language} {place}: lies nearest to its own; remove it from {FILE}")
        left = sum(not each.accepted for each in found.astray)
        told = f"{found.prompts} prompts, {len(found.astray)} astray, {left} not accepted"
        click.echo(f"{found.language}: {told}, by {found.encoder}")
        right = right and found.right
    raise SystemExit(0 if right else 1)


@prompts.command("record-list")
@click.argument("language")
def print_script(language: str) -> None:
    """Print what a voice actor is to say in LANGUAGE: each sentence, its file and about how long it is.

    Recordings go to prompts/audio/LANGUAGE/, as MP3, one a sentence. A language without a voice of Twilio's
    is chosen by ear once all are there.
    """
    from ivr.flow.recordings import script

    flow = _flow_with(language)
    lines = list(script(flow, language))
    for line in lines:
        there = "  is there" if (language, line.place) in flow.recordings else ""
        click.echo(f"audio/{language}/{line.place}.mp3  {line.seconds:.1f} s{there}\n  {line.words}")
    minutes = sum(line.seconds for line in lines) / 60
    left = sum((language, line.place) not in flow.recordings for line in lines)
    click.echo(f"{len(lines)} recordings, {minutes:.0f} minutes of speech; {left} are missing")


@prompts.command("hear")
@click.argument("language")
@click.argument("key")
def hear_prompt(language: str, key: str) -> None:
    """Say a prompt of LANGUAGE on this machine, by espeak-ng. Callers hear another voice, or a recording."""
    from ivr.flow.recordings import script

    flow = _flow_with(language)
    line = next((line for line in script(flow, language) if line.place == key), None)
    if line is None:
        raise click.ClickException(f"{key}: no such prompt is said whole; see `ivr prompts record-list`")
    program = which("espeak-ng")
    if program is None:
        raise click.ClickException("espeak-ng is not installed here: apt-get install espeak-ng")
    pace = flow.line.languages[language].words_per_minute
    voice = ESPEAK_VOICES.get(language, language)
    command = [program, "-v", voice, "-s", str(pace), "--", line.words]
    try:
        done = run(command, timeout=LONGEST_HEARD, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
    except TimeoutExpired:
        raise click.ClickException(f"espeak-ng did not end within {LONGEST_HEARD} s") from None
    if done.returncode:
        why = " ".join(done.stderr.split())
        raise click.ClickException(f"espeak-ng cannot say '{voice}' here: {why}")
    click.echo(f"{line.seconds:.1f} s by the line's own voice: {line.words}")


def _pages(at: Path, flow: Flow) -> Mapping[str, PageWords]:
    """Read the words of the public page."""
    from ivr.flow.loader import FlowError, unnamed_pages

    try:
        return unnamed_pages(at, flow)
    except FlowError as error:
        raise click.ClickException(str(error)) from None


def _flow_with(language: str) -> Flow:
    """Read the line's files, and insist that they have a language."""
    flow = flow_of(folder("config"), folder("prompts"))
    if language not in flow.prompts:
        raise click.ClickException(f"'{language}' is no language of the line: {', '.join(flow.prompts)}")
    return flow


def _published(url: str) -> list[PromptVersion]:
    from ivr.records.prompts import list_published

    with readable_log():
        return list_published(_database(url))


def _database(url: str) -> Database:
    from ivr.records.database import connect

    return connect(url)


def _write_file(path: Path, words: dict[str, str]) -> WrittenPrompts:
    """Write one file anew, if words in it change; half a file is never seen."""
    from ivr.operations.toml_editing import write_prompts

    written = write_prompts(path.read_text("utf-8"), words)
    if written.changed:
        fresh = path.with_suffix(".fresh")
        fresh.write_text(written.text, "utf-8")
        fresh.replace(path)
    return written


def _print_written(path: Path, written: WrittenPrompts) -> None:
    for place in written.changed:
        click.echo(f"{path}: {place}: written")
    for place in written.same:
        click.echo(f"{path}: {place}: said so already")
    for place in written.unknown:
        click.echo(f"{path}: {place}: has no such prompt, and was left out")


def _take_back(url: str, versions: list[PromptVersion]) -> None:
    """Let the files be heard where they say the same, and what is written there next."""
    from ivr.records.prompts import FILE, take_back

    for each in versions:
        with readable_log():
            take_back(_database(url), each.language, each.key, FILE, who="command line")
        click.echo(f"{each.language} {each.key}: the file is heard")


# The command `ivr notice`: one short sentence that callers hear and texters read for a time.


@click.group(invoke_without_command=True)
@click.pass_context
def notice(context: click.Context) -> None:
    """Print the notice that is said now: of a holiday, a storm, an agency that is closed.

    It is said once, after the language is chosen and before the menu. A language without its sentence
    hears none.
    """
    if context.invoked_subcommand:
        return
    from ivr.records.database import connect
    from ivr.records.prompts import read_notice

    with readable_log():
        current = read_notice(connect(settings().database_url), time.time())
    _print(current)


@notice.command()
@click.argument("sentences", nargs=-1, required=True, metavar="LANGUAGE=SENTENCE…")
@click.option("--until", type=click.DateTime(), required=True, help="When nobody hears it any more (UTC).")
def put(sentences: tuple[str, ...], until: datetime) -> None:
    """Have callers hear a sentence, in place of the notice before. No restart is needed.

    \b
    ivr notice put --until 2026-12-27 "en=The Chrysalis Network is closed until Sunday." \\
                                      "fr=Le réseau Chrysalis est fermé jusqu'à dimanche."
    """  # noqa: D301 - click's own mark for lines that stay as they are
    from ivr.checks.prompts import MENDS, notice_faults
    from ivr.records.database import connect
    from ivr.records.prompts import put_notice, read_notice

    line = settings()
    flow = flow_of(line.config, line.prompts)
    words = dict(_sentence(each) for each in sentences)
    ends, now = utc(until) or until, datetime.now(UTC)
    faults = [
        f"{language or 'notice'}: {MENDS[key]}" for language, key in notice_faults(flow, words, now, ends)
    ]
    if faults:
        raise click.ClickException("; ".join(faults))
    database = connect(line.database_url)
    with readable_log():
        put_notice(database, words, ends, now=now, who="command line")
        _print(read_notice(database, time.time()))


@notice.command()
def end() -> None:
    """Have nobody hear the notice any more."""
    from ivr.records.database import connect
    from ivr.records.prompts import end_notice

    with readable_log():
        ended = end_notice(connect(settings().database_url), now=datetime.now(UTC), who="command line")
    click.echo("the notice has ended" if ended else "there is no notice")


def _sentence(given: str) -> tuple[str, str]:
    language, sign, words = given.partition("=")
    if not sign or not words.strip():
        raise click.BadParameter(f"{given!r}: write LANGUAGE=SENTENCE, such as en=We are closed today.")
    return language.strip(), " ".join(words.split())


def _print(current: Notice) -> None:
    for language, words in current.words.items():
        click.echo(f"{language}: {words}")
    if not current.until:
        click.echo("there is no notice: ivr notice put --help")
        return
    click.echo(f"until {current.until:%Y-%m-%d %H:%M} UTC, put by {current.who}")
