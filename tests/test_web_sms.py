"""Texts: words, accents, pictures, silence on purpose, and twenty minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from fakes import KeptEffects, NotedJournal

from ivr.effects import Erase, OptIn, OptOut

if TYPE_CHECKING:
    from conftest import Clock, Twilio

    from ivr.line import Line


def read(answer: object) -> str:
    message = ET.fromstring(answer.get_data(as_text=True)).find("Message")  # type: ignore[attr-defined]  # noqa: S314
    return (message.text or "") if message is not None else ""


def signs(line: Line) -> list[str]:
    assert isinstance(line.journal, NotedJournal)
    return [entry.outcome for entry in line.journal.entries]


@pytest.mark.parametrize("body", ["STOP", "stop.", "ARRET", "Arrêt", "arrêt !", "Unsubscribe"])
def test_stop_in_either_language_gets_no_reply_and_is_noted(twilio: Twilio, line: Line, body: str) -> None:
    assert read(twilio.text(body, "SM1")) == ""
    assert signs(line) == ["opted_out"]


@pytest.mark.parametrize("number", ["+442079460123", "+18765550123"])
def test_a_phone_from_elsewhere_keeps_its_stop_and_its_delete(
    twilio: Twilio, line: Line, number: str
) -> None:
    twilio.text("STOP", "SM1", From=number)
    twilio.text("DELETE", "SM2", From=number)

    assert isinstance(line.later, KeptEffects)
    assert {type(effect) for effect in line.later.effects} == {OptOut, Erase}


@pytest.mark.parametrize("body", ["EXIT", "exit", " Exit. "])
def test_exit_gets_no_reply_and_forgets_where_the_texter_was(twilio: Twilio, line: Line, body: str) -> None:
    twilio.text("menu", "SM1")

    left = read(twilio.text(body, "SM2"))
    after = read(twilio.text("2", "SM3"))

    assert left == ""
    assert "left" in signs(line)
    assert "911" in after


@pytest.mark.parametrize("body", ["HELP", "aide", "Info"])
def test_help_names_911_the_hotline_and_how_to_stop(twilio: Twilio, body: str) -> None:
    words = read(twilio.text(body, "SM1"))

    assert all(part in words for part in ("911", "1-833-900-1010", "STOP"))


@pytest.mark.parametrize("kind", ["STOP", "HELP", "START"])
def test_what_advanced_opt_out_has_answered_gets_no_second_answer(twilio: Twilio, kind: str) -> None:
    assert read(twilio.text(kind, "SM1", OptOutType=kind)) == ""


@pytest.mark.parametrize(
    "body", ["", " ", "\U0001f600" * 40, "\u202eabc", "a\x00b", "x" * 1600, "مرحبا", "\x07"]
)
def test_a_text_that_nobody_can_read_gets_the_greeting(twilio: Twilio, body: str) -> None:
    answer = twilio.text(body, "SM1")

    assert answer.status_code == 200
    assert "911" in read(answer)


@pytest.mark.parametrize("body", ["Signs?", "signes", "SIGNES !", "sígns"])
def test_a_keyword_is_understood_with_or_without_its_accents(twilio: Twilio, body: str) -> None:
    assert "1" in read(twilio.text(body, "SM1"))
    assert "traff" not in read(twilio.text(body, "SM2")).lower()


def test_what_gives_its_reader_away_is_sent_only_after_a_yes(twilio: Twilio) -> None:
    asked = read(twilio.text("signs", "SM1"))

    shown = read(twilio.text("1", "SM2"))

    assert len(asked) < 90
    assert len(shown) > len(asked)


@pytest.mark.parametrize("word", ["Yes", "yes.", "OUI", "ok"])
def test_a_yes_is_as_good_as_a_one_where_it_was_asked_for(twilio: Twilio, word: str) -> None:
    twilio.text("signs", "SM1")
    pressed = read(twilio.text("1", "SM2"))
    twilio.text("signs", "SM3")

    said = read(twilio.text(word, "SM4"))

    assert said == pressed


def test_a_yes_to_nothing_is_the_start_of_the_network(twilio: Twilio, line: Line) -> None:
    twilio.text("STOP", "SM1")
    twilio.text("yes", "SM2")

    assert isinstance(line.later, KeptEffects)
    assert [type(effect) for effect in line.later.effects] == [OptOut, OptIn]


def test_a_french_keyword_is_answered_in_french(twilio: Twilio) -> None:
    asked = read(twilio.text("signes", "SM1"))

    shown = read(twilio.text("1", "SM2"))

    assert "est-ce" in asked.lower() or "lire" in asked.lower()
    assert "vous" in shown or "votre" in shown


def test_a_bare_digit_after_twenty_minutes_gets_the_neutral_greeting(twilio: Twilio, clock: Clock) -> None:
    twilio.text("signs", "SM1")
    clock.seconds += 20 * 60 + 1

    words = read(twilio.text("1", "SM2"))

    assert words == read(twilio.text("", "SM3", From="+19055550199"))


def test_a_cookie_that_we_did_not_sign_is_a_new_conversation(twilio: Twilio, line: Line) -> None:
    twilio.client.set_cookie("p", "forged", domain="localhost")

    assert "911" in read(twilio.text("1", "SM1"))
    assert signs(line) == [""]


def test_zero_by_text_gives_the_numbers(twilio: Twilio) -> None:
    twilio.text("english", "SM1")

    assert "1-833-900-1010" in read(twilio.text("0", "SM2"))


def test_a_texter_in_their_own_words_is_led_to_the_nearest_stop(twilio: Twilio) -> None:
    words = read(twilio.text("my boss took my passport, what are the signs", "SM1"))

    assert words.startswith("In danger? Call 911.\n")
    assert " Signs\n" in words


@pytest.mark.parametrize("status", ["queued", "sent", "delivered", "undelivered", "read"])
def test_news_of_a_text_of_ours_is_never_answered(twilio: Twilio, line: Line, status: str) -> None:
    answer = twilio.post("/sms", MessageSid="SM1", SmsStatus=status, MessageStatus=status)

    assert (answer.status_code, answer.data) == (204, b"")
    assert signs(line) == []
