"""The command `ivr go-live`: the way to the first real call."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

import click

from ivr.cli.context import settings


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
