"""What may be published of a month that is over: totals, rounded, and none of them small."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from ivr.records.counts import WEEK
from ivr.records.disclosure import FEW, parts_shown
from ivr.reports.sections import ReportTeller, Section

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTS = ("totals", "weekdays", "languages", "audiences", "outcomes", "funnel", "waits")


def published(teller: ReportTeller) -> list[Section]:
    """Tell what may be published."""
    return [publish(teller, name) for name in PARTS]


def publish(teller: ReportTeller, name: str) -> Section:
    """Tell one part of it."""
    match name:
        case "totals":
            counts = {what: sum(teller.report.days[what]) for what in ("calls", "texts")}
            told = teller.written(_section(teller, name, "channel", counts))
        case "weekdays":
            days = Counter(dict.fromkeys(WEEK, 0))
            for hour, count in teller.report.of("hour").items():
                days[hour.partition("-")[0]] += count
            told = teller.written(_section(teller, name, "weekday", days))
        case _:
            told = teller.tell(name)
    return replace(told, rows=tuple((label, *map(rounded, cells)) for label, *cells in told.rows))


def rounded(cell: str) -> str:
    """Round what is shown of a count to fives: two tables then tell nothing by their difference."""
    return str(round(int(cell) / FEW) * FEW) if cell.isdecimal() else cell


def _section(teller: ReportTeller, name: str, head: str, counts: Mapping[str, int]) -> Section:
    heads = {"calls": "voices", "texts": "texts"}
    rows = ((teller.named(heads.get(each, each)), cell) for each, cell in parts_shown(counts).items())
    return Section(name, "ranked", (teller.words[head], teller.words["count"]), tuple(rows))
