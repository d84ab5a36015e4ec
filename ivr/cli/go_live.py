"""The command `ivr go-live`: the way to the first real call."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import click

from ivr.cli.context import flow_of, folder, settings


@click.command("go-live")
@click.option("--by", default="", help="Your initials, which stand beside your answers.")
@click.option("--ask/--no-ask", default=None, help="Ask what no API tells.  [default: in a terminal]")
@click.option("--all", "every", is_flag=True, help="Show every step, also behind one that is not done.")
def go_live(*, by: str, ask: bool | None, every: bool) -> None:
    """Go through the steps to the first real call. Each is looked at; what nobody can look at is asked.

    It stops at the first step that is not done, and says what to do. Run it again: answers are kept with
    their day, beside the journal, and asked for again when they are old. Ends with 0 once nothing is left.
    """
    from ivr.operations.go_live import Answer, Answers, list_steps, stand

    line, today = settings(), datetime.now(UTC).date()
    asking = sys.stdin.isatty() if ask is None else ask
    answers = Answers(line.journal_dir)
    steps, left = list(list_steps(line, os.environ, today)), 0
    for number, step in enumerate(steps, 1):
        result = stand(step, answers.read(), today)
        if result.to_ask and asking and click.confirm(f"{number}/{len(steps)} {step.what}", default=False):
            by = by or click.prompt("Your initials")
            said = click.prompt("Anything to note", default="", show_default=False)
            answers.keep(step.name, Answer(today.isoformat(), by, said))
            result = stand(step, answers.read(), today)
        if result.done:
            known = f" ({result.answer.on}, {result.answer.by})" if result.answer else ""
            click.echo(f"{number}/{len(steps)} done  {step.name}: {step.what}{known}")
            continue
        click.echo(f"{number}/{len(steps)} TO DO {step.name}: {step.what}")
        for fault in result.faults:
            click.echo(f"      {fault}")
        left += 1
        if not every:
            break
    if left:
        raise SystemExit(1)
    click.echo("nothing is left: callers may come")


# The commands `ivr provision` and `ivr fallback`: the number at Twilio, and what stands in for our site.


@click.command()
@click.option("--number", help="The line's number.  [default: TWILIO_PHONE_NUMBER]")
@click.option("--base-url", help="Where Twilio reaches the line.  [default: PUBLIC_URL]")
@click.option("--fallback-url", default="", help="The folder, on another host, with voice.xml and sms.xml.")
@click.option("--overrides", default="", help='Connection overrides, such as "ct=2000&rt=4000&rc=2".')
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
def provision(
    *, number: str | None, base_url: str | None, fallback_url: str, overrides: str, dry_run: bool
) -> None:
    """Point the number at the line: voice, text, fallback and status addresses; and read back that it stands.

    Refuses an address that is not https, or does not answer a signed probe as the line does.
    """
    from ivr.circuit_breaker import PartUnavailable
    from ivr.settings import is_loopback
    from ivr.telephony.probe import Probe
    from ivr.telephony.provisioning import (
        ProvisioningError,
        change_number,
        differences,
        read_number,
        wanted_values,
    )

    line = settings()
    called, base = number or line.number, (base_url or line.public_url).rstrip("/")
    parts = urlsplit(base)
    if parts.scheme != "https" and not (is_loopback(parts.hostname or "") and not line.live):
        raise click.ClickException(f"{base} does not begin with https: anybody on the way could read along")
    wrong = [f"{each.what}: {each.wrong}" for each in Probe(base, line.auth_token).run() if each.wrong]
    if wrong:
        raise click.ClickException(f"{base} does not answer as the line does:\n" + "\n".join(wrong))
    try:
        there = read_number(line, called)
        wanted = wanted_values(base, fallback_url.rstrip("/"), overrides)
        changes = differences(there, wanted)
        for name, (old, new) in changes.items():
            click.echo(f"{name}: {old or 'nothing'} -> {new or 'nothing'}")
        if not fallback_url and not there.values["voice_fallback_url"]:
            click.echo(
                "voice_fallback_url: nothing; while our site is gone callers hear an error: --fallback-url"
            )
        if not changes:
            click.echo("the number stands as it has to")
        elif dry_run:
            click.echo("nothing was changed")
        else:
            change_number(line, there, called, wanted)
            click.echo("changed, and read back: the number stands as it has to")
    except (ProvisioningError, PartUnavailable) as error:
        raise click.ClickException(str(error)) from None


@click.command()
@click.argument("to", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option("--url", required=True, help="The address of the folder on another host where they will stand.")
@click.option("--number", envvar="TWILIO_PHONE_NUMBER", required=True, help="The line's own number.")
def fallback(to: Path, url: str, number: str) -> None:
    """Write the documents that Twilio fetches while our whole site is gone, into the folder DIR.

    Place them at the URL, on another host that takes POST, then `ivr provision --fallback-url URL`. Numbers
    stand in them: write and place them anew when an agency's changes.
    """
    from ivr.telephony.fallback_twiml import documents_elsewhere

    documents = documents_elsewhere(flow_of(folder("config"), folder("prompts")), number, url.rstrip("/"))
    to.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        (to / name).write_text(document + "\n", "utf-8")
    click.echo(f"{', '.join(documents)} are in {to}; LEG_FALLBACK_URL={url.rstrip('/')}/leg.xml")
