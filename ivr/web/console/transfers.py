"""The page of transfers: how callers reached a person, and the switch of each agency."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, redirect, request, url_for

from ivr.records import agency_status
from ivr.records.operators import Role
from ivr.records.periods import Period, period_before
from ivr.records.report_queries import (
    first_day,
    first_kept_day,
    missed_rings_by_hour,
    transfer_figures,
    waiting,
)
from ivr.reports.sections import change_words, headlines, of_waits, service_levels, value_words
from ivr.web.console.access import needs
from ivr.web.console.context import agency_name, console, current_operator, notify, render_page, until_words
from ivr.web.console.kept_forms import keeps
from ivr.web.console.now import (
    ANSWERS,
    CHOICES,
    LEVELS,
    AgencyState,
    SwitchTimeError,
    agency_state,
    mornings,
    read_switch_time,
)
from ivr.web.console.query_params import day_presets, day_range, free_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from werkzeug.wrappers import Response

    from ivr.agencies import Agency
    from ivr.records.database import Database
    from ivr.records.report_queries import WaitFigures
    from ivr.reports.sections import Headline

blueprint = Blueprint("transfers", __name__, url_prefix="/console")


@blueprint.get("/transfers", endpoint="list")
def list_transfers() -> str:
    """Show how callers reached a person, and the switch of each agency."""
    context = console()
    since, until, faults = day_range(request.args, context.today)
    period = Period(since, until, context.zone)
    before = period_before(period, context.today)
    known = _figures(context.database, period, context.counts_cache_key)
    then = _figures(context.database, before, context.counts_cache_key)["waiting"]
    return render_page(
        "transfers",
        headlines=_headlines(known["waiting"], then if then.asked else None),
        compared=before if then.asked else None,
        row_url=partial(_calls_url, period),
        value_words=value_words,
        change_words=change_words,
        levels_of_service=service_levels(known["waiting"]),
        target=context.flow.line.targets.within_30,
        since=since,
        until=until,
        faults=faults,
        presets=day_presets(context.today),
        kept_since=_kept_since(period),
        most_missed=max((max(hours) for hours in known["missed_by_hour"].values()), default=0),
        **known,
        agencies=_agencies(),
        status=agency_status.list_status(context.database, context.now()),
        states=_states(),
        levels=LEVELS,
        switch_times=CHOICES,
        mornings=mornings(context.moment, context.zone),
    )


def _page_of_switch() -> str:
    """Say on which page a switch was pressed."""
    return url_for("now.show" if request.form.get("back") == "now" else "transfers.list")


@blueprint.post("/agencies/<name>", endpoint="switch_agency")
@keeps(_page_of_switch, "why", "length", "hours")
@needs(Role.OPERATOR)
def switch_agency(name: str) -> Response:
    """Switch an agency off, with a reason and perhaps an end, or on; and say which of the two was done."""
    if name not in console().flow.directory.agencies:
        abort(404)
    if request.form.get("to") == "on":
        agency_status.switch_on(console().database, name, who=current_operator().name)
        notify("agency_switched_on", agency=agency_name(name))
    else:
        _switch_off(name)
    return redirect(_page_of_switch(), 303)


def _switch_off(name: str) -> None:
    """Switch an agency off for the time that was asked for; one that cannot be read switches nothing."""
    context, why = console(), free_text("why")
    try:
        until = read_switch_time(request.form, context.moment, context.zone)
    except SwitchTimeError:
        notify("switch_time_unread", "danger", agency=agency_name(name))
        return
    if not why:
        notify("switch_needs_reason", "danger", agency=agency_name(name))
        return
    agency_status.switch_off(context.database, name, until, why, who=current_operator().name)
    end = until_words(until) if until else ""
    key = "agency_switched_off_until" if until else "agency_switched_off"
    notify(key, "warning", agency=agency_name(name), until=end, undo=name)
    if not any(state in ANSWERS for state in _states().values()):
        notify("no_agency_left", "danger")


def _agencies() -> dict[str, Agency]:
    """Give the agencies that can be rung."""
    return {name: each for name, each in console().flow.directory.agencies.items() if each.transfer}


def _states() -> dict[str, AgencyState]:
    """Say of each agency whether it can be reached now."""
    context = console()
    status = agency_status.list_status(context.database, context.now())
    return {name: agency_state(each, status.get(name), context.moment) for name, each in _agencies().items()}


@lru_cache(maxsize=16)
def _figures(database: Database, period: Period, _cache_key: object) -> dict[str, Any]:
    """Count how agencies were rung, and how long callers waited."""
    days = period.since, period.until, period.zone
    return {
        "figures": transfer_figures(database, *days),
        "waiting": waiting(database, *days),
        "missed_by_hour": missed_rings_by_hour(database, *days),
    }


def _kept_since(period: Period) -> date | None:
    """Give the first day of which calls are kept, where days before it are asked for and were counted."""
    database, zone = console().database, console().zone
    kept, counted = first_kept_day(database, zone), first_day(database, zone)
    return kept if kept and counted and counted < kept and period.since < kept else None


def _headlines(now: WaitFigures, before: WaitFigures | None) -> list[Headline]:
    """Give the figures of transfers: exact, as the call log is that the same people read."""
    known = headlines(
        of_waits(now), of_waits(before) if before else None, console().flow.line.targets, exact=True
    )
    return [each for each in known if each.name not in {"calls", "texts"}]


def _calls_url(period: Period, query: Mapping[str, str]) -> str:
    """Say where the calls behind a number are."""
    values: dict[str, Any] = {"since": period.since, "until": period.until, **query}
    return url_for("calls.list", **values)
