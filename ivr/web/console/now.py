"""The page "Now": how well the line is, who calls, which agencies can be reached, and their switch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flask import Blueprint

from ivr.records.active_calls import count_unreached, list_active_calls, list_ringing_agencies
from ivr.records.agency_feedback import list_proposals
from ivr.records.agency_status import list_status
from ivr.records.operators import Role
from ivr.records.shift_log import list_pinned
from ivr.records.text_deliveries import list_undelivered
from ivr.web.console.context import console, current_operator, render_page
from ivr.web.console.switch_time import CHOICES
from ivr.web.console.wallboard import LEVELS, Health, agency_state

if TYPE_CHECKING:
    from ivr.records.operators import Operator

UNDELIVERED = timedelta(days=30)  # Of so many days texts that did not arrive are counted.

blueprint = Blueprint("now", __name__, url_prefix="/console")


@blueprint.get("/", endpoint="show")
def show_now() -> str:
    """Show what goes on at this moment."""
    return render_page("now", **now_state(current_operator()))


@blueprint.get("/_now", endpoint="refresh")
def refresh_now() -> str:
    """Show the live part alone, for the script that refreshes it."""
    return render_page("_now", **now_state(current_operator()))


def now_state(operator: Operator | None) -> dict[str, object]:
    """Put together what Now shows to an operator, or to nobody in particular: a screen on a wall."""
    context = console()
    agencies = {n: a for n, a in context.flow.directory.agencies.items() if a.transfer}
    status = list_status(context.database, context.now())
    states = {name: agency_state(each, status.get(name), context.moment) for name, each in agencies.items()}
    twilio, swept = context.twilio(), context.flow.line.sweep.on
    pinned = list_pinned(context.database, context.moment)
    unreached = count_unreached(context.database, context.moment - timedelta(days=1))
    return {
        "health": Health(states, context.parts(), unreached, twilio, swept),
        "pinned": pinned,
        "unread": [each for each in pinned if operator and not each.is_read_by(operator.name)],
        "proposals": list_proposals(context.database) if operator else [],
        "back": "now",
        "live": list_active_calls(context.database),
        "rings": list_ringing_agencies(context.database),
        "refused": context.refused(),
        "agencies": agencies,
        "states": states,
        "levels": LEVELS,
        "status": status,
        "undelivered": list_undelivered(context.database, context.today - UNDELIVERED),
        "twilio": twilio,
        "swept": swept,
        "moment_of": lambda at: datetime.fromtimestamp(at, UTC),
        "moment": context.moment,
        "yesterday": context.today - timedelta(days=1),
        "switch_times": CHOICES,
        "sees_stops": bool(operator and operator.role.covers(Role.OPERATOR)),
        "wall": operator is None,
    }
