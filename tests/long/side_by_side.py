"""The line beside bare Flask, in one run: what a webhook costs here, and what it costs without us.

`make bench` prints it, `make bench JSON=FILE` writes it down too. All servers are up at once, each with two
processes; they are asked one after the other, again and again, so that whatever else the machine does slows
all alike. Each turn is of a call of its own, and signed; the callers of a round are 4,000 different ones.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from itertools import product
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import click
import requests
from real.rehearsal import becomes, session_of
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ivr.flow.loader import read_flow
from ivr.flow.models import MenuStop, MessageStop
from ivr.operations.local_stack import ACCOUNT, NUMBER, hold_port
from ivr.position import Position
from ivr.pseudonyms import month_of
from ivr.records.journal import backlog
from ivr.simulator.webhooks import sign
from ivr.understanding.phrases import read_check_set
from long import turn_cost
from long.arrivals import send_at_rate
from long.line import CONSENT, Network, search_of, staged
from long.load import AT_ONCE, generator, send_for
from long.suites import ROOT, Run, Size, Suite, run
from long.understanding import CLASSIFIER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ivr.operations.local_stack import LocalStack
    from long.load import Answered
    from long.suites import Figure

GUNICORN, GRANIAN, OWN = "bare Flask, gunicorn 2 x 8", "bare Flask, granian 2 x 4", "bare Flask, our server"
TURN, KEYWORD = "a signed turn", "a text, by keyword"
MEANING, WAIT = "a text, by meaning", "a wait document"
CALLERS = 4000
TICKS_TO_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
PROMISED = {  # At least, as ratios of requests a second.
    (TURN, OWN): 0.65,
    (TURN, GRANIAN): 0.5,
    (TURN, GUNICORN): 1.1,
}
MOST_IN_PROCESS, MOST_MIB, MOST_P99 = 1.5, 110.0, 3.0
VERSIONS = ("flask", "werkzeug", "gunicorn", "granian", "uvicorn", "uvloop", "httptools")
SETTLED = 60.0  # Seconds in which what was answered is in the log.


@dataclass(frozen=True)
class Amounts:
    """How much is measured."""

    rounds: int = 5
    seconds: int = 4  # wrk takes whole ones.
    requests: int = 24_000  # Prepared for a round, each another call: more than are answered in it.
    waiting: int = 100  # Callers who wait in a round.
    turns: tuple[int, int] = (400, 8)  # In one process: see `turn_cost`.


FEW = Amounts(rounds=1, seconds=1, requests=600, waiting=2, turns=(2, 4))


@dataclass
class Arm:
    """One server, and what it is asked in a round."""

    name: str
    port: int
    leader: int  # The process that began the session of all of its processes.
    prepare: Callable[[int], list[bytes]]
    settle: Callable[[], bool] = lambda: True  # Wait until also what comes after the answers is done.
    runs: list[Answered] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  # Seconds a request, what comes after the answer included.
    mib: list[float] = field(default_factory=list)  # Of the largest process that answers.
    not_settled: int = 0

    def measure(self, number: int, seconds: int) -> None:
        """Ask for some seconds."""
        prepared, before = self.prepare(number), cpu_seconds(self.leader)
        done = send_for(self.port, prepared, seconds)
        self.not_settled += not self.settle()
        self.runs.append(done)
        self.cpu.append((cpu_seconds(self.leader) - before) / max(1, done.answered))
        self.mib.append(max(map(resident_mib, answering(self.leader)), default=0.0))

    @property
    def a_second(self) -> float:
        """How many requests are answered in a second, in the middle run."""
        return median(each.a_second for each in self.runs)


def cpu_seconds(leader: int) -> float:
    """Sum up the processor time of all processes of one session so far."""
    return sum(_ticks(pid) for pid in session_of(leader)) * TICKS_TO_SECONDS


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))  # Its own and its buried children's, in the system and outside.


def answering(leader: int) -> list[int]:
    """List the processes of one session that answer requests: all but the classifier of texts."""
    return [pid for pid in session_of(leader) if not is_classifier(pid)]


def is_classifier(pid: int) -> bool:
    """Whether a process is the one that web processes ask what a text means."""
    try:
        return CLASSIFIER in Path(f"/proc/{pid}/cmdline").read_text("utf-8", errors="replace")
    except OSError:
        return False


def resident_mib(pid: int) -> float:
    """Give the memory that a process holds."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass
class Callers:
    """Makes signed webhooks of callers and texters of one line; no round has those of another."""

    stack: LocalStack
    amounts: Amounts
    chance: random.Random

    def __post_init__(self) -> None:
        flow = read_flow(ROOT / "config", ROOT / "prompts")
        stops = {
            name: [*stop.options, "*", "9", ""]
            for name, stop in flow.stops.items()
            if isinstance(stop, MenuStop | MessageStop)
            and "offer-text" not in stop.options.values()  # Whose numbers would then be texted.
        }
        self._places = [(name, key) for name, keys in stops.items() for key in keys]
        self._languages = flow.voiced
        self._texts = [phrase.text for phrase in read_check_set(ROOT / "phrases")]
        # Stops that a texter may name at any time by one word.
        self._keywords = [word for words in flow.keywords.stops["en"].values() for word in words]

    def turns(self, number: int) -> list[bytes]:
        """Make turns: any key at any stop, in any language that is spoken."""
        month, made = month_of(time.time()), []
        for each in range(self.amounts.requests):
            stop, key = self.chance.choice(self._places)
            language = self.chance.choice(self._languages)
            here = Position(stop, language, turn=self.chance.randrange(1, 30), month=month)
            made.append(self._turn(here, key, "CA" + secrets.token_hex(16), number, each))
        return made

    def every_turn(self) -> dict[str, bytes]:
        """Make each key at each stop in each spoken language, as the first turn of a call of its own.

        Each comes three times: at once, after a key that was not understood, and where speech is slower.
        """
        month, made = month_of(time.time()), {}
        ways = (Position(), Position(attempt=1), Position(slow=True))
        for each, (way, language, (stop, key)) in enumerate(product(ways, self._languages, self._places)):
            sid = "CA" + secrets.token_hex(16)
            here = replace(way, stop=stop, language=language, turn=1, month=month)
            made[sid] = self._turn(here, key, sid, 0, each)
        return made

    def keywords(self, number: int) -> list[bytes]:
        """Make texts of one word."""
        return self._sent(number, self._keywords)

    def meanings(self, number: int) -> list[bytes]:
        """Make texts in people's own words."""
        return self._sent(number, self._texts)

    def fetches(self, number: int) -> list[bytes]:
        """Have callers wait, and make fetches of their wait documents."""
        network, made = Network(self.stack), []
        for each in range(self.amounts.waiting):
            transfer_id = search_of(network.post(CONSENT, Digits="2"))
            network.post(f"/wait/{transfer_id}/en/0/0", QueueTime="0")
            form = {"CallSid": "CA" + secrets.token_hex(16), "CallStatus": "in-progress", "QueueTime": "3"}
            made.append(self._post(f"/wait/{transfer_id}/en/1/1", form, number, each))
        return made

    def _sent(self, number: int, texts: list[str]) -> list[bytes]:
        made = []
        for each in range(self.amounts.requests):
            form = {"MessageSid": "SM" + secrets.token_hex(16), "NumMedia": "0"}
            made.append(self._post("/sms", form | {"Body": self.chance.choice(texts)}, number, each))
        return made

    def _turn(self, here: Position, key: str, sid: str, number: int, each: int) -> bytes:
        form = {"CallSid": sid, "CallStatus": "in-progress", "Direction": "inbound"}
        pressed = {"Digits": key, "FinishedOnKey": ""} if key else {}
        return self._post(f"/voice/{here.path()}", form | pressed, number, each)

    def _post(self, path: str, form: dict[str, str], number: int, each: int) -> bytes:
        """Write one webhook, from the caller whose turn it is."""
        form |= {
            "From": f"+1905{2_000_000 + number * CALLERS + each % CALLERS}",
            "To": NUMBER,
            "AccountSid": ACCOUNT,
            "ApiVersion": "2010-04-01",
        }
        body = urlencode(form)
        head = [
            f"POST {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.stack.web_port}",
            "Content-Type: application/x-www-form-urlencoded; charset=UTF-8",
            f"X-Twilio-Signature: {sign(self.stack.token, self.stack.public_url + path, form)}",
            "User-Agent: TwilioProxy/1.1",
            "I-Twilio-Idempotency-Token: " + secrets.token_hex(16),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*head, "", body]).encode()


@contextmanager
def bare_arms(callers: Callers) -> Iterator[list[Arm]]:
    """Start bare Flask behind three servers, each asked what a line is asked."""
    here = Path(sys.executable).parent
    path, factory = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "tests")}, "long.bare_flask:fixed"
    with ExitStack() as over:
        ports = [over.enter_context(hold_port()).getsockname()[1] for _ in range(3)]
        gunicorn, granian, own = ports
        commands = {
            GUNICORN: f"{here}/gunicorn --worker-class gthread --workers 2 --threads 8 --log-level error"
            f" --bind 127.0.0.1:{gunicorn} {factory}()",
            GRANIAN: f"{here}/granian --interface wsgi --workers 2 --blocking-threads 4 --log-level error"
            f" --port {granian} --factory {factory}",
            OWN: f"{sys.executable} -m long.bare_flask {own}",
        }
        arms = []
        for (name, command), port in zip(commands.items(), ports, strict=True):
            process = subprocess.Popen(
                command.split(), env=path, start_new_session=True, stderr=subprocess.DEVNULL
            )
            over.callback(_end, process)
            arms.append(Arm(name, port, process.pid, callers.turns))
        for arm in arms:
            if not becomes(lambda port=arm.port: _answers(port), 30):
                raise RuntimeError(f"{arm.name} does not answer")
        yield arms


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def line_arms(stack: LocalStack, callers: Callers) -> list[Arm]:
    """Ask a line for what it does."""
    journal = stack.folder / "journal"

    def settle() -> bool:
        return becomes(lambda: not backlog(journal), SETTLED)

    asked = {TURN: callers.turns, KEYWORD: callers.keywords, MEANING: callers.meanings, WAIT: callers.fetches}
    leader, port = stack.running["web"].pid, stack.web_port
    return [Arm(name, port, leader, prepare, settle) for name, prepare in asked.items()]


def logged(stack: LocalStack) -> int:
    """Count the turns that are in the log."""
    with closing(sqlite3.connect(stack.folder / "line.sqlite3")) as log:
        count: int = log.execute("SELECT count(*) FROM turns").fetchone()[0]
        return count


def fixed_words(stack: LocalStack) -> int:
    """Count the webhooks that our own code failed to answer, as the line itself counts them."""
    counts = requests.get(f"{stack.public_url}/metrics", timeout=10).text.splitlines()
    failed = [line for line in counts if 'outcome="fixed words"' in line or 'outcome="failed"' in line]
    return int(
        sum(float(line.split()[-1]) for line in failed if line.startswith("ivr_webhook_seconds_count"))
    )


def tails(arms: Sequence[Arm], a_second: float, amounts: Amounts) -> dict[str, float]:
    """Send the same requests a second to some servers, in turn; give the middle p99 of each, in ms."""
    found: dict[str, list[float]] = {arm.name: [] for arm in arms}
    for number in range(amounts.rounds):
        for arm in arms:
            prepared = arm.prepare(100 + number)[: max(10, round(a_second * amounts.seconds))]
            took = asyncio.run(send_at_rate(arm.port, prepared, a_second))
            found[arm.name].append(quantiles(took, n=100)[98] * 1000)
            arm.settle()
    return {name: median(each) for name, each in found.items()}


def measure_side_by_side(run: Run) -> None:
    """Measure everything, and hold it against what is promised."""
    amounts = FEW if run.size is Size.SMALL else Amounts()
    with staged(run.folder, run.launch) as (stack, _):
        callers = Callers(stack, amounts, random.Random(run.seed))  # noqa: S311 - a test's lot
        with bare_arms(callers) as bare:
            arms = [*bare, *line_arms(stack, callers)]
            for arm in arms if run.size is Size.FULL else ():  # Everybody is warm.
                arm.measure(0, 1)
                arm.runs, arm.cpu, arm.mib = [], [], []
            in_log, due = 0, 0
            for number in run.progress.track(range(1, amounts.rounds + 1), description="rounds"):
                for arm in arms:
                    before = logged(stack)
                    arm.measure(number, amounts.seconds)
                    if arm.name == TURN:
                        in_log += logged(stack) - before
                        due += min(arm.runs[-1].answered, amounts.requests)
            by_name = {arm.name: arm for arm in arms}
            equal = 0.5 * by_name[TURN].a_second
            late = tails([by_name[OWN], by_name[TURN]], equal, amounts)
            theirs = filter(is_classifier, session_of(stack.running["web"].pid))
            run.figures["the classifier of texts, MiB"] = round(
                max(map(resident_mib, theirs), default=0.0), 1
            )
        if failed := fixed_words(stack):
            run.failures.append(f"webhooks answered with fixed words: {failed}")
    turn, form = turn_cost.measure(*amounts.turns)
    _note(run, arms)
    run.figures |= {
        "load generator": generator(),
        "connections": AT_ONCE,
        "different turns answered": due,
        "turns of them in the log": in_log,
        "equal load, a second": round(equal),
        f"p99 at equal load, ms: {OWN}": round(late[OWN], 2),
        f"p99 at equal load, ms: {TURN}": round(late[TURN], 2),
        "p99 at equal load, ratio": round(late[TURN] / late[OWN], 2),
        "in one process, us: a turn": round(turn * 1e6),
        "in one process, us: bare Flask that reads the form": round(form * 1e6),
        "in one process, ratio": round(turn / form, 2),
    }
    if in_log < due:
        run.failures.append(f"turns answered and not in the log: {due - in_log}")
    _promise(run)
    run.figures |= {f"version of {name}": version(name) for name in VERSIONS}


def _note(run: Run, arms: list[Arm]) -> None:
    by_name = {arm.name: arm for arm in arms}
    for arm in arms:
        run.figures |= {
            f"{arm.name}, a second": round(arm.a_second),
            f"{arm.name}, p50 ms": round(median(each.p50 for each in arm.runs), 2),
            f"{arm.name}, p99 ms": round(median(each.p99 for each in arm.runs), 2),
            f"{arm.name}, CPU us": round(median(arm.cpu) * 1e6),
            f"{arm.name}, MiB": round(max(arm.mib), 1),
        }
        if failed := sum(each.failed for each in arm.runs):
            run.failures.append(f"{arm.name}, not answered: {failed}")
        if arm.not_settled:
            run.failures.append(f"{arm.name}, not in the log within {SETTLED:g} s: {arm.not_settled} times")
    for ours, bare in PROMISED:
        ratios = [
            a.a_second / b.a_second for a, b in zip(by_name[ours].runs, by_name[bare].runs, strict=True)
        ]
        run.figures[f"{ours} : {bare}"] = round(median(ratios), 2)


def _promise(run: Run) -> None:
    """Hold the ratios against what is promised, at full size."""
    if run.size is not Size.FULL:
        return
    told = run.figures
    least = {f"{ours} : {bare}": ratio for (ours, bare), ratio in PROMISED.items()}
    most = {
        "in one process, ratio": MOST_IN_PROCESS,
        "p99 at equal load, ratio": MOST_P99,
        f"{TURN}, MiB": MOST_MIB,
    }
    run.failures += [
        f"{name}: {told[name]}, promised {each}" for name, each in least.items() if told[name] < each
    ]
    run.failures += [
        f"{name}: {told[name]}, promised {each}" for name, each in most.items() if told[name] > each
    ]


def tables(figures: Mapping[str, Figure]) -> Iterator[Table]:
    """Show what was measured."""
    table = Table(title=f"load by {figures['load generator']}, {figures['connections']} connections")
    for column in ("what", "a second", "p50 ms", "p99 ms", "CPU us", "MiB"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for name in (GUNICORN, GRANIAN, OWN, TURN, KEYWORD, MEANING, WAIT):
        cells = [figures[f"{name}, {column}"] for column in ("a second", "p50 ms", "p99 ms", "CPU us", "MiB")]
        table.add_row(name, *map(str, cells))
    yield table
    ratios = Table("ratio", "measured", "goal")
    for (ours, bare), goal in PROMISED.items():
        ratios.add_row(f"{ours} : {bare}", str(figures[f"{ours} : {bare}"]), f"at least {goal}")
    ratios.add_row(
        "in one process, a turn : bare Flask",
        str(figures["in one process, ratio"]),
        f"at most {MOST_IN_PROCESS}",
    )
    ratios.add_row(
        "p99 at equal load, a turn : our server",
        str(figures["p99 at equal load, ratio"]),
        f"at most {MOST_P99}",
    )
    yield ratios


@click.command()
@click.option("--json", "to", type=click.Path(path_type=Path), help="Write the figures down here as well.")
@click.option("--size", type=click.Choice([each.value for each in Size]), default=Size.FULL.value)
@click.option("--seed", default=1, show_default=True)
def main(to: Path | None, size: str, seed: int) -> None:
    """Measure and print."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder, Progress(console=console) as progress:
        given = Run(Size(size), seed, Path(folder), progress)
        written = run(Suite("side_by_side", "the line beside bare Flask", measure_side_by_side), given)
    if to:
        to.write_bytes(written.read_bytes())
    for table in tables(given.figures):
        console.print(table)
    for failure in given.failures:
        console.print(f"  failed: {failure}", markup=False)


if __name__ == "__main__":
    main()
