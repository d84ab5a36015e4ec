from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from ivr.effects import Entry
from ivr.records.ingest import record
from ivr.records.report_queries import AgencyFigures, WaitFigures, transfer_figures, waiting

if TYPE_CHECKING:
    from ivr.records.database import Database

pytest_plugins = ("postgres",)

START = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)  # A Saturday; in Toronto still Friday, ten at night.
FIRST, SECOND = date(2027, 1, 2), date(2027, 1, 3)
DAY = 86_400
TORONTO = ZoneInfo("America/Toronto")


def at(seconds: float) -> float:
    return START.timestamp() + seconds


def transfer_id(call: str, began: float, *rings: tuple[str, str, float]) -> list[Entry]:
    """Tell a search whose rings each go on for some seconds, from the second in which it was asked for."""
    told = [Entry(call, "1", at(began), "voice", "en", "person", order="any", transfer_id="s")]
    now = began
    for number, (agency, how, seconds) in enumerate(rings, 1):
        told.append(_of(call, f"ring-s-{number}", now, rang=agency))
        now += seconds
        if how == "accepted":
            told.append(_of(call, f"answer-s-{number}", now, heard="answered"))
            told.append(_of(call, f"accept-s-{number}", now, outcome="accepted"))
            now += 100
        told.append(_of(call, f"end-s-{number}", now, ended=how))
    if rings[-1][1] != "accepted":  # The caller is told so: who hears it has not left.
        told.append(Entry(call, "2", at(now), "voice", "en", "unreached", transfer_id="s"))
    return [*told, Entry(call, "end", at(now), "voice")]


def _of(call: str, key: str, seconds: float, **said: str) -> Entry:
    return Entry(call, key, at(seconds), "voice", order="any", transfer_id="s", **said)


STORY = [
    *transfer_id("quick", 0, ("chrysalis", "accepted", 10)),
    *transfer_id("slow", 100, ("chrysalis", "declined", 20), ("victims", "accepted", 25)),
    *transfer_id("slower", 200, ("chrysalis", "busy", 5), ("victims", "accepted", 65)),
    *transfer_id("vain", 300, ("chrysalis", "voicemail", 20), ("victims", "no_answer", 30)),
    *transfer_id("vainer", 400, ("chrysalis", "failed", 2), ("victims", "fax", 3)),
    Entry("gone", "1", at(500), "voice", "en", "person", order="any", transfer_id="s"),
    Entry("gone", "ring-s-1", at(501), "voice", order="any", rang="chrysalis", transfer_id="s"),
    Entry("gone", "end", at(509), "voice"),
    *transfer_id("tomorrow", DAY, ("chrysalis", "accepted", 1)),
    Entry("text", "1", at(DAY + 3600), "text", "fr", "signs", outcome="left"),
    Entry("on", "1", at(DAY + 7200), "voice", "en", "main"),
]


@pytest.fixture
def told(database: Database) -> Database:
    record(database, STORY, at(DAY + 7201))
    return database


def test_agencies_figures_are_those_of_their_rings(told: Database) -> None:
    chrysalis, victims = transfer_figures(told, FIRST, FIRST)

    assert chrysalis == AgencyFigures(
        "chrysalis",
        rung=6,
        answered=1,
        accepted=1,
        declined=1,
        no_key=1,
        no_answer=0,
        busy=1,
        failed=1,
        missed=4,
        seconds=10.0,
    )
    assert (victims.rung, victims.accepted, victims.no_answer, victims.failed) == (4, 2, 1, 0)
    assert [one.rung for one in transfer_figures(told, FIRST, SECOND)] == [7, 4]
    assert transfer_figures(told, date(2026, 1, 1), date(2026, 2, 1)) == []


def test_waiting_is_counted_to_the_acceptance(told: Database) -> None:
    assert waiting(told, FIRST, FIRST) == WaitFigures(
        asked=6,
        connected=3,
        abandoned=1,
        within=(1, 1, 2),
        within_of_call=(1, 1, 2),
        median=45.0,
        p90=70.0,
    )
    assert waiting(told, SECOND, SECOND).median == 1.0


def test_waiting_of_nobody_has_no_length(told: Database) -> None:
    nobody = waiting(told, date(2026, 1, 1), date(2026, 2, 1))

    assert nobody == WaitFigures(0, 0, 0, (0, 0, 0), (0, 0, 0), None, None)
