"""Conversations that an agency can review: what callers and texters hear, word for word.

Each file is played on a pretend network against the whole line. `pytest --rewrite` accepts new wording.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from fakes import KeptArchive, KeptEffects, make_line
from sizes import is_full

from ivr.caller_limits import CallerLimits
from ivr.simulator.clock import VirtualClock
from ivr.simulator.conversations import play
from ivr.simulator.exchange import Account, Exchange
from ivr.simulator.messages import OPTED_OUT
from ivr.simulator.rehearse import urls_of
from ivr.simulator.webhooks import Answer
from ivr.understanding.classifier import letters_alone
from ivr.web.app import create_app
from ivr.wiring import build_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from flask.testing import FlaskClient

    from ivr.effects import Effect
    from ivr.flow.models import Flow
    from ivr.settings import Settings
    from ivr.understanding.intents import Meaning

SPEAKS = "speaks-"  # Of those who speak: the line takes words as well as keys.
BOUND = re.compile(r"bound-to-([a-z]+)-.+")  # Of those who call a number that is bound to a language.
CONVERSATIONS = sorted((Path(__file__).parent / "conversations").glob("*.txt"))
TWICE = CONVERSATIONS[:: 1 if is_full() else 4]  # Stories are told with webhooks that come twice, too.


@dataclass(frozen=True)
class ClientFetch:
    """Sends the network's webhooks to the web application in this process."""

    client: FlaskClient

    def __call__(self, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        answer = self.client.open(
            url,
            method="GET" if form is None else "POST",
            data=None if form is None else urlencode(form),
            headers=dict(headers),
        )
        return Answer(
            answer.status_code,
            answer.content_type or "",
            answer.get_data(as_text=True),
            tuple(answer.headers.getlist("Set-Cookie")),
            answer.headers.get("Location", ""),
        )


@dataclass
class AtOnce:
    """Performs each effect once, as soon as it is put."""

    perform: Callable[[Effect], None] | None = None
    kept: KeptEffects = field(default_factory=KeptEffects)

    def put(self, effect: Effect, secret: str = "") -> None:
        assert self.perform is not None
        if effect in self.kept.effects:
            return
        self.kept.put(effect, secret)
        self.perform(effect)

    def put_here(self, effect: Effect) -> None:
        self.put(effect)

    def keep(self, name: str, secret: str) -> None:
        self.kept.keep(name, secret)

    def take(self, name: str) -> str:
        return self.kept.take(name)

    def lend(self, name: str) -> AbstractContextManager[str]:
        return self.kept.lend(name)


@dataclass
class ExchangePhone:
    """Texts over the pretend network."""

    exchange: Exchange | None = None
    rung: list[str] = field(default_factory=list)

    def ring_caller(self, number: str, path: str, seconds: int) -> str:
        self.rung.append(f"{number} {path} {seconds}")
        return "CA" + "9" * 32

    def text(self, number: str, words: str) -> None:
        assert self.exchange is not None
        self.exchange.texts.send(number, words)


@pytest.fixture(scope="module")
def meaning() -> Callable[[str], Meaning | None]:
    """The classifier as every machine has it: by letters alone."""
    return letters_alone(Path(__file__).parent.parent / "phrases").classify


@pytest.fixture
def spoken(path: Path, flow: Flow, settings: Settings) -> Flow:
    """The line as it is set, with words taken where somebody speaks, and at a number of a language."""
    speech = replace(flow.line.speech, on=path.stem.startswith(SPEAKS))
    bound = BOUND.fullmatch(path.stem)
    numbers = {bound[1]: settings.number} if bound else {}
    return replace(flow, line=replace(flow.line, speech=speech, numbers=numbers))


@pytest.fixture
def exchange(spoken: Flow, settings: Settings, meaning: Callable[[str], Meaning | None]) -> Exchange:
    clock, later, phone = VirtualClock(), AtOnce(), ExchangePhone()
    archive = KeptArchive()
    limits = CallerLimits(lists=archive.lists)
    line = make_line(spoken, phone=phone, later=later, limits=limits, archive=archive)
    later.perform = line.perform
    parts = build_parts(settings, line, lambda: clock.date(clock.now()).timestamp(), meaning=meaning)
    app = create_app(parts)
    account = Account(settings.account_sid, settings.auth_token, settings.number)
    fetch = ClientFetch(app.test_client(use_cookies=False))
    phone.exchange = Exchange(account, urls_of(settings.public_url), fetch, clock, seed="conversation")
    return phone.exchange


@pytest.mark.parametrize("path", CONVERSATIONS, ids=lambda path: path.stem)
def test_a_conversation_is_heard_as_it_was_reviewed(
    path: Path, exchange: Exchange, request: pytest.FixtureRequest
) -> None:
    reviewed = path.read_text("utf-8")

    heard = play(reviewed, exchange)

    if request.config.getoption("--rewrite"):
        path.write_text(heard, "utf-8")
    assert heard == path.read_text("utf-8"), "heard otherwise than reviewed; `pytest --rewrite` accepts it"
    assert [fault for fault in exchange.feed.faults() if fault.code != OPTED_OUT] == []


@pytest.mark.parametrize("path", TWICE, ids=lambda path: path.stem)
def test_a_conversation_is_the_same_when_every_webhook_comes_twice(path: Path, exchange: Exchange) -> None:
    exchange.faults.duplicate = ""

    heard = play(path.read_text("utf-8"), exchange)

    assert heard == path.read_text("utf-8")
    assert exchange.webhooks.differing == []


def test_every_conversation_begins_with_a_sentence_about_somebody() -> None:
    firsts = {path.stem: path.read_text("utf-8").partition("\n")[0] for path in CONVERSATIONS}

    assert len(firsts) > 12
    assert all(first.startswith("# ") and first.endswith(".") for first in firsts.values())
