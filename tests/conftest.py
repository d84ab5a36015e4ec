"""A line put together from its real menus and played parts, and a web client that signs as Twilio does."""

from __future__ import annotations

import base64
import gc
import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import sizes  # noqa: F401 - sets how much properties are tried on
from fakes import ENVIRONMENT, make_line
from shared_routes import webhook_app
from small_line import small_line
from xdist.scheduler import LoadScopeScheduling

from ivr.flow.loader import read_flow
from ivr.settings import read_settings
from ivr.wiring import build_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse
    from xdist.remote import Producer

    from ivr.flow.models import Flow
    from ivr.line import Line
    from ivr.settings import Settings

ROOT = Path(__file__).parent.parent
SHARING = {  # What the tests of a file share.
    "test_cli_phrases": "small phrases, encoded",
    "test_console_phrases": "small phrases behind a page",
    "test_console_reports": "pretended months",
    "test_reports": "counts of pretended months",
    "test_sample_data": "pretended days",
    "test_health_checks": "a line that is well",
    "test_new_line": "another city",
    "test_phrase_learning": "what was learned",
    "test_stories_real": "the line that runs already",
    "test_whole_line": "the line that runs already",
    "test_lost_parts": "a line that loses processes",
    "test_console_story": "a browser",
    "test_public_pages": "a browser",
    "test_understanding_real": "a classifier",
    "test_web_server": "a web server",
}
pytest_plugins = ["postgres", "months"]


@pytest.fixture(scope="session")
def flow() -> Flow:
    return read_flow(ROOT / "config", ROOT / "prompts")


@pytest.fixture(scope="session")
def small_flow(tmp_path_factory: pytest.TempPathFactory) -> Flow:
    """Give the line in its first languages alone: for tests that check all of it, again and again."""
    folder = small_line(tmp_path_factory.mktemp("small") / "line")
    return read_flow(folder / "config", folder / "prompts")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(
        ENVIRONMENT
        | {
            "KEYS_DIR": str(tmp_path / "keys"),
            "JOURNAL_DIR": str(tmp_path / "journal"),
            "DATABASE_URL": f"sqlite:///{tmp_path}/line.sqlite3",
            "IVR_CONFIG": str(ROOT / "config"),
            "IVR_PROMPTS": str(ROOT / "prompts"),
            "IVR_PHRASES": str(ROOT / "phrases"),
        }
    )


@pytest.fixture
def line(flow: Flow) -> Line:
    return make_line(flow)


@dataclass
class Clock:
    seconds: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@dataclass
class Twilio:
    """Posts webhooks as Twilio does: a form, and a signature over the public address and every field."""

    client: FlaskClient
    public_url: str
    token: str
    sid: str = "CA" + "1" * 32

    def sign(self, url: str, form: dict[str, str]) -> str:
        signed = url + "".join(name + form[name] for name in sorted(form))
        return base64.b64encode(
            hmac.new(self.token.encode(), signed.encode(), hashlib.sha1).digest()
        ).decode()

    def post(self, path: str, *, signature: str | None = None, **form: str) -> TestResponse:
        whole = {
            "CallSid": self.sid,
            "From": "+19055550123",
            "To": "+12895550100",
            "CallStatus": "in-progress",
        }
        whole |= form
        url = path if path.startswith("http") else self.public_url + path
        sign = self.sign(url, whole) if signature is None else signature
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        return self.client.post(target, data=whole, headers={"X-Twilio-Signature": sign})

    def text(self, body: str, message: str, **form: str) -> TestResponse:
        return self.post("/sms", MessageSid=message, Body=body, NumMedia="0", **form)


@pytest.fixture
def make_twilio(settings: Settings, clock: Clock) -> Callable[[Line], Twilio]:
    def make(line: Line) -> Twilio:
        app = webhook_app(build_parts(settings, line, clock))
        return Twilio(app.test_client(), settings.public_url, settings.auth_token)

    return make


@pytest.fixture
def twilio(line: Line, make_twilio: Callable[[Line], Twilio]) -> Twilio:
    return make_twilio(line)


class SharedScheduling(LoadScopeScheduling):
    """Run files whose tests share something dear in one process each, and all other tests wherever."""

    def _split_scope(self, nodeid: str) -> str:
        return SHARING.get(Path(nodeid.partition("::")[0]).stem, nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return SharedScheduling(config, log)


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what was imported and collected: it stays to the end.

    Else it looks at all of it again and again, which was a fifteenth of what tests of the console cost.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite", action="store_true", help="accept the conversations as they are now heard")
