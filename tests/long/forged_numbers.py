"""How many texts and rings one telephone number gets from whoever can forge it, with and without Redis.

Everything runs on this machine, on 127.0.0.1; every loop has an end.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle, islice
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import requests
from postgres import put_tables
from real.rehearsal import becomes

from ivr.caller_limits import RINGS_OF_ONE_PHONE, TEXTS_OF_THE_LINE, TEXTS_TO_ONE_PHONE
from ivr.operations.local_stack import ACCOUNT, NUMBER, LocalStack
from ivr.simulator.webhooks import sign

if TYPE_CHECKING:
    from collections.abc import Sequence

    from long.suites import Run

FORGED, CALLED_FORGED = ("+12895550123", "+12895550177"), "+12895550188"
DEAR = ("+18765550123", "+19005550123", "+15005550123", "+18005550123", "+442079460123")
STOPS = ("shelter", "workers", "sexual-assault", "indigenous", "shelter-families")
PATIENCE = 60.0


class PretendTwilio:
    """Stands in for Twilio's REST API: counts what it is asked to do to each number."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Takes)
        self._server.twilio = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, path: str, number: str) -> None:
        """Count one request."""
        with self._lock:
            self.asked["texts" if path.endswith("/Messages.json") else "rings", number] += 1

    def count(self, what: str, *numbers: str) -> int:
        """Say how many texts or rings some numbers got."""
        with self._lock:
            return sum(self.asked[what, number] for number in numbers)

    def total(self, what: str) -> int:
        """Say how many texts or rings everybody got."""
        with self._lock:
            return sum(count for (kind, _), count in self.asked.items() if kind == what)

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    twilio: PretendTwilio


class _Takes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
        self.server.twilio.take(self.path, form.get("To", [""])[0])
        body = json.dumps({"sid": "SM" + secrets.token_hex(16), "status": "queued"}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Attacker:
    """Has Twilio send webhooks with a number that is not theirs, and sends each again."""

    stage: LocalStack
    sent: Counter[str] = field(default_factory=Counter)

    def calls(self, number: str, wishes: int, **more: str) -> None:
        """Call, and ask for texts at one stop after the other."""
        sid = "CA" + secrets.token_hex(16)
        with requests.Session() as network:
            self._post(network, "/voice", number, CallSid=sid, **more)
            for turn, stop in enumerate(islice(cycle(STOPS), wishes), 7):
                path = f"/voice/{turn}/en/offer-text/0/about/{stop}"
                for _ in range(2):
                    self._post(network, path, number, CallSid=sid, Digits="1")

    def texts_for_a_ring(self, number: str) -> None:
        """Text CALL and 1, then play both again."""
        first, second = ("SM" + secrets.token_hex(16) for _ in range(2))
        for _ in range(2):
            with requests.Session() as network:
                self._post(network, "/sms", number, MessageSid=first, Body="CALL")
                self._post(network, "/sms", number, MessageSid=second, Body="1")

    def _post(self, network: requests.Session, path: str, number: str, **more: str) -> None:
        form = {"From": number, "To": NUMBER, "AccountSid": ACCOUNT} | more
        url = self.stage.public_url + path
        signed = {"X-Twilio-Signature": sign(self.stage.token, url, form)}
        network.post(url, data=form, headers=signed, timeout=PATIENCE).raise_for_status()
        self.sent[path.split("/")[1]] += 1


def measure_forged_numbers(run: Run) -> None:
    """Attack a number with every part there, then it and another without Redis, then the whole line."""
    twilio = PretendTwilio()
    stage = LocalStack(run.folder, twilio.url, launch=run.launch)
    attacker = Attacker(stage)
    try:
        put_tables(stage.environment["DATABASE_URL"])
        if stage.start_redis():
            stage.start_worker()
        stage.start_web()
        _attack(run, attacker, twilio, "all parts there", FORGED[:1])
        for part in ("worker", "redis"):
            stage.stop(part)
        _attack(run, attacker, twilio, "redis lost", FORGED)
        _flood(run, attacker, twilio)
    finally:
        stage.close()
        twilio.close()
    run.figures["webhooks"] = attacker.sent.total()


def _attack(run: Run, attacker: Attacker, twilio: PretendTwilio, part: str, numbers: Sequence[str]) -> None:
    calls, wishes = run.pick(3, 60), run.pick(10, 20)
    for number in numbers:
        for _ in range(calls):
            attacker.calls(number, wishes)
            attacker.texts_for_a_ring(number)
    for number in DEAR:
        attacker.calls(number, 2)
        attacker.texts_for_a_ring(number)
    attacker.calls(CALLED_FORGED, 2, StirVerstat="TN-Validation-Failed-A")
    honest = f"+1289555{secrets.randbelow(1000) + 8000}"
    attacker.calls(honest, 1)  # What is asked for last comes last: then all before it has come.
    if not becomes(lambda: twilio.count("texts", honest) == 1):
        run.failures.append(f"{part}: an honest caller got no text")
    run.figures[f"wishes for a text by each number, {part}"] = calls * wishes
    for number in numbers:
        name = f"number {FORGED.index(number) + 1}, {part}"
        _expect(run, f"texts to {name}", twilio.count("texts", number), TEXTS_TO_ONE_PHONE[0].most)
        _expect(run, f"rings to {name}", twilio.count("rings", number), RINGS_OF_ONE_PHONE[0].most)
    dear = twilio.count("texts", *DEAR) + twilio.count("rings", *DEAR)
    _expect(run, f"texts and rings to numbers that cost, {part}", dear, 0)
    _expect(run, f"texts to a number called forged, {part}", twilio.count("texts", CALLED_FORGED), 0)


def _flood(run: Run, attacker: Attacker, twilio: PretendTwilio) -> None:
    """Ask for a text to very many numbers: the whole line has a bound too."""
    before, numbers = twilio.total("texts"), run.pick(5, 2 * TEXTS_OF_THE_LINE[0].most)
    for n in range(numbers):
        attacker.calls(f"+1289555{n + 1000}", 1)
    most = min(TEXTS_OF_THE_LINE[0].most, before + numbers)
    becomes(lambda: twilio.total("texts") >= most)
    run.figures["numbers of the flood"] = numbers
    _expect(run, "texts of the whole line", twilio.total("texts"), most)


def _expect(run: Run, what: str, count: int, expected: int) -> None:
    run.figures[what] = count
    if count != expected:
        run.failures.append(f"{what}: {count}, not {expected}")
