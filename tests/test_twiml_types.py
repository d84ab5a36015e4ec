"""The TwiML of every stop, language and transfer, held against the verbs that Twilio's own library publishes.

Its classes (twilio.twiml) are generated from Twilio's schema: a method is a verb or noun that may stand in
another, its parameters are the attributes that it may have. Voices and locales are those of its library for
Node, which lists them (ivr/checks/twilio_voices.toml).
"""

from __future__ import annotations

import inspect
import tomllib
from dataclasses import replace
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
from sizes import is_full
from twilio.twiml import TwiML
from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import VoiceResponse

from ivr.checks.config import VOICES_FILE
from ivr.flow import sms, voice
from ivr.flow.models import SpeechInput
from ivr.flow.recordings import with_recordings
from ivr.flow.turn import Connect, Turn, WaitInQueue
from ivr.position import Position
from ivr.telephony import twiml
from ivr.telephony.fallback_twiml import documents_elsewhere, fixed_documents
from ivr.telephony.transfer_twiml import (
    LAST,
    WaitPosition,
    accepted,
    announce,
    dial,
    goodbye,
    leave,
    waiting,
    whisper_words,
)
from ivr.telephony.twiml import TwimlRenderer
from ivr.transfer.machine import State, Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow

PUBLIC, NUMBER = "https://line.example", "+12895550100"
KNOWN = {name: set(words.split()) for name, words in tomllib.loads(VOICES_FILE.read_text("utf-8")).items()}
ADDRESSES = ("action", "url", "waitUrl", "statusCallback")
COUNTS = ("timeout", "numDigits", "length")
LARGEST = 64 * 1024  # Bytes of one document.


@cache
def inside(parent: type[TwiML]) -> dict[str, tuple[type[TwiML], frozenset[str]]]:
    """Name what may stand inside an element, with its class and the attributes that it may have."""
    found = {}
    for name, method in inspect.getmembers(parent, inspect.isfunction):
        if name.startswith("_") or hasattr(TwiML, name) or name == "add_child":
            continue
        parameters = [each for each in inspect.signature(method).parameters.values() if each.name != "self"]
        named = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
        child: Any = method(parent(), **dict.fromkeys(named, "x"))
        found[child.name] = type(child), frozenset(child.attrs)
    return found


def faults(document: str, root: type[TwiML] = VoiceResponse) -> list[str]:
    """Name what of a document Twilio's own types do not know, or what cannot be right."""
    element = ET.fromstring(document)  # noqa: S314 - our own
    size = len(document.encode())
    large = [f"{size} bytes"] if size > LARGEST else []
    return [*large, *(() if element.tag == "Response" else (element.tag,)), *_faults(element, root)]


def _faults(element: ET.Element, kind: type[TwiML]) -> Iterator[str]:
    for child in element:
        known = inside(kind).get(child.tag)
        if known is None:
            yield f"<{child.tag}> inside <{element.tag}>"
            continue
        yield from (f"{name} of <{child.tag}>" for name in child.attrib if name not in known[1])
        yield from (f"{name}={value!r} of <{child.tag}>" for name, value in _wrong_values(child))
        yield from _faults(child, known[0])


def _wrong_values(element: ET.Element) -> Iterator[tuple[str, str]]:
    locales = KNOWN["speech" if element.tag == "Gather" else "codes"]
    for name, value in element.attrib.items():
        match name:
            case "voice":
                right = value in KNOWN["voices"]
            case "language":
                right = value in locales
            case "method" | "waitUrlMethod":
                right = value in {"GET", "POST"}
            case "input":
                right = set(value.split()) <= {"dtmf", "speech"}
            case _ if name in ADDRESSES:
                right = urlsplit(value).scheme == "https"
            case _ if name in COUNTS:
                right = value.isdecimal()
            case _:
                right = True
        if not right:
            yield name, value


@pytest.fixture(params=["keys", "speech"])
def speech(flow: Flow, request: pytest.FixtureRequest) -> TwimlRenderer:
    """Give the renderer of a line, and of one with recordings where callers may say what they want."""
    taking = replace(flow, line=replace(flow.line, speech=SpeechInput(on=True, danger="do-now")))
    spoken = request.param == "speech"
    recorded = with_recordings(taking, frozenset({("en", "stops.main.say")}))
    return TwimlRenderer(recorded if spoken else flow, NUMBER, PUBLIC, {"en": ("help", "signs")})


def test_the_types_know_what_is_right_and_what_is_not() -> None:
    assert faults('<Response><Gather numDigits="1"><Say>a<break time="1s"/></Say></Gather></Response>') == []
    assert faults("<Response><Leave/></Response>") == []
    wrong = '<Gather digits="1"><Dial/></Gather><Shout/><Say voice="Bob" language="xx">a</Say>'
    assert faults(f"<Response>{wrong}</Response>") == [
        "digits of <Gather>",
        "<Dial> inside <Gather>",
        "<Shout> inside <Response>",
        "voice='Bob' of <Say>",
        "language='xx' of <Say>",
    ]
    assert faults("<Response><Message><Body>a</Body></Message></Response>", MessagingResponse) == []


def test_every_stop_in_every_language_is_twiml_as_twilio_publishes_it(speech: TwimlRenderer) -> None:
    flow = speech.flow
    places = [Position(stop, language, 3) for stop, language in product(flow.stops, flow.voiced)]

    found = {here: faults(speech.answer(voice.visit(flow, here))) for here in places}

    assert len(found) > 500
    assert {here: these for here, these in found.items() if these} == {}


def test_every_text_in_every_language_is_twiml_as_twilio_publishes_it(flow: Flow) -> None:
    places = [Position(stop, language) for stop, language in product(flow.stops, flow.languages)]

    texts = {here: twiml.text(sms.visit(flow, here), PUBLIC) for here in places}

    found = {here: faults(text, MessagingResponse) for here, text in texts.items()}
    assert sum("<Message" in text for text in texts.values()) > 500
    assert {here: these for here, these in found.items() if these} == {}


def test_every_document_of_a_transfer_is_twiml_as_twilio_publishes_it(speech: TwimlRenderer) -> None:
    flow = speech.flow
    languages = (*flow.voiced, "") if is_full() else (*flow.first_languages, "ar", "")  # One right to left.
    documents = {
        f"{language} {agency} {name}": document
        for language, agency in product(languages, flow.directory.agencies)
        for name, document in transfer_documents(speech, language, agency)
    }

    found = {name: faults(document) for name, document in documents.items()}

    assert len(documents) > 100 * len(languages)
    assert {name: these for name, these in found.items() if these} == {}


def transfer_documents(speech: TwimlRenderer, language: str, agency: str) -> Iterator[tuple[str, str]]:
    """Write all that is heard from the wish for a person until the talk, and on the direct path."""
    flow, here = speech.flow, Position("person", language, 4)
    yield "enqueue", speech.answer(Turn(here, (), WaitInQueue("c0ffee")))
    yield "direct", speech.answer(Turn(here, (), Connect(agency, 20)), f"/agency/c0ffee/4/-/{agency}")
    yield "joined", announce(speech, language, agency)
    for state in State:
        transfer = Transfer("c0ffee", "call", "any", language, state, place=1, agency=agency)
        for last, offer in product(("", *sorted(LAST)), (False, True)):
            there = WaitPosition("c0ffee", language, tick=2, said=1, last=last)
            yield f"waiting {state} {last} {offer}", waiting(speech, there, transfer, offer=offer, waited=20)
        yield f"dial {state}", dial(speech, "c0ffee", 1, transfer)
        yield f"accepted {state}", accepted(speech, "c0ffee", 1, transfer)
    yield "whisper", speech.whisper(whisper_words(flow, agency), "/transfers/c0ffee/1/decided", 9)
    yield "goodbye", goodbye(speech, language)
    yield "leave", leave()


def test_every_document_for_when_our_own_code_fails_is_twiml_as_twilio_publishes_it(
    speech: TwimlRenderer,
) -> None:
    fixed = fixed_documents(speech)
    spoken = [fixed.caller, fixed.again, fixed.numbers, fixed.ring, fixed.goodbye, fixed.wait, fixed.agency]
    spoken.append(fixed.wait_again(f"{PUBLIC}/wait/c0ffee/en/0/0", 1))
    elsewhere = documents_elsewhere(speech.flow, NUMBER, "https://elsewhere.example/line.xml")

    found = [faults(document) for document in spoken] + [faults(fixed.text, MessagingResponse)]
    found += [
        faults(document, MessagingResponse if "<Message" in document else VoiceResponse)
        for document in elsewhere.values()
    ]

    assert len(found) > 8
    assert [these for these in found if these] == []
