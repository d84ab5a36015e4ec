"""The page of transfers: how callers reached a person, and the switch of each agency."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, redirect, request, url_for

from ivr.records import agency_status
from ivr.records.operators import Role
from ivr.records.report_queries import transfer_figures, waiting
from ivr.web.console.access import needs
from ivr.web.console.context import console, current_operator, render_page
from ivr.web.console.query_params import day_range, free_text, hours_from_now, whole_number

if TYPE_CHECKING:
    from datetime import date, tzinfo

    from werkzeug.wrappers import Response

    from ivr.records.database import Database

blueprint = Blueprint("transfers", __name__, url_prefix="/console")


@blueprint.get("/transfers", endpoint="list")
def list_transfers() -> str:
    """Show how callers reached a person, and the switch of each agency."""
    context = console()
    since, until = day_range(request.args, context.today)
    return render_page(
        "transfers",
        since=since,
        until=until,
        **_figures(context.database, (since, until, context.zone), context.counts_cache_key),
        agencies={name: a for name, a in context.flow.directory.agencies.items() if a.transfer},
        status=agency_status.list_status(context.database, context.now()),
    )


@blueprint.post("/agencies/<name>", endpoint="switch_agency")
@needs(Role.OPERATOR)
def switch_agency(name: str) -> Response:
    """Switch an agency off, with a reason and perhaps an end, or on."""
    if name not in console().flow.directory.agencies:
        abort(404)
    database, who, why = console().database, current_operator().name, free_text("why")
    if request.form.get("to") == "on":
        agency_status.switch_on(database, name, who=who)
    elif why:
        until = hours_from_now(whole_number(request.form.get("hours", "")))
        agency_status.switch_off(database, name, until, why, who=who)
    return redirect(url_for("transfers.list"), 303)


@lru_cache(maxsize=16)
def _figures(database: Database, days: tuple[date, date, tzinfo], _cache_key: object) -> dict[str, Any]:
    """Count how agencies were rung, and how long callers waited."""
    return {"figures": transfer_figures(database, *days), "waiting": waiting(database, *days)}
