"""A console in one process, with its own records, and an operator who can sign in to it."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyotp
from argon2 import PasswordHasher
from fakes import ENVIRONMENT
from jinja2 import FileSystemBytecodeCache
from postgres import put_tables
from shared_routes import site_app

from ivr.authentication import STEP_SECONDS, Passwords, hash_session_token, new_session_token, second_key
from ivr.caller_limits import Unlimited
from ivr.checks.runner import inspect
from ivr.flow.loader import read_pages
from ivr.hours import zone
from ivr.records.database import connect
from ivr.records.operators import Operator, Role, add_operator, enrol, find_operator
from ivr.records.sessions import begin_session
from ivr.reports.digest import MessageWords
from ivr.reports.pdf import PrintedPages
from ivr.web.console.access import SignedIn
from ivr.web.console.context import ConsoleContext
from ivr.web.console.phrases import PhraseFiles
from ivr.web.console.prompts import PromptChecks
from ivr.web.public.pages import PublicContext
from ivr.work.message_sending import MessageSender
from ivr.work.notifications import Notifications
from ivr.work.twilio_heartbeat import LastSigns

if TYPE_CHECKING:
    from datetime import date

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from ivr.caller_limits import RateLimiter
    from ivr.flow.loader import Fault
    from ivr.flow.models import Flow
    from ivr.flow.prompts import MadeFrom
    from ivr.operations.reload import RefusedReload
    from ivr.records.database import Database

SECRET = ENVIRONMENT["SECRET_KEY"]
COUNTS_TOKENS = ("counts-token-of-tests", "the-one-before-it")
FIRST, CHOSEN = "first-password", "a password that was chosen"
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
HASHED = {password: CHEAP.hash(password) for password in (FIRST, CHOSEN)}
PHRASES = PhraseFiles(Path(__file__).parent.parent / "phrases")  # Read once, by whoever asks.
DRAWN = FileSystemBytecodeCache(tempfile.mkdtemp(prefix="templates-"))  # Templates are compiled once.


@dataclass
class Hands:
    """Somebody at a browser, who reads a page's token before they send its form."""

    client: FlaskClient

    def get(self, path: str) -> TestResponse:
        return self.client.get(f"/console{path}")

    def post(self, path: str, page: str = "/", **form: str) -> TestResponse:
        return self.client.post(
            f"/console{path}", data={"confirmed": "yes"} | form | {"csrf_token": self.token(page)}
        )

    def token(self, page: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)
        return found[1] if found else ""


class Console:
    """The console under test."""

    counts_hold = 0  # Seconds; as long as each change must be seen at once.

    def __init__(  # noqa: PLR0913 - what tests choose of a console
        self,
        folder: Path,
        flow: Flow,
        prompts: Path,
        limits: RateLimiter | None = None,
        *,
        url: str = "",
        printed: PrintedPages | None = None,
        secrets: tuple[str, str] = (SECRET, ""),
        passwords: Passwords = CHEAP,
        sender: MessageSender | None = None,
        fresh: bool = True,
        address: str = "https://console.example",
        phrases: PhraseFiles = PHRASES,
        secure: bool = False,
    ) -> None:
        url = url or f"sqlite:///{folder}/console.sqlite3"
        if fresh:
            put_tables(url)
        self.secrets = secrets
        self.database: Database = connect(url)
        self.at = 1_790_000_000.0
        self.twilio = LastSigns()
        self.refused: list[RefusedReload] = []
        self.checked: list[Flow] = []  # Each flow that was checked as a whole.
        self.made_from: dict[str, MadeFrom] = {}
        self.parts = {"database": True, "redis": False, "worker": False}
        self.notifications = Notifications(
            self.database,
            sender or MessageSender(),
            secrets,
            MessageWords(flow.line.name),
            {name: each for name, each in flow.directory.agencies.items() if each.transfer},
            lambda: self.parts,
            lambda: self.at,
            zone(flow.line.zone),
        )
        desk = ConsoleContext(
            flow=flow,
            database=self.database,
            limits=limits or Unlimited(),
            secret=secrets[0],
            old_secret=secrets[1],
            secure=secure,
            now=lambda: self.at,
            prompt_checks=PromptChecks(flow, self._check),
            phrase_files=phrases,
            made_from=self.made_from,
            parts=lambda: self.parts,
            notifications=self.notifications,
            twilio=lambda: self.twilio,
            refused=lambda: self.refused,
            counts_hold=self.counts_hold,
            passwords=passwords,
            counts_tokens=COUNTS_TOKENS,
            address=address,
            printed=printed or PrintedPages(),
        )
        self.app = site_app(PublicContext(flow, read_pages(prompts, flow), "+12895550100"), desk)
        self.app.jinja_env.bytecode_cache = DRAWN

    def _check(self, flow: Flow) -> list[Fault]:
        self.checked.append(flow)
        return inspect(flow)

    @property
    def at_date(self) -> date:
        return datetime.fromtimestamp(self.at, UTC).date()

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def visitor(self) -> Hands:
        return Hands(self.app.test_client())

    def add(self, name: str, role: Role = Role.ADMINISTRATOR) -> None:
        add_operator(self.database, name, role, HASHED[FIRST])

    def code(self, name: str) -> str:
        operator = find_operator(self.database, name)
        assert operator
        return pyotp.TOTP(second_key(self.secrets, operator.seed)).at(int(self.at))

    def signed_in(self, name: str = "ada", role: Role = Role.ADMINISTRATOR) -> Hands:
        """Give an operator who has just signed in for the first time, without opening the pages that ask."""
        self.add(name, role)
        added, hands = find_operator(self.database, name), self.visitor()
        assert added
        operator = enrol(
            self.database,
            added,
            int(self.at // STEP_SECONDS),
            password=HASHED[CHOSEN],
            recovery=frozenset(),
        )
        assert operator
        self.begin_session(hands, operator)
        return hands

    def begin_session(self, hands: Hands, operator: Operator) -> None:
        """Begin a session at a browser as a sign-in does."""
        token = new_session_token()
        begin_session(self.database, operator.name, hash_session_token(token), "Firefox", now=self.moment)
        with hands.client.session_transaction("/console/") as session:
            session["_user_id"] = SignedIn(operator, token).get_id()
            session["began"] = session["seen"] = session["noted"] = self.at

    def sign_in_first(self, name: str = "ada", role: Role = Role.ADMINISTRATOR) -> Hands:
        """Sign somebody in for the first time as they do it: both pages, both passwords and a code."""
        self.add(name, role)
        hands = self.visitor()
        hands.post("/sign-in", "/sign-in", name=name, password=FIRST)
        shown = hands.post("/second-factor", "/second-factor", code=self.code(name), password=CHOSEN)
        assert "<code>" in shown.text
        return hands
