"""What may be published of a month that is over: totals, rounded, and none of them small."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ivr.records.counts import FEW, WEEK, parts_shown
from ivr.reports.sections import ReportView, Section

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMUNITY_SECTIONS = ("totals", "weekdays", "languages", "audiences", "outcomes", "funnel", "waits")


def community_sections(view: ReportView) -> list[Section]:
    """Give every part that may be published."""
    return [community_section(view, name) for name in COMMUNITY_SECTIONS]


def community_counts(view: ReportView) -> dict[str, Any]:
    """Give the same parts for another program: counts as numbers, and null where one is not shown."""
    hidden = view.translations["hidden"]

    def value(cell: str) -> int | str | None:
        if cell == hidden:
            return None
        return int(cell) if cell.isdecimal() else cell

    return {
        section.name: {
            "columns": list(section.columns),
            "rows": [[label, *map(value, cells)] for label, *cells in section.rows],
        }
        for section in community_sections(view)
    }


def community_section(view: ReportView, name: str) -> Section:
    """Give one part of it."""
    match name:
        case "totals":
            counts = {what: sum(view.report.days[what]) for what in ("calls", "texts")}
            section = view.translate_hidden(_section(view, name, "channel", counts))
        case "weekdays":
            days = Counter(dict.fromkeys(WEEK, 0))
            for hour, count in view.report.of("hour").items():
                days[hour.partition("-")[0]] += count
            section = view.translate_hidden(_section(view, name, "weekday", days))
        case _:
            section = view.section(name)
    return replace(section, rows=tuple((label, *map(rounded, cells)) for label, *cells in section.rows))


def rounded(cell: str) -> str:
    """Round a count to fives, so that the difference of two tables tells nothing."""
    return str(round(int(cell) / FEW) * FEW) if cell.isdecimal() else cell


def _section(view: ReportView, name: str, head: str, counts: Mapping[str, int]) -> Section:
    heads = {"calls": "voices", "texts": "texts"}
    rows = ((view.translate(heads.get(each, each)), cell) for each, cell in parts_shown(counts).items())
    return Section(name, "ranked", (view.translations[head], view.translations["count"]), tuple(rows))
