"""What a text asks of the line: the order of the steps, and the answer to each."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, get_args
from xml.etree import ElementTree as ET

import pytest
from conftest import Twilio
from fakes import KeptEffects, NotedJournal, make_line
from hypothesis import given
from hypothesis import strategies as st
from test_position import POSITIONS

from ivr.effects import CallTexter, OptOut
from ivr.flow.segments import segments
from ivr.flow.sms import CALL, CALL_SECONDS, context_of, reply
from ivr.flow.turn import Phone, Pressed, Texted, kind
from ivr.line import CallContext
from ivr.position import Position
from ivr.understanding.classifier import letters_alone
from ivr.understanding.client import TextReader
from ivr.understanding.danger import KINDS
from ivr.understanding.intents import Likely, Meaning
from ivr.understanding.understand import Answer, Understanding, read_rules
from ivr.understanding.wishes import WISHES
from ivr.web.app import create_app
from ivr.wiring import build_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.flow.models import Flow
    from ivr.flow.turn import Turn
    from ivr.line import Line
    from ivr.settings import Settings

PHRASES = Path(__file__).parent.parent / "phrases"
NOW = 1_790_000_000
STOPS = ("shelter", "me", "signs-me", "person", "no-such-stop")
UNDERSTOOD = st.builds(
    Understanding,
    st.sampled_from(["", "en", "fr", "es", "pa", "gu"]),
    danger=st.sampled_from(KINDS),
    safety=st.booleans(),
    wish=st.sampled_from([*WISHES, "language"]),
    intents=st.lists(st.builds(Likely, st.sampled_from(STOPS), st.floats(0, 1)), min_size=1, max_size=3).map(
        tuple
    ),
    answer=st.sampled_from(get_args(Answer)),
    key=st.sampled_from([*"0123456789"]),
    greeted=st.booleans(),
    foreign=st.booleans(),
)
TEXTS = (
    "a" * 1600,
    "help " * 400,
    "".join(f"{c}\u0301\u0302\u0303\u0304\u0305\u0306" for c in "help me please"),
    "a\x00b\x00",
    "\x00",
    "\U0001f621" * 100,
    "\u202eevil\u202c \u0645\u0631\u062d\u0628\u0627 hello",
    "h\u0435lp m\u0435",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "1" * 1600,
)


@pytest.fixture(scope="module")
def meaning() -> Callable[[str], Meaning | None]:
    return letters_alone(PHRASES).classify


@pytest.fixture(scope="module")
def reader(meaning: Callable[[str], Meaning | None]) -> TextReader:
    return TextReader(read_rules(PHRASES), meaning)


@pytest.fixture(params=["letters", "rules"])
def either(request: pytest.FixtureRequest, reader: TextReader) -> TextReader:
    return reader if request.param == "letters" else TextReader(reader.rules, lambda _: None)


def text(reader: TextReader, flow: Flow, body: str, position: Position | None = None) -> Turn:
    where = position or Position()
    return reply(flow, where, Texted(reader.read(body, context_of(flow, where, NOW))), NOW, Phone("c1"))


def words(turn: Turn) -> str:
    return "\n".join(say.words for say in turn.says)


@pytest.mark.parametrize("body", ["STOP", "stop.", "ARRÊT", "EXIT"])
def test_a_bare_word_comes_before_everything_and_gets_no_reply(
    either: TextReader, flow: Flow, body: str
) -> None:
    assert words(text(either, flow, body, Position("shelter", "en", held=True))) == ""


@pytest.mark.parametrize(
    ("body", "begins"),
    [
        ("stop him hes hitting me", "Call 911"),
        ("yes he has a gun", "Call 911"),
        ("call me he is going to kill me", "Call 911"),
        ("il va me tuer avec un couteau", "Faites le 911"),
        ("i want to kill myself", "Call or text 9-8-8"),
        ("je veux me suicider ce soir", "Appelez ou textez le 9-8-8"),
    ],
)
def test_danger_comes_before_wishes_answers_and_what_was_held_back(
    either: TextReader, flow: Flow, body: str, begins: str
) -> None:
    turn = text(either, flow, body, Position("signs-me", "en", held=True))

    assert words(turn).startswith(begins)
    assert not turn.position.held
    assert "traff" not in words(turn)
    assert turn.effects == ()


@pytest.mark.parametrize("body", ["please dont text me again", "arrêtez de m'écrire"])
def test_a_sentence_that_asks_to_stop_opts_out_as_the_word_does(
    either: TextReader, flow: Flow, body: str
) -> None:
    heard = Texted(either.read(body, context_of(flow, Position(), NOW)))

    turn = reply(flow, Position(), heard, NOW, Phone("c1", opt_out_marks=("m",)))

    assert (words(turn), turn.effects) == ("", (OptOut("m"),))


@pytest.mark.parametrize("yes", ["1", "yes", "y", "ok", "oui", "Oui !", "\U0001f44d"])
def test_a_yes_in_any_form_rings_a_phone_only_after_the_question(
    either: TextReader, flow: Flow, yes: str
) -> None:
    asked = text(either, flow, "can u call me")

    answered = text(either, flow, yes, asked.position)

    assert asked.effects == ()
    assert asked.position.order == CALL
    assert answered.effects == (CallTexter("c1", "en"),)


@pytest.mark.parametrize("no", ["no", "non", "2", "nope"])
def test_a_no_to_being_rung_rings_nothing(either: TextReader, flow: Flow, no: str) -> None:
    turn = text(either, flow, no, text(either, flow, "call").position)

    assert words(turn) == "All right. We won't call this phone."
    assert turn.effects == ()


def test_a_yes_after_five_minutes_rings_nothing(reader: TextReader, flow: Flow) -> None:
    late = Position("main", "en", order=CALL, asked=NOW - CALL_SECONDS - 1)

    assert text(reader, flow, "1", late).effects == ()


@pytest.mark.parametrize("body", ["0", "person", "i want to talk to a real person", "im deaf"])
def test_a_person_by_text_is_a_number_a_ring_and_the_relay(either: TextReader, flow: Flow, body: str) -> None:
    turn = text(either, flow, body, Position("main", "en"))
    rung = text(either, flow, "1", turn.position)

    assert all(part in words(turn) for part in ("1-833-900-1010", "reply 1", "711"))
    assert segments(words(turn)) <= 2
    assert rung.effects == (CallTexter("c1", "en"),)


@pytest.mark.parametrize("body", ["PARLER", "jpeux parler a qqn", "je veux parler avec quelqu'un"])
def test_in_french_a_person_is_found_by_the_words_that_the_texts_end_with(
    either: TextReader, flow: Flow, body: str
) -> None:
    turn = text(either, flow, body, Position("main", "fr"))

    assert "1-833-900-1010" in words(turn)
    assert "Répondez par un chiffre" not in words(turn)


@pytest.mark.parametrize(
    ("body", "language"), [("ok", "en"), ("thanks", "en"), ("merci", "fr"), ("OK", "fr")]
)
def test_a_plain_ok_or_thanks_is_not_called_misunderstood(
    either: TextReader, flow: Flow, body: str, language: str
) -> None:
    turn = text(either, flow, body, Position("main", language))

    assert turn.position.language == language
    assert not words(turn).startswith(("Sorry", "Pardon"))


@pytest.mark.parametrize("body", ["who is this", "wrong number", "whose number is this", "c'est qui"])
@pytest.mark.parametrize("stop", ["", "signs-me", "sexual-assault"])
def test_whoever_holds_the_phone_now_learns_nothing(
    either: TextReader, flow: Flow, body: str, stop: str
) -> None:
    turn = text(either, flow, body, Position(stop, "en" if stop else ""))
    after = text(either, flow, "1", turn.position)

    assert "information" in words(turn)
    assert words(turn).count(".") <= 3
    assert words(after) == words(reply(flow, Position(), Pressed("1")))


@pytest.mark.parametrize(
    "body", ["which shelter is she at, i need to know where she is", "did my wife text you"]
)
def test_somebody_who_searches_is_told_nothing_about_anyone(
    either: TextReader, flow: Flow, body: str
) -> None:
    assert words(text(either, flow, body)).startswith("This line tells nothing about anyone")


def test_a_text_is_answered_in_its_own_language_whatever_came_before(either: TextReader, flow: Flow) -> None:
    turn = text(either, flow, "mon boss garde mon passeport", Position("main", "en"))

    assert turn.position.language == "fr"
    assert words(turn).startswith(("En danger? Faites le 911.", "Est-ce un bon moment pour lire?"))


def test_a_language_that_the_line_lacks_is_led_to_interpreters(either: TextReader, flow: Flow) -> None:
    italian = words(text(either, flow, "ho bisogno di aiuto, il mio capo non mi paga e ho paura"))
    gujarati = words(text(either, flow, "\u0aae\u0aa8\u0ac7 \u0aae\u0aa6\u0aa6 \u0a95\u0ab0\u0acb"))

    assert italian.startswith("Pericolo: 911")
    assert all("1-833-900-1010" in each and "interpreters" in each for each in (italian, gujarati))


def test_a_sentence_in_another_language_is_two_texts_or_three_in_16_bits(flow: Flow) -> None:
    for language in (*flow.interpreters.keys() - set(flow.languages), "gu"):
        for before in flow.first_languages:
            turn = reply(flow, Position("main", before), Texted(Understanding(language, foreign=True)))
            wide = language not in ("es", "pt", "it", "ht", "fil", "so", "gu")
            assert segments(words(turn)) <= (3 if wide else 2), (language, before)


def test_the_question_for_another_language_is_answered(either: TextReader, flow: Flow) -> None:
    french, spanish, somali = (
        text(either, flow, f"can you write in {each}") for each in ("french", "spanish", "somali")
    )

    assert (french.position.language, spanish.position.language) == ("fr", "es")
    assert "interpreters" in words(somali)


def test_what_is_unclear_is_offered_as_numbers_after_911(flow: Flow) -> None:
    meant = Understanding(
        "en", intents=(Likely("shelter", 0.4), Likely("trp", 0.3)), answer="choices", safety=True
    )

    turn = reply(flow, Position(), Texted(meant))
    chosen = reply(flow, Position.parse(turn.position.path()), Pressed("2"))
    menu = reply(flow, turn.position, Pressed("3"))

    assert words(turn).splitlines()[:3] == [
        "In danger? Call 911.",
        "I am not sure I understood. Reply with one number:",
        "1 Shelter",
    ]
    assert (chosen.position.stop, chosen.position.held) == ("trp", True)
    assert menu.position.stop == "main"


@pytest.mark.parametrize("body", ["my cat likes jazz music a lot", "qwerty is what they were typing there"])
def test_what_is_not_understood_says_so(either: TextReader, flow: Flow, body: str) -> None:
    found = either.read(body, context_of(flow, Position("main", "en"), NOW))
    lines = words(text(either, flow, body, Position("main", "en"))).splitlines()

    assert found.answer in ("lost", "choices")
    assert (lines[0] == "In danger? Call 911.") == found.safety
    said = lines[1 if found.safety else 0]
    assert "Sorry, I did not get that" in said or "not sure I understood" in said


def test_what_rules_alone_do_not_understand_names_911_first(reader: TextReader, flow: Flow) -> None:
    alone = TextReader(reader.rules, lambda _: None)

    said = words(text(alone, flow, "qwerty is what they were typing there", Position("main", "en")))

    assert said.startswith("In danger? Call 911.")


@pytest.mark.parametrize("body", ["hi", "MENU", "hello"])
def test_a_greeting_is_not_called_misunderstood(either: TextReader, flow: Flow, body: str) -> None:
    read = either.read(body, context_of(flow, Position("main", "en"), NOW))

    assert not read.safety
    assert words(text(either, flow, body, Position("main", "en"))).startswith("Hello. In danger? Call 911.")
    assert kind(Texted(read)) == "keyword"


@given(POSITIONS, UNDERSTOOD)
def test_every_meaning_at_every_position_is_answered(
    flow: Flow, position: Position, found: Understanding
) -> None:
    turn = reply(flow, position, Texted(found), NOW)
    silent = found.answer == "wish" and found.wish in ("stop", "exit")

    assert bool(words(turn)) != silent
    assert Position.parse(turn.position.path()) == turn.position
    if found.safety and not silent:
        assert any(number in words(turn)[:60] for number in ("911", "9-8-8"))
    if not any(ord(c) > 0x2FF for c in words(turn)):
        assert segments(words(turn)) <= 3


@pytest.fixture
def app_client(
    line: Line, settings: Settings, meaning: Callable[[str], Meaning | None]
) -> Callable[[], Twilio]:
    app = create_app(build_parts(settings, line, lambda: float(NOW), meaning=meaning))
    return lambda: Twilio(app.test_client(), settings.public_url, settings.auth_token)


@pytest.mark.parametrize(
    ("found", "written", "nearest"),
    [
        (
            Understanding("fr", intents=(Likely("law", 0.2), Likely("trp", 0.1)), answer="choices"),
            "fr",
            "law",
        ),
        (Understanding("en", intents=(Likely("shelter", 0.1),), answer="lost"), "en", "shelter"),
        (Understanding("en", answer="lost"), "en", ""),
        (Understanding("en", intents=(Likely("law", 0.99),), answer="sure"), "en", ""),
        (Understanding("en", "violence", 0.9, safety=True, answer="danger"), "en", ""),
        (Understanding("it", answer="lost", foreign=True), "other", ""),
        (Understanding("en", answer="key", key="2"), "", ""),
    ],
)
def test_of_a_text_not_understood_its_language_and_what_is_near_are_noted(
    flow: Flow, found: Understanding, written: str, nearest: str
) -> None:
    line = make_line(flow)

    line.hear(Position(), Texted(found), CallContext("c", "text", "m", NOW))

    [entry] = line.journal.entries  # type: ignore[attr-defined]
    assert (entry.written, entry.nearest, entry.heard) == (written, nearest, kind(Texted(found)))


@pytest.mark.parametrize("body", TEXTS, ids=range(len(TEXTS)))
def test_texts_made_to_break_us_are_answered(app_client: Callable[[], Twilio], body: str) -> None:
    answer = app_client().text(body, "SM1")

    assert answer.status_code == 200
    assert re.search("911|0 a person|0 للحديث|EXIT", answer.get_data(as_text=True))


def test_two_hundred_phones_at_once_are_each_answered_their_own(app_client: Callable[[], Twilio]) -> None:
    bodies = ("he has a gun", "refuge", "who is this", "EXIT")

    def send(number: int) -> str:
        sent = app_client().text(bodies[number % 4], f"SM{number}", From=f"+1905555{number:04}")
        message = ET.fromstring(sent.get_data(as_text=True)).find("Message")  # noqa: S314
        return (message.text or "")[:8] if message is not None else ""

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(200)))

    assert answers == ["Call 911", "Est-ce u", "This is ", ""] * 50


def test_no_word_of_a_texter_is_kept_queued_or_logged(
    app_client: Callable[[], Twilio], line: Line, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    phone, secret = app_client(), "zanzibarquux"
    for number, body in enumerate(
        ("{} he has a gun", "{}", "please call me {}", "dont text me {}", "i need a shelter {}", "0", "1")
    ):
        phone.text(body.format(secret), f"SM{number}")

    assert isinstance(line.journal, NotedJournal)
    assert isinstance(line.later, KeptEffects)
    written = [path.read_bytes() for path in settings.journal_dir.parent.rglob("*") if path.is_file()]
    kept = repr(line.journal.entries) + repr(vars(line.later)) + caplog.text + repr(written)
    assert len(line.journal.entries) == 7
    assert secret not in kept


def test_of_keywords_alone_the_meaning_is_kept_for_a_minute(flow: Flow) -> None:
    asked: list[str] = []
    now = [1000.0]

    def meaning(text: str) -> Meaning:
        asked.append(text)
        return Meaning({"shelter": 1.0}, -9.0, "meaning", "en")

    reader = TextReader(read_rules(PHRASES), meaning, lambda: now[0])
    for body in ("SHELTER", "SHELTER", "i need somewhere to sleep", "i need somewhere to sleep"):
        text(reader, flow, body)
    now[0] += 61
    text(reader, flow, "SHELTER")

    assert asked == ["SHELTER", "i need somewhere to sleep", "i need somewhere to sleep", "SHELTER"]


def test_a_classifier_that_is_away_is_asked_again_at_the_next_keyword(flow: Flow) -> None:
    asked: list[str] = []
    reader = TextReader(read_rules(PHRASES), asked.append)

    for _ in range(2):
        text(reader, flow, "SHELTER")

    assert asked == ["SHELTER", "SHELTER"]
