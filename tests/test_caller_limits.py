"""Abuse without harm: whoever calls too often, or is blocked, hears 911 and the numbers, never silence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from fakes import make_line
from test_web_sms import read

from ivr.caller_limits import CALLS_A_MINUTE, TEXTS_A_MINUTE, TRANSFERS_AN_HOUR, CallerLimits, ListedCallers

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Twilio

    from ivr.flow.models import Flow
    from ivr.line import Line

NUMBERS = ("9 1 1", "1, 8 3 3, 9 0 0, 1 0 1 0")


@dataclass
class Counting:
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def allow(self, what: str, mark: str, most: int, seconds: int) -> bool:
        assert seconds > 0
        self.counts[what, mark] += 1
        return self.counts[what, mark] <= most

    allow_if_known = allow


@dataclass
class Listed:
    lists: ListedCallers = field(default_factory=ListedCallers)

    def __call__(self) -> ListedCallers:
        return self.lists


@pytest.fixture
def listed() -> Listed:
    return Listed()


@pytest.fixture
def busy(flow: Flow, make_twilio: Callable[[Line], Twilio], listed: Listed) -> Twilio:
    limits = CallerLimits(Counting(), listed)
    return make_twilio(make_line(flow, limits=limits))


def block(twilio: Twilio, listed: Listed, number: str) -> None:
    marks = twilio.client.application.extensions["ivr"].pseudonyms
    listed.lists = ListedCallers(blocked=frozenset({marks.who(number).block}))


def test_a_phone_that_calls_too_often_hears_the_numbers_and_a_way_on(busy: Twilio) -> None:
    answers = [
        busy.post("/voice", CallSid=f"CA{n}").get_data(as_text=True) for n in range(CALLS_A_MINUTE + 1)
    ]

    assert "/voice/1/" in answers[-2]
    assert all(words in answers[-1] for words in NUMBERS)
    assert "/voice/fixed" in answers[-1]
    assert "Reject" not in answers[-1]


def test_callers_who_withhold_their_number_are_never_counted(busy: Twilio) -> None:
    answers = [busy.post("/voice", CallSid=f"CA{n}", From="anonymous") for n in range(CALLS_A_MINUTE + 3)]

    assert all("/voice/1/" in answer.get_data(as_text=True) for answer in answers)


def test_a_phone_that_texts_too_often_gets_the_numbers(busy: Twilio) -> None:
    replies = [read(busy.text("signs", f"SM{n}")) for n in range(TEXTS_A_MINUTE + 1)]

    assert "1-833-900-1010" in replies[-1]
    assert "911" in replies[-1]


def test_a_phone_that_asks_for_a_person_too_often_hears_the_numbers(busy: Twilio) -> None:
    asked = [busy.post("/voice/2/en/person/0", Digits="1") for _ in range(TRANSFERS_AN_HOUR + 1)]

    assert "<Dial" in asked[-2].get_data(as_text=True)
    assert "<Dial" not in asked[-1].get_data(as_text=True)
    assert NUMBERS[1] in asked[-1].get_data(as_text=True)


def test_a_blocked_caller_still_hears_911_and_the_national_hotline(busy: Twilio, listed: Listed) -> None:
    block(busy, listed, "+19055550123")

    answer = busy.post("/voice").get_data(as_text=True)

    assert all(words in answer for words in NUMBERS)
    assert "<Hangup" in answer
    assert "/voice/1/" in busy.post("/voice", From="+19055550199").get_data(as_text=True)


@pytest.mark.parametrize("number", ["+442079460123", "+18765550123", "+19005550123"])
def test_a_phone_from_elsewhere_can_be_blocked_and_has_limits(
    busy: Twilio, listed: Listed, number: str
) -> None:
    often = [busy.text("signs", f"SM{n}", From=number) for n in range(TEXTS_A_MINUTE + 1)]
    block(busy, listed, number)
    blocked = busy.post("/voice", From=number).get_data(as_text=True)

    assert "1-833-900-1010" not in read(often[-2])
    assert "1-833-900-1010" in read(often[-1])
    assert "<Hangup" in blocked


def test_a_blocked_texter_still_gets_911_and_the_national_hotline(busy: Twilio, listed: Listed) -> None:
    block(busy, listed, "+19055550123")

    words = read(busy.text("signs", "SM1"))

    assert "911" in words
    assert "1-833-900-1010" in words
