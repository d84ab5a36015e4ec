"""Half an hour of everything: whether memory, files, threads and connections grow, and the log is right.

In tests/: `python -m long soak`. First each key is pressed at each stop in each spoken language, again and
again, so that each web process keeps all that it ever keeps. Then a pretend network at the speed of life
carries callers in every language who press keys, callers who ask for a person and talk, and texters; an
operator reads the console meanwhile. Some come more often than the line lets them. Everything runs on this
machine; every loop has an end.
"""

from __future__ import annotations

import http.client
import math
import os
import random
import re
import sqlite3
import threading
import time
from collections import Counter, defaultdict, deque
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from itertools import cycle, islice
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from postgres import put_tables
from real.rehearsal import CHRYSALIS, HOTLINE, VICTIM_SERVICES, becomes, session_of
from real.world import with_lines

from ivr.flow.loader import read_flow
from ivr.flow.menu_measurements import choosing
from ivr.operations.local_stack import ACCOUNT, NUMBER, LocalStack, project_folder
from ivr.pseudonyms import MonthKeys, Pseudonyms, month_of
from ivr.records.journal import backlog
from ivr.simulator.clock import PacedClock
from ivr.simulator.exchange import Account
from ivr.simulator.people import HangsUp, Joined, Pass, Person, Press, When, accepts, caller, declines
from ivr.simulator.rehearse import Network, urls_of
from ivr.simulator.webhooks import RequestsFetch
from ivr.understanding.phrases import read_check_set
from long.fuzz import Client, Operator
from long.load import send_all
from long.side_by_side import SETTLED, Amounts, Callers, is_classifier, resident_mib
from long.suites import ROOT, Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ivr.simulator.people import Step
    from ivr.simulator.webhooks import Answer
    from long.suites import Run

A_SECOND, FULL_MINUTES = 50, 30  # Webhooks; minutes may be fewer by SOAK_MINUTES.
CALLS, TRANSFERS, PAGES = 2.2, 0.1, 0.5  # Of each, a second; texts make up what is missing of the webhooks.
MOST_TEXTS = 15  # A second.
WEBHOOKS_OF_A_TEXT = 3  # With the news that it is sent, and that it is there.
PHONES, OFTEN = 1000, "+12895551999"  # Phones of callers, and of texters; one that calls all the time.
# Seconds in which every call is over: a caller presses up to fourteen keys, and may hear all of a stop first.
LONGEST_CALL = 1800.0
WINDOWS, QUANTILE = 12, 2.228  # Of Student's distribution: 95 % between both ends, 10 degrees of freedom.
HEARD_ROUNDS = 3  # So often each turn is asked for: either of two web processes hears seven in eight of them.
WARM = 1 / 3  # Of the time: what is loaded is so then.
MEASURES = ("MiB", "files", "threads", "connections")
MOST_AN_HOUR = {"MiB": 12.0, "files": 4.0, "threads": 4.0, "connections": 4.0}  # Growth that is none.
SLOWEST = 2.0  # Seconds, of a webhook.
LEAST_SHARE = 0.95  # Of the webhooks that are to come.
MENU_KEYS = ("1", "2", "3", "4", "1", "2", "9", "*")
TURN = re.compile(r"/voice/(\d+)/")
PAGES_READ = (
    "/console/calls",
    "/console/_now",
    "/console/transfers",
    "/console/reports",
    "/console/since",
    "/",
)


class NotingFetch:
    """Sends webhooks, and notes which turn of which conversation each one is."""

    def __init__(self) -> None:
        self._fetch = RequestsFetch()
        self._lock = threading.Lock()
        self._by_cookie: dict[str, str] = {}
        self.turns: dict[str, set[str]] = defaultdict(set)  # CallSid, or a first MessageSid -> its turns.
        self.took: list[float] = []
        self.kinds: Counter[str] = Counter()
        self.failed: Counter[int] = Counter()
        self.began: dict[str, float] = {}
        self.endless: set[str] = set()  # Calls of one turn, of which nobody tells that they are over.

    def __call__(self, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        """Send one webhook."""
        began, at = time.monotonic(), time.time()
        answer = self._fetch(url, form, headers)
        path = urlsplit(url).path
        with self._lock:
            self.took.append(time.monotonic() - began)
            self.kinds[path.split("/")[1]] += 1
            if answer.error:
                self.failed[answer.status] += 1
            elif form is not None:
                self._note(path, form, headers.get("Cookie", ""), answer, at)
        return answer

    def _note(self, path: str, form: Mapping[str, str], cookie: str, answer: Answer, at: float) -> None:
        if path == "/sms" and "MessageStatus" not in form:
            sid = form["MessageSid"]
            first = self._by_cookie.get(_position_in(cookie), sid)
            self.turns[first].add(sid)
            self.began.setdefault(first, at)
            kept = filter(None, map(_position_in, answer.cookies))  # An empty one ends the conversation.
            self._by_cookie |= dict.fromkeys(kept, first)
        elif path == "/voice" or (turn := TURN.match(path)):
            sid = form["CallSid"]
            self.turns[sid].add("0" if path == "/voice" else turn[1])
            self.began.setdefault(sid, at)


def _position_in(cookie: str) -> str:
    kept: SimpleCookie = SimpleCookie(cookie)
    return kept["p"].value if "p" in kept else ""


@dataclass
class Sampler:
    """Looks at every process of a line, again and again."""

    stack: LocalStack
    every: float
    rows: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    pids: list[tuple[float, dict[str, int]]] = field(default_factory=list)  # Since when which are there.
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look around until it is over."""
        thread = threading.Thread(target=self._look_on, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.over.set()
            thread.join()

    def _look_on(self) -> None:
        while not self.over.wait(self.every):
            established, at = _established(), time.monotonic()
            found = processes(self.stack)
            if not self.pids or found != self.pids[-1][1]:
                self.pids.append((at, found))
            for name, pid in found.items():
                for measure, value in zip(MEASURES, look_at(pid, established), strict=True):
                    if not math.isnan(value):
                        self.rows[name, measure].append((at, value))


def processes(stack: LocalStack) -> dict[str, int]:
    """Name the processes of a line: each part, its children counted, and the classifier of texts."""
    found = {}
    for part, running in stack.running.items():
        number = 0
        for pid in sorted(session_of(running.pid)):
            if is_classifier(pid):
                found["classifier"] = pid
            elif pid == running.pid:
                found[part] = pid
            else:
                number += 1
                found[f"{part}, process {number}"] = pid
    return found


def look_at(pid: int, established: set[str]) -> tuple[float, float, float, float]:
    """Give a process's resident MiB, open files, threads and connections; not numbers once it is gone."""
    folder = Path(f"/proc/{pid}")
    try:
        status = (folder / "status").read_text()
        files = [link for path in (folder / "fd").iterdir() if (link := _link(path))]
    except OSError:
        return (math.nan,) * 4
    kib, threads = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("VmRSS", "Threads"))  # type: ignore[index]
    return kib / 1024, len(files), threads, sum(name in established for name in files)


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:  # Closed meanwhile.
        return ""


def _established() -> set[str]:
    rows = [
        row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/net/{name}").read_text().splitlines()
    ]
    return {f"socket:[{row[9]}]" for row in rows if row[3] == "01"}


@dataclass(frozen=True)
class Slope:
    """How much something grows in an hour: with 95 % the truth lies within ``give_or_take`` of it."""

    an_hour: float
    give_or_take: float

    @property
    def surely(self) -> float:
        """How much it grows at least."""
        return self.an_hour - self.give_or_take


def slope_of(points: Sequence[tuple[float, float]]) -> Slope:
    """Fit a line to the means of twelve parts of the time: they depend on each other less than looks."""
    size = max(1, len(points) // WINDOWS)
    parts = [points[at : at + size] for at in range(0, size * WINDOWS, size)]
    means = [(fmean(x for x, _ in part) / 3600, fmean(y for _, y in part)) for part in parts if part]
    middle, level = fmean(x for x, _ in means), fmean(y for _, y in means)
    spread = sum((x - middle) ** 2 for x, _ in means)
    rise = sum((x - middle) * (y - level) for x, y in means) / spread
    left = sum((y - level - rise * (x - middle)) ** 2 for x, y in means)
    return Slope(rise, QUANTILE * math.sqrt(left / max(1, len(means) - 2) / spread))


def over_time(points: Sequence[tuple[float, float]]) -> str:
    """Give the means of twelve parts of the time, the first included: whether what grows comes to an end."""
    size = max(1, len(points) // WINDOWS)
    parts = [points[at : at + size] for at in range(0, size * WINDOWS, size)]
    return " ".join(f"{fmean(y for _, y in part):.0f}" for part in parts if part)


@dataclass
class Traffic:
    """Who calls and texts, and when."""

    network: Network
    fetch: NotingFetch
    operator: Operator
    chance: random.Random
    begun: Counter[str] = field(default_factory=Counter)
    texted: deque[float] = field(default_factory=deque)
    texts: Iterator[tuple[str, str]] = field(init=False)
    ways: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        """Read what may be said and pressed."""
        flow = read_flow(project_folder("config"), project_folder("prompts"))
        self.ways = cycle([arrival[0].choosing for name, arrival in choosing(flow).items() if name])
        phrases = [each.text for each in read_check_set(ROOT / "phrases") if each.name in flow.stops]
        self.chance.shuffle(phrases)
        keywords = ("signs", "shelter", "law", "lawyer", "health", "1", "2", "9")
        self.texts = self._threads(phrases, keywords)

    def go_on_until(self, end: float) -> None:
        """Let people come until a moment of the monotonic clock, so many that there are enough webhooks."""
        began, pages = time.monotonic(), cycle(PAGES_READ)
        while (now := time.monotonic()) < end:
            passed = now - began
            self._begin("calls", CALLS * passed, self._call)
            self._begin("transfers", TRANSFERS * passed, self._ask)
            self._fill(passed, now)
            if self.begun["pages"] < PAGES * passed:
                self.begun["pages"] += 1
                if self.operator.get(next(pages)).status != http.client.OK:
                    self.begun["pages refused"] += 1
            self.network.clock.advance(0.02)

    def _begin(self, what: str, due: float, begin: object) -> None:
        while self.begun[what] < due:
            self.begun[what] += 1
            begin()  # type: ignore[operator]

    def _fill(self, passed: float, now: float) -> None:
        """Send texts in place of the webhooks that calls have not made."""
        while self.texted and self.texted[0] < now - 2:
            self.texted.popleft()
        missing = A_SECOND * passed - len(self.fetch.took) - 2 * len(self.texted)
        allowed = 2 * MOST_TEXTS - len(self.texted)
        for _ in range(min(int(missing / WEBHOOKS_OF_A_TEXT), allowed, 1)):
            phone, words = next(self.texts)
            self.network.exchange.text(phone, words)
            self.texted.append(now)
            self.begun["texts"] += 1

    def _threads(self, phrases: list[str], keywords: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Give texts of very many threads, each of which ends; one in ten is a machine's."""
        said = cycle(phrases)
        for number in cycle(range(PHONES)):
            phone = f"+1905522{number:04}"
            if number % 10 == 0:
                yield from ((phone, "Your parcel waits, reply to choose a day"),) * 3
            else:
                yield phone, self.chance.choice(keywords)
                yield phone, next(said)
            yield phone, "EXIT"

    def _call(self) -> None:
        number = self.begun["calls"]
        phone = OFTEN if number % 12 == 0 else f"+1905523{number % PHONES:04}"
        keys = [*next(self.ways), *self.chance.choices(MENU_KEYS, k=self.chance.randrange(3, 12))]
        last: list[Step] = [HangsUp()] if number % 3 else [Press("#", When.SOON), Pass(20), HangsUp()]
        self._dial(phone, keys, last)

    def _ask(self) -> None:
        number = self.begun["transfers"]
        keys = [*next(self.ways), "0", "2"]
        self._dial(f"+1905524{number % PHONES:04}", keys, [Joined(self.chance.uniform(3, 8)), HangsUp()])

    def _dial(self, phone: str, keys: Sequence[str], last: Sequence[Step]) -> None:
        steps = [Press(key, When.SOON, after=self.chance.uniform(0.5, 2.5)) for key in keys]
        self.network.dial(phone, caller(*steps, *last))


def wrong_in_log(stack: LocalStack, fetch: NotingFetch) -> list[str]:
    """Hold the log against what was sent: one row a conversation, each turn once, none else, and all over."""
    settings = stack.environment
    ids = Pseudonyms(settings["SECRET_KEY"], MonthKeys(Path(settings["KEYS_DIR"])), time.time)
    sent: dict[str, set[str]] = {}
    for sid, turns in fetch.turns.items():
        if sid.startswith("CA"):
            sent[ids.call(sid, month_of(fetch.began[sid]))] = turns
        else:
            sent[ids.call(ids.message(sid))] = {ids.message(each) for each in turns}
    with closing(sqlite3.connect(stack.folder / "line.sqlite3")) as log:
        rows = log.execute("SELECT id, channel, outcome, ended_at, turns FROM calls").fetchall()
        keys: dict[str, set[str]] = defaultdict(set)
        for call, key in log.execute("SELECT call_id, key FROM turns"):
            keys[call].add(key)
    known = {row[0]: row for row in rows}
    texts = {call for call, turns in sent.items() if not all(turn.isdecimal() for turn in turns)}
    endless = texts | {ids.call(sid, month_of(fetch.began[sid])) for sid in fetch.endless}
    differing = [
        call
        for call, turns in sent.items()
        if call in known and not _is_as_sent(keys[call], turns, int(known[call][4]))
    ]
    found = {
        "conversations without a row": len(sent.keys() - known.keys()),
        "rows of nobody": len(known.keys() - sent.keys()),
        "conversations whose turns are not as sent": len(differing),
        "calls without an end": sum(row[3] is None for row in rows if row[0] not in endless),
        "calls without an outcome": sum(not row[2] for row in rows if row[0] not in endless),
    }
    return [f"the log: {what}: {count}" for what, count in found.items() if count]


def _is_as_sent(kept: set[str], sent: set[str], counted: int) -> bool:
    turns = {key for key in kept if key.isdecimal() or key in sent}
    return turns == sent and counted == len(sent)


def measure_soak(run: Run) -> None:
    """Start everything, let people come for so long, and look at what is left."""
    config = with_lines(run.folder / "config", 100)
    stack = LocalStack(run.folder, extra={"IVR_CONFIG": str(config)}, launch=run.launch)
    fetch = NotingFetch()
    account = Account(ACCOUNT, stack.token, NUMBER)
    with Network(account, urls_of(stack.public_url), clock=PacedClock(1.0), fetch=fetch) as network:
        stack.api_url = network.api_url
        # It answers by itself: one who waited to press a key there would never hang up.
        hotline = Person(answers=2, steps=(Joined(8), HangsUp()))
        put(network, {VICTIM_SERVICES: accepts(2, 8), CHRYSALIS: declines(2), HOTLINE: hotline})
        try:
            put_tables(stack.environment["DATABASE_URL"])
            if stack.start_redis():
                stack.start_worker()
            stack.start_web()
            stack.start_console()
            ports = {"web": stack.web_port, "console": stack.console_port}
            with closing(Client(ports)) as client:
                chance = random.Random(run.seed)  # noqa: S311 - a test's lot
                _soak(run, stack, Traffic(network, fetch, Operator(stack, client), chance))
        finally:
            stack.close()


def put(network: Network, people: Mapping[str, Person]) -> None:
    """Put people at the telephones of agencies."""
    for number, person in people.items():
        network.people.put(number, person)


def hear_everything(run: Run, stack: LocalStack, fetch: NotingFetch) -> None:
    """Press each key at each stop in each spoken language; what a web process keeps of it, it keeps then.

    These are more turns than it keeps: from then on one goes for each that comes. Without them, what is kept
    would still fill while its growth is measured.
    """
    callers = Callers(stack, Amounts(), random.Random(run.seed))  # noqa: S311 - a test's lot
    turns = callers.every_turn()
    if run.size is Size.SMALL:
        turns = dict(islice(turns.items(), 40))
    now = time.time()
    fetch.endless |= turns.keys()
    fetch.began |= dict.fromkeys(turns, now)
    fetch.turns |= {sid: {"1"} for sid in turns}
    answered = send_all(stack.web_port, iter([*turns.values()] * HEARD_ROUNDS))
    becomes(lambda: not backlog(stack.folder / "journal"), SETTLED)
    run.figures |= {
        "turns heard before": len(turns),
        **{
            f"{name}: MiB when all was heard": round(resident_mib(pid), 1)
            for name, pid in processes(stack).items()
        },
    }
    if answered.failed or answered.answered < len(turns) * HEARD_ROUNDS:
        run.failures.append(f"turns heard before that failed: {answered.failed}")


def _soak(run: Run, stack: LocalStack, traffic: Traffic) -> None:
    minutes = float(os.environ.get("SOAK_MINUTES", FULL_MINUTES))
    seconds = minutes * 60 if run.size is Size.FULL else 6.0
    sampler = Sampler(stack, 5.0 if run.size is Size.FULL else 0.4)
    hear_everything(run, stack, traffic.fetch)
    fetch, began = traffic.fetch, time.monotonic()
    with sampler.looking():
        traffic.go_on_until(began + seconds)
        lasted = time.monotonic() - began
    webhooks, load = len(fetch.took), os.getloadavg()[0]
    clock = traffic.network.clock
    if not clock.until(lambda: not traffic.network.exchange.legs_alive(), LONGEST_CALL):
        run.failures.append("calls that are not over after minutes")
    clock.advance(2.0)  # The last news of calls and texts.
    if not becomes(lambda: not backlog(stack.folder / "journal"), SETTLED):
        run.failures.append(f"entries in the journal that are not in the log after {SETTLED:g} s")
    took = sorted(fetch.took)
    run.figures |= {
        "minutes": round(lasted / 60, 2),
        "webhooks": webhooks,
        "webhooks a second": round(webhooks / lasted, 1),
        "without an answer": fetch.failed.total(),
        "faults that the network notes": len(traffic.network.feed.faults()),
        "p50 ms": round(took[len(took) // 2] * 1000, 1),
        "p99 ms": round(took[len(took) * 99 // 100] * 1000, 1),
        "worst ms": round(took[-1] * 1000, 1),
        "load of the machine": round(load, 1),
        **{f"{what} begun": count for what, count in sorted(traffic.begun.items())},
        **{f"webhooks of /{kind}": count for kind, count in sorted(fetch.kinds.items())},
        "talks": sum(line.what == "joined" for line in traffic.network.feed.lines),
        "turned away": stack.log("web").read_text("utf-8", errors="replace").count("turned away"),
        "texts not answered": stack.log("web").read_text("utf-8", errors="replace").count("is not answered"),
        "conversations": len(fetch.turns),
        "turns": sum(map(len, fetch.turns.values())),
        "bytes in the journal at the end": backlog(stack.folder / "journal"),
    }
    _note_slopes(run, sampler)
    run.failures += wrong_in_log(stack, fetch)
    _hold_against_promises(run, stack)


def _note_slopes(run: Run, sampler: Sampler) -> None:
    first, last = (at(row[0] for rows in sampler.rows.values() for row in rows) for at in (min, max))
    if sampler.pids[-1][0] > first + WARM * (last - first):
        run.failures.append(f"processes were replaced: {[found for _, found in sampler.pids]}")
    for (name, measure), points in sampler.rows.items():
        warm = [point for point in points if point[0] > first + WARM * (last - first)]
        slope = slope_of(warm)
        run.figures |= {
            f"{name}: {measure}": round(warm[-1][1], 1),
            f"{name}: {measure}, growth an hour": round(slope.an_hour, 2),
            f"{name}: {measure}, growth give or take": round(slope.give_or_take, 2),
        }
        if measure == "MiB":
            run.figures[f"{name}: MiB, from the start"] = over_time(points)
        if run.size is Size.FULL and not slope.surely <= MOST_AN_HOUR[measure]:
            run.failures.append(f"{name}: {measure} grow by {slope.surely:.1f} an hour at least")


def _hold_against_promises(run: Run, stack: LocalStack) -> None:
    figures = run.figures
    for what in ("without an answer", "faults that the network notes", "pages refused begun"):
        if figures.get(what):
            run.failures.append(f"{what}: {figures[what]}")
    if words := stack.log("web").read_text("utf-8", errors="replace").count("with fixed words"):
        run.failures.append(f"answered with fixed words: {words}")
    if run.size is Size.FULL and float(figures["worst ms"] or 0) > SLOWEST * 1000:
        run.failures.append(f"a webhook took {figures['worst ms']} ms")
    if run.size is Size.FULL and float(figures["webhooks a second"] or 0) < LEAST_SHARE * A_SECOND:
        run.failures.append(f"only {figures['webhooks a second']} webhooks a second")
