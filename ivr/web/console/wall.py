"""Now for a screen on the wall: it proves itself by a token in a cookie, and can press nothing.

The token is typed once and never stands in an address, which proxies and browsers write down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, make_response, redirect, request, url_for

from ivr.authentication import hash_wall_token, new_wall_token
from ivr.records.operators import Role
from ivr.records.sessions import add_screen, list_screens, may_show_now, revoke_screen
from ivr.web.console.access import WALL_COOKIE, needs
from ivr.web.console.context import console, current_operator, notify, render_page
from ivr.web.console.kept_forms import keeps
from ivr.web.console.now import now_state
from ivr.web.console.query_params import names_number

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


# The page of screens: administrators give a screen on the wall a token for Now, and revoke it.

screens_blueprint = Blueprint("screens", __name__, url_prefix="/console/screens")

LONGEST_NAME = 64


@screens_blueprint.get("", endpoint="show")
@needs(Role.ADMINISTRATOR)
def show_screens() -> str:
    """Show which screens may show Now."""
    return _page()


@screens_blueprint.post("/add", endpoint="add")
@keeps("screens.show", "name")
@needs(Role.ADMINISTRATOR)
def add() -> str | Response:
    """Let a screen show Now, and show its token: now, and never again."""
    context, token = console(), new_wall_token()
    name = " ".join(request.form.get("name", "").split())[:LONGEST_NAME]
    if not name or names_number(name):
        return make_response(_page(fault="screen_unfit"), 400)
    who = current_operator().name
    add_screen(context.database, name, hash_wall_token(token), now=context.moment, who=who)
    return _page(token=token, token_of=name)


@screens_blueprint.post("/revoke", endpoint="revoke")
@needs(Role.ADMINISTRATOR)
def revoke() -> BaseResponse:
    """Let a screen show nothing any more; it notices within seconds."""
    screen = request.form.get("screen", "")
    if name := revoke_screen(console().database, screen, who=current_operator().name):
        notify("screen_revoked", name=name)
    return redirect(url_for("screens.show"), 303)


def _page(fault: str = "", token: str = "", token_of: str = "") -> str:
    screens = list_screens(console().database)
    return render_page("screens", screens=screens, fault=fault, token=token, token_of=token_of)
