"""Webhooks: signed, answered twice alike, and never with an error."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from conftest import Twilio
from fakes import KeptEffects, NotedJournal, SentTexts, make_line

from ivr.web.app import create_app
from ivr.wiring import build_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Clock

    from ivr.effects import Entry
    from ivr.flow.models import Flow
    from ivr.line import Line
    from ivr.settings import Settings

WEBHOOKS = [
    "/voice",
    "/voice/1/en/main/0",
    "/voice/status",
    "/voice/fixed",
    "/sms",
    "/agency/c/3/en/chrysalis",
]


def tree(answer: object) -> ET.Element:
    return ET.fromstring(answer.get_data(as_text=True))  # type: ignore[attr-defined]  # noqa: S314 - our own


def entries(line: Line) -> list[Entry]:
    assert isinstance(line.journal, NotedJournal)
    return line.journal.entries


@pytest.mark.parametrize("signature", ["forged", ""])
@pytest.mark.parametrize("path", WEBHOOKS)
def test_a_webhook_that_twilio_did_not_sign_touches_nothing(
    twilio: Twilio, line: Line, path: str, signature: str
) -> None:
    answer = twilio.post(path, signature=signature, Digits="1", Body="signs")

    assert answer.status_code == 403
    assert entries(line) == []


@pytest.mark.parametrize("path", WEBHOOKS)
def test_a_webhook_that_is_fetched_by_get_is_refused(twilio: Twilio, path: str) -> None:
    assert twilio.client.get(path).status_code == 405


def test_the_second_token_signs_too_while_tokens_are_rotated(
    settings: object, line: Line, clock: Clock
) -> None:
    rotating = replace(settings, auth_token="new", second_auth_token="old")  # type: ignore[type-var]
    client = create_app(build_parts(rotating, line, clock)).test_client()

    answers = [
        Twilio(client, "https://line.example", token).post("/voice") for token in ("new", "old", "older")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 403]


def test_only_what_twilio_signed_counts_as_heard_from_it(settings: Settings, line: Line) -> None:
    heard: list[str] = []
    parts = build_parts(settings, line, heard=lambda: heard.append("Twilio"))
    client = create_app(parts).test_client()

    for token in ("forged", settings.auth_token):
        Twilio(client, settings.public_url, token).post("/voice")

    assert heard == ["Twilio"]


def test_the_host_that_a_proxy_claims_does_not_change_the_signature(twilio: Twilio) -> None:
    form = {"CallSid": "CA1", "From": "+19055550123"}
    signature = twilio.sign("https://evil.example/voice", form)

    answer = twilio.client.post(
        "/voice", data=form, headers={"X-Twilio-Signature": signature, "X-Forwarded-Host": "evil.example"}
    )

    assert answer.status_code == 403


def test_a_call_goes_from_key_to_key_by_its_address_alone(twilio: Twilio) -> None:
    first = tree(twilio.post("/voice"))

    second = tree(twilio.post(first.find("Gather").get("action"), Digits="1"))  # type: ignore[arg-type, union-attr]

    assert second.find("Gather").get("action") == "https://line.example/voice/2/en/main/0/month/2026-09"  # type: ignore[union-attr]
    assert second.find("Redirect").text == "https://line.example/voice/2/en/main/0/month/2026-09"  # type: ignore[union-attr]


def test_a_short_pause_follows_each_choice_and_nothing_else(twilio: Twilio) -> None:
    document = tree(twilio.post("/voice/1/-/hello/0", Digits="1"))

    paused = [said.text for said in document.iter("Say") if said.find("break") is not None]

    assert [words[-8:] for words in paused if words] == [f"press {key}." for key in "1234"]
    assert {each.get("time") for each in document.iter("break")} == {"600ms"}


def test_a_call_over_the_end_of_a_month_is_one_though_no_cookie_comes_back(
    line: Line, make_twilio: Callable[[Line], Twilio], clock: Clock
) -> None:
    first = tree(make_twilio(line).post("/voice"))
    clock.seconds += 31 * 24 * 3600

    make_twilio(line).post(first.find("Gather").get("action"), Digits="1")  # type: ignore[arg-type, union-attr]

    assert len(entries(line)) == 2
    assert len({entry.call for entry in entries(line)}) == 1


def test_a_webhook_delivered_twice_is_answered_alike_and_noted_under_one_key(
    twilio: Twilio, line: Line
) -> None:
    answers = [twilio.post("/voice/1/-/hello/0", Digits="2").get_data() for _ in range(2)]

    assert answers[0] == answers[1]
    assert len({(entry.call, entry.key) for entry in entries(line)}) == 1


def test_two_texts_in_the_same_second_are_two_turns(twilio: Twilio, line: Line) -> None:
    twilio.text("signs", "SM1")
    twilio.text("signs", "SM2")
    twilio.text("signs", "SM2")

    assert len({entry.key for entry in entries(line)}) == 2
    assert len({entry.call for entry in entries(line)}) == 1


def test_the_same_first_text_delivered_twice_begins_one_conversation(
    line: Line, make_twilio: Callable[[Line], Twilio]
) -> None:
    for _ in range(2):
        make_twilio(line).text("signs", "SM1")  # A client of its own each time: no cookie came back.

    assert len({(entry.call, entry.key) for entry in entries(line)}) == 1


@dataclass
class BrokenJournal:
    def write(self, entry: Entry) -> None:
        raise RuntimeError(entry.call)


@pytest.fixture
def broken(flow: Flow, make_twilio: Callable[[Line], Twilio]) -> Twilio:
    return make_twilio(make_line(flow, journal=BrokenJournal()))


def test_when_our_code_fails_a_caller_hears_the_numbers_and_a_way_on(broken: Twilio) -> None:
    answer = broken.post("/voice/3/en/main/0", Digits="1")

    assert answer.status_code == 200
    assert "1, 8 3 3, 9 0 0, 1 0 1 0" in answer.get_data(as_text=True)
    assert tree(answer).find("Gather").get("action") == "https://line.example/voice/fixed"  # type: ignore[union-attr]
    assert tree(answer).find("Dial") is None


def test_when_our_code_fails_a_texter_gets_words(broken: Twilio) -> None:
    answer = broken.text("signs", "SM1")

    assert answer.status_code == 200
    assert "1-833-900-1010" in tree(answer).find("Message").text  # type: ignore[operator, union-attr]


def test_when_our_code_fails_an_agency_is_thanked_and_let_go(broken: Twilio) -> None:
    answer = broken.post("/agency/c/3/en/chrysalis/decided", Digits="1")

    assert [child.tag for child in tree(answer)][-1] == "Hangup"


def test_when_our_code_fails_a_callback_gets_no_words(broken: Twilio) -> None:
    answer = broken.post("/voice/status", CallStatus="completed")

    assert (answer.status_code, answer.get_data()) == (204, b"")


def test_the_fixed_document_dials_only_on_a_key(twilio: Twilio) -> None:
    unasked = tree(twilio.post("/voice/fixed"))
    asked = tree(twilio.post("/voice/fixed", Digits="1"))

    assert unasked.find("Dial") is None
    assert asked.find("Dial/Number").text == "+18339001010"  # type: ignore[union-attr]


def test_an_agency_sees_our_number_and_hears_a_whisper_first(twilio: Twilio) -> None:
    dialled = tree(twilio.post("/voice/2/en/person/0", Digits="2")).find("Dial")

    assert dialled is not None
    assert dialled.get("callerId") == "+12895550100"
    assert "/agency/" in (dialled.find("Number").get("url") or "")  # type: ignore[union-attr]


def ring(twilio: Twilio) -> tuple[str, str]:
    """Ring the first agency; give where its whisper is and where the end of the ring goes."""
    dial = tree(twilio.post("/voice/2/en/person/0", Digits="2")).find("Dial")
    assert dial is not None
    return str(dial.find("Number").get("url")), str(dial.get("action"))  # type: ignore[union-attr]


def test_a_whisper_asks_for_one_in_its_first_sentence_and_says_nothing_of_the_caller(twilio: Twilio) -> None:
    whisper, _ = ring(twilio)

    document = tree(twilio.post(whisper, CallSid="CA" + "2" * 32))
    said = [say.text or "" for say in document.iter("Say")]

    assert "press 1" in said[0]
    assert "0123" not in " ".join(said)
    assert [child.tag for child in document] == ["Gather", "Hangup"]


def test_an_agency_that_pressed_one_ends_the_search_whatever_twilio_says(twilio: Twilio) -> None:
    whisper, action = ring(twilio)
    twilio.post(f"{whisper}/decided", CallSid="CA" + "2" * 32, Digits="1")

    back = twilio.post(action, DialCallStatus="no-answer")

    assert "/anything-else/" in back.get_data(as_text=True)


def test_a_voicemail_that_twilio_calls_completed_leads_to_the_next_agency(twilio: Twilio) -> None:
    _, action = ring(twilio)

    back = twilio.post(action, DialCallStatus="completed", DialBridged="false")

    assert tree(back).find("Dial/Number") is not None


def test_in_doubt_about_a_conversation_nobody_else_is_rung(twilio: Twilio) -> None:
    _, action = ring(twilio)

    back = twilio.post(action, DialCallStatus="completed")

    assert tree(back).find("Dial") is None
    assert tree(back).find("Gather") is not None


@pytest.mark.parametrize("keys", ["2", ""])
def test_an_agency_that_declines_or_says_nothing_is_let_go(twilio: Twilio, keys: str) -> None:
    whisper, _ = ring(twilio)

    answer = tree(twilio.post(f"{whisper}/decided", CallSid="CA" + "2" * 32, Digits=keys))

    assert [child.tag for child in answer][-1] == "Hangup"


def test_a_withheld_number_is_never_texted(twilio: Twilio, line: Line) -> None:
    answer = twilio.post("/voice/2/en/offer-text/0", Digits="1", From="anonymous")

    assert isinstance(line.later, KeptEffects)
    assert line.later.effects == []
    assert "send a text to this phone." in answer.get_data(as_text=True)


def test_numbers_asked_for_by_text_are_sent_in_the_callers_language(twilio: Twilio, line: Line) -> None:
    twilio.post("/voice/2/fr/offer-text/0", Digits="1")
    assert isinstance(line.later, KeptEffects)

    line.perform(line.later.effects[0])
    line.perform(line.later.effects[0])

    assert isinstance(line.phone, SentTexts)
    ((number, words),) = line.phone.texts
    assert number == "+19055550123"
    assert "1-833-900-1010" in words


def test_a_slash_too_many_is_answered_and_never_redirected(twilio: Twilio) -> None:
    assert twilio.post("/voice/1/-/hello/0/", Digits="1").status_code == 200
    assert twilio.post("/voice//1/-/hello/0", Digits="1").status_code == 200
