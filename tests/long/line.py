"""Measure what a caller would notice, side by side: `make bench` prints it, `make long` writes it down.

Everything runs on this machine, on 127.0.0.1; every loop has an end.
"""

from __future__ import annotations

import json
import math
import re
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

import requests
from postgres import put_tables
from real.rehearsal import becomes
from real.world import with_lines
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ivr.effects import Entry
from ivr.operations.local_stack import ACCOUNT, NUMBER, LocalStack, launch
from ivr.records.database import connect
from ivr.records.ingest import JournalFiler
from ivr.records.journal import Journal
from ivr.records.migrations.migrate import upgrade
from ivr.simulator.webhooks import sign
from long.load import PATIENCE, send_all
from long.suites import ROOT, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ivr.operations.local_stack import Launch
    from long.suites import Figure, Run

TURNS_OF_A_CALL = 10
CONSENT = "/voice/2/en/person/0"  # Where a caller is when they choose whom to be put through to.
SEARCH = re.compile(r"/wait/([a-z0-9]+)/")
RUNG = re.compile(r"/transfers/([a-z0-9]+)/1/whisper")
MOST = {
    "key -> REST rings the agency, median ms": 20,
    "start -> first answer, median ms": 1500,
    "ivr check, median ms": 1000,
}
IVR = str(Path(sys.executable).with_name("ivr"))
LONG_WAIT = "5"  # What Twilio's QueueTime says when nobody has taken up a search.


class Bell:
    """Stands in for Twilio's REST API: notes when it is asked to ring, and for which search."""

    def __init__(self) -> None:
        self.rung: dict[str, float] = {}
        self._news = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _Door)
        self._server.bell = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def ring(self, url: str, at: float) -> None:
        """Note one request."""
        transfer_id = RUNG.search(url)
        with self._news:
            if transfer_id:
                self.rung.setdefault(transfer_id[1], at)
            self._news.notify_all()

    def wait_for(self, transfer_id: str) -> float | None:
        """Give the moment in which an agency was rung for a search, or nothing when that takes too long."""
        with self._news:
            self._news.wait_for(lambda: transfer_id in self.rung, PATIENCE)
            return self.rung.get(transfer_id)

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    bell: Bell


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        at = time.monotonic()
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
        self.server.bell.ring(form.get("Url", [""])[0], at)
        body = json.dumps({"sid": "CA" + secrets.token_hex(16), "status": "queued"}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Amounts:
    """How much is measured."""

    asks: int = 50
    starts: int = 5
    requests: int = 8_000
    entries: int = 10_000


FEW = Amounts(asks=2, starts=1, requests=100, entries=200)


@dataclass
class Network:
    """Posts webhooks as Twilio does, over one connection that stays open."""

    stage: LocalStack
    session: requests.Session = field(default_factory=requests.Session)

    def form(self, **more: str) -> dict[str, str]:
        """Fill in what every webhook of a new call tells."""
        sid = "CA" + secrets.token_hex(16)
        phone = f"+1289555{secrets.randbelow(9000) + 1000}"  # Another each time: one may ask 12 times.
        told = {"CallSid": sid, "From": phone, "To": NUMBER, "AccountSid": ACCOUNT}
        return told | {"CallStatus": "in-progress"} | more

    def post(self, path: str, **more: str) -> str:
        """Post one webhook; give the document that answers it."""
        form, url = self.form(**more), self.stage.public_url + path
        signed = {"X-Twilio-Signature": sign(self.stage.token, url, form)}
        return self.session.post(url, data=form, headers=signed, timeout=PATIENCE).text


def ask(network: Network, bell: Bell) -> float | None:
    """Choose whom to be put through to; give the seconds from its announcement until REST is asked."""
    transfer_id = search_of(network.post(CONSENT, Digits="2"))
    network.post(f"/wait/{transfer_id}/en/0/0", QueueTime="0")
    began = time.monotonic()
    network.post(f"/wait/{transfer_id}/en/1/1", QueueTime="1")
    return _since(began, bell, transfer_id)


def ask_and_wait(network: Network, bell: Bell) -> float | None:
    """Ask while nobody works; give the seconds from the fetch of the wait document that notices."""
    transfer_id = search_of(network.post(CONSENT, Digits="2"))
    network.post(f"/wait/{transfer_id}/en/0/0", QueueTime="0")
    network.post(f"/wait/{transfer_id}/en/1/1", QueueTime="1")
    began = time.monotonic()
    network.post(f"/wait/{transfer_id}/en/2/1", QueueTime=LONG_WAIT)
    return _since(began, bell, transfer_id)


def ask_directly(network: Network, _: Bell) -> float | None:
    """Ask while SQL is gone; give the seconds until the document that dials."""
    began = time.monotonic()
    document = network.post(CONSENT, Digits="2")
    return time.monotonic() - began if "<Dial" in document else None


def start_and_answer(network: Network) -> float | None:
    """Start the web processes; give the seconds until a caller is answered."""
    stage = network.stage
    stage.stop("web")
    began = time.monotonic()
    stage.start("web", IVR, "web")
    while time.monotonic() - began < PATIENCE:
        with suppress(requests.ConnectionError):
            if "<Gather" in network.post("/voice"):
                return time.monotonic() - began
        time.sleep(0.01)
    return None


def check_files() -> float | None:
    """Run `ivr check`; give the seconds that it takes."""
    began = time.monotonic()
    done = subprocess.run([IVR, "check"], capture_output=True, check=False, cwd=ROOT)
    return None if done.returncode else time.monotonic() - began


def search_of(document: str) -> str:
    """Name the search that a caller waits for, as the document says that answers them."""
    found = SEARCH.search(document)
    return found[1] if found else ""


def _since(began: float, bell: Bell, transfer_id: str) -> float | None:
    rung = bell.wait_for(transfer_id) if transfer_id else None
    return rung - began if rung else None


def health_requests(stage: LocalStack, count: int) -> list[bytes]:
    """Prepare requests for the fixed page."""
    return [f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{stage.web_port}\r\n\r\n".encode()] * count


def turn_requests(stage: LocalStack, path: str, count: int) -> list[bytes]:
    """Prepare signed turns, each of a call of its own: a webhook that is repeated is noted only once."""
    network = Network(stage)
    return [_signed(stage, path, network.form()) for _ in range(count)]


def _signed(stage: LocalStack, path: str, form: dict[str, str]) -> bytes:
    body = urlencode(form)
    head = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{stage.web_port}",
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8",
        f"X-Twilio-Signature: {sign(stage.token, stage.public_url + path, form)}",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*head, "", body]).encode()


def file_rows(folder: Path, count: int) -> tuple[float, float]:
    """Write entries into a journal and file them into SQL; give the seconds that each takes."""
    url = f"sqlite:///{folder}/rows.sqlite3"
    upgrade(url)
    database, journal = connect(url), Journal(folder / "rows")
    began = time.monotonic()
    for number in range(count):
        call, turn = divmod(number, TURNS_OF_A_CALL)
        journal.write(Entry(f"call{call}", str(turn), time.time(), "voice", "en", "main", "key"))
    written = time.monotonic()
    JournalFiler(journal, database, time.time).file_once()
    done = time.monotonic()
    journal.close()
    database.close()
    return written - began, done - written


@contextmanager
def staged(folder: Path, launch: Launch = launch, patience: int = 1) -> Iterator[tuple[LocalStack, Bell]]:
    """Start a whole line whose agencies have lines enough, and a bell in place of Twilio."""
    bell = Bell()
    config = with_lines(folder / "config", 10_000)
    settings = {"TWILIO_CALLS_PER_SECOND": "1000", "IVR_CONFIG": str(config), "PATIENCE": str(patience)}
    stage = LocalStack(folder, api_url=bell.url, extra=settings, launch=launch)
    try:
        put_tables(stage.environment["DATABASE_URL"])
        stage.start_redis()
        stage.start_web()
        stage.start_worker()
        yield stage, bell
    finally:
        stage.close()
        bell.close()


@dataclass
class Bench:
    """What was measured so far, and how far along it is."""

    progress: Progress
    amounts: Amounts = Amounts()
    table: Table = field(default_factory=Table)
    figures: dict[str, Figure] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, side in (("what", "left"), ("n", "right"), ("median", "right"), ("p90", "right")):
            self.table.add_column(name, justify="left" if side == "left" else "right")

    def times(self, what: str, once: Callable[[], float | None], often: int = 0) -> None:
        """Do one thing again and again; note how long it takes."""
        often = often or self.amounts.asks
        task = self.progress.add_task(what, total=often)
        took = []
        for _ in range(often):
            took.append(once())
            self.progress.advance(task)
        came = [seconds * 1000 for seconds in took if seconds is not None]
        lost = f" ({len(took) - len(came)} lost)" if len(came) < len(took) else ""
        self.lost += [what + lost] if lost else []
        slow = quantiles(came, n=10)[-1] if len(came) > 1 else float("nan")
        middle = median(came) if came else float("nan")
        self.figures |= {f"{what}, median ms": middle, f"{what}, p90 ms": slow}
        self.table.add_row(what + lost, str(len(came)), f"{middle:.1f} ms", f"{slow:.1f} ms")

    def rate(self, what: str, stage: LocalStack, prepared: list[bytes]) -> float:
        """Send many requests; note how many are answered in a second."""
        task = self.progress.add_task(what, total=len(prepared))
        each = send_all(stage.web_port, iter(prepared), step=lambda: self.progress.advance(task)).a_second
        self.figures[f"{what}, a second"] = each
        self.table.add_row(what, str(len(prepared)), f"{each:,.0f} /s", "")
        return each


def measure(bench: Bench, folder: Path, launch: Launch = launch, patience: int = 1) -> None:
    """Measure everything, the ways of losing a part one after the other."""
    with staged(folder, launch, patience) as (stage, bell):
        network = Network(stage)
        becomes(lambda: ask(network, bell) is not None, PATIENCE)  # The worker is up, everybody is warm.
        bench.times("key -> REST rings the agency", lambda: ask(network, bell))
        page = bench.rate("fixed page (/health)", stage, health_requests(stage, bench.amounts.requests))
        turns = turn_requests(stage, "/voice/1/en/main/0", bench.amounts.requests)
        turn = bench.rate("signed turn, with journal", stage, turns)
        bench.figures["turn : fixed page"] = turn / page
        bench.table.add_row("turn : fixed page", "", f"{turn / page:.2f}", "")
        starts = bench.amounts.starts
        bench.times("start -> first answer", lambda: start_and_answer(network), starts)
        bench.times("ivr check", check_files, starts)
        stage.stop("worker")
        bench.times("worker dead: wait document -> REST", lambda: ask_and_wait(network, bell))
        stage.stop("redis")
        ask(network, bell)  # The breaker notices.
        bench.times("Redis dead: key -> REST", lambda: ask(network, bell))
        (folder / "line.sqlite3").rename(folder / "line.taken")
        ask_directly(network, bell)
        bench.times("SQL dead: key -> <Dial> (direct path)", lambda: ask_directly(network, bell))
    count = bench.amounts.entries
    written, filed = file_rows(folder, count)
    bench.figures |= {"journal, entries a second": count / written, "SQL, entries a second": count / filed}
    bench.table.add_row(f"journal takes {count:,} entries", "1", f"{written:.2f} s", "")
    bench.table.add_row(f"SQL is given {count:,} entries", "1", f"{filed:.2f} s", "")


def measure_line(run: Run) -> None:
    """Measure everything, and note what was lost."""
    bench = Bench(run.progress, FEW if run.size is Size.SMALL else Amounts())
    # On a busy machine SQL is slower than a caller waits for it: they go directly, and no ring is asked for.
    measure(bench, run.folder, run.launch, patience=run.pick(10, 1))
    run.figures |= bench.figures
    run.failures += bench.lost
    if run.size is Size.FULL:
        run.failures += [
            f"{what}: {bench.figures[what]:.0f}, promised {most}"
            for what, most in MOST.items()
            if not float(bench.figures[what] or math.inf) <= most
        ]


def main() -> None:
    """Measure and print."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder, Progress(console=console) as progress:
        bench = Bench(progress)
        measure(bench, Path(folder))
    console.print(bench.table)


if __name__ == "__main__":
    main()
