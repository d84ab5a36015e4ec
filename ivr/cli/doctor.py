"""The command `ivr doctor`."""

from __future__ import annotations

import json
import os

import click

from ivr.cli.context import settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def doctor(*, as_json: bool) -> None:
    """Look at every part of the line, and say what is wrong with it and how to mend that.

    One line each. Ends with 1 if anything must be mended. No caller and no secret is in what it prints.
    """
    from ivr.operations.health_checks import Verdict, examine

    faults = 0
    for finding in examine(os.environ):
        told = json.dumps({"verdict": finding.verdict, "words": finding.words}, ensure_ascii=False)
        click.echo(told if as_json else f"{finding.verdict:8} {finding.words}")
        faults += finding.verdict == Verdict.FAULT
    if faults:
        raise SystemExit(1)


# The command `ivr alarm`: try whether an alarm would reach anybody.


@click.command()
@click.option("--test", "is_test", is_flag=True, required=True, help="Send one that says it is a test.")
def alarm(*, is_test: bool) -> None:
    """Send a test alarm to ALARM_NUMBER and ALARM_URL, and say whether each took it.

    Ends with 1 where one did not, or none is set. That it arrived, only whoever got it can say.
    """
    from ivr.telephony.alarms import Alarms
    from ivr.telephony.twilio_client import TwilioClient

    line = settings()
    ways = Alarms(TwilioClient(line), line.alarm_number, line.alarm_url).send(
        "A test of the line's alarm. Nothing is wrong." if is_test else ""
    )
    if not ways:
        raise click.ClickException("nobody is told: set ALARM_NUMBER or ALARM_URL")
    for way, failure in ways.items():
        click.echo(f"{way}: {failure or 'taken'}")
    if any(ways.values()):
        raise SystemExit(1)


# The command `ivr probe`: whether the line answers, as seen from outside.


@click.command()
@click.option("--url", envvar="PUBLIC_URL", required=True, help="The line's address.  [default: PUBLIC_URL]")
@click.option(
    "--token",
    envvar="TWILIO_AUTH_TOKEN",
    required=True,
    help="What signs its webhooks; better in TWILIO_AUTH_TOKEN, where no list of processes shows it.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def probe(url: str, token: str, *, as_json: bool) -> None:
    """Place one signed call, with one key, and one text at the line, and say whether it answered rightly.

    For a cron job on another machine: it needs the address and the token, no files and no database. The line
    notes nothing of it. Ends with 1 where a caller would not have heard, or a texter not have read, what they
    have to.
    """
    from ivr.telephony.probe import Probe

    found = Probe(url.rstrip("/"), token).run()
    for each in found:
        verdict = "fault" if each.wrong else "warning" if each.slow else "ok"
        words = each.wrong or ("answered, but slowly" if each.slow else "answered rightly")
        seconds = round(each.seconds, 3)
        told = json.dumps({"verdict": verdict, "what": each.what, "seconds": seconds, "words": words})
        click.echo(told if as_json else f"{verdict:8} {each.what}: {words} ({seconds:.2f} s)")
    if any(each.wrong for each in found):
        raise SystemExit(1)
