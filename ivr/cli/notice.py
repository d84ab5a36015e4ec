"""The command `ivr notice`: one short sentence that callers hear and texters read for a time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ivr.cli.context import flow_of, readable_log, settings, utc

if TYPE_CHECKING:
    from ivr.records.notices import Notice


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
    from ivr.records.notices import read_notice

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
    from ivr.checks.notices import MENDS, notice_faults
    from ivr.records.database import connect
    from ivr.records.notices import put_notice, read_notice

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
    from ivr.records.notices import end_notice

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
