"""The page after the sign-in: what happened since somebody was last here, or on any days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Blueprint, request

from ivr.records.counts import list_undelivered
from ivr.records.periods import end_of_day, midnight
from ivr.records.shift_log import PINNED, list_shift_entries
from ivr.records.shift_summary import last_here, sign_in_before, summarize
from ivr.web.console.context import console, current_operator, render_page
from ivr.web.console.query_params import day_presets, day_range

blueprint = Blueprint("since", __name__, url_prefix="/console/since")

FIRST_TIME = timedelta(days=1)  # Whoever was never here is shown the last day.


@blueprint.get("", endpoint="show")
def show_since() -> str:
    """Show what happened since somebody was last here; with days in the address, what did on those."""
    context = console()
    chosen = bool(request.args.get("since") or request.args.get("until"))
    since, until, faults = day_range(request.args, context.today)
    begins, ends = midnight(since, context.zone), end_of_day(until, context.zone)
    if not chosen:
        begins, ends = _last_here(), context.moment + timedelta(hours=1)
    return render_page(
        "since",
        moment=context.moment,
        chosen=chosen,
        signed_in_before=sign_in_before(context.database, current_operator().name),
        begins=begins,
        first_time=last_here(context.database, current_operator().name) is None,
        since=since if chosen else begins.astimezone(context.zone).date(),
        until=until,
        faults=faults,
        presets=day_presets(context.today),
        entries=[
            each
            for each in list_shift_entries(context.database, begins)
            if each.kind.value in PINNED and each.at < ends
        ],
        summary=summarize(context.database, begins, ends),
        undelivered=list_undelivered(context.database, begins.astimezone(UTC).date()),
    )


def _last_here() -> datetime:
    """Give when this operator was last here, at the whole hour: starts of calls are rounded to it."""
    context = console()
    last = last_here(context.database, current_operator().name) or context.moment - FIRST_TIME
    return last.replace(minute=0, second=0, microsecond=0)
