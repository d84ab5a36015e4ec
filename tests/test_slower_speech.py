"""Slower speech: one key, named in one menu, and the rest of the call is said more slowly."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from fakes import make_line
from test_coordinator import World

from ivr.checks.menus import unnamed_slower
from ivr.flow.models import LanguageStop
from ivr.flow.recordings import with_recordings
from ivr.flow.rendering import choices, spell
from ivr.flow.turn import AskForPerson, Pressed, Roster, Say, Turn
from ivr.flow.voice import step, visit, wait_in_queue
from ivr.position import Position
from ivr.telephony.twiml import RATE, TAKES_RATE, TwimlRenderer
from ivr.transfer.machine import State, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Clock, Twilio

    from ivr.flow.models import Flow
    from ivr.line import Line

ASKED = 1_790_000_000
TWO_SENTENCES = Say("One moment. Please stay.", "en", "lines.made_up")


@pytest.fixture
def roster(flow: Flow) -> Roster:
    return Roster(flow.directory.orders, ASKED)


@pytest.fixture
def renderer(flow: Flow) -> TwimlRenderer:
    return TwimlRenderer(flow, "+12895550100", "https://line.test")


def spoken(document: str) -> list[ET.Element]:
    return list(ET.XML(document).iter("Say"))


def with_voice(flow: Flow, voice: str) -> Flow:
    english = replace(flow.line.languages["en"], voice=voice)
    return replace(flow, line=replace(flow.line, languages={**flow.line.languages, "en": english}))


def said(renderer: TwimlRenderer, says: tuple[Say, ...]) -> list[tuple[str, str]]:
    """Say something slowly: which verbs, and what is in them."""
    document = ET.XML(renderer.last_words(says, hang_up=False, slow=True))
    return [(verb.tag, "".join(verb.itertext())) for verb in document]


def test_the_key_slows_every_stop_and_the_same_key_takes_it_back(flow: Flow, roster: Roster) -> None:
    stops = [name for name, stop in flow.stops.items() if not isinstance(stop, LanguageStop)]
    for stop, language in product(stops, ("", *flow.voiced)):
        usual = Position(stop, language, turn=3)

        slow = step(flow, usual, Pressed("5"), roster)
        again = step(flow, slow.position, Pressed("5"), roster)

        assert isinstance(slow, Turn)
        assert (slow.position.slow, slow.position.stop) == (True, stop)
        assert (again.position.slow, again.position.stop) == (False, stop)


def test_speech_stays_slow_wherever_the_caller_goes(flow: Flow, roster: Roster) -> None:
    for stop, key in product(flow.stops, "0123469*#"):
        arrived = step(flow, Position(stop, "en", turn=3, slow=True), Pressed(key), roster)

        assert arrived.position.slow, (stop, key)


def test_where_languages_are_named_the_key_names_one(flow: Flow, roster: Roster) -> None:
    page = step(flow, Position(flow.menus.start, question=1), Pressed("5"), roster)

    assert page.position.language == "pl"
    assert not page.position.slow


def test_one_menu_names_the_key_and_no_longer_once_it_was_pressed(flow: Flow) -> None:
    for language in flow.voiced:
        offer = spell(flow, language, "slower_key")

        named = {stop for stop in flow.stops if offer in choices(flow, Position(stop, language))}

        assert named == {"more"}
        assert offer not in choices(flow, Position("more", language, slow=True))


def test_every_voice_of_the_line_says_slow_words_at_a_rate(flow: Flow, renderer: TwimlRenderer) -> None:
    for language in flow.voiced:
        document = renderer.answer(visit(flow, Position("more", language, slow=True)))

        assert TAKES_RATE.fullmatch(flow.line.languages[language].voice)
        assert all(
            say.text is None and [each.get("rate") for each in say.iter("prosody")] == [RATE]
            for say in spoken(document)
        )
        usual = renderer.answer(visit(flow, Position("more", language)))
        assert not list(ET.XML(usual).iter("prosody"))


def test_a_voice_that_may_take_no_rate_rests_after_each_sentence(flow: Flow) -> None:
    renderer = TwimlRenderer(
        with_voice(flow, "Google.en-US-Chirp3-HD-Aoede"), "+12895550100", "https://x.test"
    )

    assert said(renderer, (TWO_SENTENCES,)) == [
        ("Say", "One moment."),
        ("Pause", ""),
        ("Say", "Please stay."),
        ("Pause", ""),
    ]


def test_slow_words_come_from_the_voice_and_from_a_recording_only_where_there_is_none(flow: Flow) -> None:
    recorded = with_recordings(flow, frozenset({("en", TWO_SENTENCES.key)}))
    voiced = TwimlRenderer(recorded, "+12895550100", "https://x.test")
    silent = replace(voiced, flow=with_voice(recorded, ""))

    assert [tag for tag, _ in said(voiced, (TWO_SENTENCES,))] == ["Say"]
    assert [tag for tag, _ in said(silent, (TWO_SENTENCES,))] == ["Play", "Pause"]


def test_whoever_waits_for_a_person_hears_them_slowly_too(
    flow: Flow, renderer: TwimlRenderer, clock: Clock, make_twilio: Callable[[Line], Twilio]
) -> None:
    world = World(flow)
    clock.seconds = ASKED + 5
    ask = AskForPerson("any", Position("person", "en", 4, order="any", asked=ASKED, slow=True))
    enqueued = ET.XML(renderer.answer(wait_in_queue(ask, "s"))).find("Enqueue")
    assert enqueued is not None
    address = enqueued.get("waitUrl", "").removeprefix("https://line.test")
    world.store.rows["s"] = Transfer("s", "call", "any", "en", State.RINGING, place=1, agency="chrysalis")
    twilio = make_twilio(make_line(flow, transfers=world.transfers))

    for _ in range(3):
        document = twilio.post(address).get_data(as_text=True)
        redirect = ET.XML(document).find("Redirect")
        assert redirect is not None
        address = "/wait/" + (redirect.text or "").partition("/wait/")[2]
        assert all(say.find("prosody") is not None for say in spoken(document))
        assert spoken(document)

    assert Position.parse(enqueued.get("action", "").partition("/voice/")[2]).slow
    farewell = twilio.post(address, Digits="#").get_data(as_text=True)
    assert spoken(farewell)[0].find("prosody") is not None
    # The agency's leg writes the address of the last words before they are joined.
    joined = twilio.post("/transfers/s/en/chrysalis/joined").get_data(as_text=True)
    another = twilio.post("/transfers/t/en/chrysalis/joined").get_data(as_text=True)
    assert [say.find("prosody") is None for say in (*spoken(joined), *spoken(another))] == [False, True]


def test_a_key_for_slower_speech_that_nobody_is_told_of_is_a_fault(flow: Flow) -> None:
    lost = replace(flow, menus=replace(flow.menus, slower="shelter"))
    lines = replace(flow.prompts["fr"].lines, slower_key="Plus lentement.")
    untold = {**flow.prompts, "fr": replace(flow.prompts["fr"], lines=lines)}

    assert [fault.place for fault in unnamed_slower(lost)] == ["slower"]
    assert [fault.place for fault in unnamed_slower(replace(flow, prompts=untold))] == ["lines.slower_key"]
    assert list(unnamed_slower(flow)) == []
