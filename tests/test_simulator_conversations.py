"""Conversations, the terminal, and the clock that runs."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import requests
from flask import Flask, request
from rich.console import Console

from ivr.simulator import people
from ivr.simulator.clock import PacedClock, VirtualClock
from ivr.simulator.conversations import play
from ivr.simulator.event_clock import EventClock
from ivr.simulator.exchange import Account, Urls
from ivr.simulator.papers import Document, Papers
from ivr.simulator.rehearse import Network, urls_of
from ivr.simulator.terminal import sit_down
from ivr.simulator.webhooks import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ivr.simulator.clock import Clock

FIRST = "+19055464904"
ACCOUNT = Account("AC" + "1" * 32, "secret", "+12895550100")
DIAL = f'<Dial action="/over" timeout="15"><Number url="/whisper">{FIRST}</Number></Dial>'
PAPERS: dict[str, Document] = {
    "/voice": '<Gather numDigits="1" action="/key"><Say>For a person, press 1.</Say></Gather><Say>Bye.</Say>',
    "/key": DIAL,
    "/whisper": "<Gather numDigits='1' action='/yes'><Say>Press 1 to accept.</Say></Gather><Hangup/>",
    "/yes": "<Say>Thank you.</Say>",
    "/over": "<Say>Goodbye.</Say>",
    "/sms": "<Message>Bonjour\nau revoir</Message>",
    "/voice/status": "",
}
CONVERSATION = """\
# A caller reaches a person, and texts afterwards.
@ first +19055464904 accepts after 5, talks 20
> dials
For a person, press 1.
> presses 1
    first rings
    first answers
    first hears: Press 1 to accept.
    first presses 1
    first hears: Thank you.
    -- joined with first --
> waits
    first hangs up
    -- parted from first --
Goodbye.
    -- the line hangs up --
> texts "signes"
< Bonjour
< au revoir
"""


PATIENT: dict[str, Document] = PAPERS | {  # Where time is paced, and a busy machine is slow to press.
    "/voice": '<Gather numDigits="1" action="/key" timeout="600"><Say>For a person, press 1.</Say></Gather>'
}


def network_of(clock: Clock, papers: dict[str, Document] = PAPERS) -> Network:
    return Network(ACCOUNT, urls_of("http://line.test"), clock=clock, fetch=Papers(dict(papers)), seed="test")


def test_a_conversation_that_is_played_reads_as_it_was_written() -> None:
    with network_of(VirtualClock()) as network:
        assert play(CONVERSATION, network.exchange) == CONVERSATION


def test_a_person_without_a_terminal_can_sit_down_and_record(tmp_path: Path) -> None:
    out = io.StringIO()
    recording = tmp_path / "call.txt"

    with network_of(PacedClock(speed=50.0), PATIENT) as network:
        network.people.put(FIRST, people.accepts(1, talks=5), name="first")
        sit_down(
            network.control_url,
            record_to=recording,
            console=Console(file=out, width=200),
            source=io.StringIO("t signes\n1\n"),
            speed=50.0,
        )

    assert "you are talking with first" in out.getvalue()
    written = recording.read_text("utf-8")
    assert "> dials\nFor a person, press 1.\n" in written
    assert "    first presses 1\n" in written


def test_two_hundred_calls_at_once_all_reach_a_person() -> None:
    with network_of(EventClock(at_once=8)) as network:  # However busy the machine is: time waits for answers.
        network.people.put(FIRST, people.accepts(1, talks=200), name="first")
        calls = [network.dial(f"+1905555{n:04}", people.caller(people.Press("1"))) for n in range(200)]

        joined = network.clock.until(lambda: all(call.joined_to for call in calls), 150)

    assert joined


def test_a_network_is_steered_from_another_process() -> None:
    with network_of(PacedClock(speed=10.0), PATIENT) as network, requests.Session() as session:
        session.trust_env = False
        base = network.control_url
        habit = {"number": FIRST, "does": "is busy", "name": "first"}
        assert session.post(f"{base}/people", json=habit, timeout=60).status_code == 200
        assert session.post(f"{base}/people", json={**habit, "does": "sings"}, timeout=60).status_code == 400
        call = session.post(f"{base}/calls", json={"from": "+19055550123"}, timeout=60).json()["call"]
        network.clock.advance(3.0)
        session.post(f"{base}/calls/{call}/keys", json={"keys": "1"}, timeout=60)
        heard = network.feed.lines
        network.clock.until(lambda: any(line.words == "Goodbye." for line in heard), 600)

        seen = session.get(f"{base}/events?after=0&call={call}", timeout=60).json()

    assert [line["words"] for line in seen if line["what"] == "heard"] == [
        "For a person, press 1.",
        "Goodbye.",
    ]


def test_calls_may_be_made_from_several_threads() -> None:
    with network_of(PacedClock(speed=10.0)) as network, ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(lambda n: network.dial(f"+190555500{n:02}").wait_until_over(600), range(16)))

    assert all(ended)


def test_a_flask_test_client_can_stand_in_for_the_web_server() -> None:
    app = Flask("line")
    app.add_url_rule("/voice", view_func=lambda: (_heard(), {"Content-Type": "text/xml"}), methods=["POST"])
    client = app.test_client(use_cookies=False)

    def fetch(url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        answer = client.open(url, method="GET" if form is None else "POST", data=form, headers=dict(headers))
        cookies = tuple(answer.headers.getlist("Set-Cookie"))
        kind = answer.headers.get("Content-Type", "")
        return Answer(answer.status_code, kind, answer.text, cookies, answer.headers.get("Location", ""))

    with Network(ACCOUNT, urls_of("http://line.test"), clock=VirtualClock(), fetch=fetch) as network:
        call = network.dial("+19055550123")
        call.wait_until_over()

    assert call.heard == ["hello +19055550123"]


def _heard() -> str:
    return f"<Response><Say>hello {request.form['From']}</Say></Response>"


def test_the_longest_wait_is_from_a_key_to_a_person_or_a_choice() -> None:
    with network_of(VirtualClock()) as network:
        network.people.put(FIRST, people.accepts(4), name="first")
        call = network.dial("+19055550123")
        call.press("1")
        call.wait_until_joined()

    assert 4 < call.longest_wait < 10


def test_urls_are_those_of_the_product() -> None:
    assert urls_of("http://x/") == Urls("http://x/voice", "http://x/voice/status", "http://x/sms")
