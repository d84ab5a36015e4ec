from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ivr.effects import Entry
from ivr.records.agency_status import AgencyRecord, list_status, switch_off, switch_on
from ivr.records.ingest import record
from ivr.records.tables import agency_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.records.database import Database

pytest_plugins = ("postgres",)

NOW = 1_800_000_000.0
MOMENT = datetime.fromtimestamp(NOW, UTC)
HOUR = 3600.0


@pytest.fixture
def agencies(database: Database) -> Database:
    with database.write() as sql:
        sql.execute(agency_status.delete())
    return database


def in_queue(agency: str, at: float, ended: str) -> list[Entry]:
    """Tell of a caller in a queue for whom one agency was rung."""
    call = f"{agency}-{at}"
    accepted = [Entry(call, "accept-s-1", at + 5, "voice", transfer_id="s", outcome="accepted")]
    return [
        Entry(call, "1", at, "voice", "en", "person", order="any", transfer_id="s"),
        Entry(call, "ring-s-1", at + 1, "voice", order="any", rang=agency, transfer_id="s"),
        *(accepted if ended == "accepted" else []),
        Entry(call, "end-s-1", at + 10, "voice", ended=ended, transfer_id="s"),
    ]


def direct(agency: str, at: float, ended: str) -> list[Entry]:
    """Tell of a caller for whom one agency was dialled."""
    call = f"{agency}-{at}"
    return [
        Entry(call, "1", at, "voice", "en", "person", order="any", rang=agency),
        Entry(call, "2", at + 10, "voice", "en", "unreached", ended=ended),
    ]


def rung(
    agencies: Database, *told: tuple[float, str], tell: Callable[[str, float, str], list[Entry]] = in_queue
) -> AgencyRecord:
    """Ring one agency so many hours ago, with so many outcomes, and read its status."""
    entries = [entry for hours, ended in told for entry in tell("a", NOW - hours * HOUR, ended)]
    record(agencies, entries, NOW)
    return list_status(agencies, NOW)["a"]


def test_nothing_is_known_of_agencies_at_first(agencies: Database) -> None:
    assert list_status(agencies, NOW) == {}


def test_switched_off_agency_stays_off_until_it_is_on(agencies: Database) -> None:
    switch_off(agencies, "a", None, "moved")
    off = list_status(agencies, NOW + 1e6)["a"]

    switch_on(agencies, "a")

    assert (off.off, off.until, off.why) == (True, None, "moved")
    assert list_status(agencies, NOW)["a"] == AgencyRecord()


def test_agency_that_is_off_until_a_moment_is_on_then(agencies: Database) -> None:
    switch_off(agencies, "a", None, "first")
    switch_off(agencies, "a", MOMENT, "holiday")

    before = list_status(agencies, NOW - 1)["a"]
    after = list_status(agencies, NOW)["a"]

    assert (before.off, before.until, before.why) == (True, MOMENT, "holiday")
    assert (after.off, after.until, after.why) == (False, None, "")


@pytest.mark.parametrize("tell", [in_queue, direct])
def test_agency_fails_after_three_misses_on_either_path(
    agencies: Database, tell: Callable[[str, float, str], list[Entry]]
) -> None:
    missed = rung(agencies, (3, "no_answer"), (2, "busy"), (1, "declined"), tell=tell)

    assert missed.failing
    assert (missed.last_outcome, missed.last_at) == (
        "declined",
        MOMENT - timedelta(hours=1) + timedelta(seconds=10),
    )


@pytest.mark.parametrize(
    ("told", "failing"),
    [
        ([(2, "voicemail"), (1, "fax")], False),
        ([(3, "failed"), (2, "voicemail"), (1, "fax")], True),
        ([(4, "accepted"), (3, "failed"), (2, "no_key"), (1, "fax")], True),
        ([(4, "busy"), (3, "accepted"), (2, "busy"), (1, "busy")], False),
        ([(3, "busy"), (2, "busy"), (1, "accepted")], False),
        ([(4, "busy"), (3, "busy"), (2, "busy"), (1.5, "left"), (1.2, "cancelled"), (1, "taken")], True),
        ([(3, "busy"), (2, "busy"), (1, "in_doubt")], False),
        ([(25, "busy"), (2, "busy"), (1, "busy")], False),
        ([(8, "busy"), (7, "busy"), (6.01, "busy")], False),
        ([(8, "busy"), (7, "busy"), (5.99, "busy")], True),
    ],
)
def test_agency_fails_only_by_its_own_last_three_rings(
    agencies: Database, told: list[tuple[float, str]], *, failing: bool
) -> None:
    assert rung(agencies, *told).failing is failing


def test_agency_that_talks_with_a_caller_now_does_not_fail(agencies: Database) -> None:
    for hours in (3, 2, 1):
        record(agencies, in_queue("a", NOW - hours * HOUR, "busy"), NOW)
    record(agencies, in_queue("a", NOW - 60, "accepted")[:-1], NOW)

    assert not list_status(agencies, NOW)["a"].failing
