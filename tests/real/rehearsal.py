"""One whole line on this machine, its pretend network, and questions about both."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from postgres import put_tables
from redis import Redis

from ivr.cli.processes import FILER
from ivr.encryption import make_private_folder
from ivr.operations.local_stack import (
    ACCOUNT,
    NUMBER,
    LocalStack,
    in_hand,
    is_alive,
    launch,
    pages,
    show_in,
    unfiled,
)
from ivr.records.call_log import list_calls
from ivr.records.database import RecordsUnavailable, connect
from ivr.simulator.clock import PacedClock
from ivr.simulator.event_clock import EventClock
from ivr.simulator.exchange import Account
from ivr.simulator.people import When, accepts, never_answers
from ivr.simulator.rehearse import Network, urls_of
from ivr.simulator.webhooks import RequestsFetch
from ivr.understanding.client import start_classifier
from ivr.understanding.weights_in_force import FOLDER as WEIGHTS
from ivr.work.network_clock import NOW
from ivr.work.worker import jobs_in_hand
from real.warm_start import WarmStart, warm_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ivr.operations.local_stack import Launch, Process
    from ivr.simulator.clock import Clock
    from ivr.simulator.rehearse import RehearsedCall
    from ivr.simulator.webhooks import Answer

ROOT = Path(__file__).parent.parent.parent
IVR = str(Path(sys.executable).with_name("ivr"))
SPEED = 10.0  # How fast the network runs where its time is paced.
CALLER, TEXTER = "+12895550123", "+12895550124"
VICTIM_SERVICES, CHRYSALIS, HOTLINE = "+19055464904", "+18665287109", "+18339001010"
SOON = 60.0  # Seconds of ours in which whatever is to happen does, on whichever machine.
BEGUN = "started"  # RQ's word for a job that a worker is at, or was when it was killed.
AGAIN = "scheduled"  # RQ's word for a job that failed and is tried again.
TOLD = 6000  # Characters of each log that a failed test shows.
TERMINAL = {"PATH": os.environ["PATH"], "COLUMNS": "200"}  # Where somebody types a command.


@dataclass(frozen=True)
class Limits:
    """How patient the line is with its own parts, and whether the network's time is paced or waits for it."""

    patience: int = 10
    paced: bool = False
    lived: bool = False  # Whether callers live through the time that the line takes.
    promised: float = SOON  # Seconds: no webhook takes longer.

    @property
    def slack(self) -> float:
        """Count the seconds of the network's that the line's own slowness may add."""
        return 10.0 if self.paced else 1.0


STEADY = Limits()
PRODUCTION = Limits(patience=1, paced=True, promised=2.0)
LIVED = Limits(patience=1, lived=True)


def becomes(claim: Callable[[], bool], within: float = SOON) -> bool:
    """Wait until a claim is true; say whether it became so in time."""
    deadline = time.monotonic() + within
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def children(pid: int) -> list[int]:
    """List the living processes that a process started."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [child for child in map(int, found) if is_alive(child)]


def web_workers(server: int) -> list[int]:
    """List the living processes that a server started to answer: all but the one that files."""
    return [pid for pid in children(server) if name_of(pid) != FILER]


def name_of(pid: int) -> str:
    """Give the name that a process has given itself."""
    try:
        return Path(f"/proc/{pid}/comm").read_text("utf-8").strip()
    except OSError:
        return ""


def session_of(leader: int) -> list[int]:
    """List the living processes of one session, whatever became of the one that began it."""
    everyone = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [pid for pid in everyone if is_alive(pid) and _session(pid) == leader]


def all_of(folder: Path) -> list[int]:
    """List the living processes of the line that lives in a folder: its settings name it, or it is there."""
    everyone = [path for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [int(path.name) for path in everyone if is_alive(int(path.name)) and _lives_in(folder, path)]


def end_all_of(folder: Path) -> None:
    """Kill whatever is left of the line in a folder."""
    for pid in all_of(folder):
        os.kill(pid, signal.SIGKILL)


def _lives_in(folder: Path, process: Path) -> bool:
    try:
        settings = (process / "environ").read_text(errors="replace")
        here = (process / "cwd").readlink()
    except OSError:
        return False
    return f"{folder}/" in settings or here.is_relative_to(folder)  # Redis writes over its environment.


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


@contextmanager
def hanging(process: Process) -> Iterator[None]:
    """Stop a process in its tracks, so that it neither answers nor refuses, and let it go on afterwards."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@dataclass
class TimedFetch:
    """Sends webhooks over real HTTP, and notes how long each was under way."""

    fetch: RequestsFetch = field(default_factory=RequestsFetch)
    took: list[tuple[float, str]] = field(default_factory=list)
    lost: int = 0  # Requests that got no answer, or an error.

    def __call__(self, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        began = time.monotonic()
        answer = self.fetch(url, form, headers)
        self.took.append((time.monotonic() - began, url))
        self.lost += answer.error != 0
        return answer

    @property
    def slowest(self) -> float:
        return max(seconds for seconds, _ in self.took)


@dataclass
class ShownTime:
    """The network's time as the line's processes are shown it: their clock may be wrong."""

    show: Callable[[float], None]
    ahead: float = 0.0  # Seconds.

    def __call__(self, now: float) -> None:
        self.show(now + self.ahead)


@dataclass
class Rehearsal:
    """A line and its network, ready to be called."""

    stage: LocalStack
    network: Network
    webhooks: TimedFetch
    limits: Limits = STEADY
    lost: set[str] = field(default_factory=set)  # Parts that run and do not answer, by what a test did.
    striking: str = ""  # What is being done to the line now, while callers go on.
    shown: ShownTime | None = None
    _redis: Redis | None = None

    @property
    def redis(self) -> Redis:
        """Give a way to this line's Redis."""
        self._redis = self._redis or Redis(port=self.stage.redis_port, socket_timeout=SOON)
        return self._redis

    def in_hand(self) -> str:
        """Say what the line's processes still have to do, or nothing: effects, jobs, entries to be filed."""
        if self.striking:
            return self.striking
        parts = (self.stage.running.keys() | {"sql"}) - self.lost
        return in_hand(self.stage.environment, parts, self._jobs)

    def jobs(self) -> dict[str, str]:
        """Name the jobs in hand; where people live on, none that was begun and that no worker is at.

        Who began it was killed, or could not tell Redis that it was done: RQ takes minutes to notice, and the
        line gives nobody anything twice for it.
        """
        jobs = jobs_in_hand(self.redis)
        return {
            n: state
            for n, state in jobs.items()
            if not (self.limits.lived and state == BEGUN and self._is_left(n))
        }

    def _jobs(self) -> dict[str, str]:
        """Name the jobs that time waits for; where people live on, none that is tried again later."""
        return {n: state for n, state in self.jobs().items() if not (self.limits.lived and state == AGAIN)}

    def _is_left(self, job: str) -> bool:
        worker = (self.redis.hget(job, "worker_name") or b"").decode()
        if not worker:
            return False
        pid, at = self.redis.hmget(f"rq:worker:{worker}", "pid", "current_job")
        return not pid or not is_alive(int(pid)) or (at or b"").decode() != job.removeprefix("rq:job:")

    def is_quiet(self) -> bool:
        """Say whether the line has nothing in hand."""
        return not self.in_hand()

    def pages(self) -> dict[int, tuple[int, int]]:
        """Read what the living processes have in hand, and how often they looked around."""
        return pages(Path(self.stage.environment["REHEARSAL"]))

    def let_them_look(self) -> None:
        """Wait until every process has read anew what operators switch."""
        before = self.pages()

        def looked() -> bool:
            now = self.pages()
            return all(now[pid][1] >= looks + 2 for pid, (_, looks) in before.items() if pid in now)

        assert becomes(looked), (before, self.pages())

    def report(self) -> str:
        """Tell all that a person needs who looks for a fault: logs, journal, and what the network did."""
        clock = self.network.clock
        logs = {
            path.name: path.read_text(errors="replace")[-TOLD:] for path in self.stage.folder.glob("*.log")
        }
        events = clock.tell() if isinstance(clock, EventClock) else []
        heard = [
            f"{line.at:8.2f} {line.who}: {line.what} {line.words}" for line in self.network.feed.lines[-200:]
        ]
        parts = {
            "in hand": self.in_hand() or "nothing",
            "journal, in bytes": str(unfiled(Path(self.stage.environment["JOURNAL_DIR"]), dead=True)),
            "running": ", ".join(self.stage.running),
            "the clock's events": "\n".join(events),
            "the network": "\n".join(heard),
            **logs,
        }
        return "\n".join(f"--- {name}\n{words}" for name, words in parts.items())

    def kill(self, name: str) -> list[int]:
        """Kill the main process of a part as a platform's memory killer does; list it and what it started."""
        main = self.stage.running.pop(name)
        started = session_of(main.pid)
        main.kill()
        main.wait()
        return started

    @contextmanager
    def at_the_speed_of_life(self) -> Iterator[None]:
        """Let what takes processes a moment take callers no longer than that."""
        clock = self.network.clock
        if not isinstance(clock, PacedClock):
            yield
            return
        speed = clock.speed
        clock.pace(1.0)
        yield
        clock.pace(speed)

    def start(self, migrated: Path | None = None) -> None:
        """Start everything, and wait until it is ready; with a migrated log, if one is given."""
        if migrated:
            shutil.copy(migrated, self.stage.folder / "line.sqlite3")
        else:
            put_tables(self.stage.environment["DATABASE_URL"])
        self.stage.start_redis()
        self.stage.start_worker()
        self.stage.start_web()
        assert becomes(lambda: self.redis.scard("rq:workers") > 0), self.stage.log("worker").read_text()

    def close(self) -> None:
        """Stop everything, also what a test has orphaned."""
        self.network.close()
        self.stage.close()
        end_all_of(self.stage.folder)
        assert becomes(lambda: not all_of(self.stage.folder))
        if self._redis is not None:
            self._redis.close()

    def dial(self, *keys: str) -> RehearsedCall:
        """Call the line and press keys, each as soon as keys are taken."""
        call = self.network.dial(CALLER)
        for key in keys:
            call.press(key, When.SOON)
        return call

    def ask_for_a_person(self, call: RehearsedCall) -> bool:
        """Ask for anybody at all, from wherever the caller is; say whether they talk with somebody."""
        call.press("0", When.SOON)
        call.press("2", When.SOON)
        return call.wait_until_joined()

    def finish(self, call: RehearsedCall) -> bool:
        """Let the talk end and leave by pound; say whether the line said goodbye and was told of the end."""
        call.until(lambda now: now.joined_to is None)
        call.press("#", When.SOON)
        return call.wait_until_over() and self.network.clock.until(self._told_of_the_end, SOON)

    def _told_of_the_end(self) -> bool:
        return any(url.endswith("/voice/status") for _, url in self.webhooks.took)

    def log(self) -> list[dict[str, Any]]:
        """Read the call log; while it cannot be read, nothing is in it."""
        database = connect(self.stage.environment["DATABASE_URL"])
        try:
            return [json.loads(json.dumps(call.as_json())) for call in list_calls(database)]
        except RecordsUnavailable:
            return []
        finally:
            database.close()

    def log_soon(self, *expected: Mapping[str, object], within: float = SOON) -> list[dict[str, Any]]:
        """Read the log once it is as expected, or when the time in which it should be is over.

        Of each conversation, only what is expected of the first is given.
        """

        def told() -> list[dict[str, Any]]:
            return [{name: row[name] for name in (expected or [{}])[0]} for row in self.log()]

        becomes(lambda: told() == list(expected), within)
        return told()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ours with this line's settings."""
        start, settings = self.stage.launch, self.stage.environment
        if isinstance(start, WarmStart):
            return start.run([IVR, *arguments], TERMINAL | settings, ROOT, 2 * SOON)
        return run_ivr(*arguments, environment=settings)


def run_ivr(
    *arguments: str, environment: Mapping[str, str], cwd: Path = ROOT, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run one of our commands to its end."""
    return subprocess.run(
        [IVR, *arguments],
        env={**TERMINAL, **environment},
        cwd=cwd,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * SOON,
    )


@contextmanager
def without_database(line: Rehearsal) -> Iterator[None]:
    """Put a folder in the place of the database, for permissions would not stop root."""
    folder = line.stage.folder
    file, aside = folder / "line.sqlite3", folder / "aside"
    aside.mkdir()
    for part in folder.glob("line.sqlite3*"):
        part.rename(aside / part.name)
    file.mkdir()
    line.lost.add("sql")
    try:
        yield
    finally:
        file.rmdir()
        for part in aside.iterdir():
            part.rename(folder / part.name)
        aside.rmdir()
        line.lost.discard("sql")


@contextmanager
def redis_hanging(line: Rehearsal) -> Iterator[None]:
    """Let Redis neither answer nor refuse."""
    line.lost.add("redis")
    with hanging(line.stage.running["redis"]):
        yield
    line.lost.discard("redis")


def new_network(stage: LocalStack, webhooks: TimedFetch, clock: Clock, port: int = 0) -> Network:
    """Make the network of a line, at a port of its own or one that another had."""
    account = Account(ACCOUNT, stage.token, NUMBER)
    urls = urls_of(stage.public_url)
    network = Network(account, urls, clock=clock, fetch=webhooks, port=port)
    with_people(network)
    return network


def with_people(network: Network) -> None:
    """Put people at the telephones of the agencies."""
    network.people.put(VICTIM_SERVICES, accepts(talks=10), name="victim-services")
    network.people.put(CHRYSALIS, accepts(talks=10), name="chrysalis")
    network.people.put(HOTLINE, never_answers(), name="hotline")


@cache
def weights_of_all() -> Path:
    """Keep one classifier for all lines that teach it nothing; give the folder of its weights."""
    folder = Path(tempfile.mkdtemp(prefix="weights-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    start_classifier(ROOT / "phrases", folder)
    return folder


@contextmanager
def rehearsal(
    folder: Path,
    limits: Limits = STEADY,
    *,
    speed: float = SPEED,
    at_once: int = 1,
    start: Launch | None = None,
    **extra: str,
) -> Iterator[Rehearsal]:
    """Make a line and its network; nothing of the line runs yet. In the end, whatever runs is stopped.

    The network's time waits for the line, and the line's clock is the network's; where the limits of
    production hold, it runs at some speed beside the line's own.
    """
    shared = folder / "rehearsal"
    shared.mkdir()
    settings = {"REHEARSAL": str(shared), "PATIENCE": str(limits.patience)}
    if limits.paced:  # A second of the network's is so much shorter.
        settings["TWILIO_CALLS_PER_SECOND"] = str(int(speed))
    start = start or (launch if limits.paced or limits.lived else warm_start())
    if start is not launch and not limits.lived and "IVR_PHRASES" not in extra:
        make_private_folder(folder / "journal")
        (folder / "journal" / WEIGHTS).symlink_to(weights_of_all())
    stage = LocalStack(folder, extra=settings | extra, launch=start)
    webhooks = TimedFetch()
    line: Rehearsal

    def busy() -> str:
        return line.in_hand()  # Which comes to be after its network.

    shown: ShownTime | None = None
    clock: Clock
    if limits.paced:  # The line has the wall's time: the network shows it none.
        clock = PacedClock(speed)
    else:
        shown = ShownTime(show_in(shared / NOW))
        clock = EventClock(busy, shown, at_once=at_once, passes=limits.lived)
    network = new_network(stage, webhooks, clock)
    stage.api_url = network.api_url
    line = Rehearsal(stage, network, webhooks, limits, shown=shown)
    try:
        yield line
    except BaseException:
        print(line.report())  # noqa: T201 - pytest shows it where a test failed
        raise
    finally:
        line.close()
