"""The page of screens: administrators give a screen on the wall a token for Now, and revoke it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, make_response, redirect, request, url_for

from ivr.authentication import hash_wall_token, new_wall_token
from ivr.records.operators import Role
from ivr.records.sessions import add_screen, list_screens, revoke_screen
from ivr.web.console.access import needs
from ivr.web.console.context import console, current_operator, notify, render_page
from ivr.web.console.kept_forms import keeps
from ivr.web.console.query_params import names_number

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

blueprint = Blueprint("screens", __name__, url_prefix="/console/screens")

LONGEST_NAME = 64


@blueprint.get("", endpoint="show")
@needs(Role.ADMINISTRATOR)
def show_screens() -> str:
    """Show which screens may show Now."""
    return _page()


@blueprint.post("/add", endpoint="add")
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


@blueprint.post("/revoke", endpoint="revoke")
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
