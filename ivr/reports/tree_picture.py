"""The tree of stops as a report shows it: its words translated, its colours those of the page, dark too.

The tree is drawn for a sheet of paper on a wall, in English and white; a report takes its shapes and gives
them classes. What the colours mean stands beside the picture, as words of the page.
"""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ivr.flow.diagrams import FILL, HEAD, picture
from ivr.flow.models import ChecklistStop, ConsentStop, LanguageStop, MenuStop, MessageStop, TransferStop
from ivr.reports.charts import cleaned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ivr.flow.diagrams import StopNote
    from ivr.flow.models import Flow

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
MOST_LETTERS = 25  # So many fit a box.
ABOVE = HEAD - 30  # The picture's own title and legend stand above it: a page has both beside the picture.
BELOW = 40
ANY = "any"  # The key of the first stop: any language leads on.


def tree_picture(
    flow: Flow, notes: Mapping[str, StopNote], t: Mapping[str, str], label: Callable[[str], str]
) -> str:
    """Draw the tree for a page; ``label`` says what a stop is called, where it is called anything."""
    drawn = ET.fromstring(picture(flow, notes))  # noqa: S314 - our own
    for shape in list(drawn):
        _dress(drawn, shape, t, label)
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


def _dress(drawn: ET.Element, shape: ET.Element, t: Mapping[str, str], label: Callable[[str], str]) -> None:
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
