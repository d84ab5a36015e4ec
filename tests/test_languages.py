"""Fifteen languages: chosen by ear and by text, said and written whole, and read rightly on any screen."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from sizes import examples

from ivr.checks.config import twilio_names
from ivr.checks.prompts import strayed
from ivr.flow.language_choice import languages_by_key, pages
from ivr.flow.menu_measurements import choosing, texts, to_a_person
from ivr.flow.rendering import speak
from ivr.flow.segments import LEFT_MARK, RIGHT_MARK, directed, plainer, segments
from ivr.flow.sms import context_of, reply
from ivr.flow.turn import Arrived, Asked, AskForPerson, Listen, Pressed, Roster, Say, Silent, Texted, Turn
from ivr.flow.voice import step, visit
from ivr.position import Position
from ivr.telephony.transfer_twiml import accepted_words
from ivr.telephony.twiml import TwimlRenderer
from ivr.understanding.client import TextReader
from ivr.understanding.understand import read_rules

if TYPE_CHECKING:
    from ivr.flow.models import Flow

NOW = 1_790_000_000


def press(flow: Flow, *keys: str) -> Turn:
    """Pick up and press keys; none of them asks for a person."""
    roster = Roster(flow.directory.orders, NOW)
    turn = step(flow, Position(), Arrived(), roster)
    for key in keys:
        assert isinstance(turn, Turn)
        turn = step(flow, turn.position, Pressed(key), roster)
    assert isinstance(turn, Turn)
    return turn


def way_to(flow: Flow, language: str) -> str:
    """Give the keys that choose a language."""
    return choosing(flow)[language][0].keys


def test_fifteen_languages_are_offered_thirteen_by_voice(flow: Flow) -> None:
    assert len(flow.languages) == 15
    assert set(flow.languages) - set(flow.voiced) == {"ur", "fa"}
    assert flow.first_languages == ("en", "fr")


def test_every_language_is_named_once_by_a_key_from_one_to_seven(flow: Flow) -> None:
    behind = [languages_by_key(flow, page) for page in range(1, len(pages(flow)) + 1)]

    named = [language for page in behind for language in page.values()]
    assert sorted((*flow.first_languages, *named)) == sorted(flow.languages)
    assert {key for page in behind for key in page} <= set("1234567")


def test_every_language_is_chosen_in_time_and_a_person_is_near(flow: Flow) -> None:
    ways, people = choosing(flow), to_a_person(flow)
    others = [language for language in flow.languages if language not in flow.first_languages]

    assert max(ways[language][0].seconds for language in others[:4]) <= 17
    assert max(ways[language][0].seconds for language in others) <= 27
    after = {each: people[each].seconds - people[each].chosen for each in flow.voiced}
    assert {each: seconds for each, seconds in after.items() if seconds > 7} == {}


def test_each_language_says_its_own_name_in_its_own_voice(flow: Flow) -> None:
    for page in range(1, len(pages(flow)) + 1):
        heard = speak(flow, Position(flow.menus.start, question=page))
        for say, language in zip(heard, languages_by_key(flow, page).values(), strict=False):
            assert say.language == flow.speaks(language)[0]
            assert len(say.words.split()) <= 3
            assert (language in flow.voiced) == (say.language == language)


def test_before_a_language_is_chosen_only_the_first_two_greet(flow: Flow) -> None:
    greeting = flow.prompts["en"].lines.person_key, flow.prompts["fr"].lines.person_key

    said = [say.words for say in press(flow).says]

    assert [words for words in said if words in greeting] == list(greeting)
    assert len(said) <= 10


@pytest.mark.parametrize("page", [1, 2])
def test_on_every_page_zero_is_a_person_and_nine_goes_back(flow: Flow, page: int) -> None:
    keys = "3" + "8" * (page - 1)

    person, back = press(flow, *keys, "0"), press(flow, *keys, "9")

    assert person.position.stop == flow.menus.person
    assert (back.position.stop, back.position.question) == (flow.menus.start, page - 1)


def test_after_the_last_page_the_first_comes_round_again(flow: Flow) -> None:
    assert press(flow, "3", "8", "8").position.question == 1


def test_a_wrong_key_and_silence_name_the_page_again(flow: Flow) -> None:
    page = press(flow, "3", "8")
    roster = Roster(flow.directory.orders, NOW)
    last = [say.words for say in page.says]

    for heard in (Pressed("7"), Silent()):
        again = step(flow, page.position, heard, roster)

        assert isinstance(again, Turn)
        assert [say.words for say in again.says][-len(last) :] == last
        assert again.position.question == 2


def test_a_language_chosen_by_chance_is_left_by_nine_at_its_menu(flow: Flow) -> None:
    for language in flow.voiced:
        turn = press(flow, *way_to(flow, language), "1", "9", "9")

        assert (turn.position.stop, turn.position.language) == (flow.menus.start, ""), language


def test_a_caller_of_a_language_without_a_voice_hears_of_a_person_and_of_texts(flow: Flow) -> None:
    for language in set(flow.languages) - set(flow.voiced):
        chosen = press(flow, *way_to(flow, language))
        person = press(flow, *way_to(flow, language), "0")
        asked = step(flow, person.position, Pressed("1"), Roster(flow.directory.orders, NOW))
        speaker = flow.speaks(language)[0]

        assert {say.language for say in (*chosen.says, *person.says)} == {speaker}
        assert flow.prompts[speaker].lines.person_key in [say.words for say in chosen.says]
        assert any("1, 8 3 3, 9 0 0, 1 0 1 0" in say.words for say in chosen.says)  # Interpreters are there.
        assert isinstance(chosen.then, Listen)
        assert isinstance(asked, AskForPerson)
        assert asked.position.language == language


def test_an_agency_hears_in_its_language_what_the_caller_speaks(flow: Flow) -> None:
    for language in flow.languages:
        (said,) = accepted_words(flow, "chrysalis", language)

        assert said.language == "en"
        assert said.words.endswith(f"in {flow.prompts['en'].languages[language]}.")


def places(flow: Flow) -> st.SearchStrategy[Position]:
    return st.builds(
        Position,
        stop=st.sampled_from([*flow.stops]),
        language=st.sampled_from(["", *flow.languages]),
        question=st.integers(0, 6),
        yes=st.integers(0, 3),
    )


@examples(150)
@given(data=st.data())
def test_every_stop_of_every_language_can_be_said_by_twilio_and_texted(
    flow: Flow, data: st.DataObject
) -> None:
    position = data.draw(places(flow))
    key = data.draw(st.sampled_from("0123456789*#"))

    turn = step(flow, position, Pressed(key), Roster(flow.directory.orders, NOW))
    sent = reply(flow, position, Pressed(key))

    said = turn.says if isinstance(turn, Turn) else ()
    document = ET.fromstring(  # noqa: S314 - our own document
        TwimlRenderer(flow, "+12895550100", "https://line.example").answer(turn)
        if isinstance(turn, Turn)
        else "<a/>"
    )
    assert [say for say in (*said, *sent.says) if re.search("[{}]", say.words)] == []
    for verb in document.iter("Say"):
        assert len("".join(verb.itertext())) <= 3000
        assert verb.get("voice") in twilio_names()["voices"]
        assert verb.get("language") in twilio_names()["codes"]


def test_no_text_is_sent_in_more_than_three_parts(flow: Flow) -> None:
    long = {
        (language, place): segments(words)
        for language in flow.languages
        for place, words in texts(flow, language)
        if segments(words) > flow.line.languages[language].most_segments
    }

    assert long == {}


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader(read_rules(Path(ROOT / "phrases")), lambda _: None)


def text(reader: TextReader, flow: Flow, body: str, position: Position | None = None) -> Turn:
    place = position or Position()
    return reply(flow, place, Texted(reader.read(body, context_of(flow, place, NOW))), NOW)


def test_a_language_is_known_by_its_name_in_every_language(flow: Flow, reader: TextReader) -> None:
    for language in flow.languages:
        calls_it = {flow.prompts[each].languages[language] for each in flow.languages}
        for name in (flow.line.languages[language].name, *calls_it):
            turn = text(reader, flow, name)

            assert (turn.position.stop, turn.position.language) == (flow.menus.home, language), name


def test_a_chosen_language_stays_for_the_conversation(flow: Flow, reader: TextReader) -> None:
    for language in flow.languages:
        first = text(reader, flow, flow.line.languages[language].name)
        after = text(reader, flow, "1", text(reader, flow, "9", first.position).position)

        assert after.position.language == language


def test_who_writes_nothing_that_tells_a_language_may_send_its_name(flow: Flow) -> None:
    turn = reply(flow, Position(), Asked(flow.menus.start))

    assert flow.prompts["en"].lines.text_languages in turn.says[0].words
    assert segments(turn.says[0].words) <= 2


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("In danger? Call 1-833-900-1010.", "In danger? Call 1-833-900-1010."),
        ("اتصلوا: 1-833-900-1010.", f"اتصلوا: {LEFT_MARK}1-833-900-1010."),
        (f"اتصلوا: {LEFT_MARK}1-833-900-1010.", f"اتصلوا: {LEFT_MARK}1-833-900-1010."),
        ("اتصلوا بالرقم 911.", "اتصلوا بالرقم 911."),
        ("EXIT للخروج", f"{RIGHT_MARK}EXIT للخروج"),
        ("Kids Help Phone 1-800-668-6868\nخطر", "Kids Help Phone 1-800-668-6868\nخطر"),
        ("COAST 905-972-8338 للأزمات", f"{RIGHT_MARK}COAST 905-972-8338 للأزمات"),
        ("9-8-8 ليلا", "9-8-8 ليلا"),
    ],
)
def test_numbers_and_latin_words_keep_their_order_from_right_to_left(written: str, sent: str) -> None:
    assert directed(written) == sent
    assert directed(sent) == sent


def test_no_text_from_right_to_left_turns_a_number_round(flow: Flow) -> None:
    for language in (each for each, own in flow.line.languages.items() if own.direction == "rtl"):
        for place, words in texts(flow, language):
            assert directed(words) == words, (language, place)


def test_accents_are_left_out_only_where_a_text_would_be_too_long(flow: Flow) -> None:
    assert plainer("¿Más? Łódź: đó") == "¿Mas? Lodz: do"
    assert plainer("中文 العربية") == "中文 العربية"
    spanish = dict(texts(flow, "es"))

    assert any("á" in words for words in spanish.values())


def spoilt(flow: Flow, language: str, line: str, said: str) -> Flow:
    prompts = flow.prompts[language]
    other = replace(prompts, lines=replace(prompts.lines, **{line: said}))
    return replace(flow, prompts={**flow.prompts, language: other})


@pytest.mark.parametrize(
    ("language", "line", "said", "mend"),
    [
        ("es", "text_911", "¿En peligro? Llame al 912.", "has the numbers 912, the English 911"),
        ("pl", "fixed_press", "Linia, która nie jest policją.", "has the numbers none, the English 1"),
        ("hu", "call_cannot", "Nem tudjuk hívni. Hívja éjjel-nappal.", "has the blanks none"),
        ("hi", "wait_first", "एक moment रुकें।", "holds 'moment' in Latin letters"),
        ("vi", "wait_on", "I am still calling them. Thank you for waiting.", "is English still"),
        ("uk", "wait_on", "Ще.", "is 0.1 times as long"),
        ("zh", "wait_on", "我还在打电话。" * 9, "times as long"),
    ],
)
def test_a_translation_that_strays_from_the_english_is_named(
    flow: Flow, language: str, line: str, said: str, mend: str
) -> None:
    found = [fault for fault in strayed(spoilt(flow, language, line, said)) if fault.place == f"lines.{line}"]

    assert len(found) == 1
    assert mend in found[0].mend
    assert found[0].file == f"prompts/{language}.toml"


def test_the_translations_as_they_are_do_not_stray(flow: Flow) -> None:
    assert list(strayed(flow)) == []


def test_a_position_on_a_page_that_is_gone_begins_anew(flow: Flow) -> None:
    turn = step(flow, Position(flow.menus.start, question=6), Pressed("*"), Roster({}, NOW))

    assert isinstance(turn, Turn)
    assert turn.says == visit(flow, Position(flow.menus.start)).says
    assert isinstance(turn.says[0], Say)
