"""Pictures of a report's sections, as SVG: what a table shows, and never more. The only home of pygal.

A picture is a document of its own, with one style that is known beforehand: the policy of its answer
allows that style by its hash, and nothing else.
"""

from __future__ import annotations

import re
import sys
from base64 import b64encode
from hashlib import sha256
from html import escape
from textwrap import shorten
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from pygal import PluginImportFixer
from pygal.graph.horizontalbar import HorizontalBar
from pygal.style import Style

from ivr.flow.diagrams import FILL, HEAD, picture
from ivr.flow.models import ChecklistStop, ConsentStop, LanguageStop, MenuStop, MessageStop, TransferStop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ivr.flow.diagrams import StopNote
    from ivr.flow.models import Flow
    from ivr.reports.sections import Section


# Pygal looks for maps of its own in every import of a program; we draw none, and Python warns of its way.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, PluginImportFixer)]

LIGHT = (
    "--ink:#1d2327;--soft:#51606a;--line:#cfd6da;--one:#0b5394;--two:#b45f06;--paper:#fff;"
    "--choice:#dbe9f6;--words:#fff;--questions:#e4f1dc;--person:#fbe3c4;--end:#e6e6e6"
)
DARK = (
    "--ink:#e9eef1;--soft:#aab8c1;--line:#3a464e;--one:#8fc7ff;--two:#f6b26b;--paper:#1a2228;"
    "--choice:#1d4363;--words:#1a2228;--questions:#274a22;--person:#5a3d10;--end:#3a444b"
)
FONT = 'system-ui,"Segoe UI",Roboto,"Liberation Sans",sans-serif'
STYLE = (
    f":root{{{LIGHT};font-family:{FONT};background:var(--paper)}}"
    f"@media (prefers-color-scheme:dark){{:root{{{DARK}}}}}"
    "text{fill:var(--ink);font-size:13px}.axis text{font-size:12px}"
    ".grid{stroke:var(--line);fill:none}.axis.x text{text-anchor:middle}.axis.y text{text-anchor:end}"
    ".background{fill:none}.axis path{stroke:var(--line);stroke-width:1;fill:none}"
    ".color-0 rect,rect.color-0{fill:var(--one)}.color-1 rect,rect.color-1{fill:var(--two)}"
    ".cell{stroke:var(--paper);stroke-width:2}.cell-0{fill:var(--line);fill-opacity:.35}"
    + "".join(f".cell-{n}{{fill:var(--one);fill-opacity:{n * 0.1:.1f}}}" for n in range(1, 6))
    + ".few,.cell.few{fill:none;stroke:var(--soft);stroke-dasharray:2 3;stroke-width:1}"
    + "".join(f".{kind}{{fill:var(--{kind})}}" for kind in ("choice", "words", "questions", "person", "end"))
    + ".stop{stroke:var(--soft)}.way{stroke:var(--soft)}.note{font-size:11px}.anywhere{text-anchor:end}"
)
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
)
SVG = "http://www.w3.org/2000/svg"
WIDTH, RANKED_WIDTH, DAYS_HEIGHT, ROW_HEIGHT = 900, 600, 300, 30
DROPPED_ELEMENTS = frozenset({"title", "desc", "script", "style", "defs"})
HIDDEN_CLASSES = re.compile(r"overlay")  # What only a script would show.
MOST_LABELS = 10
DAYS_LEFT, AXIS, HIGHEST_BAR = 40, 236, 10  # Where bars of days begin, stand, and end at the latest.
STEPS = 5  # Lines of their axis.
UNSHOWN = 2  # As high as so many is drawn what is under five and not shown.
MOST_SPANS = 12  # Columns of hours that have room for both their ends.
SHADES = 5  # Of the week's squares.
LEFT, TOP = 110, 24  # Room for the names of its days and hours.
CHART_STYLE = Style(font_family=FONT, label_font_size=12, major_label_font_size=12, legend_font_size=13)


def draw(section: Section, title: str, description: str) -> str:
    """Draw a section that is no tree, with its title and a sentence that says what it shows."""
    if section.kind in {"heat", "days"}:
        drawn = _heatmap(section) if section.kind == "heat" else _day_bars(section)
        return cleaned(ET.fromstring(drawn), title, description)  # noqa: S314 - our own
    chart = _ranked_bars(section.rows)
    return cleaned(chart.render_tree(), title, description)


def _day_bars(section: Section) -> str:
    """Draw calls and texts of each day on top of each other; what is hidden is dashed, and no zero."""
    days = [day for day, *_ in section.rows]
    counts = [[_number(cell) for cell in cells] for _, *cells in section.rows]
    step = _step(max((sum(UNSHOWN if n is None else n for n in each) for each in counts), default=0))
    unit, wide = (AXIS - HIGHEST_BAR) / (step * STEPS), (WIDTH - DAYS_LEFT) / max(len(days), 1)
    grid = "".join(
        f'<path class="grid" d="M{DAYS_LEFT} {AXIS - n * step * unit:.1f}H{WIDTH}"/>'
        f'<text x="{DAYS_LEFT - 8}" y="{AXIS - n * step * unit + 4:.1f}" text-anchor="end">{n * step}</text>'
        for n in range(STEPS + 1)
    )
    every = max(1, -(-len(days) // MOST_LABELS))
    in_a_month = len({day[:7] for day in days}) == 1
    names = "".join(
        _text(DAYS_LEFT + (n + 0.5) * wide, AXIS + 18, day[8:].lstrip("0") if in_a_month else day[5:])
        for n, day in enumerate(days)
        if in_a_month or n % every == 0
    )
    bars = "".join(
        bar for n, each in enumerate(counts) for bar in _day_bar(each, DAYS_LEFT + n * wide, wide, unit)
    )
    unshown = next((cell for _, *cells in section.rows for cell in cells if _number(cell) is None), "")
    legend = [*((f"color-{n}", name) for n, name in enumerate(section.columns[1:])), ("few", unshown)]
    key = "".join(
        f'<rect class="{kind}" x="{DAYS_LEFT + n * 200}" y="{AXIS + 34}" width="14" height="14"/>'
        f'<text x="{DAYS_LEFT + n * 200 + 22}" y="{AXIS + 46}">{escape(name)}</text>'
        for n, (kind, name) in enumerate(legend)
        if name
    )
    return f'<svg xmlns="{SVG}" viewBox="0 0 {WIDTH} {DAYS_HEIGHT}">{grid}{bars}{names}{key}</svg>'


def _day_bar(counts: Sequence[int | None], x: float, wide: float, unit: float) -> Iterator[str]:
    """Draw one day: what is counted stands on what was counted before it."""
    y = float(AXIS)
    for kind, count in enumerate(counts):
        high = (UNSHOWN if count is None else count) * unit
        y -= high
        if high:
            shape = "few" if count is None else f"color-{kind}"
            size = f'x="{x + 0.1 * wide:.1f}" y="{y:.1f}" width="{0.8 * wide:.1f}" height="{high:.1f}"'
            yield f'<rect class="{shape}" {size}/>'


def _step(most: int) -> int:
    """Give what each line of an axis is above the one below: a round number, so that all fit."""
    rounds = (int(base + "0" * zeros) for zeros in range(9) for base in "125")
    return next(step for step in rounds if step * STEPS >= most)


def _ranked_bars(section_rows: Sequence[Sequence[str]]) -> HorizontalBar:
    """Draw a bar for the last column of each row, the first row at the top, with what may be shown of it."""
    rows = section_rows[::-1]
    chart = HorizontalBar(**_options(60 + ROW_HEIGHT * len(rows), RANKED_WIDTH), show_legend=False)
    chart.x_labels = [f"{row[0]}: {row[-1]}" for row in rows]
    chart.add("", [_number(row[-1].removesuffix("%")) for row in rows])
    return chart


def _options(high: int, wide: int) -> dict[str, object]:
    return {
        "js": (),
        "width": wide,
        "height": high,
        "style": CHART_STYLE,
        "margin": 8,
        "no_data_text": "",
        "value_formatter": lambda value: f"{value:.0f}",
        "truncate_label": -1,
        "min_scale": 2,
        "max_scale": 6,
        "order_min": 0,  # Calls are counted in whole ones.
    }


def _number(cell: str) -> int | None:
    return int(cell) if cell.isdecimal() else None


def cleaned(drawn: ET.Element, title: str, description: str) -> str:
    """Write a picture without anything that runs or hides words in it, and with our own style."""
    for parent in list(drawn.iter()):
        parent.tag = _tag(parent)
        for child in list(parent):
            if _tag(child) in DROPPED_ELEMENTS or HIDDEN_CLASSES.search(child.get("class", "")):
                parent.remove(child)
        for name in ("style", "id"):
            parent.attrib.pop(name, None)
    for n, (name, words) in enumerate((("title", title), ("desc", description), ("style", STYLE))):
        element = ET.Element(name)
        element.text = words
        drawn.insert(n, element)
    drawn.attrib.update({"role": "img", "xmlns": SVG})
    return ET.tostring(drawn, "unicode").replace("&gt;", ">")  # The hash is of its style to the letter.


def _tag(element: ET.Element) -> str:
    """Name an element; a comment is a script to us, for it goes the same way."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else "script"


def _heatmap(section: Section) -> str:
    """Draw the hours of a week: a row a day, darker where more began; a dashed square hides a count."""
    high = TOP + ROW_HEIGHT * len(section.rows) + 6
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {high}">'
        + "".join(_heat_squares(section))
        + "</svg>"
    )


def _heat_squares(section: Section) -> Iterator[str]:
    columns = section.columns[1:]
    wide = (WIDTH - LEFT) / len(columns)
    most = max((int(cell) for _, *cells in section.rows for cell in cells if cell.isdecimal()), default=0)
    for n, name in enumerate(columns):
        begins = name.partition("-")[0]  # Of an hour alone: "10-11" is wider than its square.
        yield _text(LEFT + (n + 0.5) * wide, TOP - 8, begins if len(columns) > MOST_SPANS else name)
    for line, (day, *cells) in enumerate(section.rows):
        y = TOP + line * ROW_HEIGHT
        yield f'<text x="0" y="{y + 20}">{escape(day)}</text>'
        for n, cell in enumerate(cells):
            x = LEFT + n * wide
            size = f'x="{x + 1:.1f}" y="{y + 1}" width="{wide - 2:.1f}" height="{ROW_HEIGHT - 2}"'
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


# The tree of stops as a report shows it: its words translated, its colours those of the page, dark too.

KINDS = {  # A colour on paper -> the class that has it on a page.
    FILL[LanguageStop]: "choice",
    FILL[MenuStop]: "choice",
    FILL[MessageStop]: "words",
    FILL[ChecklistStop]: "questions",
    FILL[ConsentStop]: "questions",
    FILL[TransferStop]: "person",
}
END = "end"
NOTE_SIZE = "11"
MOST_LETTERS, FITTING = 25, 16  # So many fit a box, and so many do in any font.
PADDING = 6  # On either side of them.
ABOVE = HEAD - 30  # The picture's own title and legend stand above it: a page has both beside the picture.
BELOW = 40
ANY = "any"  # The key of the first stop: any language leads on.


def tree_picture(
    flow: Flow, notes: Mapping[str, StopNote], t: Mapping[str, str], label: Callable[[str], str]
) -> str:
    """Draw the tree for a page; ``label`` says what a stop is called, where it is called anything."""
    drawn = ET.fromstring(picture(flow, notes))  # noqa: S314 - our own
    boxes = [float(each.get("width", 0)) for each in drawn if each.get("rx") is not None]
    room = round(max(boxes, default=0)) - 2 * PADDING
    for shape in list(drawn):
        _dress(drawn, shape, t, label, room)
    wide = drawn.attrib["viewBox"].split()[2]
    lowest = max(float(shape.get("y", 0)) for shape in drawn)  # A sheet is higher than a small tree.
    drawn.attrib["viewBox"] = f"0 {ABOVE} {wide} {lowest + BELOW - ABOVE:.0f}"
    for name in ("width", "height", "aria-labelledby", "font-family"):
        drawn.attrib.pop(name, None)
    anywhere = ET.SubElement(
        drawn, "text", {"x": wide, "y": str(HEAD - 12), "dx": "-28", "class": "anywhere"}
    )
    anywhere.text = t["anywhere"]
    return cleaned(drawn, t["tree_title"].format(line=flow.line.name), t["description_tree"])


def _dress(
    drawn: ET.Element, shape: ET.Element, t: Mapping[str, str], label: Callable[[str], str], room: int
) -> None:
    """Give one shape its class in place of its colours; one of the title or the legend goes."""
    kind = shape.tag.rpartition("}")[2]
    if kind in {"rect", "text"} and float(shape.get("y", 0)) < HEAD - 10:
        drawn.remove(shape)
        return
    match kind:
        case "rect":
            shape.set("class", f"stop {KINDS.get(shape.attrib.pop('fill', ''), END)}")
            shape.attrib.pop("stroke", None)
        case "path":
            shape.set("class", "way")
            shape.attrib.pop("stroke", None)
        case "text":
            shape.set("class", "note" if shape.get("font-size") == NOTE_SIZE else "name")
            shape.attrib.pop("fill", None)
            key, gap, stop = (shape.text or "").rpartition("  ")
            named = t["tree_any"] if stop == ANY else label(stop)
            if shape.get("class") == "name" and named:
                shape.text = key + gap + shorten(named, MOST_LETTERS, placeholder="…")
                if not key and len(shape.text) > FITTING:  # Fonts differ: it is drawn as wide as its box.
                    shape.attrib.update({"textLength": str(room), "lengthAdjust": "spacingAndGlyphs"})
