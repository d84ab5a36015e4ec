"""The page of agencies' feedback: the link that one is sent, what they said, and what is proposed for it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Blueprint, abort, redirect, request, url_for

from ivr.authentication import make_feedback_token
from ivr.records.agency_feedback import decide, list_feedback, list_proposals
from ivr.records.agency_status import list_status
from ivr.records.audit import add_audit_entry
from ivr.records.operators import Role
from ivr.web.console.access import needs
from ivr.web.console.context import (
    agency_name,
    console,
    current_operator,
    language,
    notify,
    render_page,
    translations,
)

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

blueprint = Blueprint("feedback", __name__, url_prefix="/console/feedback")

LINK_DAYS = 30


@blueprint.get("", endpoint="show")
def show_feedback() -> str:
    """Show what agencies said, and of which a link can be made."""
    return _page()


@blueprint.post("/link", endpoint="make_link")
@needs(Role.OPERATOR)
def make_link() -> str:
    """Make a link for an agency, and show it: now, and never again."""
    context, agency = console(), request.form.get("agency", "")
    if agency not in context.flow.directory.agencies:
        abort(404)
    until = context.today + timedelta(days=LINK_DAYS)
    token = make_feedback_token(context.lasting_secret, agency, until)
    add_audit_entry(context.database, current_operator().name, "feedback link made", agency)
    address = context.address or request.host_url.rstrip("/")
    return _page(f"{address}{url_for('agency_feedback.show', token=token)}", agency, f"{until}")


@blueprint.post("/decide", endpoint="decide")
@needs(Role.OPERATOR)
def decide_proposal() -> Response:
    """Switch an agency off as it asked, or leave it; of two who decide the first does."""
    off, kind = request.form.get("to") == "off", request.form.get("kind", "")
    why = translations(language()).get(f"feedback_why_{kind}", "") if off else ""
    who = current_operator().name
    agency = decide(console().database, request.form.get("link", ""), kind, who, off_because=why)
    if not agency:
        notify("feedback_decided", "danger")
    elif off:
        notify("agency_switched_off", agency=agency_name(agency), until="", undo=agency)
    else:
        notify("feedback_dismissed", agency=agency_name(agency))
    return redirect(url_for("now.show" if request.form.get("back") == "now" else "feedback.show"), 303)


def _page(link: str = "", link_of: str = "", until: str = "") -> str:
    context = console()
    return render_page(
        "feedback",
        agencies=[name for name, each in context.flow.directory.agencies.items() if each.transfer],
        feedback=list_feedback(context.database),
        proposals=list_proposals(context.database),
        status=list_status(context.database, context.now()),
        back="feedback",
        link=link,
        link_of=link_of,
        until=until,
        sees_stops=current_operator().role.covers(Role.OPERATOR),
    )
