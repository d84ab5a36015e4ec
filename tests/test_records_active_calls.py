"""What goes on now: which agency is being rung, for how long, and how its last rings went."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ivr.effects import Entry
from ivr.records.active_calls import RingingAgency, list_ringing_agencies
from ivr.records.agency_status import list_status
from ivr.records.ingest import record

if TYPE_CHECKING:
    from ivr.records.database import Database

pytest_plugins = ("postgres",)

NOW = 1_800_000_000.0


def asks(call: str, *after: Entry) -> list[Entry]:
    return [Entry(call, "1", NOW, "voice", "fr", "person", order="any", transfer_id=call), *after]


def ring(call: str, place: int, agency: str, at: float) -> Entry:
    return Entry(call, f"ring-{call}-{place}", NOW + at, "voice", order="any", rang=agency, transfer_id=call)


def over(call: str, place: int, at: float, how: str) -> Entry:
    return Entry(call, f"end-{call}-{place}", NOW + at, "voice", ended=how, transfer_id=call)


def test_agency_that_is_rung_is_told_from_the_ring_on(database: Database) -> None:
    missed = asks(
        "a", ring("a", 1, "hotline", 1), over("a", 1, 9, "no_answer"), ring("a", 2, "chrysalis", 10)
    )
    record(database, missed, NOW + 12)

    assert list_ringing_agencies(database) == [
        RingingAgency("chrysalis", "fr", datetime.fromtimestamp(NOW + 10, UTC), answered=False)
    ]


def test_agency_that_is_dialled_on_the_direct_path_is_told_too(database: Database) -> None:
    entry = Entry("d", "1", NOW, "voice", "en", "person", order="any", rang="hotline")
    record(database, [entry], NOW + 1)

    assert [(one.agency, one.language) for one in list_ringing_agencies(database)] == [("hotline", "en")]


def test_whoever_talks_or_hung_up_is_not_being_rung(database: Database) -> None:
    accepted = Entry("a", "accept-a-1", NOW + 5, "voice", transfer_id="a", outcome="accepted")
    left = Entry("b", "end", NOW + 9, "voice", heard="ended")
    record(database, asks("a", ring("a", 1, "hotline", 1), accepted), NOW + 10)
    record(database, asks("b", ring("b", 1, "chrysalis", 1), left), NOW + 10)

    assert list_ringing_agencies(database) == []


def test_the_last_five_rings_are_told_the_newest_first(database: Database) -> None:
    outcomes = ["accepted", "busy", "busy", "voicemail", "declined", "no_answer"]
    for n, how in enumerate(outcomes):
        call = f"c{n}"
        record(
            database, asks(call, ring(call, 1, "hotline", n * 60), over(call, 1, n * 60 + 9, how)), NOW + 999
        )

    status = list_status(database, NOW + 999)["hotline"]

    assert [each.outcome for each in status.rings] == list(reversed(outcomes))[:5]
    assert status.failing
