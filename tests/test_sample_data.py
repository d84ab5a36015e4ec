"""The month of pretend conversations: possible, varied, the same each time, and nobody's."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from ivr.operations.sample_data import conversations, days_before, seed
from ivr.records.call_log import list_calls
from ivr.records.call_summary import CallSummary, summarize
from ivr.records.counts import list_daily

if TYPE_CHECKING:
    from months import Months

    from ivr.flow.models import Flow
    from ivr.records.database import Database

TORONTO = ZoneInfo("America/Toronto")
NOW = datetime(2026, 11, 25, 15, tzinfo=UTC).timestamp()
TODAY = date(2026, 11, 25)


@pytest.fixture(scope="module")
def month(months: Months) -> list[CallSummary]:
    told = [entries for day in days_before(TODAY) for entries in months.conversations(day)]
    return [summarize(entries, NOW) for entries in told]


def test_the_days_are_all_of_last_month_and_this_one_until_yesterday() -> None:
    days = days_before(TODAY)

    assert (days[0], days[-1], len(days)) == (date(2026, 10, 1), date(2026, 11, 24), 55)
    assert days_before(date(2026, 12, 1))[0] == date(2026, 11, 1)


def test_every_kind_of_conversation_is_in_it(month: list[CallSummary]) -> None:
    outcomes = {call.outcome for call in month}
    live_transfers = [transfer for call in month for transfer in call.transfers]
    rings = {ring.outcome for transfer in live_transfers for ring in transfer.attempts}
    channels = Counter(call.channel for call in month)

    assert outcomes == {"informed", "connected", "not_connected", "left", "abandoned", "opted_out"}
    assert {transfer.outcome for transfer in live_transfers} == {"connected", "not_connected", "left"}
    assert rings >= {"accepted", "no_answer", "declined", "busy", "failed", "no_key", "left"}
    assert any(len(s.attempts) > 1 and s.outcome == "connected" for s in live_transfers)
    assert {not transfer.transfer_id for transfer in live_transfers} == {True, False}  # Both paths.
    assert 600 < channels["voice"] < 1000 > len(month) - 100
    assert channels["text"] > 100


def test_more_call_by_day_than_by_night_and_in_english(month: list[CallSummary]) -> None:
    hours = Counter(datetime.fromtimestamp(call.started, TORONTO).hour for call in month)
    languages = Counter(call.language for call in month)

    assert sum(hours[hour] for hour in range(9, 17)) > 3 * sum(hours[hour] for hour in range(8))
    assert languages["en"] > languages["fr"] > 50


def test_it_is_the_same_each_time_and_has_no_mark(flow: Flow) -> None:
    day = date(2026, 11, 3)

    once, again = list(conversations(flow, day)), list(conversations(flow, day))

    assert once == again
    assert {entry.mark for entries in once for entry in entries} == {""}


def test_the_log_is_as_if_they_had_really_called(flow: Flow, database: Database) -> None:
    count = seed(database, flow, NOW)

    kept = list(list_calls(database))
    forgotten = sum(row.count for row in list_daily(database) if row.what in {"calls", "texts"})
    assert len(kept) + forgotten == count
    assert forgotten > 100
    assert all(call.ended_at and call.outcome for call in kept)
    assert max(call.started_at for call in kept).astimezone(TORONTO).date() < TODAY
