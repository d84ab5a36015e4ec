"""Faults in the middle of calls, texts and transfers: each alone, and every pair of the eight worst.

In tests/: `python -m long faults`. Everything is started for real, on 127.0.0.1. While a fault lasts people
call, wait for a person, talk and text; then what failed is mended, and `long.promises` judges all of it.
"""

from __future__ import annotations

import os
import pwd
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from postgres import put_tables, running_postgres
from real.rehearsal import (
    CHRYSALIS,
    HOTLINE,
    IVR,
    LIVED,
    SOON,
    VICTIM_SERVICES,
    Rehearsal,
    becomes,
    children,
    name_of,
    redis_hanging,
    rehearsal,
    session_of,
    web_workers,
    without_database,
)
from real.world import with_lines
from sqlalchemy import func, select

from ivr.cli.processes import FILER
from ivr.flow.loader import read_flow
from ivr.operations.local_stack import is_alive, project_folder, unfiled
from ivr.operations.reload import list_refused
from ivr.records import migrations
from ivr.records.database import RecordsUnavailable, connect
from ivr.records.tables import calls, turns
from ivr.settings import read_settings
from ivr.simulator.faults import Delivery, RestFault
from ivr.simulator.people import (
    HangsUp,
    Joined,
    Pass,
    Press,
    When,
    accepts,
    busy,
    caller,
    switchboard,
)
from ivr.wiring import pseudonyms_of
from long.evidence import Collector, as_conversations, collector_of, exchange_holds
from long.promises import Broken, Evidence, broken_promises, silences
from long.restarts import NewVersion
from long.suites import BUILD, commit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from ivr.flow.models import Flow
    from ivr.operations.local_stack import Launch
    from ivr.simulator.rehearse import RehearsedCall
    from ivr.simulator.webhooks import Answer, Fetch
    from long.suites import Run

ASKS = (Press("1", When.SOON), Press("0", When.SOON), Press("2", When.SOON))
NUMBERS_BY_TEXT = tuple(Press(key, When.SOON) for key in "144111")
LINES = 2  # Lines that are tried at once: much of it is waiting.
AT_ONCE = 16  # Webhooks: more than anybody here causes.
LASTS = 75.0  # Seconds of the network's that a fault lasts at most.
LONGEST = 400.0  # Seconds of the network's in which all calls of a round are over.
SILENT = 5 * 3600.0  # After this, what is silent is taken for over.
A_DAY = 26 * 3600.0
HELD = 15.0  # Seconds that systemd holds a connection while the web server is started again.
DISK = "2m"
OLDER = "0012"  # A revision of the tables that lacks some of those that this version reads.
CLASSIFIER = "ivr.understanding.server"
UNDERSTANDS = "texts are understood by "  # What the log says once the classifier answers.
MIGRATING = threading.Lock()  # Alembic can do one thing at a time.


@dataclass
class HeldSocket:
    """Sends webhooks to a socket that systemd holds: whoever comes while the server starts waits."""

    fetch: Fetch
    port: int

    def __call__(self, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        deadline = time.monotonic() + HELD
        while not _listens(self.port) and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.fetch(url, form, headers)


@dataclass
class Stand:
    """One line on which a fault is tried."""

    line: Rehearsal
    collector: Collector
    config: Path
    postgres: str = ""  # The folder of its server.
    disk: Path | None = None  # A small disk of its own, for the journal or the database.
    doing: list[threading.Thread] = field(default_factory=list)

    def meanwhile(self, what: str, does: Callable[[], object]) -> None:
        """Do something that takes a while, and that callers live through."""
        self.line.striking = what

        def whole() -> None:
            try:
                does()
            finally:
                self.line.striking = ""

        thread = threading.Thread(target=whole, daemon=True)
        thread.start()
        self.doing.append(thread)

    def done(self) -> None:
        """Wait until all of that is done."""
        while self.doing:
            self.doing.pop().join(2 * SOON)

    @property
    def web_workers(self) -> list[int]:
        return web_workers(self.line.stage.running["web"].pid)

    def filer(self) -> int:
        """Find the process of `ivr web` that files."""

        def found() -> list[int]:
            pids = children(self.line.stage.running["web"].pid)
            return [pid for pid in pids if name_of(pid) == FILER]

        assert becomes(lambda: bool(found())), self.line.report()
        return found()[0]

    def classifier(self) -> int:
        """Find the classifier's process among those of `ivr web`."""

        def found() -> list[int]:
            pids = session_of(self.line.stage.running["web"].pid)
            return [pid for pid in pids if CLASSIFIER in _command(pid)]

        assert becomes(lambda: bool(found())), self.line.report()
        return found()[0]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong in the middle of calls, and is mended while calls go on."""

    name: str
    strike: Callable[[Stand], AbstractContextManager[object]]
    needs: str = ""  # What the line has to be put up with: postgres, old tables, or a small disk.


# What is done to processes.


def _killed(which: Callable[[Stand], int]) -> Callable[[Stand], AbstractContextManager[None]]:
    """Kill one process, which the line has to replace."""

    @contextmanager
    def strike(stand: Stand) -> Iterator[None]:
        os.kill(which(stand), signal.SIGKILL)
        yield

    return strike


def _hangs(which: Callable[[Stand], int]) -> Callable[[Stand], AbstractContextManager[None]]:
    """Stop one process in its tracks."""

    @contextmanager
    def strike(stand: Stand) -> Iterator[None]:
        with _stopped([which(stand)]):
            yield

    return strike


@contextmanager
def _web_killed(stand: Stand) -> Iterator[None]:
    stand.line.kill("web")
    stand.meanwhile("the web server starts", stand.line.stage.start_web)
    yield
    stand.done()


@contextmanager
def _web_restarted(stand: Stand) -> Iterator[None]:
    def again() -> None:
        stand.line.stage.stop("web")
        stand.line.stage.start_web()

    stand.meanwhile("the web server is started anew", again)
    yield
    stand.done()


@contextmanager
def _new_version(stand: Stand) -> Iterator[None]:
    version = NewVersion(stand.line)
    stand.meanwhile("a new version takes over", version.take_over)
    yield
    stand.done()


@contextmanager
def _worker_killed(stand: Stand) -> Iterator[None]:
    for pid in stand.line.kill("worker"):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    yield
    stand.line.stage.start_worker()


@contextmanager
def _worker_hangs(stand: Stand) -> Iterator[None]:
    stand.line.lost.add("worker")
    with _stopped(session_of(stand.line.stage.running["worker"].pid)):
        yield
    stand.line.lost.discard("worker")


@contextmanager
def _worker_restarted(stand: Stand) -> Iterator[None]:
    def again() -> None:
        stand.line.stage.stop("worker")
        stand.line.stage.start_worker()

    stand.meanwhile("the worker is started anew", again)
    yield
    stand.done()


@contextmanager
def _redis_killed(stand: Stand) -> Iterator[None]:
    stand.line.kill("redis")
    yield
    stand.line.stage.start_redis()


@contextmanager
def _redis_restarted(stand: Stand) -> Iterator[None]:
    def again() -> None:
        stand.line.stage.stop("redis")
        stand.line.stage.start_redis()

    stand.meanwhile("Redis is started anew", again)
    yield
    stand.done()


@contextmanager
def _stopped(pids: list[int]) -> Iterator[None]:
    """Stop processes in their tracks, and let those that are still there go on afterwards."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


# What is done to SQL and to disks.


@contextmanager
def _sqlite_locked(stand: Stand) -> Iterator[None]:
    stand.line.lost.add("sql")
    with closing(sqlite3.connect(stand.line.stage.folder / "line.sqlite3", timeout=SOON)) as sql:
        sql.execute("BEGIN EXCLUSIVE")
        yield
        sql.rollback()
    stand.line.lost.discard("sql")


@contextmanager
def _postgres_killed(stand: Stand) -> Iterator[None]:
    stand.line.lost.add("sql")
    server = _postmaster(stand)
    again, user = _command(server).split("\0"), pwd.getpwuid(Path(f"/proc/{server}").stat().st_uid)
    gone = (server, *children(server))
    for pid in gone:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):  # One that is not buried would be taken for alive by the next.
        os.waitpid(server, 0)
    yield
    assert becomes(lambda: not any(map(is_alive, gone)))
    owner = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with Path(stand.line.stage.folder, "postgres.log").open("ab") as log:
        subprocess.Popen(
            [part for part in again if part], stdout=log, stderr=log, cwd=stand.postgres, **owner
        )
    assert becomes(lambda: _reads(stand)), Path(stand.line.stage.folder, "postgres.log").read_text()
    stand.line.lost.discard("sql")


@contextmanager
def _postgres_hangs(stand: Stand) -> Iterator[None]:
    stand.line.lost.add("sql")
    server = _postmaster(stand)
    with _stopped([server, *children(server)]):
        yield
    stand.line.lost.discard("sql")


@contextmanager
def _tables_older(stand: Stand) -> Iterator[None]:
    """Leave the line with tables of an older version, and end the migration in the middle."""
    environment = {"PATH": os.environ["PATH"], **stand.line.stage.environment}
    release = subprocess.Popen([IVR, "release"], env=environment, stderr=subprocess.DEVNULL)
    writes = Path(stand.line.stage.folder, "line.sqlite3-journal")
    becomes(lambda: release.poll() is not None or writes.exists() or _wal_grows(stand), 20)
    release.kill()
    release.wait()
    yield
    done = stand.line.run("release")
    assert done.returncode == 0, done.stderr
    stand.line.lost.discard("sql")


@contextmanager
def _disk_full(stand: Stand) -> Iterator[None]:
    assert stand.disk
    filler = stand.disk / "filler"
    stand.line.lost.add("sql")
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"0")
    yield
    filler.unlink()
    stand.line.lost.discard("sql")


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a small disk; where that is not permitted, say so by an OSError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise OSError(f"no small disk can be mounted: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


@contextmanager
def _wish_taken_by_the_dead(stand: Stand) -> Iterator[None]:
    """Let whoever takes what a texter wished know neither Redis nor SQL, and die before either is back."""
    with redis_hanging(stand.line), without_database(stand.line):
        yield
        for pid in stand.web_workers:
            os.kill(pid, signal.SIGKILL)


# What is done to the network, the clock and the files.


def _network(change: Callable[[Stand], object]) -> Callable[[Stand], AbstractContextManager[None]]:
    @contextmanager
    def strike(stand: Stand) -> Iterator[None]:
        change(stand)
        yield
        stand.line.network.faults.clear()

    return strike


def _rest(does: str) -> Callable[[Stand], AbstractContextManager[None]]:
    return _network(lambda stand: stand.line.network.faults.rest.append(RestFault(does, match="POST")))


def _callbacks(delivery: Delivery) -> Callable[[Stand], AbstractContextManager[None]]:
    kinds = ("call", "caller", "message")
    return _network(lambda stand: stand.line.network.faults.callbacks.update(dict.fromkeys(kinds, delivery)))


def _switched(**switches: object) -> Callable[[Stand], AbstractContextManager[None]]:
    def change(stand: Stand) -> None:
        for name, value in switches.items():
            setattr(stand.line.network.faults, name, value)

    return _network(change)


def _clock(ahead: float) -> Callable[[Stand], AbstractContextManager[None]]:
    @contextmanager
    def strike(stand: Stand) -> Iterator[None]:
        assert stand.line.shown
        stand.line.shown.ahead = ahead
        yield
        stand.line.shown.ahead = 0.0

    return strike


@contextmanager
def _files_broken(stand: Stand) -> Iterator[None]:
    menus, journal = stand.config / "menus.toml", Path(stand.line.stage.environment["JOURNAL_DIR"])
    words, web = menus.read_text("utf-8"), stand.line.stage.running["web"]
    menus.write_text(words.replace('1 = "me"', '1 = "nowhere"', 1) + "\n[stops.", "utf-8")
    web.send_signal(signal.SIGHUP)
    stand.meanwhile("broken files are read", lambda: becomes(lambda: bool(list_refused(journal))))
    yield
    stand.done()
    assert list_refused(journal)
    menus.write_text(words, "utf-8")
    web.send_signal(signal.SIGHUP)
    assert becomes(lambda: not list_refused(journal))


WORST = (
    Fault("web worker killed", _killed(lambda stand: stand.web_workers[0])),
    Fault("web worker hangs", _hangs(lambda stand: stand.web_workers[-1])),
    Fault("worker killed", _worker_killed),
    Fault("Redis hangs", lambda stand: redis_hanging(stand.line)),
    Fault("SQLite gone", lambda stand: without_database(stand.line)),
    Fault("disk of the journal full", _disk_full, "disk for journal"),
    Fault("REST hangs", _rest("hang")),
    Fault("webhooks twice", _switched(duplicate="")),
)
FAULTS = (
    Fault("nothing", _switched()),
    *WORST,
    Fault("Redis and SQLite gone, then web workers killed", _wish_taken_by_the_dead),
    Fault("filer killed", _killed(Stand.filer)),
    Fault("filer hangs", _hangs(Stand.filer)),
    Fault("web server killed", _web_killed),
    Fault("web server restarted", _web_restarted),
    Fault("new version takes over", _new_version),
    Fault("worker hangs", _worker_hangs),
    Fault("worker restarted", _worker_restarted),
    Fault("Redis killed", _redis_killed),
    Fault("Redis restarted", _redis_restarted),
    Fault("classifier killed", _killed(Stand.classifier)),
    Fault("classifier hangs", _hangs(Stand.classifier)),
    Fault("SQLite locked", _sqlite_locked),
    Fault("PostgreSQL killed", _postgres_killed, "postgres"),
    Fault("PostgreSQL hangs", _postgres_hangs, "postgres"),
    Fault("disk of the database full", _disk_full, "disk for database"),
    Fault("migration cut off", _tables_older, "old tables"),
    Fault("clock an hour ahead", _clock(3600.0)),
    Fault("clock an hour behind", _clock(-3600.0)),
    Fault("REST answers 429", _rest("429")),
    Fault("REST answers 500", _rest("500")),
    Fault("REST refuses more calls (10004)", _switched(concurrency=1)),
    Fault("callbacks out of order", _callbacks(Delivery(reverse=True))),
    Fault("callbacks late", _callbacks(Delivery(late=6))),
    Fault("callbacks lost", _callbacks(Delivery(lost=True))),
    Fault("no QueueTime, no cookies", _switched(queue_time_once=True, voice_cookies=False)),
    Fault("broken files are read anew", _files_broken),
)
SMALL = ("Redis and SQLite gone, then web workers killed",)
COSTS = {  # What design says is lost, and nothing can keep.
    frozenset({"disk of the journal full", "web worker killed"}): {"The log holds every turn, once"},
}


# What people do meanwhile.


@dataclass
class Round:
    """People who call and text before a fault, while it lasts, and once it is mended."""

    stand: Stand
    calls: list[RehearsedCall] = field(default_factory=list)

    def play(self, faults: tuple[Fault, ...]) -> None:
        """Let the faults strike in the middle of calls, texts and a transfer, and mend them."""
        clock = self.stand.line.network.clock
        talks = self._call(*ASKS, Joined(60), HangsUp())
        clock.until(lambda: talks.joined_to is not None, LONGEST)
        self._call(*self._menus(), HangsUp())
        self._text(0, "signs")
        self._text(1, "signs")
        waits = self._call(*ASKS, Joined(60), HangsUp())
        clock.until(lambda: bool(self.stand.line.network.ringing()) or waits.over, LONGEST)
        with ExitStack() as struck:
            for fault in faults:
                struck.enter_context(fault.strike(self.stand))
            self._text(0, "1")
            self._call(*ASKS, Joined(60), HangsUp())
            self._call(*NUMBERS_BY_TEXT, Pass(8), HangsUp())
            self._call(*ASKS, Pass(12), HangsUp())
            clock.advance(3)
            self._text(1, "DELETE")
            self._text(2, "my boss took my passport")
            self._call(Press("2", When.HEARD), Pass(3), Press("0", When.SOON), Pass(5), Press("#", When.SOON))
            clock.until(lambda: all(call.over for call in self.calls), LASTS)
        clock.until(lambda: all(call.over for call in self.calls), LONGEST)
        self._text(2, "MENU")
        self._call(*ASKS, Joined(60), HangsUp())
        clock.until(lambda: all(call.over for call in self.calls), LONGEST)

    def _menus(self) -> Iterator[Press | Pass]:
        for key in "1119293949*#":
            yield Press(key, When.SOON)
            yield Pass(4.0)

    def _call(self, *steps: Press | Pass | Joined | HangsUp) -> RehearsedCall:
        number = f"+1289555{1000 + len(self.calls)}"
        call = self.stand.line.network.dial(number, caller(*steps))
        self.calls.append(call)
        return call

    def _text(self, who: int, words: str) -> None:
        """Text the line; the answer comes while others go on."""
        network = self.stand.line.network
        message = network.exchange.text(f"+1289557{1000 + who}", words)
        network.clock.until(lambda: message.answered, 20)


def put_people(line: Rehearsal) -> None:
    """Put people at the agencies' telephones: who is busy, who waits, who talks."""
    put, talks = line.network.people.put, accepts(3, 15)
    put(VICTIM_SERVICES, accepts(2, 40), accepts(9, 12), busy(), talks, name="victim-services")
    put(CHRYSALIS, talks, name="chrysalis")
    put(HOTLINE, switchboard(), name="hotline")


@dataclass(frozen=True)
class Verdict:
    """What came of a fault."""

    seen: Evidence
    broken: list[Broken]
    seconds: float
    slowest: float

    def heard(self) -> str:
        """Sum up what callers heard."""
        joined = [
            leg for leg in self.seen.callers if any(line.what == "joined" for line in self.seen.of(leg))
        ]
        answered = sum(text.inbound for text in self.seen.texts)
        silent = max(seconds for leg in self.seen.callers for seconds, _ in silences(self.seen, leg))
        return (
            f"{len(joined)} of {len({each.caller.sid for each in self.seen.asked})} who asked talked with"
            f" a person; {answered} texts; longest silence {silent:.1f} s"
        )

    def kept(self) -> str:
        """Sum up what the log kept."""
        voice = [call for call in self.seen.log if call.channel == "voice"]
        wanted = {(hook.sid, hook.turn) for hook in self.seen.webhooks if hook.turn not in {"", "text"}}
        turns = sum(len(call.turns) for call in voice)
        inbound = sum(leg.inbound for leg in self.seen.legs)
        return f"{len(voice)} of {inbound} calls, {turns} of {len(wanted)} turns"


def judge(stand: Stand, began: float) -> Verdict:
    """Let all be over, filed and forgotten, and name what was not as promised."""
    line, clock = stand.line, stand.line.network.clock
    line.network.settle(LONGEST)
    clock.advance(60)
    journal = Path(line.stage.environment["JOURNAL_DIR"])
    quiet = becomes(
        lambda: line.is_quiet() and not line.jobs() and not unfiled(journal, dead=True),
        2 * SOON,
    )
    assert quiet, f"{line.in_hand()} {line.jobs()} {unfiled(journal, dead=True)}"
    clock.advance(SILENT)
    url = line.stage.environment["DATABASE_URL"]
    with suppress(Exception):
        line.redis.save()
    with closing(connect(url)) as database:
        becomes(lambda: all(call["ended_at"] for call in line.log()))
        seen = stand.collector.collect(database, line.stage.folder)
        clock.advance(A_DAY)
        exact = select(func.count()).where(calls.c.exact_until.is_not(None))

        def held() -> tuple[int, int]:
            with database.read() as sql:
                return exchange_holds(line.network.exchange), int(sql.scalar(exact) or 0)

        becomes(lambda: held() == (0, 0))
        at_twilio, known = held()
    seen = replace(seen, at_twilio=at_twilio, exact=known)
    return Verdict(seen, broken_promises(seen), time.monotonic() - began, line.webhooks.slowest)


@contextmanager
def stand_for(folder: Path, faults: tuple[Fault, ...], flow: Flow, start: Launch) -> Iterator[Stand]:
    """Start a line with all that some faults need."""
    needs = {fault.needs for fault in faults}
    config = with_lines(folder / "config", 100)
    with ExitStack() as stack:
        extra = {"IVR_CONFIG": str(config), "TWILIO_CALLS_PER_SECOND": "100"}
        postgres, disk, migrated = "", None, folder / "migrated.sqlite3"
        with MIGRATING:
            put_tables(f"sqlite:///{migrated}")
            if "old tables" in needs:
                with closing(connect(f"sqlite:///{migrated}")) as database:
                    _downgrade(database, OLDER)
        if "postgres" in needs:
            extra["DATABASE_URL"] = stack.enter_context(running_postgres())
            postgres = extra["DATABASE_URL"].partition("host=")[2]
            stack.callback(_end_postgres, Path(postgres, "data", "postmaster.pid"))
        if "disk for journal" in needs:
            disk = stack.enter_context(small_disk(folder / "journal"))
        if "disk for database" in needs:
            disk = stack.enter_context(small_disk(folder / "disk"))
            extra["DATABASE_URL"] = f"sqlite:///{disk}/line.sqlite3"
        line = stack.enter_context(rehearsal(folder, LIVED, at_once=AT_ONCE, start=start, **extra))
        line.network.exchange.webhooks.fetch = HeldSocket(
            line.network.exchange.webhooks.fetch, line.stage.web_port
        )
        line.stage.patience = 3 * SOON  # Other work may share the machine.
        put_people(line)
        settings = read_settings({"PATH": os.environ["PATH"], **line.stage.environment})
        clock = line.network.clock
        pseudonyms = pseudonyms_of(settings, lambda: clock.date(clock.now()).timestamp())
        collector = collector_of(line.network, flow, pseudonyms, passes=True)
        if "old tables" in needs:
            line.lost.add("sql")
        line.start(None if "DATABASE_URL" in extra else migrated)
        # A text that comes twice while it starts may be read by rules first, and then by the classifier.
        assert becomes(lambda: UNDERSTANDS in line.stage.log("web").read_text("utf-8")), line.report()
        stand = Stand(line, collector, config, postgres, disk)
        yield stand
        stand.done()


def measure_faults(run: Run) -> None:
    """Try each fault alone, and every pair of the eight worst; at small size one that is several at once."""
    flow = read_flow(project_folder("config"), project_folder("prompts"))
    if run.pick(0, 1):
        tried = [(fault,) for fault in FAULTS] + list(combinations(WORST, 2))
        tried = [faults for faults in tried if not run.only or _named(faults) in run.only]

        def one(number: int) -> None:
            folder = run.folder / str(number)
            folder.mkdir()
            _try(run, folder, tried[number], flow)

        threads = ThreadPoolExecutor(LINES)
        try:
            for _ in threads.map(one, range(len(tried))):
                run.progress.refresh()
        finally:
            threads.shutdown(cancel_futures=True)  # Whoever breaks it off keeps the figures so far.
        return
    known = {fault.name: fault for fault in FAULTS}
    _try(run, run.folder, tuple(known[name] for name in SMALL), flow)


def _try(run: Run, folder: Path, faults: tuple[Fault, ...], flow: Flow) -> None:
    """Try some faults at once, on a line of their own, and write down what came of them."""
    name, began = _named(faults), time.monotonic()
    at = f"{datetime.now(UTC):%H:%M} at load {os.getloadavg()[0]:.0f}, {commit()[:8]}"
    task = run.progress.add_task(name, total=None)
    lost = COSTS.get(frozenset(fault.name for fault in faults), set())
    try:
        with stand_for(folder, faults, flow, run.launch) as stand:
            Round(stand).play(faults)
            verdict = judge(stand, began)
            broken = [each for each in verdict.broken if each.promise not in lost]
            if broken:
                _keep(name, broken, verdict.seen, stand)
    except Exception as error:  # noqa: BLE001 - the other faults are tried all the same
        run.figures[f"{name}: heard"] = f"could not be tried: {' '.join(str(error).split())[:200]}"
        run.failures.append(f"{name}: could not be tried: {type(error).__name__}: {str(error)[:500]}")
        return
    finally:
        run.progress.update(task, total=1, completed=1)
        run.keep()
    run.figures |= {
        f"{name}: heard": verdict.heard(),
        f"{name}: log": verdict.kept(),
        f"{name}: slowest webhook s": round(verdict.slowest, 2),
        f"{name}: seconds": round(verdict.seconds, 1),
        f"{name}: tried": at,
        f"{name}: broken": "; ".join(dict.fromkeys(each.promise for each in verdict.broken)) or "none",
    }
    run.failures += [f"{name}: {each}" for each in broken]
    run.keep()


def _named(faults: tuple[Fault, ...]) -> str:
    return " + ".join(fault.name for fault in faults)


def _keep(name: str, broken: list[Broken], seen: Evidence, stand: Stand) -> None:
    """Keep what was said in a run that broke a promise, as conversations, and what every part noted of it."""
    kept = BUILD / "faults" / f"{name}.txt"
    kept.parent.mkdir(parents=True, exist_ok=True)
    parts = as_conversations(seen), *_differing(seen), _entries(stand), stand.line.report()
    kept.write_text("\n".join([*map(str, broken), "", *parts]), "utf-8")


def _differing(seen: Evidence) -> Iterator[str]:
    """Tell what webhooks were answered that came twice and were answered differently."""
    for path in dict.fromkeys(seen.differing):
        yield from (f"--- {hook.sid} {hook.path}\n{hook.body}" for hook in seen.webhooks if hook.path == path)


def _entries(stand: Stand) -> str:
    """Tell what the log holds of each transfer, as it was noted."""
    told = (turns.c.call_id, turns.c.seconds, turns.c.key, turns.c.rang, turns.c.heard, turns.c.ended)
    noted = select(*told, turns.c.outcome).where(turns.c.transfer_id != "")
    with closing(connect(stand.line.stage.environment["DATABASE_URL"])) as database, database.read() as sql:
        rows = sql.execute(noted.order_by(turns.c.call_id, turns.c.seconds)).all()
    return "\n".join(["--- what was noted of transfers", *(" ".join(map(str, row)) for row in rows)])


def _downgrade(database: object, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__path__[0])))
    with database.write() as sql:
        config.attributes["connection"] = sql
        command.downgrade(config, revision)


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8", errors="replace")
    return ""


def _end_postgres(told: Path) -> None:
    """End a server that was started again: whoever started the first knows nothing of it."""
    with suppress(OSError):
        os.kill(int(told.read_text("utf-8").split()[0]), signal.SIGQUIT)


def _postmaster(stand: Stand) -> int:
    return int(Path(stand.postgres, "data", "postmaster.pid").read_text("utf-8").split()[0])


def _reads(stand: Stand) -> bool:
    with closing(connect(stand.line.stage.environment["DATABASE_URL"])) as database:
        try:
            with database.read():
                return True
        except RecordsUnavailable:
            return False


def _wal_grows(stand: Stand) -> bool:
    wal = Path(stand.line.stage.folder, "line.sqlite3-wal")
    return wal.exists() and wal.stat().st_size > 0


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
