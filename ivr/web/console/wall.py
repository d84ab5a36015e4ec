"""Now for a screen on the wall: it proves itself by a token in a cookie, and can press nothing.

The token is typed once and never stands in an address, which proxies and browsers write down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, make_response, redirect, request, url_for

from ivr.authentication import hash_wall_token
from ivr.records.sessions import may_show_now
from ivr.web.console.access import WALL_COOKIE
from ivr.web.console.context import console, render_page
from ivr.web.console.now import now_state

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

blueprint = Blueprint("wall", __name__, url_prefix="/console/wall")

YEAR = 365 * 86_400  # Seconds; each opening begins them anew.


@blueprint.get("/start", endpoint="ask")
def ask_for_token() -> str:
    """Ask a screen for its token."""
    return render_page("wall_ask", wrong=False)


@blueprint.post("/start", endpoint="start")
def start() -> BaseResponse | Response:
    """Let a screen that has a token show Now from here on."""
    token = request.form.get("token", "").strip()
    if not may_show_now(console().database, hash_wall_token(token)):
        return make_response(render_page("wall_ask", wrong=True), 401)
    return _remember(redirect(url_for("wall.show"), 303), token)


@blueprint.get("", endpoint="show")
def show_wall() -> BaseResponse:
    """Show Now, with no link and no switch in it."""
    page = make_response(render_page("wall", **now_state(None)))
    return _remember(page, request.cookies[WALL_COOKIE])


@blueprint.get("/_now", endpoint="refresh")
def refresh_wall() -> str:
    """Show the live part alone, for the script that refreshes it."""
    return render_page("_now", **now_state(None))


def _remember(response: BaseResponse, token: str) -> BaseResponse:
    """Have this browser prove itself by a token, on these pages alone."""
    response.set_cookie(
        WALL_COOKIE,
        token,
        max_age=YEAR,
        path=blueprint.url_prefix,
        secure=console().secure,
        httponly=True,
        samesite="Strict",
    )
    return response
