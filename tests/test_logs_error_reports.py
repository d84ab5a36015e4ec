"""What leaves for Sentry is the kind of an error and where in our code: nothing of whom it happened to."""

from __future__ import annotations

import gzip
import json
import logging
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from conftest import ROOT
from fakes import make_line
from sentry_sdk.transport import Transport

from ivr.logs import ErrorReports, Masked, exception_location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Twilio
    from sentry_sdk.envelope import Envelope

    from ivr.effects import Entry
    from ivr.flow.models import Flow
    from ivr.line import Line

DSN = "https://0123456789abcdef@errors.example/1"
SECRET = ["905-546", "546-4904", "5464904", "help me", "sesame", "caller-word"]
KEPT = {"event_id", "timestamp", "platform", "release", "level", "logger", "logentry", "exception"}
MINUTE = 60


class FakeTransport(Transport):
    """Takes what would leave, as the bytes that would go over the wire."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.sent.append(envelope.serialize())

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(each.splitlines()[-1]) for each in self.sent]


@pytest.fixture
def transport() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
def reports(transport: FakeTransport) -> ErrorReports:
    return ErrorReports(DSN, Masked().mask, exception_location, transport)


@pytest.fixture
def log(reports: ErrorReports) -> Iterator[logging.Logger]:
    """Give a logger of ours; all that any of them writes is reported."""
    logging.getLogger("ivr").addHandler(reports)
    yield logging.getLogger("ivr.test_reports")
    logging.getLogger("ivr").removeHandler(reports)


def fail(words: str) -> None:
    """Fail as code does that quotes what a caller wrote, with it in a variable."""
    number = "905-546-4904"
    raise ValueError(f"cannot read {words} of {number}")


def test_an_error_is_reported_by_its_kind_and_its_place_in_our_code(
    log: logging.Logger, transport: FakeTransport
) -> None:
    try:
        fail("please help me")
    except ValueError:
        log.exception("a text of %s cannot be answered", "905-546-4904")

    (event,) = transport.events()
    assert set(event) == KEPT
    assert event["logentry"] == {"message": "a text of %s cannot be answered"}
    (exception,) = event["exception"]["values"]
    assert exception["type"] == "ValueError"
    (frame,) = exception["stacktrace"]["frames"]
    assert frame["filename"] == "tests/test_logs_error_reports.py"
    assert set(frame) == {"filename", "lineno", "in_app"}


def test_no_value_of_an_event_leaves(log: logging.Logger, transport: FakeTransport) -> None:
    try:
        fail("please help me")
    except ValueError as error:
        values = {"call": "sesame", "to": "+19055464904"}
        log.error("failed: %s", error, exc_info=True, extra=values)  # noqa: G201 - the values are the point
        log.error("a caller at 905-546-4904 wrote %s", "caller-word")  # noqa: TRY400 - as some of ours do
    log.critical("the process ends", extra={"error": "905-546-4904 help me"})

    left = b"".join(transport.sent).decode()
    assert len(transport.sent) == 3
    assert [secret for secret in SECRET if secret in left] == []
    assert "a caller at [number] wrote %s" in left


def test_what_a_library_writes_stays_here(reports: ErrorReports, transport: FakeTransport) -> None:
    record = logging.makeLogRecord(
        {"name": "twilio.http_client", "levelno": logging.ERROR, "levelname": "ERROR"}
        | {"msg": "GET /Calls?To=caller-word help me"}
    )

    reports.handle(record)

    (event,) = transport.events()
    assert event["logentry"] == {"message": "an error that a library logged"}
    assert (event["logger"], event["level"]) == ("twilio.http_client", "error")


def test_what_others_put_into_an_event_is_dropped_before_it_leaves(
    reports: ErrorReports, transport: FakeTransport
) -> None:
    frame = {
        "filename": "ivr/line.py",
        "abs_path": "/home/sesame/ivr/line.py",
        "lineno": 7,
        "vars": {"text": "please help me"},
        "context_line": "caller-word",
    }
    event: Any = {
        "message": "905-546-4904",
        "logentry": {"message": "failed for 905-546-4904", "params": ["help me"]},
        "request": {
            "url": "https://line.example/voice?From=%2B19055464904",
            "query_string": "Body=help+me&From=5464904",
            "headers": {"X-Twilio-Signature": "sesame", "Cookie": "caller-word"},
            "data": {"Body": "please help me"},
        },
        "user": {"ip_address": "905.546.490.4", "id": "sesame"},
        "breadcrumbs": {"values": [{"message": "please help me"}]},
        "extra": {"to": "+19055464904"},
        "tags": {"caller": "caller-word"},
        "contexts": {"trace": {"description": "help me"}},
        "server_name": "sesame",
        "transaction": "/voice/help me",
        "exception": {
            "values": [
                {"type": "ValueError", "value": "please help me", "stacktrace": {"frames": [frame]}},
                {"type": "please help me", "value": "caller-word"},
            ]
        },
    }

    reports._client.capture_event(event)  # noqa: SLF001 - what another part of the client would do

    (left,) = transport.events()
    assert [secret for secret in SECRET if secret in transport.sent[0].decode()] == []
    assert set(left) == KEPT
    assert left["exception"]["values"] == [
        {
            "type": "ValueError",
            "stacktrace": {"frames": [{"filename": "ivr/line.py", "lineno": 7, "in_app": True}]},
        }
    ]


def test_what_is_no_error_is_not_reported(log: logging.Logger, transport: FakeTransport) -> None:
    log.warning("a way around was taken")
    log.info("a caller pressed a key")

    assert transport.sent == []


@dataclass
class BrokenJournal:
    """Fails as storage may: with what it was to keep in its message."""

    words: str

    def write(self, entry: Entry) -> None:
        raise RuntimeError(f"{entry.call} {self.words}")


@pytest.mark.usefixtures("log")
def test_a_webhook_that_fails_is_reported_without_what_it_carried(
    flow: Flow, make_twilio: Callable[[Line], Twilio], transport: FakeTransport
) -> None:
    broken = make_twilio(make_line(flow, journal=BrokenJournal("please help me")))

    answer = broken.post(
        "/sms", From="+19055464904", Body="please help me", MessageSid="SM" + "1" * 32, To="+12895550100"
    )

    assert answer.status_code == 200
    (event,) = transport.events()
    assert event["logentry"] == {"message": "answering %s with fixed words: %s"}
    (exception,) = event["exception"]["values"]
    assert exception["type"] == "RuntimeError"
    assert exception["stacktrace"]["frames"][0]["filename"] == "tests/test_logs_error_reports.py"
    left = transport.sent[0].decode()
    assert [secret for secret in [*SECRET, "1" * 32, "Signature", "/sms"] if secret in left] == []


class Sentry(BaseHTTPRequestHandler):
    """Takes reports at an address of this machine, and keeps all that came."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.came.append((str(self.headers), body.decode()))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def sentry() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Sentry)
    server.came = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join(MINUTE)
    server.server_close()


def address_of(sentry: HTTPServer) -> str:
    return f"http://0123456789abcdef@127.0.0.1:{sentry.server_port}/1"


def run_program(folder: Path, program: str, dsn: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, with SENTRY_DSN set."""
    file = folder / "dies.py"
    file.write_text(program)
    path = {"PYTHONPATH": os.pathsep.join((str(ROOT), *sys.path)), "PATH": os.environ.get("PATH", "")}
    return subprocess.run(
        [sys.executable, file],
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
        env=path | {"SENTRY_DSN": dsn},
        timeout=MINUTE,
    )


def test_the_last_error_of_a_process_leaves_before_it_ends(sentry: HTTPServer, tmp_path: Path) -> None:
    words = "please help me 905-546-4904"
    program = f"from ivr.logs import set_up_logs\nset_up_logs()\nint({words!r})\n"

    died = run_program(tmp_path, program, address_of(sentry))

    ((headers, body),) = sentry.came  # type: ignore[attr-defined]
    event = json.loads(body.splitlines()[-1])
    assert (event["level"], event["logentry"]["message"]) == ("fatal", "the process ends")
    assert event["exception"]["values"][0]["type"] == "ValueError"
    assert [secret for secret in SECRET if secret in headers + body] == []
    assert died.stderr.endswith("error=ValueError@dies.py:3\n")


SETS_UP_TWICE = """
import logging, os
from ivr import logs
from ivr.logs import set_up_logs
logs.LAST_WORDS_SECONDS = 1000.0  # Whoever waits for reports in vain is late beyond any doubt.
set_up_logs()
logging.getLogger("ivr.parent").error("before")
if child := os.fork():
    os.waitpid(child, 0)
else:
    set_up_logs()
    logging.getLogger("ivr.child").error("between")
    set_up_logs()
    logging.getLogger("ivr.child").error("after")
    logging.shutdown()
    os._exit(0)
"""


def test_a_process_that_was_forked_reports_what_is_its_own_and_waits_for_nothing(
    sentry: HTTPServer, tmp_path: Path
) -> None:
    run_program(tmp_path, SETS_UP_TWICE, address_of(sentry))

    events = [json.loads(body.splitlines()[-1]) for _, body in sentry.came]  # type: ignore[attr-defined]
    assert sorted(event["logentry"]["message"] for event in events) == ["after", "before", "between"]


@pytest.mark.parametrize("dsn", ["", "nonsense"])
def test_without_an_address_nothing_is_loaded_that_could_report(dsn: str, tmp_path: Path) -> None:
    program = (
        "import sys\nfrom ivr.logs import set_up_logs\nset_up_logs()\nprint('sentry_sdk' in sys.modules)\n"
    )

    looked = run_program(tmp_path, program, dsn)

    assert looked.stdout == "False\n"
