"""CALL by text: a phone rings only for whoever asked, said yes, and may be rung."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from fakes import KeptEffects, SentTexts, make_line
from test_web_sms import read

from ivr.caller_limits import Bound, CallerLimits
from ivr.effects import CallTexter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conftest import Clock, Twilio

    from ivr.flow.models import Flow
    from ivr.line import Line


def effects(line: Line) -> list[object]:
    assert isinstance(line.later, KeptEffects)
    return list(line.later.effects)


@pytest.mark.parametrize(("body", "language"), [("CALL", "en"), ("Appel !", "fr")])
def test_a_phone_rings_only_after_its_holder_said_yes(
    twilio: Twilio, line: Line, body: str, language: str
) -> None:
    asked = read(twilio.text(body, "SM1"))
    before = effects(line)
    twilio.text("1", "SM2")

    assert "1" in asked
    assert before == []
    assert [getattr(effect, "language", "") for effect in effects(line)] == [language]


@pytest.mark.parametrize("body", ["I call", "caller", "cal", "recall"])
def test_call_is_never_guessed(twilio: Twilio, line: Line, body: str) -> None:
    twilio.text(body, "SM1")
    twilio.text("1", "SM2")

    assert effects(line) == []


def test_a_wish_to_be_called_in_a_sentence_is_asked_about_first(twilio: Twilio, line: Line) -> None:
    asked = read(twilio.text("can u call me", "SM1"))

    assert "1" in asked
    assert effects(line) == []


def test_a_yes_after_five_minutes_rings_nobody(twilio: Twilio, line: Line, clock: Clock) -> None:
    twilio.text("CALL", "SM1")
    clock.seconds += 301
    twilio.text("1", "SM2")

    assert effects(line) == []


@pytest.mark.parametrize(
    "number", ["anonymous", "+266696687", "+17165550123", "+442079460000", "sip:a@b.example", "+12125"]
)
def test_only_a_number_that_can_be_dialled_here_is_rung(twilio: Twilio, line: Line, number: str) -> None:
    twilio.text("CALL", "SM1", From=number)

    words = read(twilio.text("1", "SM2", From=number))

    assert effects(line) == []
    assert "1-833-900-1010" in words


class Full:
    def allow(self, what: str, mark: str, bounds: Sequence[Bound], request: str) -> bool:
        return not (what == "ring" and mark and bounds and request)


def test_a_phone_that_was_rung_too_often_gets_words_and_the_number(
    flow: Flow, make_twilio: Callable[[Line], Twilio]
) -> None:
    line = make_line(flow, journal=KeptJournal(), limits=CallerLimits(counts=Full()))
    twilio = make_twilio(line)
    twilio.text("CALL", "SM1")

    words = read(twilio.text("1", "SM2"))

    assert effects(line) == []
    assert "1-833-900-1010" in words


class KeptJournal:
    def write(self, entry: object) -> None:
        assert entry


def test_the_phone_of_a_texter_is_rung_once(twilio: Twilio, line: Line) -> None:
    twilio.text("CALL", "SM1")
    twilio.text("1", "SM2")

    for _ in range(2):
        line.perform(CallTexter(getattr(effects(line)[0], "call", ""), "en"))

    assert isinstance(line.phone, SentTexts)
    assert [number for number, _, _ in line.phone.rings] == ["+19055550123"]


def test_whoever_picks_up_first_hears_only_what_gives_nothing_away(twilio: Twilio, flow: Flow) -> None:
    document = ET.fromstring(twilio.post("/called").get_data(as_text=True))  # noqa: S314 - our own

    said = [say.text for say in document.iter("Say")]

    assert said[0] == flow.prompts["en"].stops["hello"].say
    assert [child.tag for child in document] == ["Gather", "Hangup"]
    assert not any("police" in (words or "") for words in said)


def test_after_the_key_follows_the_ordinary_first_document(twilio: Twilio) -> None:
    go_on = twilio.post("/called/decided", Digits="1").get_data()

    assert go_on == twilio.post("/voice").get_data()
