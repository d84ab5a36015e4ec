"""A service near a caller is spoken, texted or connected, and nothing is said of it that is not so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes import KeptEffects, SentTexts, directly, make_line
from test_voice import roster

from ivr.caller_limits import CallerLimits, ListedCallers
from ivr.effects import TextNumbers
from ivr.flow.graph import asks, offers, offers_by_text
from ivr.flow.models import ConsentStop, TransferStop
from ivr.flow.rendering import content, numbers_in, written_number
from ivr.flow.segments import forced, segments
from ivr.flow.sms import numbers_of, reply
from ivr.flow.turn import Asked, Connect, Phone, Pressed, Silent, Turn
from ivr.flow.voice import REPEATS, step
from ivr.position import Position

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Twilio

    from ivr.flow.models import Flow
    from ivr.line import Line

STOPS = {  # What the line was asked to offer near a caller -> the stop that does.
    "shelter": "shelter",
    "shelter for families and men": "shelter-families",
    "crisis": "crisis",
    "sexual assault": "sexual-assault",
    "Indigenous": "indigenous",
    "newcomers": "workers",
    "workers": "workers",
    "children": "youth",
    "francophone": "in-french",
    "legal": "legal-help",
}
ASKED = Position("offer-text", "en", about="shelter")


def pressed(flow: Flow, position: Position, key: str) -> Turn:
    return directly(flow, step(flow, position, Pressed(key), roster(flow), Phone("c1")), roster(flow))


def key_to(flow: Flow, stop: str, kind: type) -> str:
    """Name the key of a stop that leads to a kind of stop; empty when there is none."""
    return next((key for key, to in offers(flow.stops[stop]).items() if isinstance(flow.stops[to], kind)), "")


def told(flow: Flow, language: str, stop: str) -> tuple[str, ...]:
    return numbers_in(flow.prompts[language].stops[stop].say)


@pytest.mark.parametrize("service", STOPS)
def test_every_service_is_spoken_texted_and_connected(service: str, flow: Flow) -> None:
    stop = STOPS[service]
    for language in flow.languages:
        here = Position(stop, language)

        question = pressed(flow, here, key_to(flow, stop, ConsentStop)).position
        sent = pressed(flow, question, "1")
        person = pressed(flow, here, "0").position

        assert told(flow, language, stop)
        assert sent.effects == (TextNumbers("c1", language, stop),)
        assert isinstance(pressed(flow, person, "1").then, Connect)


@pytest.mark.parametrize("service", STOPS)
def test_the_text_holds_every_number_that_was_said_and_is_short(service: str, flow: Flow) -> None:
    stop = STOPS[service]
    for language in flow.languages:
        dialled = {
            written_number(flow.directory.agencies[name].number) for name in told(flow, language, stop)
        }

        text = numbers_of(flow, language, stop)

        assert {number for number in dialled if number not in text} == set()
        assert segments(text) <= flow.line.languages[language].most_segments
        assert language != "en" or not forced(text)


def test_a_service_that_we_can_ring_has_a_key_that_rings_it_and_no_other(flow: Flow) -> None:
    transferable = {name for name, agency in flow.directory.agencies.items() if agency.transfer}
    for stop in STOPS.values():
        for language in flow.languages:
            wanted = transferable.intersection(told(flow, language, stop))
            key = key_to(flow, stop, TransferStop)

            rung = pressed(flow, pressed(flow, Position(stop, language), key).position, "1").then

            assert {rung.agency} == wanted if isinstance(rung, Connect) else not (key or wanted), stop


def test_a_caller_hears_that_we_cannot_ring_a_service_just_where_that_is_so(flow: Flow) -> None:
    for language in flow.voiced:
        sorry = flow.prompts[language].lines.not_rung
        for name, stop in flow.stops.items():
            heard = [say.words for say in content(flow, Position(name, language))]
            rung = [n for n in told(flow, language, name) if flow.directory.agencies[n].transfer]

            assert (sorry in heard) == (asks(flow, stop) and bool(told(flow, language, name)) and not rung), (
                name
            )


def test_without_a_yes_no_text_is_sent_and_the_caller_is_back_where_they_were(flow: Flow) -> None:
    waited = ASKED
    for _ in range(REPEATS):
        waited = step(flow, waited, Silent(), roster(flow), "c1").position
    assert waited.stop == "offer-text"

    unanswered = step(flow, waited, Silent(), roster(flow), "c1")
    refused = pressed(flow, ASKED, "2")

    for back in (unanswered, refused):
        assert (back.position.stop, back.position.about, back.position.attempt) == ("shelter", "", 0)
        assert back.says[0].words == flow.prompts["en"].lines.not_texted
        assert back.effects == ()


def test_the_question_is_asked_again_each_time_its_answer_is_not_understood(flow: Flow) -> None:
    turn = pressed(flow, ASKED, "7")

    assert flow.prompts["en"].stops["offer-text"].say in [say.words for say in turn.says]
    assert turn.position.about == "shelter"


def test_hearing_again_that_a_text_is_sent_sends_no_second_one(flow: Flow) -> None:
    sent = pressed(flow, ASKED, "1")

    again = [step(flow, sent.position, heard, roster(flow), "c2") for heard in (Pressed("*"), Silent())]

    assert sent.effects
    assert [turn.effects for turn in again] == [(), ()]


def test_a_stop_that_vanished_while_its_caller_was_asked_leaves_the_usual_numbers(flow: Flow) -> None:
    sent = pressed(flow, Position("offer-text", "fr", about="gone"), "1")
    back = pressed(flow, Position("offer-text", "fr", about="gone"), "2")

    assert sent.effects == (TextNumbers("c1", "fr", ""),)
    assert back.position.stop == flow.menus.home
    for stop in ("", "gone", "main"):
        assert "1-833-900-1010" in numbers_of(flow, "fr", stop)


def test_a_texter_who_reads_the_numbers_is_not_offered_them_by_text(flow: Flow) -> None:
    for stop in STOPS.values():
        shown = reply(flow, reply(flow, Position(language="en"), Asked(stop)).position, Pressed("1"))
        read = "\n".join(say.words for say in shown.says)

        other = {key for key in offers(flow.stops[stop]) if key not in offers_by_text(flow, flow.stops[stop])}
        gone = [reply(flow, shown.position, Pressed(key)).position.stop for key in other]

        assert other
        assert [line for line in read.splitlines() if line[:1] in other and line[1:2] == " "] == []
        assert set(gone) == {stop}


@pytest.fixture
def stopped(
    flow: Flow, make_twilio: Callable[[Line], Twilio]
) -> Callable[[ListedCallers], tuple[Twilio, Line]]:
    def build(lists: ListedCallers) -> tuple[Twilio, Line]:
        limits = CallerLimits(lists=lambda: lists)
        line = make_line(flow, limits=limits)
        return make_twilio(line), line

    return build


def test_a_text_goes_to_the_phone_that_asked_in_its_language_from_the_address_alone(
    stopped: Callable[[ListedCallers], tuple[Twilio, Line]],
) -> None:
    twilio, line = stopped(ListedCallers())
    assert isinstance(line.later, KeptEffects)
    assert isinstance(line.phone, SentTexts)

    twilio.post("/voice/7/fr/offer-text/0/about/sexual-assault", Digits="1")
    for effect in line.later.effects * 2:
        line.perform(effect)

    ((number, words),) = line.phone.texts
    assert number == "+19055550123"
    assert words == numbers_of(line.flow, "fr", "sexual-assault")


@pytest.mark.parametrize("number", ["+18765550123", "+19005550123", "+442079460123", "+18005550123"])
def test_a_number_that_costs_is_never_texted(
    stopped: Callable[[ListedCallers], tuple[Twilio, Line]], number: str
) -> None:
    twilio, line = stopped(ListedCallers())

    answer = twilio.post("/voice/7/en/offer-text/0/about/shelter", Digits="1", From=number)

    assert isinstance(line.later, KeptEffects)
    assert line.later.effects == []
    assert line.flow.prompts["en"].lines.cannot_text in answer.get_data(as_text=True)


def test_a_phone_that_texted_stop_is_told_that_no_text_comes(
    stopped: Callable[[ListedCallers], tuple[Twilio, Line]],
) -> None:
    twilio, _ = stopped(ListedCallers())
    mark = twilio.client.application.extensions["ivr"].pseudonyms.who("+19055550123").opt_out
    twilio, line = stopped(ListedCallers(opted_out=frozenset({mark})))

    answer = twilio.post("/voice/7/en/offer-text/0/about/sexual-assault", Digits="1")

    assert isinstance(line.later, KeptEffects)
    assert line.later.effects == []
    assert line.flow.prompts["en"].lines.cannot_text in answer.get_data(as_text=True)
    assert "/en/sexual-assault/0" in answer.get_data(as_text=True)
