"""The command `ivr alarm`: try whether an alarm would reach anybody."""

from __future__ import annotations

import click

from ivr.cli.context import settings


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
