"""A report as a document: for which days, in which language, and the page of a month that is printed."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from base64 import b64encode
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from xlsxwriter import Workbook

from ivr.flow.diagrams import StopNote
from ivr.records.counts import HIDDEN, WEEK, shown
from ivr.records.periods import Period, month, month_end
from ivr.reports.charts import draw, tree_picture
from ivr.reports.community import community_sections
from ivr.reports.sections import change_words, figures, headlines, value_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo
    from importlib.resources.abc import Traversable

    from ivr.reports.sections import ReportView, Section


MOST_DAYS = 366
FIRST_DAY = date(2000, 1, 1)  # Whatever is older is a slip of the keyboard.
BREAKS_FRENCH = re.compile(r" (?=[:;?!»])|(?<=«) ")  # Where a space must not break a line.
LANGUAGES = ("en", "fr")  # Those into which reports, and the console, are translated.


@cache
def read_translations(language: str) -> Mapping[str, str]:
    """Read what a report is written with in a language."""
    return read_words(files("ivr.reports").joinpath(f"translations/{language}.toml"), language)


def read_words(file: Traversable, language: str) -> dict[str, str]:
    """Read a file of translations; in French no line breaks before a colon, or within « »."""
    words = tomllib.loads(file.read_text("utf-8"))
    if language != "fr":
        return words
    return {key: BREAKS_FRENCH.sub("\N{NO-BREAK SPACE}", said) for key, said in words.items()}


def month_name(t: Mapping[str, str], month: str) -> str:
    """Write a month such as 2026-10 by its name."""
    year, _, number = month.partition("-")
    return f"{t[f'month_{int(number)}']} {year}"


def local_day(t: Mapping[str, str], day: date) -> str:
    """Write a day with that of the week: "Sun 2026-11-22"."""
    return f"{t[f'short_{WEEK[day.weekday()]}']} {day}"


def cut_period(since: date, until: date, today: date, zone: tzinfo) -> Period:
    """Make a period of any two days: it ends with this month at the latest, and is a year at the longest."""
    until = min(max(until, FIRST_DAY), month_end(today))
    return Period(max(min(since, until), until - timedelta(days=MOST_DAYS - 1)), until, zone)


def parse_month(name: str, today: date, zone: tzinfo) -> Period | None:
    """Read a month such as 2026-11; None for what is no month, or is still to come."""
    try:
        first = date.fromisoformat(f"{name}-01")
    except ValueError:
        return None
    return month(first, zone) if FIRST_DAY <= first <= today else None


def draw_section(view: ReportView, section: Section) -> str:
    """Draw a section as SVG."""
    t = view.translations
    if section.kind == "tree":
        return tree_picture(view.flow, _stop_notes(section, t), t, view.stop_label)
    return draw(section, t[f"title_{section.name}"], t[f"description_{section.name}"])


def _stop_notes(section: Section, t: Mapping[str, str]) -> dict[str, StopNote]:
    """Note under each stop who came and who left, and draw the line to it as thick as that."""
    cells = {key: (came, left) for key, (_, came, left) in zip(section.keys, section.rows, strict=True)}
    counts = {key: int(came) if came.isdecimal() else 0 for key, (came, _) in cells.items()}
    most = max(counts.values(), default=0) or 1
    return {
        key: StopNote(
            t["came_and_left"].format(came=came, left=left) if {came, left} != {t["hidden"]} else came,
            counts[key] / most,
        )
        for key, (came, left) in cells.items()
    }


def printable_page(view: ReportView, *, community: bool = False) -> str:
    """Write a month's report as one HTML file, with its style and its charts in it."""
    t = view.translations
    pages = Environment(
        loader=PackageLoader("ivr.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return pages.get_template(f"reports/{'community' if community else 'month'}.html").render(
        frame="reports/printed.html",
        style=files("ivr.reports").joinpath("static/report.css").read_text("utf-8"),
        language=view.language,
        t=t,
        shown_count=lambda count: t["hidden"] if shown(count) == HIDDEN else str(count),
        timezone=view.flow.line.zone,
        view=view,
        month=f"{view.report.period.since:%Y-%m}",
        month_name=partial(month_name, t),
        sections=community_sections(view) if community else view.sections(),
        chart_url=lambda section: _data_url(draw_section(view, section)),
        print_command="",
        community_url="",
        pdf_url="",
        open_tables=True,
        row_url=None,
        **headline_values(view),
    )


def headline_values(view: ReportView) -> dict[str, Any]:
    """Give what a page needs to begin with its figures, each beside that of the period before."""
    before = view.before if view.before and view.before.total else None
    targets = view.flow.line.targets
    now, then = figures(view.report), figures(before) if before else None
    if view.medians:
        now, then = replace(now, median=view.medians[0]), then and replace(then, median=view.medians[1])
    return {
        "headlines": headlines(now, then, targets, exact=view.exact),
        "compared": before.period if before else None,
        "value_words": value_words,
        "change_words": change_words,
    }


def _data_url(svg: str) -> str:
    """Write a chart as an address that holds it."""
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


# A report as tables to take along: CSV, or a workbook of a sheet each. The home of xlsxwriter.

LONGEST_NAME = 31  # Of a sheet, as Excel has it;
UNFIT = re.compile(r"[\[\]:*?/\\']")  # and what may not stand in it.
WIDEST = 60


@dataclass(frozen=True)
class ExportedTable:
    """One table: its title, the heads of its columns, and rows that begin with their label."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def write_csv(tables: Sequence[ExportedTable]) -> str:
    """Write a line a number, with the table, the row and the column that it is of."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(("table", "row", "column", "value"))
    for table in tables:
        for label, *cells in table.rows:
            for column, cell in zip(table.columns[1:], cells, strict=True):
                writer.writerow((table.title, label, column, cell))
    return lines.getvalue()


def write_workbook(tables: Sequence[ExportedTable]) -> bytes:
    """Write tables as an Excel workbook: a sheet each, numbers as numbers, the heads in bold."""
    file = io.BytesIO()
    with Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        bold, numbers = book.add_format({"bold": True}), book.add_format({"align": "right"})
        for n, table in enumerate(tables, 1):
            sheet = book.add_worksheet(_sheet_name(n, table.title))
            for column, head in enumerate(table.columns):
                sheet.write_string(0, column, head, bold)
            for line, cells in enumerate(table.rows, 1):
                for column, cell in enumerate(cells):
                    if column and cell.isascii() and cell.isdecimal():
                        sheet.write_number(line, column, int(cell))
                    else:
                        sheet.write_string(line, column, cell, numbers if column else None)
            longest = max(len(row[0]) for row in ((table.columns), *table.rows))
            sheet.set_column(0, 0, min(longest + 2, WIDEST))
            sheet.set_column(1, max(len(table.columns) - 1, 1), 16)
            sheet.freeze_panes(1, 1)
    return file.getvalue()


def _sheet_name(number: int, title: str) -> str:
    """Name a sheet; with its number, as two that are cut could be called the same."""
    return f"{number} {UNFIT.sub(' ', title)}"[:LONGEST_NAME].strip()
