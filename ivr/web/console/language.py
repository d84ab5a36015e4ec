"""The language switch: which language the console speaks to this browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, redirect, request, url_for

from ivr.reports.document import LANGUAGES
from ivr.web.console.context import LANGUAGE_COOKIE, console

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

YEAR = 365 * 86_400

blueprint = Blueprint("language", __name__, url_prefix="/console/language")


@blueprint.post("", endpoint="choose")
def choose_language() -> Response:
    """Speak another language from now on, and show the same page in it."""
    back = request.form.get("back", "")
    response = redirect(back if back.startswith("/console/") else url_for("now.show"), 303)
    if (language := request.form.get("language", "")) in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE,
            language,
            max_age=YEAR,
            path="/console",
            secure=console().secure,
            httponly=True,
            samesite="Strict",
        )
    return response
