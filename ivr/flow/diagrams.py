"""Draw the stops and the keys between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING

from ivr.flow.graph import leads, named
from ivr.flow.models import (
    ChecklistStop,
    ConsentStop,
    GoodbyeStop,
    LanguageStop,
    MenuStop,
    MessageStop,
    Stop,
    TransferStop,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ivr.flow.models import Flow


def diagram(flow: Flow) -> str:
    """Draw a Mermaid flowchart: a box for each stop, an arrow for each key or result."""
    drawn = {
        name: f"s{number}" for number, name in enumerate(flow.stops)
    }  # "end" and the like are Mermaid's words.
    boxes = (f"  {drawn[name]}{_box(name, stop)}" for name, stop in flow.stops.items())
    return "\n".join(("flowchart LR", *boxes, *_arrows(flow, drawn))) + "\n"


def _arrows(flow: Flow, drawn: dict[str, str]) -> Iterator[str]:
    for name, stop in flow.stops.items():
        for place, to in leads(stop).items():
            if to in drawn:
                yield f"  {drawn[name]} -->|{_label(stop, place)}| {drawn[to]}"


def _label(stop: Stop, place: str) -> str:
    key = place.rpartition(".")[2]
    match stop:
        case LanguageStop():
            return "language"
        case ChecklistStop():
            return f"{key}+ yes"
        case _:
            return key


def _box(name: str, stop: Stop) -> str:
    match stop:
        case LanguageStop() | MenuStop():
            return f"([{name}])"
        case ChecklistStop() | ConsentStop():
            return f"{{{{{name}}}}}"
        case TransferStop():
            return f"[[{name}]]"
        case MessageStop() | GoodbyeStop():
            return f"[{name}]"


# The tree of stops as a picture for a sheet of A3: a column for each step, a key on each edge.
#
# A stop that several others lead to is drawn once, below the first; the others name it beside the key.
# Colours are attributes, not styles, so that a strict content security policy shows them too.


WIDE, HIGH = (
    1188,
    1680,
)  # A3 on its short side, four units a millimetre; more rows make a taller drawing, shrunk to the sheet.
MARGIN, HEAD = 28, 92
HIGHEST = 2000  # Taller, and the smallest words could not be read on the sheet.
ROW = 26
THICKER = 8  # So much thicker is the line on which the most came.
GAP = 36  # Between two columns: room for the keys.
FILL = {
    LanguageStop: "#dbe9f6",
    MenuStop: "#dbe9f6",
    MessageStop: "#ffffff",
    ChecklistStop: "#e4f1dc",
    ConsentStop: "#e4f1dc",
    TransferStop: "#fbe3c4",
}
LEGEND = {
    "a choice": MenuStop,
    "words": MessageStop,
    "a person": TransferStop,
    "the end": GoodbyeStop,
    "questions; 3+: from three yes on": ChecklistStop,
}


@dataclass(frozen=True)
class StopNote:
    """What is written under a stop in place of where else it leads, and how thick the line to it is."""

    words: str
    share: float = 0.0  # Of the most that came anywhere, from 0 to 1.


@dataclass
class Box:
    """One stop in the picture."""

    name: str
    stop: Stop
    key: str = ""  # What leads here from the box before.
    below: list[Box] = field(default_factory=list)
    also: list[str] = field(default_factory=list)  # Keys to stops that are drawn elsewhere.
    note: StopNote | None = None
    column: int = 0
    row: float = 0


def picture(flow: Flow, notes: Mapping[str, StopNote] | None = None) -> str:
    """Draw every stop and the keys between them; with notes, what was noted of each stop."""
    boxes = list(_lay_out(_trees(flow, notes or {})))
    columns, rows = max(box.column for box in boxes), max(box.row for box in boxes)
    row = min(ROW, (HIGHEST - HEAD - MARGIN) / (rows + 1))  # Where there are many, they stand closer.
    high = max(HIGH, round(HEAD + row * (rows + 1) + MARGIN))
    pitch = (WIDE - 2 * MARGIN + GAP) / (columns + 1)
    drawn = "\n".join(mark for box in boxes for mark in _draw(box, pitch, row))
    title = f"The stops of {flow.line.name}"
    description = f"{len(boxes)} stops, from left to right in the order in which a caller reaches them."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {high}" width="297mm" height="420mm"'
        f' role="img" aria-labelledby="title description" font-family="Liberation Sans, Arial, sans-serif">\n'
        f'<title id="title">{escape(title)}</title>\n<desc id="description">{escape(description)}</desc>\n'
        f'<rect width="{WIDE}" height="{high}" fill="#ffffff"/>\n'
        f"{_words((MARGIN, 40), title, '24')}\n{_legend()}\n{drawn}\n</svg>\n"
    )


def _trees(flow: Flow, notes: Mapping[str, StopNote]) -> list[Box]:
    """Grow a tree from the start, then from what can be reached from anywhere; nearest places first."""
    found: dict[str, Box] = {}
    roots: list[Box] = []
    doors = dict(zip(named(flow).values(), named(flow), strict=True))
    marks = {flow.menus.person: "0", flow.menus.leave: "#"}
    for name in (*doors, *flow.stops):
        if name in found or name not in flow.stops:
            continue
        root = Box(name, flow.stops[name], marks.get(name, ""))
        found[name] = root
        roots.append(root)
        ahead = [root]
        while ahead:
            ahead += _grow(flow, ahead.pop(0), found)
    for name, box in found.items():
        box.note = notes.get(name, StopNote("")) if notes else None
    return roots


def _grow(flow: Flow, box: Box, found: dict[str, Box]) -> Iterator[Box]:
    for place, to in leads(box.stop).items():
        key = _key(box.stop, place)
        if to in found or to not in flow.stops:
            box.also.append(f"{key}\N{NO-BREAK SPACE}{to}")
            continue
        found[to] = Box(to, flow.stops[to], key, column=box.column + 1)
        box.below.append(found[to])
        yield found[to]


def _key(stop: Stop, place: str) -> str:
    key = place.rpartition(".")[2]
    match stop:
        case LanguageStop():
            return "any"
        case ChecklistStop():
            return f"{key}+"
        case _:
            return key


def _lay_out(roots: list[Box]) -> Iterator[Box]:
    """Give each box its row, a leaf a row of its own; yield them all.

    The first column is empty but for the start: what can be reached from anywhere stands there, above it.
    """
    row = 0.0

    def place(box: Box) -> Iterator[Box]:
        nonlocal row
        for each in box.below:
            yield from place(each)
        if box.below:
            box.row = (box.below[0].row + box.below[-1].row) / 2
        else:
            box.row = row
        row = max(row, box.row + 1 + 0.5 * len(_also(box)))
        yield box

    lone = [root for root in roots if not root.below]
    for root in roots:
        if root.below:
            yield from place(root)
    row = 0.0
    for root in lone:
        yield from place(root)
        row += 0.3


def _also(box: Box) -> list[str]:
    """Say in short lines where else a stop leads, or what was noted of it."""
    if box.note:
        return [box.note.words] if box.note.words else []
    return wrap("also " + ", ".join(box.also), 32, break_on_hyphens=False) if box.also else []


def _draw(box: Box, pitch: float, row: float) -> Iterator[str]:
    """Draw the edges from a box, the box, its name and where else it leads."""
    wide, tall = pitch - GAP, row * 0.78
    x, y = MARGIN + box.column * pitch, HEAD + box.row * row
    for to in box.below:
        target, middle = HEAD + to.row * row, x + wide + GAP * 0.25
        path = f"M{x + wide:.0f} {y + tall / 2:.0f}H{middle:.0f}V{target + tall / 2:.0f}H{x + pitch:.0f}"
        thick = 1.2 + THICKER * (to.note.share if to.note else 0)
        yield f'<path d="{path}" fill="none" stroke="#6b7a85" stroke-width="{thick:.3g}"/>'
    yield _shape(box.stop, (x, y, wide, tall))
    name = f"{box.key}  {box.name}" if box.key and not box.column else box.name
    yield _words((x + 8, y + tall * 0.74), name, "14")
    if box.key and box.column:
        yield _words((x - 5, y + tall * 0.4), box.key, "12", 'text-anchor="end" font-weight="bold"')
    for number, words in enumerate(_also(box), 1):
        yield _words((x + 8, y + tall + number * 0.47 * row), words, "11", 'fill="#44525c"')


def _shape(stop: Stop, place: tuple[float, float, float, float]) -> str:
    x, y, wide, tall = place
    round_corner = tall / 2 if isinstance(stop, MenuStop | LanguageStop) else 2
    thick = 2.4 if isinstance(stop, TransferStop | ChecklistStop | ConsentStop) else 1.2
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{wide:.0f}" height="{tall:.0f}" rx="{round_corner:.0f}"'
        f' fill="{FILL.get(type(stop), "#e6e6e6")}" stroke="#2d3a43" stroke-width="{thick}"/>'
    )


def _words(place: tuple[float, float], words: str, size: str, more: str = "") -> str:
    x, y = place
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" {more}>{escape(words)}</text>'


def _legend() -> str:
    empty: dict[type, Stop] = {
        MenuStop: MenuStop(options={}),
        MessageStop: MessageStop(),
        ChecklistStop: ChecklistStop(results={}),
        TransferStop: TransferStop(orders={}),
        GoodbyeStop: GoodbyeStop(),
    }
    marks = []
    for place, (words, kind) in enumerate(LEGEND.items()):
        x = MARGIN + place * 122
        marks += [_shape(empty[kind], (x, 56, 30, 16)), _words((x + 37, 69), words, "13")]
    keys = "anywhere: 0 a person, 9 the main menu, * again, # leave"
    return "\n".join((*marks, _words((MARGIN + 740, 69), keys, "13")))
