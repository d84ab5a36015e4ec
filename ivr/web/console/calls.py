"""The pages of the call log: its calls, filtered and exported, and one call with notes and a block."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlencode

from flask import Blueprint, Response, abort, redirect, request, url_for

from ivr.flow.graph import branches
from ivr.records.audit import add_audit_entry
from ivr.records.call_log import (
    COUNTED,
    CallFilter,
    count_matching,
    delete_view,
    find_call,
    list_notes,
    list_views,
    read_attempts,
    read_page,
    read_turns,
    save_view,
    write_note,
)
from ivr.records.call_log import export_calls as read_export
from ivr.records.call_summary import OUTCOMES_BY_WEIGHT
from ivr.records.operators import Role
from ivr.records.opt_outs_blocks import block_call
from ivr.web.console.access import needs
from ivr.web.console.context import OUTCOMES, console, current_operator, notify, render_page
from ivr.web.console.kept_forms import keeps
from ivr.web.console.query_params import (
    CHOICES,
    FILTERS,
    LONGEST_TEXT,
    call_filter,
    day_presets,
    free_text,
    hours_from_now,
    mask,
    names_number,
    whole_number,
)
from ivr.web.console.timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import tzinfo

    from werkzeug.wrappers import Response as BaseResponse

    from ivr.records.call_log import CallRecord, SavedView

Query = dict[str, str | list[str]]  # What an address filters by; outcomes may be several.
DAYS = "days"  # Of a saved filter: the name of its days, such as weekend.


class View(NamedTuple):
    """A saved view as the page shows it."""

    saved: SavedView
    address: str
    is_shown: bool  # Whether it is the filter of this page.
    may_delete: bool


blueprint = Blueprint("calls", __name__, url_prefix="/console")

MOST_DAYS = 30  # Of a block.
CSV_COLUMNS = (
    *("id", "channel", "started_at", "language", "outcome", "turns", "stops", "transfers"),
    *("seconds", "agencies"),
)
LONGEST_NAME = 60  # Of a saved view.


@blueprint.get("/calls", endpoint="list")
def list_calls() -> str:
    """Show the call log, filtered as the address says."""
    wanted, faults = _filter()
    flow = console().flow
    return render_page(
        "calls",
        wanted=wanted,
        stops=flow.stops,
        page=read_page(console().database, wanted, request.args.get("after", "")),
        faults=faults,
        query=_query(),
        views=_views(),
        counts=count_matching(console().database, wanted),
        counted=COUNTED,
        may_see_stops=_may_see_stops,
        outcomes=OUTCOMES,
        choices=CHOICES,
        presets=day_presets(console().today),
        agencies=flow.directory.agencies,
        line_languages=flow.languages,
        audiences={stop: flow.prompts[flow.languages[0]].stops[stop].label for stop in branches(flow)},
    )


@blueprint.get("/outcomes", endpoint="outcomes")
def explain_outcomes() -> str:
    """Explain how a call can end, and how it is decided which of them is its outcome."""
    return render_page("outcomes", outcomes=OUTCOMES_BY_WEIGHT)


@blueprint.get("/calls.<kind>", endpoint="export")
def export(kind: str) -> Response:
    """Stream exactly what is filtered; starts are given to the hour of the line's clock, and no mark."""
    if kind not in {"csv", "json"}:
        abort(404)
    wanted, faults = _filter()
    if faults:
        abort(400)
    about = f"{kind}: {_said(wanted)}"
    add_audit_entry(console().database, current_operator().name, "calls exported", about)
    sees_live, clock = _sees_live_stops(), console().zone
    pages = (
        [_exported(call, clock, sees_live=sees_live) for call in page]
        for page in read_export(console().database, wanted)
    )
    headers = {"Content-Disposition": f"attachment; filename=calls.{kind}"}
    mimetype = "text/csv" if kind == "csv" else "application/jsonl"
    return Response(_csv(pages) if kind == "csv" else _json_lines(pages), headers=headers, mimetype=mimetype)


@blueprint.post("/calls/views", endpoint="save_view")
@keeps(lambda: _address(_today(_saved_query())), "name", "shared")
@needs(Role.OPERATOR)
def save_filter() -> BaseResponse:
    """Save the filter of the page under a name, for this operator or for everybody."""
    name = " ".join(request.form.get("name", "").split())[:LONGEST_NAME]
    query = _saved_query()
    shared, who = request.form.get("shared") == "yes", current_operator().name
    if not name or not query or any(map(names_number, (name, *_values(query)))):
        notify("view_unfit", "danger")
    elif save_view(console().database, who, name, urlencode(query, doseq=True), shared=shared):
        notify("view_saved", name=name)
    else:
        notify("view_too_many", "danger")
    return redirect(_address(_today(query)), 303)


@blueprint.post("/calls/views/<int:view>/delete", endpoint="delete_view")
@needs(Role.OPERATOR)
def delete_saved_view(view: int) -> BaseResponse:
    """Delete a saved view: one's own, and as an administrator one for everybody."""
    operator = current_operator()
    anybody = operator.role.covers(Role.ADMINISTRATOR)
    if name := delete_view(console().database, view, operator.name, of_anybody=anybody):
        notify("view_deleted", name=name)
    return redirect(url_for("calls.list"), 303)


@blueprint.get("/calls/<call>", endpoint="show")
def show_call(call: str) -> str:
    """Show one call as a line of time."""
    database = console().database
    summary = find_call(database, call)
    if summary is None:
        abort(404)
    turns = read_turns(database, call) if _may_see_stops(summary) else []
    length = (summary.ended_at - summary.started_at).total_seconds() if summary.ended_at else None
    return render_page(
        "call",
        call=summary,
        turns=turns,
        sees_stops=_may_see_stops(summary),
        timeline=timeline(turns, read_attempts(database, call), length),
        notes=list_notes(database, call),
    )


@blueprint.post("/calls/<call>/note", endpoint="add_note")
@keeps("calls.show", "note")
@needs(Role.OPERATOR)
def add_note(call: str) -> BaseResponse:
    """Add a note about the line."""
    if note := free_text("note"):
        written = write_note(console().database, call, current_operator().name, note)
        notify("note_added" if written else "note_lost", "success" if written else "danger")
    return redirect(url_for("calls.show", call=call), 303)


@blueprint.post("/calls/<call>/block", endpoint="block")
@keeps("calls.show", "why", "days")
@needs(Role.OPERATOR)
def block(call: str) -> BaseResponse:
    """Let whoever made a call hear the numbers only, for some days."""
    days = min(whole_number(request.form.get("days", "")) or 1, MOST_DAYS)
    until, why = hours_from_now(24 * days), free_text("why")
    if not why:
        notify("block_needs_reason", "danger")
    elif until and block_call(console().database, call, until, who=current_operator().name, why=why):
        notify("caller_blocked", until=f"{until.astimezone(console().zone):%Y-%m-%d %H:%M}")
    else:
        notify("block_impossible", "danger")
    return redirect(url_for("calls.show", call=call), 303)


def _filter() -> tuple[CallFilter, list[str]]:
    """Read the filter of an address, by the line's clock and of its own branches."""
    wanted, faults = call_filter(request.args)
    wanted = replace(wanted, outcomes=tuple(filter(None, request.args.getlist("outcome"))))
    if wanted.audience and wanted.audience not in branches(console().flow):
        wanted, faults = replace(wanted, audience=None), [*faults, "audience"]
    if (wanted.stops or wanted.audience) and not _sees_live_stops():
        wanted = replace(wanted, ended=True)  # Else the filter would tell at which stop a caller is.
    return replace(wanted, zone=console().zone), faults


def _query() -> Query:
    """Give what an address filters by, to be written into others; outcomes may be several."""
    given: Query = {n: request.args[n] for n in FILTERS if request.args.get(n)}
    return given | (
        {"outcome": list(filter(None, request.args.getlist("outcome")))} if "outcome" in given else {}
    )


def _saved_query() -> Query:
    """Read the filter that is to be saved; days that have a name are saved by it, and move on with time."""
    wanted = {name: each for name in FILTERS if (each := list(filter(None, request.form.getlist(name))))}
    query: Query = {name: each if name == "outcome" else each[0] for name, each in wanted.items()}
    days = query.get("since"), query.get("until")
    for preset, (since, until) in day_presets(console().today).items():
        if days == (str(since), str(until)):
            del query["since"], query["until"]
            query[DAYS] = preset
            break
    return query


def _today(query: Query) -> Query:
    """Give a saved filter with the days that are meant today."""
    query = dict(query)
    if days := day_presets(console().today).get(str(query.pop(DAYS, ""))):
        query |= {"since": str(days[0]), "until": str(days[1])}
    return query


def _views() -> list[View]:
    """Give the saved views that this operator sees, each with its address, and whether they may delete it."""
    operator, shown = current_operator(), _query()
    is_administrator = operator.role.covers(Role.ADMINISTRATOR)
    views = []
    for each in list_views(console().database, operator.name):
        given = parse_qs(each.query)
        wanted = {n: v if n == "outcome" else v[0] for n, v in given.items() if n in {*FILTERS, DAYS}}
        query = _today(wanted)
        own = each.who == operator.name
        may_delete = own or (is_administrator and each.shared)
        views.append(View(each, _address(query), query == shown, may_delete))
    return views


def _address(query: Query) -> str:
    """Say where the calls of a filter are."""
    values: dict[str, Any] = dict(query)
    return url_for("calls.list", **values)


def _values(query: Query) -> list[str]:
    """Give all that a filter is made of."""
    return [value for each in query.values() for value in ([each] if isinstance(each, str) else each)]


def _sees_live_stops() -> bool:
    """Whether this operator may know where in the menus somebody is at this moment."""
    return current_operator().role.covers(Role.OPERATOR)


def _may_see_stops(call: CallRecord) -> bool:
    """Whether this operator may see the stops of a call: of one that goes on, as the page Now says."""
    return call.ended_at is not None or _sees_live_stops()


def _said(wanted: CallFilter) -> str:
    """Say for the audit what a filter kept."""
    given = {each.name: getattr(wanted, each.name) for each in fields(wanted) if each.name in FILTERS}
    given |= {"outcome": " ".join(wanted.outcomes), "stop": " ".join(wanted.stops)}
    said = (f"{name}={value}" for name, value in given.items() if value not in {None, ""})
    return mask(" ".join(said))[:LONGEST_TEXT] or "all"


def _exported(call: CallRecord, zone: tzinfo, *, sees_live: bool) -> dict[str, Any]:
    """Write a call for export: its start to the hour in ``zone``, and nothing to tell whose it was."""
    values = call.as_json() | ({} if call.ended_at or sees_live else {"stops": []})
    hour = call.started_at.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    values["started_at"] = hour.isoformat(timespec="minutes")
    del values["ended_at"]
    values["seconds"] = round((call.ended_at - call.started_at).total_seconds()) if call.ended_at else None
    rung = (ring.agency for transfer in call.transfers for ring in transfer.attempts)
    values["agencies"] = list(dict.fromkeys(filter(None, rung)))
    return values


def _json_lines(pages: Iterable[Sequence[dict[str, Any]]]) -> Iterator[str]:
    """Write calls as JSON, one a line: a page at a time."""
    for page in pages:
        yield "".join(f"{json.dumps(call)}\n" for call in page)


def _csv(pages: Iterable[Sequence[dict[str, Any]]]) -> Iterator[str]:
    """Write calls as CSV, a page at a time."""
    yield _csv_rows([CSV_COLUMNS])
    for page in pages:
        yield _csv_rows([_csv_row(call) for call in page])


def _csv_row(call: dict[str, Any]) -> list[object]:
    transfers = " ".join(f"{each['order']}:{each['outcome']}" for each in call["transfers"])
    values = call | {name: " ".join(call[name]) for name in ("stops", "agencies")} | {"transfers": transfers}
    return [values[name] for name in CSV_COLUMNS]


def _csv_rows(rows: Iterable[Iterable[object]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
