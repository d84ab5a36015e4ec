"""Calls and texts on the whole line, and what the log then says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ivr.simulator.forms import voice
from ivr.simulator.people import never_answers
from real.rehearsal import CALLER, TEXTER, Limits, Rehearsal, rehearsal, with_people

if TYPE_CHECKING:
    from pathlib import Path

    from real.world import Processes

OPTS_OUT, READS_FRENCH = "+12895550125", "+12895550126"  # Phones of their own: the line remembers each.

CHECKLIST = (
    "1",
    "1",
    "1",
    "1",
    "1",
    "2",
    "1",
    "2",
    "2",
    "2",
    "1",
)  # English, for me, questions, their answers.
CONNECTED = {
    "channel": "voice",
    "language": "en",
    "outcome": "connected",
    "turns": 16,
    "stops": [
        *("hello", "main", "me", "could-be-me", "check-me", "check-many"),
        *("person", "anything-else", "leave"),
    ],
}


@pytest.fixture
def line(one_line: Processes) -> Rehearsal:
    """Give the line that runs already, with the people of a new one."""
    with_people(one_line.network)
    return one_line.line


def test_a_call_that_reaches_a_person_is_in_the_log_soon_after_it_ends(line: Rehearsal) -> None:
    call = line.dial(*CHECKLIST)

    joined = line.ask_for_a_person(call)
    goodbye = line.finish(call)

    assert (joined, goodbye) == (True, True)
    assert line.log_soon(CONNECTED) == [CONNECTED]
    assert line.network.feed.faults() == []
    assert line.webhooks.slowest < line.limits.promised


def test_the_same_call_is_logged_on_postgresql(
    empty_postgres_url: str, tmp_path: Path, limits: Limits
) -> None:
    with rehearsal(tmp_path, limits, DATABASE_URL=empty_postgres_url) as line:
        line.start()
        call = line.dial(*CHECKLIST)

        joined = line.ask_for_a_person(call)
        line.finish(call)

        assert joined
        assert line.log_soon(CONNECTED) == [CONNECTED]


def test_webhooks_that_all_come_twice_change_nothing_for_caller_or_log(line: Rehearsal) -> None:
    line.network.faults.duplicate = ""
    call = line.dial(*CHECKLIST)

    joined = line.ask_for_a_person(call)
    line.finish(call)

    assert joined
    assert line.log_soon(CONNECTED) == [CONNECTED]
    assert [rung["agency"] for rung in line.log()[0]["transfers"][0]["attempts"]] == ["victim-services"]
    # A wait document tells what is true when it is fetched: all others are the same each time.
    assert [url for url in line.network.exchange.webhooks.differing if "/wait/" not in url] == []


def test_numbers_asked_for_by_text_come_once_though_a_webhook_comes_again_later(line: Rehearsal) -> None:
    line.dial("1", "4", "4", "1", "1", "1")
    line.network.clock.until(lambda: bool(_texts_to_caller(line)), 60)
    (url,) = [url for _, url in line.webhooks.took if "/offer-text/" in url]

    line.network.exchange.webhooks.ask(url, _pressed(line, "1"))

    line.network.clock.advance(40)  # In which a second text would come.
    assert len(_texts_to_caller(line)) == 1


def test_two_texts_in_one_second_are_two_turns_of_one_conversation(line: Rehearsal) -> None:
    line.network.text(TEXTER, "bonjour")

    first, second = (line.network.exchange.text(TEXTER, words) for words in ("loi", "services"))
    line.network.clock.until(lambda: first.answered and second.answered, 60)

    assert line.log_soon({"channel": "text", "turns": 3}) == [{"channel": "text", "turns": 3}]


def test_a_text_in_french_is_answered_in_french(line: Rehearsal) -> None:
    (asked,) = line.network.text(READS_FRENCH, "Signes ?")
    (shown,) = line.network.text(READS_FRENCH, "1")

    assert "Est-ce un bon moment" in asked
    assert "Ce n'est pas votre faute." in shown
    expected = {"channel": "text", "language": "fr", "stops": ["signs-me"], "turns": 2}
    assert line.log_soon(expected) == [expected]


def test_ivr_calls_prints_what_happened_and_obeys_its_filters(line: Rehearsal) -> None:
    line.network.people.put(never_answers(), name="hotline")
    line.dial("1", "#").wait_until_over()
    line.network.text(OPTS_OUT, "bonjour")
    line.network.text(OPTS_OUT, "STOP")
    line.log_soon({"outcome": "left"}, {"outcome": "opted_out"})

    everything, table = line.run("calls", "--json"), line.run("calls")
    filters = {
        "--channel=text": ["opted_out"],
        "--outcome=left": ["left"],
        "--since=2001-01-01": ["left", "opted_out"],
        "--until=2001-01-01": [],
    }
    found = {option: line.run("calls", "--json", option) for option in filters}

    assert [set(call) for call in _rows(everything.stdout)] == [
        {"id", "channel", "started_at", "ended_at", "language", "outcome", "turns", "stops", "transfers"}
    ] * 2
    assert [name in table.stdout for name in ("voice", "text", "left", "opted_out")] == [True] * 4
    assert {option: _outcomes(done.stdout) for option, done in found.items()} == filters
    assert CALLER not in everything.stdout + table.stdout


def _pressed(line: Rehearsal, key: str) -> dict[str, str]:
    """Write once more what Twilio sent when the caller pressed a key."""
    (leg,) = line.network.exchange.legs_alive()
    return {**voice(leg), "Digits": key, "FinishedOnKey": "", "msg": "Gather End"}


def _texts_to_caller(line: Rehearsal) -> list[str]:
    return [text.words for text in line.network.feed.lines if text.what == "reads" and text.who == CALLER]


def _rows(printed: str) -> list[dict[str, Any]]:
    return [json.loads(row) for row in printed.splitlines()]


def _outcomes(printed: str) -> list[str]:
    return [call["outcome"] for call in _rows(printed)]
