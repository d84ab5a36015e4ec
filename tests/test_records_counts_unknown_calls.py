from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from ivr.records.counts import count_unknown, list_daily, list_unknown

if TYPE_CHECKING:
    from ivr.records.database import Database

pytest_plugins = ("postgres",)

DAY = date(2027, 3, 1)


def test_calls_that_the_log_does_not_know_are_counted_by_day(database: Database) -> None:
    for day, number in ((DAY, 2), (DAY, 1), (DAY, 0), (DAY - timedelta(days=1), 4)):
        count_unknown(database, day, number)

    assert list_unknown(database) == [(date(2027, 2, 28), 4), (DAY, 3)]


def test_days_are_listed_from_one_on_and_before_another(database: Database) -> None:
    for day in (1, 2, 3):
        count_unknown(database, date(2027, 3, day), day)

    assert [row.count for row in list_daily(database, date(2027, 3, 2))] == [2, 3]
    assert [row.count for row in list_daily(database, until=date(2027, 3, 2))] == [1]
