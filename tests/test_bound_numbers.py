"""A number of the line that is bound to a language: begins in it, tells nothing, and leads to all others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from conftest import Twilio
from fakes import make_line

from ivr.checks.config import wrong_numbers
from ivr.checks.runner import inspect
from ivr.flow.rendering import seconds
from ivr.flow.sms import reply
from ivr.flow.turn import Arrived, AskForPerson, Pressed, Roster, Silent, Texted, Turn
from ivr.flow.voice import step
from ivr.position import Position
from ivr.telephony.data_deletion import TwilioRecords
from ivr.understanding.understand import Understanding
from ivr.web.app import create_app
from ivr.wiring import build_parts

if TYPE_CHECKING:
    from ivr.flow.models import Flow
    from ivr.settings import Settings

POSTER, OURS = "+12895550177", "+12895550100"
NOW = 1_790_000_000


def bound(flow: Flow, **numbers: str) -> Flow:
    return replace(flow, line=replace(flow.line, numbers=numbers))


def answering(flow: Flow, settings: Settings) -> Twilio:
    client = create_app(build_parts(settings, make_line(flow))).test_client()
    return Twilio(client, settings.public_url, settings.auth_token)


def call(flow: Flow, language: str, *keys: str) -> Turn:
    """Call the number of a language and press keys; none of them asks for a person."""
    roster = Roster(flow.directory.orders, NOW)
    turn = step(flow, Position(language=language), Arrived(), roster)
    for key in keys:
        assert isinstance(turn, Turn)
        turn = step(flow, turn.position, Pressed(key), roster)
    assert isinstance(turn, Turn)
    return turn


def test_a_call_to_the_number_of_a_language_begins_in_it(flow: Flow, settings: Settings) -> None:
    twilio = answering(bound(flow, pa=POSTER), settings)
    hello = flow.prompts["pa"].stops["hello"].say

    at_poster = twilio.post("/voice", To=POSTER).get_data(as_text=True)
    elsewhere = twilio.post("/voice", To=OURS).get_data(as_text=True)

    assert hello in at_poster
    assert "/voice/1/pa/hello/0" in at_poster
    assert hello not in elsewhere


def test_a_text_to_the_number_of_a_language_is_answered_in_it(flow: Flow, settings: Settings) -> None:
    twilio = answering(bound(flow, pa=POSTER), settings)

    answer = twilio.post("/sms", To=POSTER, Body="hello", MessageSid="SM1").get_data(as_text=True)

    assert flow.prompts["pa"].stops["hello"].text in answer
    assert "1 ਪੰਜਾਬੀ" in answer
    assert flow.prompts["en"].lines.text_languages in answer


def test_its_first_words_are_those_of_any_line_and_short(flow: Flow) -> None:
    for language in flow.voiced:
        greeting = call(flow, language)

        words = flow.prompts[language]
        topics = [words.stops[stop].offer for stop in flow.stops]
        said = " ".join(say.words for say in greeting.says)
        assert greeting.says[0].words.startswith(words.stops["hello"].say[:5])
        assert [topic for topic in topics if topic and topic in said] == []
        assert seconds(flow, greeting.says) <= 20


def test_its_first_key_goes_on_and_its_second_and_ninth_lead_to_every_language(flow: Flow) -> None:
    assert call(flow, "pa", "1").position.stop == flow.menus.home
    assert call(flow, "pa", "1").position.language == "pa"
    for key in "29":
        choice = call(flow, "pa", key).position
        assert (choice.stop, choice.language) == (flow.menus.start, "")


@pytest.mark.parametrize("key", ["3", "7", "8"])
def test_a_key_pressed_by_chance_keeps_them_where_they_are(flow: Flow, key: str) -> None:
    turn = call(flow, "pa", key)

    assert (turn.position.stop, turn.position.language) == (flow.menus.start, "pa")
    assert turn.says[0].words == flow.prompts["pa"].lines.not_understood


def test_a_person_is_asked_for_in_that_language(flow: Flow) -> None:
    assert call(flow, "pa", "0").position.language == "pa"


def test_who_cannot_press_is_connected_from_there_too(flow: Flow) -> None:
    roster, turn = Roster(flow.directory.orders, NOW), call(flow, "pa")

    heard: list[object] = []
    for _ in range(4):
        decision = step(flow, turn.position, Silent(), roster)
        heard.append(decision)
        if isinstance(decision, Turn):
            turn = decision

    assert isinstance(heard[-1], AskForPerson)
    assert heard[-1].position.language == "pa"


def test_a_number_of_a_language_without_a_voice_says_what_there_is(flow: Flow) -> None:
    for language, speaker in (("ur", "hi"), ("fa", "en")):
        greeting = call(flow, language)
        said = [say.words for say in greeting.says]

        assert {say.language for say in greeting.says} == {speaker}
        assert said[0] == flow.prompts[speaker].stops["hello"].say
        assert "9 1 1" in said[0]
        assert said[1] == flow.prompts[speaker].lines.person_key
        assert "1, 8 3 3, 9 0 0, 1 0 1 0" in said[2]  # The hotline, which has interpreters.
        assert call(flow, language, "9").position.language == ""


def test_a_digit_texted_first_means_nothing_and_then_one_goes_on(flow: Flow) -> None:
    one = Texted(Understanding("", answer="key", key="1"))

    greeting = reply(flow, Position(language="fa"), one, NOW)
    menu = reply(flow, greeting.position, one, NOW)

    assert greeting.position.stop == flow.menus.start
    assert (menu.position.stop, menu.position.language) == (flow.menus.home, "fa")


def test_faults_of_bound_numbers_are_named(flow: Flow) -> None:
    agency = next(iter(flow.directory.agencies.values())).number
    off = replace(flow.line.languages["hu"], on=False)
    line = replace(
        flow.line,
        languages=flow.line.languages | {"hu": off},
        numbers={"pa": POSTER, "ar": POSTER, "hu": "+12895550178", "so": "905", "es": agency},
    )

    faults = {fault.place: fault.mend for fault in wrong_numbers(replace(flow, line=line))}

    assert sorted(faults) == ["numbers.ar", "numbers.es", "numbers.hu", "numbers.so"]
    assert "bound to 'pa' already" in faults["numbers.ar"]
    assert "an agency" in faults["numbers.es"]
    assert [fault for fault in inspect(bound(flow, pa=POSTER)) if "numbers" in fault.place] == []


def test_what_twilio_keeps_of_every_number_is_listed_for_deletion_each_once() -> None:
    began = datetime(2026, 11, 1, tzinfo=UTC)
    common = {"start_time": None, "end_time": None, "date_created": began, "date_updated": began}
    common |= {"date_sent": None, "direction": "inbound", "status": "completed"}
    ways = {"out": (OURS, "+19055550123"), "in": ("+19055550123", POSTER), "between": (OURS, POSTER)}

    class Resource:
        def __init__(self, kind: str, sender: str) -> None:
            self.rows = [
                SimpleNamespace(sid=f"{kind} {way}", to=to, **{sender: number}, **common)
                for way, (number, to) in ways.items()
            ]
            self.sender = sender

        def stream(self, *, page_size: int, to: str = "", from_: str = "") -> list[SimpleNamespace]:  # noqa: ARG002
            sent = [row for row in self.rows if from_ in {"", getattr(row, self.sender)}]
            return [row for row in sent if to in {"", row.to}]

    class Client:
        calls, messages = Resource("call", "_from"), Resource("text", "from_")
        queues = SimpleNamespace(stream=lambda page_size: [])  # noqa: ARG005

    listed = [each.sid for each in TwilioRecords(Client(), OURS, others=(POSTER,)).all()]  # type: ignore[arg-type]

    assert sorted(listed) == sorted(f"{kind} {way}" for kind in ("call", "text") for way in ways)
