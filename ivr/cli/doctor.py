"""The command `ivr doctor`."""

from __future__ import annotations

import json
import os

import click


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
