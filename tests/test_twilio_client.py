"""What the line does when Twilio's REST API is slow or gone: one bad answer is not an outage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest
from fakes import ENVIRONMENT

from ivr.circuit_breaker import PartUnavailable
from ivr.settings import read_settings
from ivr.telephony.twilio_client import REST_SECONDS, TwilioClient
from ivr.transfer.coordinator import NumberRefused, PhoneSilent, TooManyCalls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ivr.flow.models import Flow

ANSWERS, SILENT, REFUSES_NUMBER, AT_LIMIT = "answers", "silent", "refuses number", "at limit"
REFUSALS = {REFUSES_NUMBER: (400, 21211), AT_LIMIT: (429, 10004)}


@dataclass
class Clock:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Twilio:
    """Twilio's REST API, as far as a ring needs it."""

    behaviour: str = ANSWERS
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def serve(twilio: Twilio) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            twilio.forms.append(dict(parse_qsl(form)))
            twilio.asked.append(self.path)
            if twilio.behaviour == SILENT:
                return  # The connection ends without an answer, after the request was taken.
            status, code = REFUSALS.get(twilio.behaviour, (201, 0))
            body = json.dumps({"code": code} if code else {"sid": "CA1"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def twilio() -> Twilio:
    return Twilio()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(twilio: Twilio, clock: Clock) -> Iterator[TwilioClient]:
    with serve(twilio) as url:
        yield TwilioClient(read_settings(ENVIRONMENT | {"TWILIO_API_URL": url}), clock)


def ring(client: TwilioClient) -> str:
    return client.ring_caller("+19055464904", "/called", 25)


def fail(client: TwilioClient) -> None:
    with pytest.raises(PhoneSilent):
        ring(client)


def test_one_bad_answer_sends_nobody_but_its_own_caller_another_way(
    client: TwilioClient, twilio: Twilio
) -> None:
    twilio.behaviour = SILENT
    fail(client)
    twilio.behaviour = ANSWERS

    assert ring(client) == "CA1"


def test_after_repeated_failure_the_way_back_is_tried_in_seconds(
    client: TwilioClient, twilio: Twilio, clock: Clock
) -> None:
    twilio.behaviour = SILENT
    fail(client)
    fail(client)
    with pytest.raises(PartUnavailable, match="alone"):
        ring(client)
    asked = len(twilio.asked)
    twilio.behaviour = ANSWERS
    clock.seconds += REST_SECONDS

    assert (asked, REST_SECONDS <= 5) == (2, True)
    assert [ring(client), ring(client)] == ["CA1", "CA1"]


def test_a_number_that_twilio_refuses_is_an_answer(client: TwilioClient, twilio: Twilio) -> None:
    twilio.behaviour = REFUSES_NUMBER
    for _ in range(3):
        with pytest.raises(NumberRefused):
            ring(client)

    assert len(twilio.asked) == 3


def test_an_account_at_its_limit_is_neither_an_outage_nor_throttling(
    client: TwilioClient, twilio: Twilio
) -> None:
    twilio.behaviour = AT_LIMIT
    for _ in range(4):
        with pytest.raises(TooManyCalls):
            ring(client)

    assert len(twilio.asked) == 4


def test_a_text_asks_whether_it_arrived(client: TwilioClient, twilio: Twilio) -> None:
    client.text("+19055550123", "numbers")

    assert [form["StatusCallback"] for form in twilio.forms] == ["https://line.example/sms/status"]


@pytest.mark.parametrize("set_to", ["", "https://elsewhere.example/leg.xml"])
def test_a_leg_that_we_ring_has_a_fallback(set_to: str, twilio: Twilio, flow: Flow) -> None:
    with serve(twilio) as url:
        settings = read_settings(ENVIRONMENT | {"TWILIO_API_URL": url, "LEG_FALLBACK_URL": set_to})
        client = TwilioClient(settings)
        client.ring_caller("+19055464904", "/called", 25)
        client.ring_agency(flow.directory.agencies["chrysalis"], "/transfers/s/1", 15)

    fallbacks = [(form["FallbackUrl"], form["FallbackMethod"]) for form in twilio.forms]

    assert fallbacks == [(set_to or "https://line.example/voice/farewell", "POST")] * 2


@pytest.mark.parametrize("starts", ["files_of_web()", "build_worker_line(settings)"], ids=["web", "worker"])
def test_a_process_that_has_begun_imports_nothing_when_it_first_rings(starts: str, tmp_path: Path) -> None:
    program = f"""
import os, sys
from ivr.settings import read_settings
from ivr.telephony.twilio_client import make_client
from ivr.wiring import build_worker_line, files_of_web
settings = read_settings(os.environ)
{starts}
before = set(sys.modules)
client = make_client(settings)
client.calls, client.messages, client.queues
print(sorted(set(sys.modules) - before))
os._exit(0)  # Its threads would file for ever.
"""
    place = {
        "JOURNAL_DIR": str(tmp_path),
        "KEYS_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/line.sqlite3",
    }

    done = subprocess.run(
        [sys.executable, "-u", "-c", program],
        env={**os.environ, **ENVIRONMENT, **place},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "[]\n", done.stderr
