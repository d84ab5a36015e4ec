"""Measure a log of ten million turns, on each database: its pages, and whether it still takes turns quickly.

Of a page it is server time: the whole request, sign-in and template included, without a network.
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
from sqlalchemy import text

from ivr.effects import Entry
from ivr.flow.loader import read_flow
from ivr.hours import zone
from ivr.records.call_log import CallFilter, read_page
from ivr.records.counts import tally
from ivr.records.ingest import JournalFiler
from ivr.records.journal import Journal
from ivr.records.retention import forget
from ivr.records.transfer_store import TransferStore
from ivr.transfer.machine import Transfer
from ivr.wiring import COUNTS_HOLD
from long.million import DAYS, TURNS_OF_A_CALL, fill
from long.suites import Run, Size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console import Hands

    from ivr.records.database import Database

CALLS, CALLS_OF_BENCH, FEW_CALLS = 10_000_000 // TURNS_OF_A_CALL, 1_000_000, 3_000
TIMES, FEW_TIMES = 15, 2
FILED, TURNS_FILED = 2_000, 10  # New calls, and turns of each; a tenth as many searches for a person.
LEAST_FILED, MOST_MS = 2_000, 100
PROMISED_PAGES = ("list", "list, one day", "filtered", "filtered, nothing found", "one call")
SIZE = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}


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


def measure_database(url: str, count: int, times: int, run: Run) -> dict[str, float]:
    """Fill one database, open every page again and again, file new turns, and forget a day."""
    flow = read_flow(ROOT / "config", ROOT / "prompts")
    console = Held(Path(), flow, ROOT / "prompts", url=url)
    agencies = [name for name, agency in flow.directory.agencies.items() if agency.transfer]
    began = time.perf_counter()
    end = fill(console.database, count, [*flow.stops], agencies, run.progress)
    figures = {"filled, s": time.perf_counter() - began, "bytes a call": size(console.database) / count}
    console.at = end.timestamp()
    hands = console.signed_in()
    tally(console.database, end.timestamp(), zone(flow.line.zone))  # As the worker does, every hour.
    first = end.replace(day=1)
    places = pages(console.database, f"{first:%Y-%m}", f"{first - timedelta(days=2):%Y-%m}")
    for name, path in run.progress.track(places.items(), description="pages"):
        took = measure(hands, path, times)
        figures |= {f"{name}, {what} ms": each for what, each in summary(took).items()}
    journal = Journal(run.folder / f"journal-{console.database.engine.dialect.name}")
    figures |= measure_filing(console.database, journal, end.timestamp(), run.pick(20, FILED))
    began = time.perf_counter()
    gone = forget(console.database, end.timestamp(), DAYS - 1, 24, zone=zone(flow.line.zone))
    took_seconds = time.perf_counter() - began
    return figures | {"forgetting a day, calls": gone.calls, "forgetting a day, s": took_seconds}


def measure_filing(database: Database, journal: Journal, now: float, calls: int) -> dict[str, float]:
    """Begin searches for a person, and file turns, into a log as it is now."""
    store, took = TransferStore(database, lambda: now), []
    for number in range(calls // 10):
        began = time.perf_counter()
        store.open(Transfer(f"search{number}", f"new{number}", "any", "en"))
        took.append((time.perf_counter() - began) * 1000)
    for number in range(calls * TURNS_FILED):
        turn, call = divmod(number, calls)  # Many calls go on at once: each is filed again and again.
        journal.write(Entry(f"new{call}", str(turn), now + turn, "voice", "en", "main", "key"))
    began, spent = time.perf_counter(), time.process_time()
    count = JournalFiler(journal, database, lambda: now).file_once()
    filed, cost = count / (time.perf_counter() - began), (time.process_time() - spent) / count
    journal.close()
    return {
        "a search begun, median ms": median(took),
        "turns filed a second": filed,
        "a turn filed, us of our processor time": cost * 1e6,
    }


def size(database: Database) -> float:
    """Give the bytes of a database."""
    with database.read() as sql:
        return float(sql.scalar(text(SIZE[database.engine.dialect.name])) or 0)


def summary(took: list[float]) -> dict[str, float]:
    """Give the first time, and the median and the slowest tenth of all later ones."""
    first, *later = took
    return {"first": first, "median": median(later), "p90": quantiles(later, n=10)[-1]}


def measure_log(run: Run) -> None:
    """Measure each database, and hold it against what is promised."""
    count = CALLS if run.size is Size.FULL else FEW_CALLS
    times = TIMES if run.size is Size.FULL else FEW_TIMES
    run.figures |= {"calls": count, "turns": count * TURNS_OF_A_CALL}
    with databases(run.folder) as urls:
        for kind, url in urls.items():
            found = measure_database(url, count, times, run)
            run.figures |= {f"{kind}, {name}": each for name, each in found.items()}
            run.keep()
            if run.size is Size.FULL:
                run.failures += [f"{kind}, {broken}" for broken in not_promised(found)]


def not_promised(found: dict[str, float]) -> Iterator[str]:
    """Name what is slower than it may be, however long the log is."""
    if found["turns filed a second"] < LEAST_FILED:
        yield f"turns filed a second: {found['turns filed a second']:.0f}, promised {LEAST_FILED}"
    for page in PROMISED_PAGES:
        if (took := found[f"{page}, median ms"]) > MOST_MS:
            yield f"{page}, median ms: {took:.0f}, promised {MOST_MS}"


def main() -> None:
    """Measure and print."""
    console = Console()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS_OF_BENCH
    with tempfile.TemporaryDirectory() as folder, databases(Path(folder)) as urls:
        for kind, url in urls.items():
            with Progress(console=console) as progress:
                found = measure_database(url, count, TIMES, Run(Size.FULL, 1, Path(folder), progress))
            table = Table("what", "measured", title=f"{kind}: {count:,} calls in the log")
            for name, each in found.items():
                table.add_row(name, f"{each:,.1f}")
            console.print(table)


if __name__ == "__main__":
    main()
