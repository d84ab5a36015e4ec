"""The pretended month: nobody called, and every turn is one that the line gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from ivr.month import DAYS, pretend
from ivr.records.folding import Call, fold
from ivr.records.outcomes import IN_DOUBT

if TYPE_CHECKING:
    from ivr.flow.nodes import Flow

TORONTO = ZoneInfo("America/Toronto")
UNTIL = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = UNTIL.timestamp() + 86_400


@pytest.fixture(scope="module")
def month(flow: Flow) -> list[Call]:
    return [fold(entries, LATER) for entries in pretend(flow, UNTIL, TORONTO)]


def test_a_month_is_long_enough_to_look_at(month: list[Call]) -> None:
    assert 400 < len(month) < 1000
    days = {datetime.fromtimestamp(call.started, TORONTO).date() for call in month}
    assert len(days) == DAYS
    assert max(call.started for call in month) < UNTIL.timestamp()


def test_a_month_holds_every_end_of_a_conversation_and_of_a_ring(month: list[Call]) -> None:
    rings = {ring.outcome for call in month for search in call.transfers for ring in search.attempts}
    assert {call.outcome for call in month} == {
        "informed",
        "connected",
        "not_connected",
        "left",
        "abandoned",
        "opted_out",
    }
    assert rings >= {"accepted", "declined", "no_answer", "busy", "failed", "voicemail", "left"}
    assert IN_DOUBT not in rings
    assert {(call.channel, call.language) for call in month} >= {
        (channel, language) for channel in ("voice", "text") for language in ("en", "fr")
    }


def test_a_month_is_the_same_each_time_and_knows_nobody(flow: Flow) -> None:
    first, second = (list(pretend(flow, UNTIL, TORONTO)) for _ in range(2))

    assert first == second
    assert {entry.mark for entries in first for entry in entries} == {""}


def test_a_connected_caller_waited_less_than_two_minutes(month: list[Call]) -> None:
    waits = [search.waited for call in month for search in call.transfers if search.outcome == "connected"]

    assert len(waits) > 50
    assert all(wait is not None and 0 < wait < timedelta(minutes=2).total_seconds() for wait in waits)
