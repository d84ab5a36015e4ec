"""Cards and a poster, made for the printer. Their outside names no topic."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import segno
from flask import Blueprint, Response, abort

from ivr.web.public.pages import NAME, known_language, languages, line, public_context, render_page

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flask import Flask

    from ivr.web.public.pages import Paragraph

blueprint = Blueprint("materials", __name__, url_prefix="/materials")

KINDS: Mapping[str, int] = {
    "cards": 2,
    "poster": 8,
}  # What can be printed -> how many cards or strips a sheet.


QUIET = 2  # Modules of white around a code; the paper around it is white as well.


@blueprint.get("", endpoint="list")
def list_materials() -> str:
    """Show what can be printed, in every language."""
    return render_page("materials", languages()[0], order=languages(), kinds=KINDS)


@blueprint.get("/<language>/<kind>", endpoint="sheet")
def show_sheet(language: str, kind: str) -> str:
    """Show one sheet as it is printed."""
    if kind not in KINDS:
        abort(404)
    return render_page(
        kind,
        known_language(language),
        page=public_context().words[language].materials,
        lines=_lines(language),
    )


@blueprint.get("/<language>/code.svg", endpoint="qr_code")
def qr_code(language: str) -> Response:
    """Draw the code that opens a text to the line."""
    drawn = io.BytesIO()
    made = segno.make(public_context().text_to(known_language(language)), error="m", micro=False)
    made.save(drawn, kind="svg", border=QUIET, light="white", svgns=True, xmldecl=False, omitsize=True)
    return Response(drawn.getvalue(), mimetype="image/svg+xml")


def _lines(language: str) -> tuple[Paragraph, ...]:
    context = public_context()
    return tuple(line(context.flow, language, words) for words in context.words[language].materials.lines)


def list_sheets(app: Flask, wanted: Collection[str] = ()) -> list[tuple[str, str]]:
    """List what can be printed, in the languages that are wanted or else in all: (language, kind)."""
    known = app.extensions[NAME].words
    return [(language, kind) for language in known if not wanted or language in wanted for kind in KINDS]
