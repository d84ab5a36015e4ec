"""The hours of a week as a picture: a row for each day, a square for some hours, darker where more began."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.reports.sections import Section

SHADES = 5
LEFT, TOP, WIDE, ROW = 110, 24, 900, 30


def heat(section: Section) -> str:
    """Draw the week: a square that is dashed hides a count."""
    high = TOP + ROW * len(section.rows) + 6
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {high}">'
        + "".join(_marks(section))
        + "</svg>"
    )


def _marks(section: Section) -> Iterator[str]:
    columns = section.columns[1:]
    wide = (WIDE - LEFT) / len(columns)
    most = max((int(cell) for _, *cells in section.rows for cell in cells if cell.isdecimal()), default=0)
    for place, name in enumerate(columns):
        yield _text(LEFT + (place + 0.5) * wide, TOP - 8, name)
    for line, (day, *cells) in enumerate(section.rows):
        y = TOP + line * ROW
        yield f'<text x="0" y="{y + 20}">{escape(day)}</text>'
        for place, cell in enumerate(cells):
            x = LEFT + place * wide
            size = f'x="{x + 1:.1f}" y="{y + 1}" width="{wide - 2:.1f}" height="{ROW - 2}"'
            yield f'<rect class="cell {_shade(cell, most)}" {size}/>'
            if cell.isdecimal() and cell != "0":
                yield _text(x + wide / 2, y + 20, cell)


def _shade(cell: str, most: int) -> str:
    """Name the shade of a count, in fifths of the largest; a count that is hidden has none."""
    if not cell.isdecimal():
        return "few"
    return f"cell-{-(-int(cell) * SHADES // most) if int(cell) else 0}"


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.0f}" text-anchor="middle">{escape(words)}</text>'
