"""The pages that operators open: now, the call log, one call, transfers, the audit."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, redirect, request, url_for

from ivr.logs import OneLine
from ivr.records import agency_status
from ivr.records.active_calls import list_active_calls, list_ringing_agencies
from ivr.records.audit import add_audit_entry, list_audit_entries, verify
from ivr.records.call_log import CallFilter, export_calls, find_call, read_attempts, read_page, read_turns
from ivr.records.notes import list_notes, write_note
from ivr.records.operators import Role
from ivr.records.opt_outs_blocks import block_call
from ivr.records.report_queries import transfer_figures, waiting
from ivr.reports.document import today, zone_of
from ivr.reports.sections import branches
from ivr.web.console.access import needs
from ivr.web.console.context import desk, me, page
from ivr.web.console.query_params import as_csv, asked, days, hour_only, whole
from ivr.web.console.timeline import marks, minutes

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as Answer

    from ivr.records.database import Database

pages = Blueprint(
    "desk",
    __name__,
    url_prefix="/console",
    template_folder="templates",
    static_folder="static",
    static_url_path="/look",
)
LONGEST_WORDS = 500
MOST_DAYS, MOST_HOURS = 30, 24 * 90  # Of a block, of a switch.


@pages.get("/")
def now() -> str:
    """Show what goes on at this moment."""
    return page("now", **_now())


@pages.get("/_now")
def now_again() -> str:
    """Show the live part alone, for the script that refreshes it."""
    return page("_now", **_now())


@pages.get("/calls")
def calls() -> str:
    """Show the call log, filtered as the address says."""
    wanted, faults = _asked()
    shelf = read_page(desk().database, wanted, request.args.get("after", ""))
    kept = {k: v for k, v in request.args.items() if v and k != "after"}
    flow = desk().flow
    audiences = {stop: flow.prompts[flow.languages[0]].stops[stop].label for stop in branches(flow)}
    agencies = flow.directory.agencies
    return page("calls", shelf=shelf, faults=faults, kept=kept, agencies=agencies, audiences=audiences)


@pages.get("/calls.<kind>")
def exported(kind: str) -> Response:
    """Stream exactly what is filtered; starts are given to the hour, and no mark is in it."""
    if kind not in {"csv", "json"}:
        abort(404)
    wanted, faults = _asked()
    if faults:
        abort(400)
    add_audit_entry(desk().database, me().name, "calls exported", kind)
    found = map(hour_only, export_calls(desk().database, wanted))
    lines = as_csv(found) if kind == "csv" else (json.dumps(each) + "\n" for each in found)
    name = {"Content-Disposition": f"attachment; filename=calls.{kind}"}
    return Response(chain(lines), headers=name, mimetype="text/csv" if kind == "csv" else "application/jsonl")


@pages.get("/calls/<call>")
def one(call: str) -> str:
    """Show one call as a line of time."""
    database = desk().database
    found = find_call(database, call)
    if found is None:
        abort(404)
    turns, lasted = read_turns(database, call), found.ended_at and found.ended_at - found.started_at
    told = marks(turns, read_attempts(database, call), lasted.total_seconds() if lasted else None)
    return page(
        "call", call=found, turns=turns, marks=told, minutes=minutes, notes=list_notes(database, call)
    )


@pages.post("/calls/<call>/note")
@needs(Role.OPERATOR)
def note(call: str) -> Answer:
    """Add a note about the line."""
    if words := _written("words"):
        write_note(desk().database, call, me().name, words)
    return redirect(url_for("desk.one", call=call), 303)


@pages.post("/calls/<call>/block")
@needs(Role.OPERATOR)
def block(call: str) -> Answer:
    """Let whoever made a call hear the numbers only, for some days."""
    until = _until(24 * min(whole(request.form.get("days", "")) or 1, MOST_DAYS))
    why = _written("why")
    if why and until:
        block_call(desk().database, call, until, who=me().name, why=why)
    return redirect(url_for("desk.one", call=call), 303)


@pages.get("/transfers")
def transfers() -> str:
    """Show how callers reached a person, and the switch of each agency."""
    since, until = days(request.args, today(desk()))
    database, directory = desk().database, desk().flow.directory
    there = zone_of(desk())
    return page(
        "transfers",
        since=since,
        until=until,
        **_figures(database, (since, until, there), desk().counted_at),
        agencies={name: a for name, a in directory.agencies.items() if a.transfer},
        status=agency_status.list_status(database, desk().now()),
    )


@pages.post("/agencies/<name>")
@needs(Role.OPERATOR)
def switch(name: str) -> Answer:
    """Switch an agency off, with a reason and perhaps an end, or on."""
    if name not in desk().flow.directory.agencies:
        abort(404)
    database, why = desk().database, _written("why")
    hours = request.form.get("hours", "")
    if request.form.get("to") == "on":
        agency_status.switch_on(database, name, who=me().name)
    elif why:
        agency_status.switch_off(database, name, _until(whole(hours)), why, who=me().name)
    return redirect(url_for("desk.transfers"), 303)


@pages.get("/audit")
@needs(Role.ADMINISTRATOR)
def deeds() -> str:
    """Show who did what, and whether the list is whole."""
    database = desk().database
    found = list_audit_entries(database, whole(request.args.get("before", "")))
    return page("audit", deeds=found, faults=verify(database))


@lru_cache(maxsize=16)
def _figures(database: Database, days: tuple[date, date, tzinfo], _moment: object) -> dict[str, Any]:
    """Count how agencies were rung, and how long callers waited."""
    return {"figures": transfer_figures(database, *days), "waiting": waiting(database, *days)}


def _asked() -> tuple[CallFilter, list[str]]:
    """Read the filter of an address, by the line's clock and of its own branches."""
    wanted, faults = asked(request.args)
    if wanted.audience and wanted.audience not in branches(desk().flow):
        return replace(wanted, audience=None, zone=zone_of(desk())), [*faults, "audience"]
    return replace(wanted, zone=zone_of(desk())), faults


def _written(name: str) -> str:
    """Read what an operator wrote; whatever looks like a telephone number is masked, for it is kept."""
    return OneLine().mask(request.form.get(name, "").strip()[:LONGEST_WORDS])


def _until(hours: int) -> datetime | None:
    """Give the moment after some hours; none for no hours."""
    return (
        datetime.fromtimestamp(desk().now(), UTC) + timedelta(hours=min(hours, MOST_HOURS)) if hours else None
    )


def _now() -> dict[str, object]:
    database = desk().database
    return {
        "live": list_active_calls(database),
        "rings": list_ringing_agencies(database),
        "agencies": {n: a for n, a in desk().flow.directory.agencies.items() if a.transfer},
        "status": agency_status.list_status(database, desk().now()),
        "parts": desk().parts(),
        "twilio": desk().twilio(),
        "swept": desk().flow.line.sweep.on,
        "when": lambda at: datetime.fromtimestamp(at, UTC),
        "moment": datetime.fromtimestamp(desk().now(), UTC),
        "sees_stops": me().role.covers(Role.OPERATOR),
    }
