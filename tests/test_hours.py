"""When an agency is open, by the clock on its own wall."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.agencies import Agency
from ivr.hours import HoursError, is_open, parse

TORONTO = ZoneInfo("America/Toronto")
OFFICE = {"mon-fri": "08:30-12:00, 13:00-17:00", "sat": "22:00-06:00"}


def agency(
    hours: dict[str, str] | Literal["always"], zone: str = "America/Toronto", closed: tuple[date, ...] = ()
) -> Agency:
    return Agency(
        number="+19055550123",
        run_by="tests",
        police=False,
        languages=("en",),
        source="tests",
        hours=hours,
        zone=zone,
        closed=closed,
    )


@pytest.mark.parametrize(
    ("day", "time", "there"),
    [
        (5, "08:29", False),  # 5 January 2026 is a Monday.
        (5, "08:30", True),
        (5, "12:00", False),
        (9, "16:59", True),
        (9, "17:00", False),
        (10, "12:00", False),
        (10, "23:59", True),
        (11, "05:59", True),
        (11, "06:00", False),
    ],
)
def test_agency_is_open_in_its_hours_and_past_midnight(day: int, time: str, there: bool) -> None:  # noqa: FBT001 - a table
    now = datetime.fromisoformat(f"2026-01-{day:02}T{time}").replace(tzinfo=TORONTO)

    assert is_open(agency(OFFICE), now) is there


def test_hours_are_read_on_the_clock_of_the_agency_in_summer_too() -> None:
    assert is_open(agency(OFFICE), datetime(2026, 7, 6, 12, 30, tzinfo=UTC))
    assert not is_open(agency(OFFICE), datetime(2026, 1, 5, 12, 30, tzinfo=UTC))
    assert not is_open(agency(OFFICE, "America/Vancouver"), datetime(2026, 7, 6, 12, 30, tzinfo=UTC))


def test_a_holiday_closes_what_begins_on_it_and_not_the_night_before() -> None:
    sunday, saturday = date(2026, 1, 11), date(2026, 1, 10)
    night = datetime(2026, 1, 11, 3, 0, tzinfo=TORONTO)

    assert is_open(agency(OFFICE, closed=(sunday,)), night)
    assert not is_open(agency(OFFICE, closed=(saturday,)), night)


def test_an_agency_with_unreadable_hours_is_rung() -> None:
    assert is_open(agency({"someday": "soon"}), datetime(2026, 1, 5, tzinfo=UTC))
    assert is_open(agency("always", zone="Nowhere/None"), datetime(2026, 1, 5, tzinfo=UTC))


@pytest.mark.parametrize(
    "hours",
    [
        {},
        {"": "08:00-09:00"},
        {"mon-": "08:00-09:00"},
        {"mon": ""},
        {"mon": "09:00-09:00"},
        {"mon": "24:00-06:00"},
        {"mon": "08:60-09:00"},
        {"mon": "8-9"},
        {"mon": "\u0660\u0668:00-09:00"},
        {"mon": "08:00-09:00", "sun-tue": "10:00-11:00"},
    ],
)
def test_hours_that_mean_nothing_are_refused(hours: dict[str, str]) -> None:
    with pytest.raises(HoursError):
        parse(hours)


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1990, 1, 1)))  # noqa: DTZ001 - hypothesis wants it so
def test_always_is_always(now: datetime) -> None:
    assert is_open(agency("always"), now)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=3), st.text(max_size=20))
def test_any_hours_in_any_zone_are_answered(hours: dict[str, str], zone: str) -> None:
    assert is_open(agency(hours, zone), datetime(2026, 1, 5, tzinfo=UTC)) in {True, False}
