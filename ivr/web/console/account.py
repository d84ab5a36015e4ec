"""The page of one's own sign-in: passkeys, and the sessions that are open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, redirect, request, url_for

from ivr.records.passkeys import MOST_PASSKEYS, list_passkeys
from ivr.records.sessions import end_other_sessions, end_session
from ivr.records.shift_summary import sign_in_before
from ivr.web.console.access import current_session, open_sessions
from ivr.web.console.context import browser, console, current_operator, notify, render_page

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

blueprint = Blueprint("account", __name__, url_prefix="/console/account")


@blueprint.get("", endpoint="show")
def show_account() -> str:
    """Show how this operator signs in, and where they are signed in."""
    operator = current_operator()
    return render_page(
        "account",
        passkeys=list_passkeys(console().database, operator.name),
        most_passkeys=MOST_PASSKEYS,
        sessions=open_sessions(operator.name),
        this_session=current_session(),
        signed_in_before=sign_in_before(console().database, operator.name),
    )


@blueprint.post("/sessions/end", endpoint="end_session")
def end_one() -> BaseResponse:
    """End one session of this operator, in another browser."""
    name = current_operator().name
    if ended := end_session(console().database, request.form.get("session", ""), name, who=name):
        notify("session_ended", browser=browser(ended))
    return redirect(url_for("account.show"), 303)


@blueprint.post("/sessions/end-others", endpoint="end_other_sessions")
def end_others() -> BaseResponse:
    """End every session of this operator but this one."""
    if end_other_sessions(console().database, current_operator().name, current_session()):
        notify("other_sessions_ended")
    return redirect(url_for("account.show"), 303)
