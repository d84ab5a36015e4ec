"""Measure what an operator waits for when a million calls are in the log, on each database.

Server time: the whole request, sign-in and template included, without a network.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING

import psycopg
from console import Console as ConsoleUnderTest
from postgres import running_postgres
from real.rehearsal import ROOT
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ivr.flow.loader import read_flow
from ivr.hours import zone
from ivr.records.call_log import CallFilter, read_page
from ivr.records.counts import tally
from ivr.wiring import COUNTS_HOLD
from long.million import fill
from long.suites import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console import Hands

    from ivr.records.database import Database
    from long.suites import Run

CALLS, FEW_CALLS = 1_000_000, 3_000
TIMES, FEW_TIMES = 15, 2


def pages(database: Database, month: str, before: str) -> dict[str, str]:
    """Name what operators open, and where it is."""
    first = read_page(database, CallFilter(), size=1).calls[0].id
    narrow = "/calls?channel=voice&language=fr&outcome=connected&agency=chrysalis&stop=main"
    return {
        "list": "/calls",
        "list, one day": f"/calls?since={month}-05&until={month}-05",
        "filtered": narrow,
        "filtered, nothing found": f"{narrow}&hour=3&seconds_from=86000",
        "one call": f"/calls/{first}",
        "transfers, a month": f"/transfers?since={month}-01&until={month}-28",
        "reports, a month": f"/reports?since={month}-01&until={month}-28",
        "a month's report": f"/reports/{month}",
        "its tree, drawn": f"/reports/chart/tree.svg?since={month}-01&until={month}-28",
        "a published month": f"/reports/{before}/community",
    }


def measure(hands: Hands, path: str, times: int) -> list[float]:
    """Open one page again and again; give milliseconds."""
    took = []
    for _ in range(times + 1):
        began = time.perf_counter()
        answer = hands.get(path)
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, (path, answer.status)
    return took


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """Give an empty database of each kind."""
    with running_postgres() as url:
        with psycopg.connect(url, autocommit=True) as administrator:
            administrator.execute("CREATE DATABASE bench")
        yield {
            "SQLite": f"sqlite:///{folder}/bench.sqlite3",
            "PostgreSQL": url.replace("@/postgres?", "@/bench?"),
        }


class Held(ConsoleUnderTest):
    """A console that shows counts again for as long as the real one does."""

    counts_hold = COUNTS_HOLD


def measure_pages(url: str, count: int, times: int, progress: Progress) -> dict[str, list[float]]:
    """Fill one database, and open every page again and again; give milliseconds, the first time first."""
    flow = read_flow(ROOT / "config", ROOT / "prompts")
    console = Held(Path(), flow, ROOT / "prompts", url=url)
    agencies = [name for name, agency in flow.directory.agencies.items() if agency.transfer]
    end = fill(console.database, count, [*flow.stops], agencies, progress)
    console.at = end.timestamp()
    hands = console.signed_in()
    tally(console.database, end.timestamp(), zone(flow.line.zone))  # As the worker does, every hour.
    first = end.replace(day=1)
    places = pages(console.database, f"{first:%Y-%m}", f"{first - timedelta(days=2):%Y-%m}")
    return {
        name: measure(hands, path, times)
        for name, path in progress.track(places.items(), description="pages")
    }


def summary(took: list[float]) -> dict[str, float]:
    """Give the first time, and the median and the slowest tenth of all later ones."""
    first, *later = took
    return {"first": first, "median": median(later), "p90": quantiles(later, n=10)[-1]}


def measure_log(run: Run) -> None:
    """Measure every page on each database."""
    count = CALLS if run.size is Size.FULL else FEW_CALLS
    times = TIMES if run.size is Size.FULL else FEW_TIMES
    run.figures["calls"] = count
    with databases(run.folder) as urls:
        for kind, url in urls.items():
            for page, took in measure_pages(url, count, times, run.progress).items():
                named = {f"{kind}, {page}, {what} ms": each for what, each in summary(took).items()}
                run.figures |= named


def main() -> None:
    """Measure and print."""
    console = Console()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    with tempfile.TemporaryDirectory() as folder, databases(Path(folder)) as urls:
        for kind, url in urls.items():
            with Progress(console=console) as progress:
                found = measure_pages(url, count, TIMES, progress)
            table = Table(title=f"{kind}: server time of a page with {count:,} calls in the log")
            for column in ("page", "first", "median", "p90"):
                table.add_column(column, justify="left" if column == "page" else "right")
            for name, took in found.items():
                table.add_row(name, *(f"{each:.1f} ms" for each in summary(took).values()))
            console.print(table)


if __name__ == "__main__":
    main()
