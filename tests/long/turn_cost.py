"""Measure what one spoken turn costs, as a multiple of what bare Flask takes to read the same form.

Both run in this process by turns, so that whatever else the machine does slows both alike, and only processor
time is counted. `make bench-quick` compares the multiple with the one kept beside this file, and warns;
`--keep` keeps the one that was measured.
"""

from __future__ import annotations

import logging
import secrets
import tempfile
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import click
from conftest import ROOT
from fakes import ENVIRONMENT, make_line
from rich.console import Console
from rich.progress import track
from werkzeug.test import EnvironBuilder, run_wsgi_app

from ivr.flow.loader import read_flow
from ivr.records.journal import Journal
from ivr.settings import read_settings
from ivr.simulator.webhooks import sign
from ivr.web.app import create_app
from ivr.web.server.wsgi_adapter import BEGAN
from ivr.wiring import build_parts
from long.bare_flask import form_reader
from long.suites import commit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

KEPT = Path(__file__).with_suffix(".toml")
PATH = "/voice/1/en/main/0"
ROUNDS, TURNS = 400, 8  # Short turns by each, so that both meet the same moments of the machine.
MOST_WORSE = 1.10  # Times the kept figure; what is above is worth a look.
MARK = b"<Response"


def whole(folder: Path) -> Flask:
    """Make the application that answers callers, its journal on disk."""
    places = {"KEYS_DIR": folder / "keys", "JOURNAL_DIR": folder / "journal"}
    places |= {"IVR_CONFIG": ROOT / "config", "IVR_PROMPTS": ROOT / "prompts"}
    settings = read_settings(ENVIRONMENT | {name: str(path) for name, path in places.items()})
    flow = read_flow(settings.config, settings.prompts)
    line = make_line(flow, journal=Journal(settings.journal_dir))
    return create_app(build_parts(settings, line))


def requests_of_calls(count: int) -> Iterator[tuple[bytes, str]]:
    """Make forms as Twilio sends them, each of a call of its own, and their signatures."""
    url = ENVIRONMENT["PUBLIC_URL"] + PATH
    for _ in range(count):
        form = {"CallSid": "CA" + secrets.token_hex(16), "From": "+19055550123", "To": "+12895550100"}
        form |= {"AccountSid": ENVIRONMENT["TWILIO_ACCOUNT_SID"], "CallStatus": "in-progress", "Digits": "1"}
        yield urlencode(form).encode(), sign(ENVIRONMENT["TWILIO_AUTH_TOKEN"], url, form)


def cost(app: Flask, asked: list[tuple[bytes, str]]) -> float:
    """Answer requests; give the processor's seconds for each."""
    environs = [
        EnvironBuilder(
            PATH,
            method="POST",
            data=body,
            content_type="application/x-www-form-urlencoded",
            headers={"X-Twilio-Signature": signature},
            environ_base={BEGAN: time.perf_counter()},
        ).get_environ()
        for body, signature in asked
    ]
    began = time.process_time()
    answers = [run_wsgi_app(app, environ) for environ in environs]
    took = time.process_time() - began
    for body, status, _ in answers:
        document = b"".join(body)
        if not status.startswith("200") or MARK not in document:
            raise RuntimeError(f"a turn was answered by {status}: {document[:200]!r}")
    return took / len(asked)


def measure(rounds: int, turns: int) -> tuple[float, float]:
    """Measure both; give the median cost of a turn and of a form that bare Flask reads, in seconds."""
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        apps = whole(Path(folder)), form_reader(PATH)
        costs: tuple[list[float], list[float]] = [], []
        for app in apps:
            cost(app, list(requests_of_calls(turns)))  # What is computed once is computed now.
        for number in track(range(rounds), description="turns", console=Console(stderr=True)):
            asked = list(requests_of_calls(turns))
            for which in (0, 1) if number % 2 else (1, 0):
                costs[which].append(cost(apps[which], asked))
    logging.disable(logging.NOTSET)
    return median(costs[0]), median(costs[1])


def is_worse(ratio: float, kept: float) -> bool:
    """Whether a turn costs more than the figure that is kept allows for."""
    return ratio > kept * MOST_WORSE


@click.command()
@click.option("--keep", is_flag=True, help="Keep the figure that is measured.")
def main(*, keep: bool) -> None:
    """Compare the cost of a spoken turn with the figure that is kept; warn when it is worse."""
    turn, form = measure(ROUNDS, TURNS)
    ratio = turn / form
    if keep:
        today = datetime.now(UTC).date()
        KEPT.write_text(f'ratio = {ratio:.2f}\ncommit = "{commit()}"\nmeasured = {today}\n', "utf-8")
    kept = float(tomllib.loads(KEPT.read_text("utf-8"))["ratio"])
    costs = f"a spoken turn {turn * 1e6:.0f} us, bare Flask {form * 1e6:.0f} us"
    click.echo(f"{costs}: {ratio:.2f} times (kept: {kept})")
    if is_worse(ratio, kept):
        click.echo(f"warning: {ratio / kept - 1:.0%} worse than the figure kept", err=True)


if __name__ == "__main__":
    main()
