"""What a report counts is what the log holds, by whatever way it is counted, and each call once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, func, select

from ivr.operations.sample_data import SETTLED
from ivr.records.call_summary import summarize
from ivr.records.counts import WEEK, list_daily, tally
from ivr.records.database import connect
from ivr.records.deletion import erase
from ivr.records.ingest import record
from ivr.records.periods import Period, month
from ivr.records.report_queries import Report, read_report
from ivr.records.retention import blur, forget
from ivr.records.tables import metadata, tallies

if TYPE_CHECKING:
    from months import Months

    from ivr.effects import Entry
    from ivr.records.database import Database

TORONTO = ZoneInfo("America/Toronto")
NOW = datetime(2026, 11, 25, 15, tzinfo=UTC).timestamp()
CHANGE = Period(date(2026, 10, 30), date(2026, 11, 3), TORONTO)  # On the 1st clocks were put back.
OCTOBER = month(date(2026, 10, 9), TORONTO)
DAY = 86_400

Told = Sequence[Sequence["Entry"]]


def by_hand(told: Told, period: Period) -> tuple[dict[str, list[int]], dict[str, Counter[str]]]:
    """Count conversations from what was noted of them, call by call."""
    days = {what: [0] * len(period.days) for what in ("calls", "texts")}
    counts: dict[str, Counter[str]] = {}
    for entries in told:
        call = summarize(entries, NOW)
        began = datetime.fromtimestamp(call.started, period.zone)
        if not period.since <= began.date() <= period.until:
            continue
        days["texts" if call.channel == "text" else "calls"][(began.date() - period.since).days] += 1
        said = [("language", call.language), ("outcome", call.outcome or ""), ("last_stop", call.last_stop)]
        said += [("hour", f"{WEEK[began.weekday()]}-{began.hour:02}")]
        turns = [entry for entry in entries if entry.channel == "text" or entry.key.isdigit()]
        said += [("stop", stop) for stop in {entry.stop for entry in turns} - {""}]
        words = [entry for entry in entries if entry.written]
        said += [("text", f"{entry.written} {entry.heard}") for entry in words]
        said += [("nearest", f"{entry.written} {entry.nearest}") for entry in words if entry.nearest]
        for transfer in call.transfers:
            said.append(("transfer", transfer.outcome or ""))
            rings = transfer.attempts
            talked = transfer.outcome == "connected"
            taken = talked or any(ring.accepted is not None or ring.outcome == "accepted" for ring in rings)
            answered = taken or any(ring.picked_up is not None for ring in rings)
            steps = {"rung": bool(rings) or talked, "answered": answered, "accepted": taken}
            said += [("reached", step) for step, so_far in steps.items() if so_far]
            if talked and transfer.waited is not None:
                said.append(("waited", f"{min(int(transfer.waited) // 10 * 10, 300):03}"))
            for ring in rings:
                said += [("agency_rung", ring.agency), (f"agency_{ring.outcome or 'unknown'}", ring.agency)]
                said += [("agency_answered", ring.agency)] if ring.picked_up is not None else []
        for what, name in said:
            counts.setdefault(what, Counter())[name] += 1
    return days, counts


def file(database: Database, told: Told) -> None:
    entries = [entry for each in told for entry in each]
    record(database, entries, max(entry.at for entry in entries) + SETTLED)
    blur(database, NOW)


def same(report: Report, told: Told) -> None:
    days, counts = by_hand(told, report.period)
    assert report.days == days
    for what, names in counts.items():
        assert dict(report.of(what)) == dict(names), what


@pytest.fixture(scope="module")
def told(months: Months) -> Told:
    return [each for day in CHANGE.days for each in months.conversations(day)]


def kept(database: Database) -> int:
    with database.read() as sql:
        return sql.scalar(select(func.count()).select_from(tallies)) or 0


def test_a_report_is_what_was_noted_though_clocks_were_changed(database: Database, told: Told) -> None:
    file(database, told)

    same(read_report(database, CHANGE), told)
    same(read_report(database, replace(CHANGE, zone=UTC)), told)
    same(read_report(database, replace(CHANGE, zone=ZoneInfo("Australia/Sydney"))), told)
    same(read_report(database, Period(date(2026, 11, 1), date(2026, 11, 1), TORONTO)), told)


def test_days_that_are_tallied_come_to_the_same(database: Database, told: Told) -> None:
    file(database, told)

    count = tally(database, NOW, TORONTO)

    assert count >= len(CHANGE.days)
    assert tally(database, NOW, TORONTO) == 0
    assert kept(database) > 100
    same(read_report(database, CHANGE), told)
    same(read_report(database, Period(date(2026, 10, 31), date(2026, 11, 20), TORONTO)), told)


def test_a_day_that_is_not_settled_is_not_tallied(database: Database, told: Told) -> None:
    entries = [entry for each in told for entry in each]
    record(database, entries, max(entry.at for entry in entries))  # Not blurred yet.

    tally(database, NOW, TORONTO)

    same(read_report(database, CHANGE), told)
    with database.read() as sql:
        assert sql.scalars(select(tallies.c.day).where(tallies.c.what == "calls")).all() == []


def test_what_is_erased_leaves_the_counts_of_its_day(database: Database, told: Told) -> None:
    marked = [[replace(entry, mark="ab" * 16) for entry in told[0]], *told[1:]]
    file(database, marked)
    tally(database, NOW, TORONTO)

    erase(database, ["ab" * 16], NOW)

    same(read_report(database, CHANGE), told[1:])
    tally(database, NOW, TORONTO)
    same(read_report(database, CHANGE), told[1:])


def test_what_is_filed_late_is_counted_all_the_same(database: Database, told: Told) -> None:
    early, late = told[:-1], told[-1]
    file(database, early)
    tally(database, NOW, TORONTO)

    record(database, late, NOW)

    same(read_report(database, CHANGE), told)


def test_what_is_forgotten_is_counted_once_in_its_month(database: Database, months: Months) -> None:
    count = months.fill(database, NOW)
    tally(database, NOW, TORONTO)
    everything = [each for n in range(31) for each in months.conversations(date(2026, 10, 1 + n))]

    whole = read_report(database, OCTOBER)
    part = read_report(database, Period(date(2026, 10, 20), date(2026, 10, 31), TORONTO))
    later = forget(database, NOW + 20 * DAY, 30, 24, zone=TORONTO)

    same(whole, everything)
    assert whole.by_day_alone == 0
    assert part.days == by_hand(everything, part.period)[0]
    assert part.by_day_alone == part.total - sum(part.of("outcome").values()) > 0
    assert later.calls > 100
    same(read_report(database, OCTOBER), everything)
    assert count == read_report(database, Period(date(2026, 10, 1), date(2026, 11, 25), TORONTO)).total


def test_no_tally_outlives_its_calls(database: Database, months: Months) -> None:
    months.fill(database, NOW)
    tally(database, NOW, TORONTO)

    forget(database, NOW + 90 * DAY, 30, 24, zone=TORONTO)

    assert kept(database) == 0
    assert list_daily(database)


def test_a_report_reads_tallies_and_not_the_calls_of_a_month(database: Database, told: Told) -> None:
    file(database, told)
    tally(database, NOW, TORONTO)
    with database.write() as sql:
        sql.exec_driver_sql("DELETE FROM turns")  # As nobody does: it is not read again.

    assert read_report(database, CHANGE).of("stop")["hello"] > 10


def test_no_report_looks_through_the_whole_log(sqlite_url: str, told: Told) -> None:
    database = connect(sqlite_url)
    file(database, told)
    asked: list[tuple[str, tuple[object, ...]]] = []
    event.listen(
        database.engine, "before_cursor_execute", lambda *told: asked.append((told[2], tuple(told[3])))
    )

    read_report(database, CHANGE)
    tally(database, NOW, TORONTO)
    read_report(database, CHANGE)

    queries = [one for one in asked if one[0].startswith("SELECT") and "FROM" in one[0]]
    with database.read() as sql:
        plans = [
            row[3]
            for query, given in queries
            for row in sql.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given)
        ]
    assert len(queries) > 20
    assert [step for step in plans if step.removeprefix("SCAN ").split()[0] in metadata.tables] == []
