"""Callers who say what they want, where the line takes words: danger first, keys where it is unclear."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from conftest import ROOT, Twilio
from fakes import NotedJournal, make_line

from ivr.checks.config import wrong_speech
from ivr.flow.models import ChecklistStop, MenuStop, SpeechInput
from ivr.flow.turn import Listen, Phone, Roster, Silent, Spoken, Turn
from ivr.flow.voice import step
from ivr.position import Position
from ivr.understanding.classifier import letters_alone
from ivr.understanding.intents import Likely
from ivr.understanding.phrases import short_phrases
from ivr.understanding.understand import Understanding
from ivr.web.app import create_app
from ivr.wiring import build_parts

if TYPE_CHECKING:
    from ivr.flow.models import Flow
    from ivr.settings import Settings

HOME = Position("main", "en")
SHELTER = (Likely("shelter", 0.9),)
DANGER = Understanding("en", "violence", 0.9, safety=True, answer="danger")


@pytest.fixture
def taking(flow: Flow) -> Flow:
    return replace(flow, line=replace(flow.line, speech=SpeechInput(on=True, danger="do-now")))


@pytest.fixture
def twilio(taking: Flow, settings: Settings) -> Twilio:
    meaning = letters_alone(ROOT / "phrases").classify
    app = create_app(build_parts(settings, make_line(taking), lambda: 1_795_000_000.0, meaning=meaning))
    return Twilio(app.test_client(use_cookies=False), settings.public_url, settings.auth_token)


def hears(flow: Flow, spoken: Spoken, position: Position = HOME) -> Turn:
    turn = step(flow, position, spoken, Roster({}, 0), Phone())
    assert isinstance(turn, Turn)
    return turn


@pytest.mark.parametrize(
    ("meaning", "stop"),
    [
        (DANGER, "do-now"),
        (Understanding("en", intents=SHELTER, answer="sure"), "shelter"),
        (Understanding("en", wish="person", answer="wish"), "person"),
        (Understanding("en", wish="call", answer="wish"), "person"),
        (Understanding("en", wish="stop", answer="wish"), "leave"),
        (Understanding("en", wish="erase", answer="wish"), "main"),
        (Understanding("en", intents=SHELTER, answer="choices"), "main"),
        (Understanding("en", intents=(Likely("gone", 0.9),), answer="sure"), "main"),
        (Understanding("en", answer="lost"), "main"),
    ],
)
def test_what_was_said_leads_on_or_is_asked_for_by_keys(
    taking: Flow, meaning: Understanding, stop: str
) -> None:
    assert hears(taking, Spoken(meaning)).position.stop == stop


def test_what_was_not_made_out_clearly_is_asked_for_by_keys_but_danger_never(taking: Flow) -> None:
    shelter = Understanding("en", intents=SHELTER, answer="sure")

    assert hears(taking, Spoken(shelter, clear=False)).position == replace(HOME, attempt=1, turn=1)
    assert hears(taking, Spoken(DANGER, clear=False)).position.stop == "do-now"


def test_words_are_taken_at_menus_alone_and_only_where_the_line_says_so(flow: Flow, taking: Flow) -> None:
    for name, stop in taking.stops.items():
        at = Position(name, "en")
        asked = step(taking, at, Silent(), Roster({}, 0), Phone())
        if isinstance(asked, Turn) and asked.position.stop == name and isinstance(asked.then, Listen):
            assert bool(asked.then.speech) == isinstance(stop, MenuStop), name
        if isinstance(stop, ChecklistStop):
            assert hears(taking, Spoken(DANGER), at).position.stop == name
    assert hears(flow, Spoken(DANGER)).position.stop == "main"


def test_callers_are_told_that_keys_are_more_private_before_words_are_taken(flow: Flow, taking: Flow) -> None:
    told = [say.words for say in hears(taking, Spoken(Understanding("en"))).says]

    assert any("Keys are more private" in words for words in told)
    assert not any("Keys are more private" in p.words for p in hears(flow, Spoken(Understanding("en"))).says)


def test_twilio_is_asked_for_words_unmasked_in_the_callers_locale(twilio: Twilio) -> None:
    document = ET.fromstring(twilio.post("/voice/1/fr/main/0", Digits="*").get_data())  # noqa: S314 - our own

    gather = document.find("Gather")
    assert gather is not None
    assert gather.get("input") == "dtmf speech"
    assert (gather.get("language"), gather.get("profanityFilter")) == ("fr-CA", "false")
    assert gather.get("speechTimeout") == "auto"


def test_a_spoken_wish_is_answered_and_its_words_are_in_no_entry(twilio: Twilio) -> None:
    said = "I need a place to sleep tonight"

    answer = twilio.post("/voice/1/en/main/0", SpeechResult=said, Confidence="0.81").get_data(as_text=True)

    journal = twilio.client.application.extensions["ivr"].line.journal
    assert "shelters for women" in answer
    assert isinstance(journal, NotedJournal)
    assert [entry.heard for entry in journal.entries] == ["speech"]
    assert "sleep" not in repr(journal.entries)


@pytest.mark.parametrize(
    ("fields", "stop"),
    [
        ({"SpeechResult": "shelter", "Confidence": "0.2"}, "main"),
        ({"SpeechResult": "shelter", "Confidence": "nonsense"}, "shelter"),
        ({"SpeechResult": "shelter"}, "shelter"),
        ({"SpeechResult": "shelter", "Digits": "4"}, "more"),
        ({"SpeechResult": ""}, "main"),
    ],
)
def test_whatever_twilio_says_of_its_confidence(twilio: Twilio, fields: dict[str, str], stop: str) -> None:
    assert f"/voice/2/en/{stop}/" in twilio.post("/voice/1/en/main/0", **fields).get_data(as_text=True)


def test_hints_are_short_phrases_of_every_language_within_what_twilio_takes() -> None:
    hints = short_phrases(ROOT / "phrases")

    assert {"en", "fr"} <= hints.keys()
    for phrases in hints.values():
        assert 0 < len(phrases) <= 500
        assert max(map(len, phrases)) <= 100
        assert "," not in "".join(phrases)


@pytest.mark.parametrize(
    ("speech", "place"),
    [(SpeechInput(on=True), "speech.danger"), (SpeechInput(on=True, danger="main"), "speech.danger")],
)
def test_a_line_that_takes_words_without_a_way_for_danger_is_faulted(
    flow: Flow, speech: SpeechInput, place: str
) -> None:
    assert [f.place for f in wrong_speech(replace(flow, line=replace(flow.line, speech=speech)))] == [place]


def test_a_line_that_takes_words_in_no_language_or_unannounced_is_faulted(taking: Flow) -> None:
    mute = {name: replace(voice, speech="") for name, voice in taking.line.languages.items()}
    lines = replace(taking.prompts["en"].lines, say_or_press="")
    silent = {**taking.prompts, "en": replace(taking.prompts["en"], lines=lines)}

    none = wrong_speech(replace(taking, line=replace(taking.line, languages=mute)))
    unannounced = wrong_speech(replace(taking, prompts=silent))

    assert [fault.place for fault in none] == ["speech.on"]
    assert [fault.place for fault in unannounced] == ["lines.say_or_press"]
    assert list(wrong_speech(taking)) == []
