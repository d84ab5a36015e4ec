"""The time line of one call tells every stop, ring, wait and talk in its order."""

from __future__ import annotations

from ivr.records.call_log import AttemptRow, TurnRow
from ivr.web.console.timeline import LISTENING, TALKING, WAITING, clock_time, timeline

TURNS = [
    TurnRow("hello", "arrived", 0.0, ""),
    TurnRow("person", "key", 10.0, "en"),
    TurnRow("anything-else", "came_back", 152.0, "en"),
]
RINGS = [
    AttemptRow("victims", "no_answer", 11.0, None, None, 31.0),
    AttemptRow("chrysalis", "accepted", 32.0, 40.0, 52.0, 152.0),
]


def test_everything_is_told_in_its_order_with_what_came_then() -> None:
    told = timeline(TURNS, RINGS, 160.0)

    assert [(mark.seconds, mark.what, mark.name, mark.then) for mark in told] == [
        (0.0, "heard_arrived", "hello", LISTENING),
        (10.0, "heard_key", "person", LISTENING),
        (11.0, "ring_begins", "victims", WAITING),
        (31.0, "no_answer", "victims", LISTENING),
        (32.0, "ring_begins", "chrysalis", WAITING),
        (40.0, "answered", "chrysalis", WAITING),
        (52.0, "accepted", "chrysalis", TALKING),
        (152.0, "talk_over", "chrysalis", LISTENING),
        (152.0, "heard_came_back", "anything-else", LISTENING),
        (160.0, "end", "", LISTENING),
    ]
    assert [mark.lasts for mark in told] == [10.0, 1.0, 20.0, 1.0, 8.0, 12.0, 100.0, 0.0, 8.0, 0.0]


def test_what_was_done_again_and_again_at_one_stop_is_told_once_and_each_ring_by_itself() -> None:
    answers = [TurnRow("check-me", "key", 10.0 + n, "en") for n in range(7)]
    rings = [AttemptRow("victims", "busy", 20.0 + n, None, None, 20.5 + n) for n in range(2)]

    told = timeline([TURNS[0], *answers], rings, 40.0)

    assert [(mark.what, mark.times) for mark in told] == [
        ("heard_arrived", 1),
        ("heard_key", 7),
        *[("ring_begins", 1), ("busy", 1)] * 2,
        ("end", 1),
    ]
    assert told[1].lasts == 10.0


def test_a_call_that_goes_on_has_no_end_yet() -> None:
    told = timeline(TURNS[:2], RINGS[:1], None)

    assert [mark.what for mark in told][-1] == "no_answer"
    assert timeline([], [], None) == []


def test_an_end_that_was_only_guessed_is_told_last() -> None:
    assert [mark.what for mark in timeline(TURNS, [], 100.0)][-1] == "end"


def test_seconds_are_written_as_a_clock_writes_them() -> None:
    assert [clock_time(seconds) for seconds in (-25.0, 0.0, 9.9, 65.0, 3600.0)] == [
        *("0:00", "0:00", "0:09", "1:05", "1:00:00")
    ]
