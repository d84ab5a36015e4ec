"""A report as tables to take along: CSV, or a workbook of a sheet each. The home of xlsxwriter."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xlsxwriter import Workbook

if TYPE_CHECKING:
    from collections.abc import Sequence

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
