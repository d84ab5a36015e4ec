"""Alarms: whoever runs the line is told when callers reach nobody, and hears nothing about a caller."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Self

import pytest
from conftest import Twilio
from stories import CALLER, asks, ends, people
from world import OneProcess, Soon

from ivr.simulator.people import accepts, ignores
from ivr.web.app import create_app
from ivr.wiring import build_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow
    from ivr.settings import Settings
    from ivr.simulator.rehearse import RehearsedCall

ALARM_NUMBER = "+19055550188"
HALF_AN_HOUR = 1800
UNREACHED, DIRECT = "three callers in a row reached nobody", "callers go by the direct path"
UNDELIVERED = "three texts in a row did not arrive"
LIMIT = "too many at once (10004)"


@dataclass
class Pager:
    """A place of whoever runs the line, to which alarms are posted."""

    posts: list[tuple[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        pager = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                pager.posts.append((self.path, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Door)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/page"


@dataclass
class Watched:
    """A line that somebody watches."""

    world: OneProcess
    pager: Pager

    @property
    def texts(self) -> list[str]:
        """The texts to whoever runs the line."""
        messages = self.world.network.exchange.texts.messages.values()
        return [message.body for message in messages if message.to == ALARM_NUMBER]

    @property
    def posts(self) -> list[str]:
        return [json.loads(body)["text"] for _, body in self.pager.posts]

    def reach_nobody(self, times: int) -> None:
        """Let callers ask for a person, one after the other, and reach nobody."""
        for _ in range(times):
            call = asks(self.world)
            assert call.until(lambda now: "You are not connected yet" in now.last_heard, 120)
            leaves(self.world, call)


def leaves(world: OneProcess, call: RehearsedCall) -> None:
    """Hang up, and let the worker tell of it, which it does a moment later."""
    ends(world, call)
    world.network.clock.advance(1)


@pytest.fixture
def watched(settings: Settings, flow: Flow) -> Iterator[Watched]:
    with Pager() as pager:
        world = OneProcess(replace(settings, alarm_number=ALARM_NUMBER, alarm_url=pager.url), flow)
        people(world)
        yield Watched(world, pager)
        world.close()


def test_two_callers_who_reach_nobody_alarm_nobody(watched: Watched) -> None:
    watched.reach_nobody(2)

    assert (watched.texts, watched.posts) == ([], [])


def test_three_callers_in_a_row_who_reach_nobody_are_one_text_and_one_post(watched: Watched) -> None:
    watched.reach_nobody(3)

    assert watched.texts == watched.posts
    assert [UNREACHED in words for words in watched.posts] == [True]


def test_callers_who_hang_up_when_a_choice_is_offered_have_reached_nobody(watched: Watched) -> None:
    people(watched.world, vs=ignores(12), ch=ignores(6))
    for _ in range(3):
        call = asks(watched.world)
        assert call.until(lambda c: "For other ways" in c.last_heard, 90), call.heard
        leaves(watched.world, call)

    assert [UNREACHED in words for words in watched.posts] == [True]


def test_callers_who_hang_up_before_that_say_nothing_of_it(watched: Watched) -> None:
    people(watched.world)
    for _ in range(4):
        call = asks(watched.world)
        call.wait(20)
        leaves(watched.world, call)

    assert watched.posts == []


def test_a_caller_who_reaches_a_person_begins_the_count_anew(watched: Watched) -> None:
    watched.reach_nobody(2)
    people(watched.world, vs=accepts(talks=10))
    call = asks(watched.world)
    assert call.wait_until_joined()
    leaves(watched.world, call)

    people(watched.world)
    watched.reach_nobody(2)

    assert watched.posts == []


def test_an_alarm_comes_at_most_once_in_half_an_hour(watched: Watched) -> None:
    watched.reach_nobody(5)
    assert len(watched.posts) == 1

    watched.world.network.clock.advance(HALF_AN_HOUR)
    watched.reach_nobody(2)

    assert len(watched.posts) == len(watched.texts) == 2


def test_a_caller_who_goes_by_the_direct_path_is_an_alarm(watched: Watched) -> None:
    watched.world.lose("sql")
    people(watched.world, vs=accepts(talks=10))

    for _ in range(2):
        call = asks(watched.world)
        assert call.wait_until_joined()
        leaves(watched.world, call)

    assert watched.texts == watched.posts
    assert [DIRECT in words for words in watched.posts] == [True]


def test_callers_beyond_what_the_account_allows_hear_a_choice_and_one_alarm_names_the_mend(
    watched: Watched,
) -> None:
    watched.world.network.faults.concurrency = 1
    people(watched.world, vs=accepts(), ch=accepts())

    watched.reach_nobody(4)

    assert "business profile" in watched.posts[0]
    assert [LIMIT in words for words in watched.posts] == [True]
    assert watched.texts == watched.posts
    attempts = [a for call in watched.world.log() for t in call["transfers"] for a in t["attempts"]]
    assert {attempt["outcome"] for attempt in attempts} == {"not_rung"}


def test_texts_that_do_not_arrive_are_one_alarm(watched: Watched) -> None:
    network = watched.world.network
    network.exchange.texts.unreachable.add(CALLER)
    network.exchange.texts.undelivered = 30007

    for _ in range(4):
        network.text(CALLER, "signs")
        network.settle()
        network.clock.advance(30)

    assert [UNDELIVERED in words for words in watched.posts] == [True]
    assert watched.texts == watched.posts


def test_a_call_that_twilio_turned_away_before_we_heard_of_it_is_an_alarm(
    watched: Watched, settings: Settings
) -> None:
    later = watched.world.line.later
    client = create_app(build_parts(settings, watched.world.line)).test_client()
    twilio = Twilio(client, settings.public_url, settings.auth_token)
    told = {"resource_sid": None, "error_code": "10004", "webhook": {"request": {"parameters": {}}}}

    codes = [twilio.post("/debugger", Payload=json.dumps(told)).status_code for _ in range(2)]
    codes += [
        twilio.post("/debugger", Payload=odd).status_code for odd in ("", "{", "[1]", '{"error_code": {}}')
    ]
    watched.world.network.clock.advance(5)

    assert codes == [204] * 6
    assert isinstance(later, Soon)
    assert [LIMIT in words for words in watched.posts] == [True]


def test_an_alarm_says_nothing_about_a_caller(watched: Watched) -> None:
    watched.reach_nobody(3)

    ((path, body),) = watched.pager.posts
    told = " ".join([path, body, *watched.texts])
    calls = {call["id"] for call in watched.world.log()}
    sids = set(watched.world.network.exchange.calls)
    assert not any(secret in told for secret in {CALLER, CALLER[2:], CALLER[-4:], *calls, *sids})
    assert not any(word in told.lower() for word in ("english", "trafficking", "hamilton"))


def test_an_alarm_that_cannot_be_posted_is_texted_all_the_same(settings: Settings, flow: Flow) -> None:
    nowhere = replace(settings, alarm_number=ALARM_NUMBER, alarm_url="http://127.0.0.1:1/page")
    world = OneProcess(nowhere, flow)
    people(world)
    watched = Watched(world, Pager())

    watched.reach_nobody(3)
    world.close()

    assert [UNREACHED in words for words in watched.texts] == [True]
