"""The page "Now": who calls at this moment, which agencies ring, and whether every part answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Blueprint

from ivr.records.active_calls import list_active_calls, list_ringing_agencies
from ivr.records.agency_status import list_status
from ivr.records.operators import Role
from ivr.records.text_deliveries import list_undelivered
from ivr.web.console.context import console, current_operator, render_page

UNDELIVERED = timedelta(days=30)  # Of so many days texts that did not arrive are counted.

blueprint = Blueprint("now", __name__, url_prefix="/console")


@blueprint.get("/", endpoint="show")
def show_now() -> str:
    """Show what goes on at this moment."""
    return render_page("now", **_state())


@blueprint.get("/_now", endpoint="refresh")
def refresh_now() -> str:
    """Show the live part alone, for the script that refreshes it."""
    return render_page("_now", **_state())


def _state() -> dict[str, object]:
    context = console()
    return {
        "live": list_active_calls(context.database),
        "rings": list_ringing_agencies(context.database),
        "agencies": {n: a for n, a in context.flow.directory.agencies.items() if a.transfer},
        "status": list_status(context.database, context.now()),
        "parts": context.parts(),
        "refused": context.refused(),
        "undelivered": list_undelivered(context.database, context.today - UNDELIVERED),
        "twilio": context.twilio(),
        "swept": context.flow.line.sweep.on,
        "moment_of": lambda at: datetime.fromtimestamp(at, UTC),
        "moment": context.moment,
        "sees_stops": current_operator().role.covers(Role.OPERATOR),
    }
