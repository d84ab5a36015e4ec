"""Cards and a poster, made for the printer. Their outside names no topic."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import segno
from flask import Blueprint, Response, abort

from ivr.web.public.context import known, languages, page, shown
from ivr.web.public.text import line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ivr.web.public.text import Paragraph

materials = Blueprint("materials", __name__, url_prefix="/materials")

KINDS: Mapping[str, int] = {
    "cards": 2,
    "poster": 8,
}  # What can be printed -> how many cards or strips a sheet.


@materials.get("")
def offered() -> str:
    """Show what can be printed, in every language."""
    return page("materials", languages()[0], order=languages(), kinds=KINDS)


@materials.get("/<language>/<kind>")
def sheet(language: str, kind: str) -> str:
    """Show one sheet as it is printed."""
    if kind not in KINDS:
        abort(404)
    return page(kind, known(language), here=shown().words[language].materials, lines=_lines(language))


@materials.get("/<language>/code.svg")
def code(language: str) -> Response:
    """Draw the code that opens a text to the line."""
    drawn = io.BytesIO()
    made = segno.make(shown().text_to(known(language)), error="m", micro=False)
    made.save(drawn, kind="svg", border=2, light="white", svgns=True, xmldecl=False, omitsize=True)
    return Response(drawn.getvalue(), mimetype="image/svg+xml")


def _lines(language: str) -> tuple[Paragraph, ...]:
    here = shown()
    return tuple(line(here.flow, language, words) for words in here.words[language].materials.lines)
