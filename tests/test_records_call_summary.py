from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.effects import Entry
from ivr.records.call_summary import (
    BRIDGED_SILENT,
    TEXT_SILENT,
    VOICE_SILENT,
    AttemptSummary,
    CallSummary,
    summarize,
)

CALLED = Entry("c", "0", 1000.0, "voice", "", "hello")
MENU = Entry("c", "1", 1010.0, "voice", "fr", "main")
INFORMED = Entry("c", "2", 1020.0, "voice", "fr", "signs-me", outcome="informed")
ASKED = Entry("c", "3", 1030.0, "voice", "fr", "person", order="any", rang="victim-services")
NEXT = Entry("c", "4", 1050.5, "voice", "fr", "person", order="any", rang="chrysalis", ended="no_answer")
PRESSED = Entry("c", "accept-4", 1060.0, "voice", outcome="accepted", heard="accepted")
TALKED = Entry("c", "5", 1300.0, "voice", "fr", "anything-else", ended="accepted")
FAILED = Entry("c", "5", 1070.0, "voice", "fr", "unreached", ended="busy")
LEFT = Entry("c", "6", 1310.0, "voice", "fr", "leave", outcome="left")
ENDED = Entry("c", "end", 1320.0, "voice", outcome="hung_up")
STORY = [CALLED, MENU, INFORMED, ASKED, NEXT, PRESSED, TALKED, LEFT, ENDED]
LATER = 1330.0


def text(key: str, at: float, stop: str = "main", outcome: str = "") -> Entry:
    return Entry("t", key, at, "text", "en", stop, outcome=outcome)


def outcome(*entries: Entry) -> str | None:
    return summarize([*entries, ENDED], LATER).outcome


def test_connected_call_is_told_with_its_rings() -> None:
    call = summarize(STORY, LATER)

    (transfer,) = call.transfers
    assert (call.started, call.ended, call.end_estimated) == (1000.0, 1320.0, False)
    assert (call.language, call.last_stop, call.outcome, call.turns) == ("fr", "leave", "connected", 7)
    assert (transfer.order, transfer.outcome, transfer.waited) == ("any", "connected", 30.0)
    assert [(a.agency, a.outcome, a.seconds) for a in transfer.attempts] == [
        ("victim-services", "no_answer", 20.5),
        ("chrysalis", "accepted", 249.5),
    ]


def test_outcome_is_the_weightiest_thing_that_happened() -> None:
    assert outcome(CALLED) == "abandoned"
    assert outcome(CALLED, INFORMED) == "informed"
    assert outcome(CALLED, INFORMED, ASKED, FAILED) == "not_connected"
    assert outcome(CALLED, INFORMED, ASKED, FAILED, LEFT) == "left"
    assert outcome(CALLED, INFORMED, ASKED, NEXT, TALKED, LEFT) == "connected"
    assert outcome(CALLED, ASKED, NEXT, TALKED, replace(LEFT, outcome="opted_out")) == "opted_out"


def test_call_that_goes_on_has_no_outcome() -> None:
    call = summarize([CALLED, MENU, INFORMED], 1021.0)

    assert (call.ended, call.outcome) == (None, None)


def test_nobody_reached_is_known_when_the_last_ring_ends() -> None:
    (transfer,) = summarize([CALLED, ASKED, NEXT, FAILED], 1071.0).transfers

    assert (transfer.outcome, transfer.waited) == ("not_connected", 40.0)


def test_ring_that_goes_on_is_not_judged() -> None:
    (transfer,) = summarize([CALLED, ASKED], 1031.0).transfers

    assert (transfer.outcome, transfer.waited, transfer.attempts) == (
        None,
        None,
        (AttemptSummary("victim-services", 1030),),
    )


def test_caller_who_hangs_up_during_a_ring_left_it() -> None:
    call = summarize([CALLED, ASKED, replace(ENDED, at=1040.0)], LATER)

    (transfer,) = call.transfers
    assert (call.outcome, transfer.outcome, transfer.waited) == ("not_connected", "left", 10.0)
    assert (transfer.attempts[0].outcome, transfer.attempts[0].seconds) == ("left", 10.0)


def test_agency_that_pressed_its_key_connects_even_when_the_end_is_in_doubt() -> None:
    (transfer,) = summarize(
        [CALLED, ASKED, NEXT, PRESSED, replace(TALKED, ended="in_doubt")], LATER
    ).transfers

    assert (transfer.outcome, transfer.waited) == ("connected", 30.0)


def test_agency_that_presses_too_late_connects_nobody() -> None:
    late = replace(PRESSED, at=1075.0)

    (transfer,) = summarize([CALLED, ASKED, NEXT, late, FAILED], LATER).transfers

    assert transfer.outcome == "not_connected"


def test_conversation_is_no_waiting_when_nobody_noted_the_key() -> None:
    (transfer,) = summarize([CALLED, ASKED, NEXT, TALKED], LATER).transfers

    assert transfer.waited == 20.5


def test_second_search_of_a_call_is_a_second_transfer() -> None:
    again = Entry("c", "6", 1400.0, "voice", "fr", "person", order="not-police", rang="chrysalis")

    call = summarize([CALLED, ASKED, replace(FAILED, key="4"), again], 1401.0)

    assert [transfer.order for transfer in call.transfers] == ["any", "not-police"]


def test_ring_whose_end_was_lost_is_in_doubt() -> None:
    (transfer,) = summarize([CALLED, ASKED, replace(NEXT, ended="")], 1051.0).transfers

    assert [attempt.outcome for attempt in transfer.attempts] == ["in_doubt", None]


def test_asking_when_nobody_can_be_rung_is_a_transfer_without_attempts() -> None:
    (transfer,) = summarize([CALLED, replace(ASKED, rang="")], 1031.0).transfers

    assert (transfer.outcome, transfer.waited, transfer.attempts) == ("not_connected", 0.0, ())


@pytest.mark.parametrize(
    ("entries", "silent"),
    [
        ([CALLED, MENU], VOICE_SILENT),
        ([CALLED, ASKED, NEXT], VOICE_SILENT),
        ([CALLED, ASKED, NEXT, PRESSED], BRIDGED_SILENT),
        ([CALLED, ASKED, NEXT, PRESSED, TALKED], VOICE_SILENT),
        ([text("ab", 1000.0)], TEXT_SILENT),
    ],
)
def test_silent_conversation_is_closed_at_its_last_turn(entries: list[Entry], silent: int) -> None:
    last = max(entry.at for entry in entries)

    assert summarize(entries, last + silent - 1).ended is None
    closed = summarize(entries, last + silent)
    assert (closed.ended, closed.end_estimated) == (last, True)


def test_late_turn_reopens_a_call_that_was_closed() -> None:
    closed = summarize([CALLED], 1000.0 + VOICE_SILENT)
    reopened = summarize([CALLED, replace(MENU, at=1800.0)], 1900.0)

    assert (closed.outcome, reopened.outcome) == ("abandoned", None)


def test_texter_who_leaves_ends_the_conversation() -> None:
    left = summarize([text("ab", 1000.0), text("cd", 1005.0, "", "left")], 1006.0)
    back = summarize([text("ab", 1000.0), text("cd", 1005.0, "", "left"), text("aa", 1010.0)], 1011.0)

    assert (left.outcome, left.ended, left.end_estimated) == ("left", 1005.0, False)
    assert (back.outcome, back.last_stop, back.turns) == (None, "main", 3)


def test_text_whose_key_is_all_digits_is_ordered_by_time() -> None:
    call = summarize([text("99", 1000.0, "main"), text("11", 1005.0, "law")], 1006.0)

    assert (call.last_stop, call.turns) == ("law", 2)


def test_end_alone_makes_a_call_without_turns() -> None:
    call = summarize([ENDED], LATER)

    assert (call.turns, call.outcome, call.started, call.ended) == (0, "abandoned", 1320.0, 1320.0)


ENTRIES = st.builds(
    Entry,
    call=st.just("c"),
    key=st.sampled_from(
        ["0", "1", "2", "3", "end", "accept-1", "accept-x", "answer-2", "", "९", "9" * 30, "left-s"]
        + [f"{kind}-s-{place}" for kind in ("ring", "answer", "accept", "end") for place in (1, 2, "")]
    ),
    at=st.floats(0, 2e9),
    channel=st.sampled_from(["voice", "text", ""]),
    language=st.sampled_from(["", "en"]),
    stop=st.sampled_from(["", "main"]),
    order=st.sampled_from(["", "any", "not-police"]),
    rang=st.sampled_from(["", "a", "b"]),
    ended=st.sampled_from(["", "accepted", "busy"]),
    transfer_id=st.sampled_from(["", "", "s", "t"]),
    outcome=st.sampled_from(["", "informed", "left", "accepted", "caller_left", "hung_up"]),
)


@given(st.lists(ENTRIES, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_any_entries_in_any_order_and_number_tell_one_story(entries: list[Entry], chance: object) -> None:
    told = summarize(entries, 2e9)

    shuffled = [*entries, *entries[::2]]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert summarize(shuffled, 2e9) == told
    assert isinstance(told, CallSummary)
    assert all(transfer.waited is None or transfer.waited >= 0 for transfer in told.transfers)
