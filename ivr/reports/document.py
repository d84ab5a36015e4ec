"""A report as its pages and pictures need it: read once, told in the language of whoever looks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from ivr.flow.diagrams import StopNote, picture
from ivr.hours import zone
from ivr.records.periods import Period, month, month_end
from ivr.records.report_queries import read_report
from ivr.reports.charts import draw
from ivr.reports.sections import ReportTeller, Section
from ivr.web.console.query_params import days

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from ivr.records.database import Database
    from ivr.records.report_queries import Report
    from ivr.web.console.context import ConsoleContext

MOST_DAYS = 366


def zone_of(desk: ConsoleContext) -> tzinfo:
    """Give the clock by which the line counts."""
    return zone(desk.flow.line.zone)


def today(desk: ConsoleContext) -> date:
    """Say which day it is where the line is."""
    return datetime.fromtimestamp(desk.now(), UTC).astimezone(zone_of(desk)).date()


def span_asked(desk: ConsoleContext, arguments: Mapping[str, str]) -> Period:
    """Read the days that an address asks for: none after this month, and a year at the most."""
    since, until = days(arguments, today(desk))
    until = min(max(until, date(2000, 1, 1)), month_end(today(desk)))
    return Period(max(min(since, until), until - timedelta(days=MOST_DAYS - 1)), until, zone_of(desk))


def month_asked(desk: ConsoleContext, name: str) -> Period | None:
    """Read a month such as 2026-11; nothing from what is none, or is still to come."""
    try:
        first = date.fromisoformat(f"{name}-01")
    except ValueError:
        return None
    return month(first, zone_of(desk)) if date(2000, 1, 1) <= first <= today(desk) else None


def teller_of(desk: ConsoleContext, span: Period, language: str) -> ReportTeller:
    """Read a report, to be told in a language."""
    return ReportTeller(_read(desk.database, span, desk.counted_at), desk.flow, language)


@lru_cache(maxsize=64)
def _read(database: Database, span: Period, _moment: object) -> Report:
    """Read a report once for a page and its pictures; counting the calls of a busy day takes a while."""
    return read_report(database, span)


def drawn(teller: ReportTeller, section: Section) -> str:
    """Draw a section."""
    words = teller.words
    if section.kind == "tree":
        return picture(teller.flow, _notes(section, words))
    return draw(section, words[f"title_{section.name}"], words[f"told_{section.name}"])


def _notes(section: Section, words: Mapping[str, str]) -> dict[str, StopNote]:
    """Note under each stop who came and who left, and draw the line to it as thick as that."""
    told = {key: (came, left) for key, (_, came, left) in zip(section.keys, section.rows, strict=True)}
    counts = {key: int(came) if came.isdecimal() else 0 for key, (came, _) in told.items()}
    most = max(counts.values(), default=0) or 1
    return {
        key: StopNote(words["came_and_left"].format(came=came, left=left), counts[key] / most)
        for key, (came, left) in told.items()
    }
