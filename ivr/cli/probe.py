"""The command `ivr probe`: whether the line answers, as seen from outside."""

from __future__ import annotations

import json

import click


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
