"""What a caller hears, from the real menus and words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from fakes import directly
from hypothesis import given
from hypothesis import strategies as st
from sizes import examples
from test_position import POSITIONS

from ivr.effects import TextNumbers
from ivr.flow.segments import segments
from ivr.flow.sms import reply
from ivr.flow.turn import (
    Arrived,
    Asked,
    AskForPerson,
    CameBack,
    Connect,
    HangUp,
    Heard,
    Listen,
    Phone,
    Pressed,
    Roster,
    Silent,
    Turn,
    Unclear,
    WaitInQueue,
    Wished,
)
from ivr.flow.voice import SPOKEN_SECONDS, ring_next, step, wait_in_queue
from ivr.position import Position
from ivr.telephony import twiml
from ivr.telephony.twiml import TwimlRenderer
from ivr.transfer.time_limits import RING_BUFFER, ring_seconds

if TYPE_CHECKING:
    from ivr.flow.models import Flow

NOW = 1_790_000_000
PHONE = Phone("c1")
HOWS = ("accepted", "no_answer", "busy", "failed", "declined", "in_doubt")
WISHES = ("leave", "stop", "start", "help")
HEARD = st.one_of(
    st.just(Arrived()),
    st.just(Silent()),
    st.just(Unclear()),
    st.builds(Pressed, st.sampled_from([*"0123456789*#", "", "A", "99"])),
    st.builds(CameBack, st.sampled_from(HOWS), st.booleans()),
    st.builds(
        Asked, st.sampled_from(["signs-me", "main", "no-such-stop"]), st.sampled_from(["", "en", "fr"])
    ),
    st.builds(Wished, st.sampled_from(WISHES), st.booleans()),
)


def roster(flow: Flow, now: int = NOW) -> Roster:
    return Roster(flow.directory.orders, now)


def walk(flow: Flow, *heard: Heard | str) -> Turn:
    """Go through a call: each string is a key."""
    turn = hear(flow, Position(), Arrived())
    for each in heard:
        turn = hear(flow, turn.position, Pressed(each) if isinstance(each, str) else each)
    return turn


def hear(flow: Flow, position: Position, heard: Heard, phone: Phone = PHONE) -> Turn:
    """Answer a caller as a line does that knows the direct path only."""
    return directly(flow, step(flow, position, heard, roster(flow), phone), roster(flow))


def words(turn: Turn) -> str:
    return " ".join(say.words for say in turn.says)


def places(flow: Flow) -> st.SearchStrategy[Position]:
    """Every stop that there is, in every language, and positions that nobody made."""
    real = st.builds(
        Position,
        stop=st.sampled_from([*flow.stops]),
        language=st.sampled_from(["", *flow.languages]),
        turn=st.integers(0, 500),
        attempt=st.integers(0, 4),
        question=st.integers(0, 9),
        yes=st.integers(0, 9),
        held=st.booleans(),
        about=st.sampled_from(["", "no-such-stop", *flow.stops]),
    )
    ringing = st.builds(
        Position,
        stop=st.just(flow.menus.person),
        language=st.sampled_from(["", *flow.languages]),
        order=st.sampled_from([*flow.directory.orders]),
        asked=st.integers(NOW - 120, NOW),
        tried=st.lists(st.sampled_from([*flow.directory.agencies]), max_size=3).map(tuple),
    )
    return real | ringing | POSITIONS


@examples(100)
@given(data=st.data())
def test_every_position_and_every_input_has_an_answer_that_twilio_can_speak(
    flow: Flow, data: st.DataObject
) -> None:
    position, heard = data.draw(places(flow)), data.draw(HEARD)

    turn = hear(flow, position, heard)
    document = TwimlRenderer(flow, "+12895550100", "https://line.example").answer(turn, "/agency/x")

    assert len(document.encode()) < 64 * 1024
    tree = ET.fromstring(document)  # noqa: S314 - our own document
    said = ["".join(say.itertext()) for say in tree.iter("Say")]  # Slower speech stands in a tag of its own.
    assert all(words and len(words) <= 3000 for words in said)
    assert isinstance(turn.then, HangUp) or turn.says
    assert turn.position.turn == position.turn + 1
    assert Position.parse(turn.position.path()) == turn.position


@examples(100)
@given(data=st.data())
def test_every_text_has_an_answer_of_two_segments_at_most_or_of_three(
    flow: Flow, data: st.DataObject
) -> None:
    position, heard = data.draw(places(flow)), data.draw(HEARD)

    turn = reply(flow, position, heard)

    ET.fromstring(twiml.text(turn, "https://line.example"))  # noqa: S314 - our own document
    silent_on_purpose = isinstance(heard, Wished) and (heard.answered or heard.wish in {"leave", "stop"})
    assert bool(turn.says) is not silent_on_purpose
    first = position.language in {"", *flow.first_languages}
    assert segments("\n".join(say.words for say in turn.says)) <= (2 if first else 3)


def test_the_first_words_are_neutral_and_name_911(flow: Flow) -> None:
    turn = walk(flow)

    assert "9 1 1" in turn.says[0].words
    assert not any(word in words(turn).lower() for word in ("traffick", "police", "exploit", "traite"))


def test_zero_reaches_the_consent_before_a_language_is_chosen_in_both_languages(flow: Flow) -> None:
    turn = walk(flow, "0")

    assert turn.position.stop == "person"
    assert {say.language for say in turn.says} == {"en", "fr"}


@pytest.mark.parametrize("keys", ["12", "111", "1112", "14"])
@pytest.mark.parametrize(("key", "stop"), [("0", "person"), ("9", "main"), ("#", "leave")])
def test_the_line_keys_work_from_anywhere(flow: Flow, keys: str, key: str, stop: str) -> None:
    turn = walk(flow, *keys, key)

    assert turn.position.stop == stop


def test_star_repeats_the_question_without_counting_it(flow: Flow) -> None:
    asked = walk(flow, "1", "1", "1", "1", "1")

    again = hear(flow, asked.position, Pressed("*"))

    assert again.says[-2:] == asked.says[-2:]
    assert (again.position.question, again.position.yes) == (1, 1)


@pytest.mark.parametrize(("yes", "stop"), [(0, "check-none"), (1, "check-some"), (7, "check-many")])
def test_a_checklist_ends_gently_by_how_many_were_yes(flow: Flow, yes: int, stop: str) -> None:
    questions = len(flow.prompts["en"].stops["check-me"].questions)
    answers = ["1"] * yes + ["2"] * (questions - yes)

    turn = walk(flow, "1", "1", "1", "1", *answers)

    assert turn.position.stop == stop
    assert (turn.position.question, turn.position.yes) == (0, 0)


def test_pound_leaves_at_once_with_an_innocuous_sentence(flow: Flow) -> None:
    turn = walk(flow, "1", "#")

    assert isinstance(turn.then, HangUp)
    assert turn.sign == "left"
    assert len(words(turn).split()) < 25


def test_a_caller_who_cannot_press_keys_reaches_a_line_that_is_not_police(flow: Flow) -> None:
    offered = walk(flow, "1", Silent(), Silent(), Silent())

    turn = hear(flow, offered.position, Silent())

    assert offered.then == Listen(flow.line.patience.cannot_press)
    assert isinstance(turn.then, Connect)
    assert not flow.directory.agencies[turn.then.agency].police


def test_a_wrong_key_hears_the_choices_again_and_not_the_whole_story(flow: Flow) -> None:
    told = walk(flow, "2", "1")

    again = hear(flow, told.position, Pressed("7"))

    assert len(words(again)) < len(words(told))
    assert again.position.attempt == 1


def test_consent_says_who_runs_the_agency_and_that_no_name_is_needed(flow: Flow) -> None:
    turn = walk(flow, "1", "0")

    assert flow.prompts["en"].lines.no_name in words(turn)
    assert "not police" in words(turn)
    assert "part of the Hamilton Police" in words(turn)


def test_agencies_are_rung_one_after_another_in_their_order(flow: Flow) -> None:
    turn = walk(flow, "1", "0", "2", CameBack("no_answer"))

    assert isinstance(turn.then, Connect)
    assert turn.position.tried == tuple(flow.directory.orders["any"][:2])


def test_when_nobody_answers_the_caller_hears_a_choice_and_by_a_key_the_numbers(flow: Flow) -> None:
    nobody = [CameBack("busy")] * len(flow.directory.orders["any"])

    turn = walk(flow, "1", "0", "2", *nobody)

    assert turn.position.stop == "unreached"
    assert "9 0 5" not in words(turn)
    assert isinstance(turn.then, Listen)
    numbers = walk(flow, "1", "0", "2", *nobody, "2")
    assert words(numbers).count("9 0 5, 5 4 6, 4 9 0 4") == 2


@pytest.mark.parametrize("how", ["accepted", "in_doubt"])
def test_after_a_conversation_or_in_doubt_nobody_else_is_rung(flow: Flow, how: str) -> None:
    turn = walk(flow, "1", "0", "2", CameBack(how))

    assert isinstance(turn.then, Listen)
    assert turn.position.stop == "anything-else"


def test_nobody_is_rung_for_a_caller_who_hung_up(flow: Flow) -> None:
    turn = walk(flow, "1", "0", "2", CameBack("no_answer", gone=True))

    assert turn.then == HangUp()
    assert turn.sign == "hung_up"


@given(waited=st.integers(0, 300), left=st.integers(1, 5))
def test_a_ring_lasts_twenty_seconds_at_most_and_five_at_least(flow: Flow, waited: int, left: int) -> None:
    limits = flow.line.patience
    assert 5 <= ring_seconds(limits, waited, left, spoken=SPOKEN_SECONDS) <= 20 - RING_BUFFER


def test_all_rings_together_leave_a_choice_within_a_minute(flow: Flow) -> None:
    here, now = Position("person", "en"), NOW
    names = flow.directory.orders["any"]
    for _ in names:
        turn = ring_next(flow, AskForPerson("any", replace(here, asked=NOW)), roster(flow, now))
        assert isinstance(turn.then, Connect)
        here, now = turn.position, now + turn.then.seconds + RING_BUFFER

    assert now - NOW <= 60


def test_a_stop_that_vanished_under_a_caller_leads_to_the_main_menu(flow: Flow) -> None:
    turn = hear(flow, Position("gone", "fr", 3), Silent())

    assert turn.position.stop == "main"
    assert turn.position.language == "fr"


def test_numbers_are_texted_only_when_the_caller_says_it_is_safe(flow: Flow) -> None:
    offer = hear(flow, Position("offer-text", "en"), Silent())

    sent = hear(flow, replace(offer.position, attempt=0), Pressed("1"))

    assert offer.effects == ()
    assert sent.effects == (TextNumbers("c1", "en"),)


def test_a_phone_that_gets_no_texts_is_told_so_and_is_back_where_it_was(flow: Flow) -> None:
    asked = hear(flow, Position("offer-text", "en"), Silent())

    turn = hear(flow, replace(asked.position, attempt=0), Pressed("1"), Phone("c1", may_be_texted=False))

    assert turn.says[0].words == flow.prompts["en"].lines.cannot_text
    assert turn.effects == ()


def test_a_wish_for_a_person_says_only_in_which_order_agencies_are_rung(flow: Flow) -> None:
    consent = walk(flow, "1", "0")

    ask = step(flow, consent.position, Pressed("2"), roster(flow))

    assert isinstance(ask, AskForPerson)
    assert ask.order == "any"
    assert wait_in_queue(ask, "t1").then == WaitInQueue("t1")
