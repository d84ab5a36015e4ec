from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ivr.effects import Entry
from ivr.records.call_summary import BRIDGED_SILENT, VOICE_SILENT, CallSummary, summarize

if TYPE_CHECKING:
    from ivr.records.call_summary import TransferSummary


def turn(key: int, at: float, stop: str = "person", *, transfer_id: str = "s", ended: str = "") -> Entry:
    return Entry("c", str(key), at, "voice", "fr", stop, ended=ended, transfer_id=transfer_id)


def news(key: str, at: float, ended: str = "", rang: str = "") -> Entry:
    outcome = "accepted" if key.startswith("accept") else ""
    return Entry("c", key, at, "voice", order="any", rang=rang, ended=ended, transfer_id="s", outcome=outcome)


CALLED = Entry("c", "0", 1000.0, "voice", "", "hello")
MENU = Entry("c", "1", 1010.0, "voice", "fr", "main")
ASKED = replace(turn(2, 1020.0), order="any")
RANG = news("ring-s-1", 1020.5, rang="victim-services")
MISSED = news("end-s-1", 1040.5, "no_answer")
RANG_NEXT = news("ring-s-2", 1041.0, rang="chrysalis")
ANSWERED = news("answer-s-2", 1050.0)
ACCEPTED = news("accept-s-2", 1055.0)
OVER = news("end-s-2", 1300.0, "accepted")
BACK = turn(3, 1301.0, "anything-else", ended="accepted")
LEFT = news("left-s", 1045.0)
LEFT = replace(LEFT, outcome="caller_left")
HUNG_UP = replace(turn(3, 1045.1, ended="no_answer"), outcome="hung_up")
ENDED = Entry("c", "end", 1320.0, "voice")
STORY = [CALLED, MENU, ASKED, RANG, MISSED, RANG_NEXT, ANSWERED, ACCEPTED, OVER, BACK, ENDED]
LATER = 1330.0


def tell(*entries: Entry, now: float = LATER) -> CallSummary:
    return summarize(entries, now)


def only(*entries: Entry, now: float = LATER) -> TransferSummary:
    (transfer,) = tell(*entries, now=now).transfers
    return transfer


def outcomes(transfer: TransferSummary) -> list[str | None]:
    return [attempt.outcome for attempt in transfer.attempts]


def without(*gone: Entry) -> list[Entry]:
    return [entry for entry in STORY if entry not in gone]


def test_connected_search_is_told_with_its_rings() -> None:
    call = tell(*STORY)

    (transfer,) = call.transfers
    first, second = transfer.attempts
    assert (call.outcome, call.turns, call.language, call.last_stop) == (
        "connected",
        4,
        "fr",
        "anything-else",
    )
    assert (transfer.order, transfer.outcome, transfer.waited) == ("any", "connected", 35.0)
    assert (first.agency, first.outcome, first.seconds, first.waited) == (
        "victim-services",
        "no_answer",
        20.0,
        20.0,
    )
    assert (second.answered, second.accepted, second.ended) == (1050.0, 1055.0, 1300.0)
    assert (second.agency, second.outcome, second.seconds, second.waited) == (
        "chrysalis",
        "accepted",
        259.0,
        14.0,
    )


def test_waiting_caller_is_not_judged() -> None:
    transfer = only(CALLED, ASKED, RANG, MISSED, now=1041.0)

    assert (transfer.outcome, transfer.waited) == (None, None)


def test_nobody_reached_is_known_when_the_caller_is_back() -> None:
    transfer = only(CALLED, ASKED, RANG, MISSED, turn(3, 1042.0, "unreached"))

    assert (transfer.outcome, transfer.waited) == ("not_connected", 22.0)


def test_choice_taken_during_a_ring_ends_the_waiting() -> None:
    cancelled = news("end-s-1", 1032.0, "cancelled")

    transfer = only(CALLED, ASKED, RANG, turn(3, 1031.0, "unreached"), cancelled)

    assert (transfer.outcome, transfer.waited, outcomes(transfer)) == (
        "not_connected",
        11.0,
        ["cancelled"],
    )


@pytest.mark.parametrize("gone", [[LEFT], [HUNG_UP], [LEFT, HUNG_UP], [replace(ENDED, at=1045.0)]])
def test_caller_who_hangs_up_while_waiting_left(gone: list[Entry]) -> None:
    call = tell(CALLED, ASKED, RANG, MISSED, RANG_NEXT, *gone, ENDED)

    (transfer,) = call.transfers
    assert (call.outcome, transfer.outcome, outcomes(transfer)) == (
        "not_connected",
        "left",
        ["no_answer", "left"],
    )
    assert transfer.waited == pytest.approx(25.0, abs=0.2)


def test_caller_who_hangs_up_after_talking_was_connected() -> None:
    gone = replace(BACK, outcome="hung_up")

    assert only(*without(BACK), gone).outcome == "connected"
    assert only(*without(BACK, OVER)).outcome == "connected"


def test_caller_who_left_in_the_second_of_the_accept_was_not_connected() -> None:
    gone = replace(HUNG_UP, at=1055.0)

    transfer = only(*without(OVER, BACK), gone, replace(OVER, at=1056.0))

    assert (transfer.outcome, outcomes(transfer)) == ("left", ["no_answer", "left"])


def test_agency_that_pressed_its_key_too_late_joined_nobody() -> None:
    transfer = only(*without(OVER, BACK), replace(OVER, ended="taken"), turn(3, 1301.0, "unreached"))

    assert (transfer.outcome, outcomes(transfer)) == ("not_connected", ["no_answer", "taken"])


def test_agency_after_which_another_was_rung_joined_nobody() -> None:
    rung_again = news("ring-s-3", 1070.0, rang="hotline")

    transfer = only(*without(OVER, BACK, ENDED), rung_again, now=1071.0)

    assert (transfer.outcome, outcomes(transfer)) == (None, ["no_answer", "failed", None])


def test_overlapping_rings_end_each_at_its_own_time() -> None:
    late = replace(MISSED, at=1043.0)

    transfer = only(CALLED, ASKED, RANG, RANG_NEXT, late, now=1044.0)

    assert [attempt.ended for attempt in transfer.attempts] == [1043.0, None]


def test_ring_whose_end_was_lost_is_in_doubt() -> None:
    transfer = only(*without(MISSED))

    assert (transfer.attempts[0].ended, outcomes(transfer)) == (1041.0, ["in_doubt", "accepted"])


def test_key_that_was_not_noted_is_known_from_the_caller_who_talked() -> None:
    transfer = only(*without(ACCEPTED, OVER))

    assert (transfer.outcome, transfer.waited, outcomes(transfer)) == (
        "connected",
        21.0,
        ["no_answer", "accepted"],
    )


@pytest.mark.parametrize("how", ["no_key", "in_doubt", "no_answer", "declined"])
def test_agency_whose_key_was_not_noted_is_known_from_the_caller_who_talked_with_it(how: str) -> None:
    transfer = only(*without(ANSWERED, ACCEPTED, OVER), replace(OVER, ended=how))

    assert (transfer.outcome, outcomes(transfer)) == ("connected", ["no_answer", "accepted"])


def test_agency_that_was_taken_for_silent_is_known_though_another_was_busy_after_it() -> None:
    silent, busy = replace(MISSED, ended="in_doubt"), replace(OVER, at=1042.0, ended="busy")

    transfer = only(CALLED, ASKED, RANG, silent, RANG_NEXT, busy, BACK)

    assert (transfer.outcome, outcomes(transfer)) == ("connected", ["accepted", "busy"])


@pytest.mark.parametrize("late", [1300.9, 1320.0])
def test_caller_who_talked_outweighs_news_that_they_left(late: float) -> None:
    reported = (news("end-s-2", late, "left"), replace(LEFT, at=late))

    transfer = only(*without(ACCEPTED, OVER), *reported)

    assert (transfer.outcome, outcomes(transfer)) == ("connected", ["no_answer", "accepted"])


def test_caller_who_talked_outweighs_what_was_said_of_the_ring() -> None:
    transfer = only(*without(OVER), replace(OVER, at=1042.0, ended="failed"))

    assert (transfer.outcome, transfer.waited, outcomes(transfer)) == (
        "connected",
        35.0,
        ["no_answer", "accepted"],
    )


def test_conversation_without_any_ring_noted_is_connected() -> None:
    transfer = only(CALLED, ASKED, BACK)

    assert (transfer.outcome, transfer.waited, transfer.attempts) == ("connected", None, ())


def test_ring_that_was_filed_before_the_callers_turns_is_told() -> None:
    transfer = only(RANG, MISSED, now=1041.0)

    assert (transfer.order, transfer.started, transfer.outcome, outcomes(transfer)) == (
        "any",
        1020.5,
        None,
        ["no_answer"],
    )


def test_caller_who_is_back_without_having_asked_searched() -> None:
    transfer = only(CALLED, BACK)

    assert (transfer.order, transfer.outcome) == ("", "connected")


def test_direct_path_goes_on_with_the_same_search() -> None:
    rung = Entry("c", "3", 1042.0, "voice", "fr", "person", order="any", rang="chrysalis", ended="no_answer")
    pressed = Entry("c", "accept-3", 1050.0, "voice", outcome="accepted")
    cancelled = replace(MISSED, at=1051.0)
    talked = Entry("c", "4", 1200.0, "voice", "fr", "anything-else", ended="accepted")

    transfer = only(CALLED, ASKED, RANG, rung, pressed, cancelled, talked, ENDED)

    assert (transfer.outcome, transfer.waited, outcomes(transfer)) == (
        "connected",
        30.0,
        ["no_answer", "accepted"],
    )


def test_direct_path_that_rings_on_is_not_judged() -> None:
    rung = Entry("c", "3", 1042.0, "voice", "fr", "person", order="any", rang="chrysalis", ended="no_answer")

    assert only(CALLED, ASKED, rung, now=1043.0).outcome is None
    assert only(CALLED, ASKED, rung, replace(ENDED, at=1043.0)).outcome == "left"


def test_second_search_of_a_call_is_a_second_transfer() -> None:
    back = turn(3, 1042.0, "unreached")
    again = replace(turn(4, 1060.0, transfer_id="r"), order="not-police")
    rung = replace(RANG, key="ring-r-1", transfer_id="r", at=1061.0)

    call = tell(CALLED, ASKED, RANG, MISSED, back, again, rung, replace(BACK, key="5", transfer_id="r"))

    assert [transfer.order for transfer in call.transfers] == ["any", "not-police"]
    assert [transfer.outcome for transfer in call.transfers] == ["not_connected", "connected"]
    assert [outcomes(transfer) for transfer in call.transfers] == [["no_answer"], ["accepted"]]


def test_turn_that_knows_of_no_search_still_ends_the_waiting() -> None:
    lost = turn(3, 1050.0, "main", transfer_id="")

    assert only(CALLED, ASKED, RANG, lost, now=1051.0).outcome == "not_connected"
    assert only(*without(BACK, OVER), replace(lost, at=1301.0)).outcome == "connected"


@pytest.mark.parametrize(
    ("entries", "silent"),
    [
        ([CALLED, ASKED, RANG], VOICE_SILENT),
        ([CALLED, ASKED, RANG_NEXT, ANSWERED, ACCEPTED], BRIDGED_SILENT),
        ([CALLED, ASKED, RANG_NEXT, ANSWERED, ACCEPTED, OVER], VOICE_SILENT),
        ([CALLED, ASKED, RANG_NEXT, ANSWERED, ACCEPTED, BACK], VOICE_SILENT),
    ],
)
def test_silence_is_long_only_while_two_people_talk(entries: list[Entry], silent: int) -> None:
    last = max(entry.at for entry in entries)

    assert summarize(entries, last + silent - 1).ended is None
    assert summarize(entries, last + silent).ended == last
