"""Abuse without harm: whoever calls too often, or is blocked, hears 911 and the numbers, never silence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from fakes import KeptEffects, SentTexts, make_line
from test_web_sms import read

from ivr.caller_limits import (
    CALLS,
    HOUR,
    MINUTE,
    TEXTS,
    TEXTS_OF_THE_LINE,
    TRANSFERS,
    UNKNOWN_TRANSFERS,
    CallerLimits,
    ListedCallers,
)
from ivr.effects import CallTexter, Erase, OptIn, OptOut, TextNumbers
from ivr.records.counter_files import CounterFiles, RequestMarks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Clock, Twilio

    from ivr.flow.models import Flow
    from ivr.line import Line

NUMBERS = ("9 1 1", "1, 8 3 3, 9 0 0, 1 0 1 0")
OFFERED = "For phone numbers, press 2."
CALLS_A_MINUTE, TEXTS_A_MINUTE, TRANSFERS_AN_HOUR = (bounds[0].most for bounds in (CALLS, TEXTS, TRANSFERS))
ANYBODY = "/voice/2/en/person/0"  # Where 1 asks for a person who is not police, 2 for any.
OFFER = "/voice/7/en/offer-text/0/about/{}"


@dataclass
class Listed:
    lists: ListedCallers = field(default_factory=ListedCallers)

    def __call__(self) -> ListedCallers:
        return self.lists


@pytest.fixture
def listed() -> Listed:
    return Listed()


@pytest.fixture
def counted(flow: Flow, tmp_path: Path, clock: Clock, listed: Listed) -> Line:
    """Give a line whose limits are those of production, without Redis."""
    limits = CallerLimits(lists=listed, counts=CounterFiles(tmp_path / "counted", clock))
    return make_line(flow, limits=limits, performed=RequestMarks(tmp_path))


@pytest.fixture
def busy(counted: Line, make_twilio: Callable[[Line], Twilio]) -> Twilio:
    return make_twilio(counted)


def put(line: Line, *kinds: type) -> list[object]:
    assert isinstance(line.later, KeptEffects)
    return [effect for effect in line.later.effects if isinstance(effect, kinds)]


def work(line: Line) -> SentTexts:
    """Perform all that was put, as the worker does; give what became of it."""
    assert isinstance(line.later, KeptEffects)
    assert isinstance(line.phone, SentTexts)
    waiting, line.later.effects = line.later.effects, []
    for effect in waiting:
        line.perform(effect)
    return line.phone


def asks_for_a_ring(twilio: Twilio, name: str, **form: str) -> str:
    twilio.client.delete_cookie("p")
    twilio.text("CALL", f"SMcall{name}", **form)
    return read(twilio.text("1", f"SMyes{name}", **form))


def block(twilio: Twilio, listed: Listed, number: str) -> None:
    marks = twilio.client.application.extensions["ivr"].pseudonyms
    listed.lists = ListedCallers(blocked=frozenset({marks.who(number).block}))


def test_a_phone_that_calls_too_often_hears_the_numbers_and_a_way_on(busy: Twilio) -> None:
    answers = [
        busy.post("/voice", CallSid=f"CA{n}").get_data(as_text=True) for n in range(CALLS_A_MINUTE + 1)
    ]

    assert "/voice/1/" in answers[-2]
    assert all(words in answers[-1] for words in NUMBERS)
    assert "/voice/fixed" in answers[-1]
    assert "Reject" not in answers[-1]


def test_callers_who_withhold_their_number_are_never_counted(busy: Twilio) -> None:
    answers = [busy.post("/voice", CallSid=f"CA{n}", From="anonymous") for n in range(CALLS_A_MINUTE + 3)]

    assert all("/voice/1/" in answer.get_data(as_text=True) for answer in answers)


def test_a_phone_that_texts_too_often_gets_the_numbers(busy: Twilio) -> None:
    replies = [read(busy.text("signs", f"SM{n}")) for n in range(TEXTS_A_MINUTE + 1)]

    assert "1-833-900-1010" in replies[-1]
    assert "911" in replies[-1]


def test_a_phone_that_asks_for_a_person_too_often_is_offered_the_numbers(busy: Twilio) -> None:
    asked = [
        busy.post("/voice/2/en/person/0", Digits="1", CallSid=f"CA{n}").get_data(as_text=True)
        for n in range(TRANSFERS_AN_HOUR + 1)
    ]
    numbers = busy.post("/voice/3/en/unreached/0", Digits="2", CallSid="CA1").get_data(as_text=True)

    assert "<Dial" in asked[-2]
    assert "<Dial" not in asked[-1]
    assert OFFERED in asked[-1]
    assert NUMBERS[1] in numbers


def test_a_blocked_caller_still_hears_911_and_the_national_hotline(busy: Twilio, listed: Listed) -> None:
    block(busy, listed, "+19055550123")

    answer = busy.post("/voice").get_data(as_text=True)

    assert all(words in answer for words in NUMBERS)
    assert "<Hangup" in answer
    assert "/voice/1/" in busy.post("/voice", From="+19055550199").get_data(as_text=True)


@pytest.mark.parametrize("number", ["+442079460123", "+18765550123", "+19005550123"])
def test_a_phone_from_elsewhere_can_be_blocked_and_has_limits(
    busy: Twilio, listed: Listed, number: str
) -> None:
    often = [busy.text("signs", f"SM{n}", From=number) for n in range(TEXTS_A_MINUTE + 1)]
    block(busy, listed, number)
    blocked = busy.post("/voice", From=number).get_data(as_text=True)

    assert "1-833-900-1010" not in read(often[-2])
    assert "1-833-900-1010" in read(often[-1])
    assert "<Hangup" in blocked


def test_a_blocked_texter_still_gets_911_and_the_national_hotline(busy: Twilio, listed: Listed) -> None:
    block(busy, listed, "+19055550123")

    words = read(busy.text("signs", "SM1"))

    assert "911" in words
    assert "1-833-900-1010" in words


# What the line does to a number, which may be forged.


def test_one_phone_is_texted_twice_an_hour_and_four_times_a_day(
    busy: Twilio, counted: Line, clock: Clock
) -> None:
    texts = []
    for hour in range(25):
        for n in range(20):
            busy.post(OFFER.format("shelter"), Digits="1", CallSid=f"CA{hour}-{n}")
        texts.append(len(work(counted).texts))
        clock.seconds += HOUR

    assert texts[:3] == [2, 4, 4]
    assert texts[23:] == [4, 6]


def test_whoever_was_texted_too_often_hears_that_no_text_comes(busy: Twilio, flow: Flow) -> None:
    answers = [
        busy.post(OFFER.format("shelter"), Digits="1", CallSid=f"CA{n}").get_data(as_text=True)
        for n in range(3)
    ]

    no_text = flow.prompts["en"].lines.cannot_text
    assert [no_text in answer for answer in answers] == [False, False, True]


def test_a_stop_is_texted_once_in_a_call(busy: Twilio, counted: Line) -> None:
    for turn in range(7, 12):
        busy.post(f"/voice/{turn}/en/offer-text/0/about/shelter", Digits="1")
        work(counted)
    busy.post(OFFER.format("workers"), Digits="1")

    assert len(work(counted).texts) == 2


def test_the_whole_line_texts_so_many_phones_and_no_more(busy: Twilio, counted: Line) -> None:
    most = TEXTS_OF_THE_LINE[0].most
    for n in range(most + 10):
        busy.post(OFFER.format("shelter"), Digits="1", CallSid=f"CA{n}", From=f"+1905555{n:04}")

    assert len(work(counted).texts) == most


def test_one_phone_is_rung_three_times_an_hour_and_five_times_a_day(
    busy: Twilio, counted: Line, clock: Clock
) -> None:
    rings = []
    for hour in range(25):
        for n in range(5):
            asks_for_a_ring(busy, f"{hour}-{n}")
        rings.append(len(work(counted).rings))
        clock.seconds += HOUR

    assert rings[:3] == [3, 5, 5]
    assert rings[23:] == [5, 8]


FAILED = ["TN-Validation-Failed", "TN-Validation-Failed-A", "TN-Validation-Failed-C-Passthrough"]


@pytest.mark.parametrize("says", FAILED)
def test_a_number_that_its_phone_company_calls_forged_is_never_texted(
    busy: Twilio, counted: Line, says: str
) -> None:
    busy.post("/voice", StirVerstat=says)  # Twilio says it of the first request alone.

    busy.post(OFFER.format("shelter"), Digits="1")
    busy.post(OFFER.format("shelter"), Digits="1", CallSid="CAother", StirVerstat=says)

    assert put(counted, TextNumbers) == []


@pytest.mark.parametrize("says", ["", "TN-Validation-Passed-A", "No-TN-Validation", "NULL"])
def test_a_number_that_nobody_calls_forged_is_texted(busy: Twilio, counted: Line, says: str) -> None:
    busy.post("/voice", StirVerstat=says)

    busy.post(OFFER.format("shelter"), Digits="1")

    assert len(put(counted, TextNumbers)) == 1


@pytest.mark.parametrize(
    "number", ["+18765550123", "+19005550123", "+15005550123", "+18005550123", "+442079460123", "72727"]
)
def test_a_phone_that_the_line_never_reaches_may_do_all_else(
    busy: Twilio, counted: Line, number: str
) -> None:
    heard = busy.post("/voice", From=number).get_data(as_text=True)
    asked = busy.post(ANYBODY, Digits="1", From=number).get_data(as_text=True)
    busy.post(OFFER.format("shelter"), Digits="1", From=number)
    words = asks_for_a_ring(busy, "1", From=number)
    busy.text("STOP", "SM3", From=number)
    busy.text("DELETE", "SM4", From=number)

    assert "<Gather" in heard
    assert "<Dial" in asked
    assert "1-833-900-1010" in words
    assert put(counted, TextNumbers, CallTexter) == []
    assert {type(effect) for effect in put(counted, OptOut, Erase)} == {OptOut, Erase}


def test_on_a_call_that_we_made_the_caller_is_whom_we_rang(busy: Twilio, counted: Line) -> None:
    busy.post(
        OFFER.format("shelter"), Digits="1", From="+12895550100", To="+19055550177", Direction="outbound-api"
    )

    assert [number for number, _ in work(counted).texts] == ["+19055550177"]


# Callers whose number nobody knows share a bound on transfers.


@pytest.mark.parametrize(
    "form", [{"From": "anonymous"}, {"From": "+266696687"}, {"StirVerstat": "TN-Validation-Failed"}]
)
def test_callers_whom_nobody_knows_ring_local_agencies_so_often_and_then_the_last_of_the_order(
    busy: Twilio, flow: Flow, form: dict[str, str]
) -> None:
    most = UNKNOWN_TRANSFERS[0].most
    answers = [
        busy.post(ANYBODY, Digits="1", CallSid=f"CA{n}", **form).get_data(as_text=True) for n in range(30)
    ]
    order = flow.directory.orders[next(iter(flow.stops["person"].orders.values()))]  # type: ignore[union-attr]  # it is a transfer

    last = [f"/{order[-1]}" in answer and "<Dial" in answer for answer in answers]

    assert last == [False] * most + [True] * (30 - most)


def test_whoever_is_put_to_the_last_of_the_order_is_not_rung_through_the_others_after_it(
    busy: Twilio, clock: Clock
) -> None:
    for n in range(UNKNOWN_TRANSFERS[0].most):
        busy.post(ANYBODY, Digits="1", CallSid=f"CA{n}", From="anonymous")
    answer = busy.post(ANYBODY, Digits="1", CallSid="CAlast", From="anonymous").get_data(as_text=True)
    action = answer.split('action="https://line.example')[1].split('"')[0]

    after = busy.post(action, CallSid="CAlast", From="anonymous", DialCallStatus="no-answer")
    clock.seconds += HOUR
    later = busy.post(ANYBODY, Digits="1", CallSid="CAlater", From="anonymous").get_data(as_text=True)

    assert "<Dial" not in after.get_data(as_text=True)
    assert OFFERED in after.get_data(as_text=True)
    assert answer.split("<Dial")[1] != later.split("<Dial")[1]


def test_callers_with_a_number_are_not_held_back_by_those_without(busy: Twilio) -> None:
    for n in range(30):
        busy.post(ANYBODY, Digits="1", CallSid=f"CA{n}", From="anonymous")
    first = busy.post(ANYBODY, Digits="1", CallSid="CAmine").get_data(as_text=True)

    other = busy.post(ANYBODY, Digits="1", CallSid="CAother", From="anonymous").get_data(as_text=True)

    assert first.split("<Dial")[1] != other.split("<Dial")[1]


# Texts beyond the limit, and machines.


def test_a_hundred_and_twenty_texts_are_answered_up_to_the_limit_and_once_more(busy: Twilio) -> None:
    replies = [read(busy.text("menu", f"SM{n}")) for n in range(120)]

    assert all(replies[: TEXTS_A_MINUTE + 1])
    assert set(replies[TEXTS_A_MINUTE + 1 :]) == {""}


def test_beyond_the_limit_what_is_urgent_is_answered_and_what_is_obeyed_is_done(
    busy: Twilio, counted: Line
) -> None:
    for n in range(TEXTS_A_MINUTE + 5):
        busy.text("menu", f"SM{n}")

    urgent = [read(busy.text("suicide", f"SMurgent{n}")) for n in range(30)]
    deleted = read(busy.text("DELETE", "SMdelete"))

    assert all(urgent)
    assert deleted == ""
    assert put(counted, Erase)


@pytest.mark.parametrize("number", ["+19055550123", "72727", "+442079460123"])
@pytest.mark.parametrize("seconds", [1, 600])
def test_a_machine_that_says_the_same_again_is_answered_five_times(
    busy: Twilio, clock: Clock, seconds: int, number: str
) -> None:
    replies = []
    for n in range(40):
        replies.append(read(busy.text(f"Zzz: I am away. Ticket {n}.", f"SM{n}", From=number)))
        clock.seconds += seconds

    assert all(replies[:5])
    assert set(replies[5:]) == {""}


def test_a_machine_that_says_something_else_each_time_is_answered_five_times(
    busy: Twilio, clock: Clock
) -> None:
    replies = []
    for n in range(60):
        replies.append(read(busy.text("qz" * (n + 1), f"SM{n}")))
        clock.seconds += 2
    clock.seconds += 2 * MINUTE

    assert all(replies[:5])
    assert set(replies[5:]) == {""}
    assert read(busy.text("qzx", "SMlater"))


def test_a_line_that_echoes_our_answers_is_answered_five_times_for_each_of_them(
    busy: Twilio, clock: Clock
) -> None:
    said, answers = "qzqz", 0
    for n in range(60):
        if not (said := read(busy.text(said, f"SM{n}"))):
            break
        answers += 1
        clock.seconds += 2

    assert answers <= 10  # Two answers in turn, as the one names danger.


def test_a_person_who_writes_keywords_is_answered_each_time(busy: Twilio, clock: Clock) -> None:
    replies = []
    for n in range(40):
        replies.append(read(busy.text("menu", f"SM{n}")))
        clock.seconds += 4

    assert all(replies)


# A signed request that is played again.


def test_a_ring_that_was_asked_for_is_not_rung_again_when_its_requests_are_played_again(
    busy: Twilio, counted: Line, clock: Clock
) -> None:
    first = asks_for_a_ring(busy, "1")
    before = len(work(counted).rings)
    again = []
    for _ in range(5):
        clock.seconds += 700  # Longer than Redis remembers that it was asked.
        again.append(asks_for_a_ring(busy, "1"))
        work(counted)

    assert (before, len(work(counted).rings)) == (1, 1)
    assert set(again) == {first}


def test_a_text_that_was_sent_is_not_sent_again_when_its_request_is_played_again(
    busy: Twilio, counted: Line, clock: Clock
) -> None:
    first = busy.post(OFFER.format("shelter"), Digits="1").get_data()
    work(counted)
    again = []
    for month in ("2026-08", "2026-10", ""):  # A cookie is not signed.
        clock.seconds += 700
        busy.client.set_cookie("m", month, domain="localhost")
        again.append(busy.post(OFFER.format("shelter"), Digits="1").get_data())
        work(counted)

    assert len(work(counted).texts) == 1
    assert set(again) == {first}


def test_a_refusal_that_is_played_again_is_one_still(busy: Twilio, counted: Line, clock: Clock) -> None:
    def offer(n: int) -> bytes:
        return busy.post(OFFER.format("shelter"), Digits="1", CallSid=f"CA{n}").get_data()

    first = [offer(n) for n in range(4)]
    work(counted)
    clock.seconds += HOUR + 1

    assert [offer(n) for n in range(4)] == first
    assert len(work(counted).texts) == 2


def test_what_a_list_was_told_is_not_undone_by_playing_an_older_wish_again(
    busy: Twilio, counted: Line
) -> None:
    for body, message in (("STOP", "SM1"), ("START", "SM2"), ("STOP", "SM3"), ("DELETE", "SM4")):
        busy.text(body, message)
    before = put(counted, OptOut, OptIn, Erase)

    for body, message in (("START", "SM2"), ("STOP", "SM1"), ("DELETE", "SM4")):
        busy.text(body, message)

    assert put(counted, OptOut, OptIn, Erase) == before


def test_calls_and_texts_played_again_do_not_use_up_the_limits_of_a_phone(busy: Twilio) -> None:
    for _ in range(CALLS_A_MINUTE + 5):
        busy.post("/voice", CallSid="CA1")
    for _ in range(TEXTS_A_MINUTE + 5):
        busy.text("menu", "SM1")

    assert "/voice/1/" in busy.post("/voice", CallSid="CA2").get_data(as_text=True)
    assert "1-833-900-1010" not in read(busy.text("menu", "SM2"))


def test_what_failed_is_tried_again_and_what_was_accepted_is_not(flow: Flow, tmp_path: Path) -> None:
    class Failing(SentTexts):
        def text(self, number: str, words: str) -> None:
            if not self.ended:
                self.ended.append("once")
                raise TimeoutError
            super().text(number, words)

    later, phone = KeptEffects(), Failing()
    line = make_line(flow, later=later, phone=phone, performed=RequestMarks(tmp_path))
    effect = TextNumbers("c0ffee", "en", "shelter")
    outcomes = []
    for _ in range(3):
        later.keep("number-c0ffee", "+19055550123")
        try:
            line.perform(effect)
        except TimeoutError:
            outcomes.append("failed")
        else:
            outcomes.append(f"{len(phone.texts)} sent")

    assert outcomes == ["failed", "1 sent", "1 sent"]
