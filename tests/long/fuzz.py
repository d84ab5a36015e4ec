"""A hundred thousand bad requests to webhooks and console: what each is answered, and what is kept of them.

In tests/: `python -m long fuzz`. A request that took long is asked again alone when all are over, beside
a loop that tells how much longer this machine takes than an idle one: slow is what is so then too, less that.
A download takes as long as its log is large: what counts of it is the time until it begins.
Everything runs on this machine, on 127.0.0.1; every loop has an end.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pyotp
from postgres import put_tables
from real.rehearsal import becomes
from redis import Redis

from ivr.flow.loader import read_flow
from ivr.operations.local_stack import LocalStack, project_folder
from ivr.records.journal import backlog
from long.bad_requests import (
    OPERATORS_WORD,
    PLANTED,
    BadRequest,
    ConsoleForm,
    FormsOfPage,
    Target,
    draw,
    dressed,
    kind_of,
)
from long.forged_numbers import PretendTwilio
from long.suites import ROOT, Size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from long.suites import Run

AT_ONCE = 8  # Connections to each server.
PATIENCE = 30.0  # Seconds until a request counts as not answered.
SLOW = 1.0  # Seconds; what is promised.
ALIKE, FEW_ALIKE = 8, 1  # Pages of a kind that are opened.
AGAIN, MOST_AGAIN = 5, 50  # Times that a slow request is asked again, alone; so many of the slowest.
SPIN = 0.05  # Seconds of a processor.
TOLD = 5  # Of each kind of fault, so many are told one by one.
LEAST_TRUSTED = 0.9
OWN_NAME, PASSWORD = "fuzz-operator", "a password that was chosen"
NOT_SIGNED, SIGN_IN = b"not signed by Twilio\n", "/console/sign-in"
TRACES = re.compile(rb'Traceback \(most recent|File "[^"]+", line \d|site-packages|' + str(ROOT).encode())
FIXED_WORDS = re.compile(r"answering (\S+) with fixed words: (\w+)")
# A page that starts a browser on the server, and those that end the session with which all is asked.
LEFT_OUT = re.compile(
    r"/reports/[^/]+\.pdf|/sign-out$|/sessions/end(-others)?$|/console/(operators|screens)/(reset|disable|revoke|role)$"
)


@dataclass(frozen=True)
class Answered:
    """What one request was answered; status 0 is no answer."""

    status: int
    body: bytes = b""
    location: str = ""
    cookies: tuple[str, ...] = ()
    seconds: float = 0.0  # Until all of it was there; of a download, until it began.
    downloaded: float = 0.0  # Seconds until all of a download was there.


class Client:
    """Sends requests to both servers, over a connection to each that stays open while it can."""

    def __init__(self, ports: dict[str, int]) -> None:
        self._ports = ports
        self._open: dict[str, http.client.HTTPConnection] = {}

    def send(self, request: BadRequest) -> Answered:
        """Send one request; a connection that was closed meanwhile is opened again, once."""
        if request.raw:
            return self._send_raw(request)
        for _ in range(2):
            fresh = request.server not in self._open
            try:
                return self._once(request)
            except (OSError, http.client.HTTPException):
                self.close(request.server)
                if fresh:
                    break
                continue
        return Answered(0, seconds=PATIENCE)

    def close(self, *servers: str) -> None:
        """Close the connections to some servers, or to both."""
        for server in servers or tuple(self._open):
            if connection := self._open.pop(server, None):
                connection.close()

    def _once(self, request: BadRequest) -> Answered:
        began = time.monotonic()
        connection = self._open.setdefault(
            request.server,
            http.client.HTTPConnection("127.0.0.1", self._ports[request.server], timeout=PATIENCE),
        )
        connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers:
            connection.putheader(name, value)
        connection.endheaders(request.body)
        answer = connection.getresponse()
        begins = time.monotonic() - began  # Its header comes with the first part of what follows.
        body = answer.read()
        whole = time.monotonic() - began
        cookies = tuple(answer.headers.get_all("Set-Cookie") or ())
        if answer.will_close:
            self.close(request.server)
        times = (begins, whole) if answer.chunked else (whole, 0.0)
        return Answered(answer.status, body, answer.headers.get("Location", ""), cookies, *times)

    def _send_raw(self, request: BadRequest) -> Answered:
        began, got = time.monotonic(), b""
        try:
            with socket.create_connection(("127.0.0.1", self._ports[request.server]), PATIENCE) as door:
                door.sendall(request.raw)
                door.shutdown(socket.SHUT_WR)
                while more := door.recv(65536):
                    got += more
        except OSError:
            pass  # It was closed on us: that is an answer too.
        status = re.match(rb"HTTP/1\.[01] (\d{3})", got)
        return Answered(int(status[1]) if status else 0, got, seconds=time.monotonic() - began)


class Operator:
    """Somebody who is signed in, and whose browser keeps its cookies."""

    def __init__(self, stack: LocalStack, client: Client) -> None:
        self._client, self._port = client, stack.console_port
        self._cookies: dict[str, str] = {}
        self._lock = threading.Lock()
        self.token = ""
        self._sign_in(stack)

    @property
    def cookie(self) -> str:
        """The Cookie header as it is now."""
        with self._lock:
            return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    def keep(self, answer: Answered) -> None:
        """Keep the cookies of an answer."""
        for header in answer.cookies:
            for name, morsel in SimpleCookie(header).items():
                with self._lock:
                    self._cookies[name] = morsel.coded_value

    def get(self, path: str) -> Answered:
        """Open a page."""
        return self._ask("GET", path, b"")

    def post(self, path: str, page: str, **form: str) -> Answered:
        """Send a form of a page."""
        found = re.search(rb'name="csrf_token" value="([^"]+)"', self.get(page).body)
        token = found[1].decode() if found else ""
        return self._ask("POST", path, urlencode(form | {"csrf_token": token}).encode())

    def is_signed_in(self) -> bool:
        """Whether the console still knows who it is."""
        return self.get("/console/calls").status == http.client.OK

    def _sign_in(self, stack: LocalStack) -> None:
        first = stack.let_in(OWN_NAME).rpartition(": ")[2]
        self.post(SIGN_IN, SIGN_IN, name=OWN_NAME, password=first)
        second = "/console/second-factor"
        key = re.search(rb'id="key"[^>]*>([^<]+)<', self.get(second).body)
        code = pyotp.TOTP(key[1].decode().strip()).now() if key else ""
        self.post(second, second, code=code, password=PASSWORD)
        found = re.search(rb'name="csrf_token" value="([^"]+)"', self.get("/console/calls").body)
        if not found:
            raise RuntimeError("nobody could sign in to the console")
        self.token = found[1].decode()

    def _ask(self, method: str, path: str, body: bytes) -> Answered:
        headers = [("Host", f"127.0.0.1:{self._port}"), ("Cookie", self.cookie)]
        headers += [("Content-Length", str(len(body))), ("Content-Type", "application/x-www-form-urlencoded")]
        answer = self._client.send(BadRequest("", "console", method, path, tuple(headers), body))
        self.keep(answer)
        return answer


def walk(operator: Operator, alike: int) -> tuple[list[str], list[ConsoleForm]]:
    """Open some pages of each kind, of the console by its own ways and the public one; give the forms."""
    pages, forms, waiting = Counter[str](), {}, ["/console/calls", "/"]
    opened: dict[str, None] = {}
    while waiting:
        path = waiting.pop(0)
        kind = kind_of(path)
        if path in opened or pages[kind] >= alike or LEFT_OUT.search(path):
            continue
        answer = operator.get(path)
        if answer.status != http.client.OK:
            continue
        opened[path] = None
        pages[kind] += 1
        if b"<html" in answer.body:
            parser = FormsOfPage(path)
            parser.feed(answer.body.decode())
            waiting += [link.partition("#")[0] for link in parser.links if link.startswith("/")]
            forms |= {(form.action, form.method): form for form in parser.found}
    return list(opened), [form for form in forms.values() if not LEFT_OUT.search(form.action)]


@dataclass
class Outcome:
    """What came of all requests."""

    counts: Counter[str] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)
    downloads: list[float] = field(default_factory=list)
    trusted: int = 0
    slow: list[tuple[float, float, int, BadRequest]] = field(default_factory=list)  # Seconds, load, number.
    faults: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def note(self, number: int, request: BadRequest, answer: Answered) -> None:
        """Count one answer, and hold it against what is promised."""
        with self._lock:
            self.counts[f"{request.kind}: {answer.status or 'no answer'}"] += 1
            self.took.append(answer.seconds)
            self.downloads += [answer.downloaded] if answer.downloaded else []
            self.trusted += is_trusted(request, answer)
            if answer.seconds > SLOW or (not answer.status and not request.raw):
                self.slow.append((answer.seconds, os.getloadavg()[0], number, request))
            for fault in faults_of(request, answer):
                self.faults[fault] += 1
                if self.faults[fault] <= TOLD:
                    self.told.append(f"{fault}: number {number}, {describe(request)}")

    def at(self, share: float) -> float:
        """Give the milliseconds within which such a share was answered."""
        ordered = sorted(self.took)
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 1)


def is_trusted(request: BadRequest, answer: Answered) -> bool:
    """Whether a request was made to be taken for Twilio's or an operator's, and was."""
    refused = answer.body == NOT_SIGNED or SIGN_IN in answer.location
    return request.is_trusted and not refused


def faults_of(request: BadRequest, answer: Answered) -> Iterator[str]:
    """Name what is wrong with an answer."""
    if answer.status >= http.client.INTERNAL_SERVER_ERROR and request.method not in {"X", "QUERY"}:
        yield f"answered with {answer.status}"
    if TRACES.search(answer.body):
        yield "a trace in the answer"


def describe(request: BadRequest) -> str:
    """Say in a line what was asked, without what it holds."""
    return f"{request.kind}: {request.method} {request.path[:120]}" if request.method else request.kind


def send_all(run: Run, target: Target, operator: Operator, ports: dict[str, int], total: int) -> Outcome:
    """Send every request, some at once."""
    outcome, numbers, lock = Outcome(), count(), threading.Lock()
    task = run.progress.add_task("requests", total=total)

    def some() -> None:
        client = Client(ports)
        while True:
            with lock:
                number = next(numbers)
            if number >= total:
                break
            request = draw(target, run.seed, number)
            answer = client.send(dressed(request, operator.cookie))
            if request.server == "console" and request.is_trusted:
                operator.keep(answer)
            outcome.note(number, request, answer)
            run.progress.advance(task)
        client.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(some) for _ in range(AT_ONCE)]:
            done.result()
    return outcome


def ask_again(outcome: Outcome, operator: Operator, client: Client) -> list[str]:
    """Ask what was slow or lost again, alone; give what is so then too, and write down the slowest of all."""
    lines = []
    for seconds, load, number, request in sorted(outcome.slow, key=lambda each: -each[0])[:MOST_AGAIN]:
        idle = min(
            _seconds(client.send(dressed(request, operator.cookie))) / slowdown() for _ in range(AGAIN)
        )
        told = f"{seconds:.2f} s, load {load:.1f}; alone {idle:.2f} s: number {number}, {describe(request)}"
        outcome.told.append(f"slow: {told}")
        lines += [f"slower than {SLOW:g} s also alone: {told}"] if idle > SLOW else []
    return lines


def slowdown() -> float:
    """Tell how many times longer than on an idle machine a loop takes now."""
    began, worked = time.monotonic(), time.process_time()
    while time.process_time() - worked < SPIN:
        pass
    return max(1.0, (time.monotonic() - began) / SPIN)


def _seconds(answer: Answered) -> float:
    return answer.seconds if answer.status else PATIENCE


def kept_of_people(folder: Path) -> tuple[list[str], int]:
    """Name each file of a line that holds what a caller, or in a log an operator, told; give how many."""
    found, files = [], 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data, files = path.read_bytes(), files + 1
        leaks = {match[0] for match in PLANTED.finditer(data)}
        if path.suffix == ".log":
            leaks |= set(re.findall(rb"(?i)" + OPERATORS_WORD.encode() + rb"|\+?1365555\d{4}", data))
        found += [f"{path.relative_to(folder)} holds {leak.decode()!r}" for leak in sorted(leaks)[:TOLD]]
    return found, files


def measure_fuzz(run: Run) -> None:
    """Start a whole line with its console, send it everything, and look at what it has kept."""
    twilio = PretendTwilio()
    stack = LocalStack(run.folder, twilio.url, launch=run.launch)
    try:
        put_tables(stack.environment["DATABASE_URL"])
        if stack.start_redis():
            stack.start_worker()
        stack.start_web()
        stack.start_console()
        with closing(Client({"web": stack.web_port, "console": stack.console_port})) as client:
            _fuzz(run, stack, client)
    finally:
        stack.close()
        twilio.close()


def _fuzz(run: Run, stack: LocalStack, client: Client) -> None:
    ports = {"web": stack.web_port, "console": stack.console_port}
    operator = Operator(stack, client)
    pages, forms = walk(operator, run.pick(FEW_ALIKE, ALIKE))
    flow = read_flow(project_folder("config"), project_folder("prompts"))
    target = Target(
        *(stack.token, stack.public_url, stack.console_port, flow, pages, forms),
        csrf=lambda: operator.token,
    )
    began = time.monotonic()
    outcome = send_all(run, target, operator, ports, run.pick(250, 100_000))
    lasted = time.monotonic() - began
    run.failures += [f"{fault}: {number} times" for fault, number in sorted(outcome.faults.items())]
    run.failures += ask_again(outcome, operator, client)
    if not operator.is_signed_in():
        run.failures.append("whoever was signed in no longer is")
    if not becomes(lambda: not backlog(stack.folder / "journal")):
        run.failures.append("what was answered is not in the log within a minute")
    _note(run, stack, outcome, lasted)
    run.figures |= {"pages of the console": len(pages), "forms of the console": len(forms)}


def _note(run: Run, stack: LocalStack, outcome: Outcome, lasted: float) -> None:
    with Redis(port=stack.redis_port) as redis:
        redis.save()
    logs = {path.name: path.read_text("utf-8", errors="replace") for path in stack.folder.glob("*.log")}
    kept, files = kept_of_people(stack.folder)
    raised = Counter(": ".join(found) for words in logs.values() for found in FIXED_WORDS.findall(words))
    traces = sum(words.count("Traceback (most recent call last)") for words in logs.values())
    share = outcome.trusted / len(outcome.took)
    run.figures |= {
        "requests": len(outcome.took),
        "a second": round(len(outcome.took) / lasted, 1),
        "signed or signed in, %": round(share * 100, 2),
        "p50 ms": outcome.at(0.5),
        "p99 ms": outcome.at(0.99),
        "worst ms": outcome.at(1.0),
        "slower than a second": len(outcome.slow),
        "downloads": len(outcome.downloads),
        "longest download s": round(max(outcome.downloads, default=0), 1),
        "load of the machine": round(os.getloadavg()[0], 1),
        "answered with fixed words, as code of ours failed": raised.total(),
        "traces in logs": traces,
        "files looked through for what people told": files,
        "files that held it": len(kept),
        **dict(sorted(outcome.counts.items())),
        **{f"told {number}": line for number, line in enumerate(outcome.told, 1)},
    }
    run.failures += kept
    run.failures += [f"code of ours failed: {what}, {times} times" for what, times in raised.items()]
    if traces:
        run.failures.append(f"traces in logs: {traces}")
    if share < LEAST_TRUSTED and run.size is Size.FULL:
        run.failures.append(f"only {share:.1%} were signed or signed in")
