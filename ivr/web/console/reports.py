"""Reports: any range of days, a month to print, and what may be published of a month that is over."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, request, url_for

from ivr.records.report_queries import first_day, read_report
from ivr.reports.charts import CONTENT_SECURITY_POLICY
from ivr.reports.community import COMMUNITY_SECTIONS, community_section, community_sections
from ivr.reports.document import cut_period, draw_section, parse_month
from ivr.reports.sections import SECTIONS, ReportView
from ivr.web.console.context import console, language, render_page, translations
from ivr.web.console.query_params import day_presets, day_range

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.records.database import Database
    from ivr.records.periods import Period
    from ivr.records.report_queries import Report
    from ivr.reports.sections import Section

blueprint = Blueprint(
    "reports",
    __name__,
    url_prefix="/console/reports",
    template_folder="../../reports/templates",
    static_folder="../../reports/static",
)


@blueprint.get("", endpoint="show")
def show_report() -> str:
    """Show what any days come to."""
    period, faults = _period()
    return render_page(
        "reports",
        view=(view := _view(period)),
        sections=view.sections(),
        months=_months(),
        presets=day_presets(console().today),
        faults=faults,
        **_charts(period),
    )


@blueprint.get("/<month>", endpoint="month")
def show_month(month: str) -> str:
    """Show a month on a page that can be printed."""
    period = _month(month)
    return render_page(
        "reports/month.html",
        frame="console/base.html",
        view=(view := _view(period)),
        sections=view.sections(),
        month=month,
        print_command=f"ivr report {month} --pdf {month}.pdf",
        community_url=url_for("reports.community", month=month) if _may_be_published(view) else "",
        **_charts(period),
    )


@blueprint.get("/<month>/community", endpoint="community")
def show_community_report(month: str) -> tuple[str, int]:
    """Show what may be published of a month, once it is over."""
    period = _month(month)
    view = _view(period)
    if not _may_be_published(view):
        return render_page("not_over", month=month, over=_is_over(period)), 404
    shown = render_page(
        "reports/community.html",
        frame="console/base.html",
        view=view,
        sections=community_sections(view),
        month=month,
        print_command=f"ivr report {month} --community --pdf {month}-community.pdf",
        chart_url=_chart_url(partial(url_for, "reports.community_chart", month=month)),
    )
    return shown, 200


@blueprint.get("/chart/<name>.svg", endpoint="chart")
def show_chart(name: str) -> Response:
    """Draw one section of what any days come to."""
    if name not in SECTIONS:
        abort(404)
    view = _view(_period()[0])
    return _svg(draw_section(view, view.section(name)))


@blueprint.get("/<month>/community/<name>.svg", endpoint="community_chart")
def show_community_chart(month: str, name: str) -> Response:
    """Draw one section of what may be published."""
    view = _view(_month(month))
    if name not in COMMUNITY_SECTIONS or not _may_be_published(view):
        abort(404)
    return _svg(draw_section(view, community_section(view, name)))


def _view(period: Period) -> ReportView:
    """Read a report, in the operator's language."""
    context = console()
    report = _read_report(context.database, period, context.counts_cache_key)
    return ReportView(report, context.flow, language(), translations(language()))


@lru_cache(maxsize=64)
def _read_report(database: Database, period: Period, _cache_key: object) -> Report:
    """Read a report once for a page and its charts; counting the calls of a busy day takes a while."""
    return read_report(database, period)


def _period() -> tuple[Period, list[str]]:
    """Read the days that an address asks for, with the names of what could not be read."""
    context = console()
    since, until, faults = day_range(request.args, context.today)
    return cut_period(since, until, context.today, context.zone), faults


def _month(name: str) -> Period:
    return parse_month(name, console().today, console().zone) or abort(404)


def _months() -> list[str]:
    """Name the months of the last year of which anything is known, this one first."""
    day, first = console().today, first_day(console().database, console().zone)
    names = [f"{day.year - (day.month - n <= 0)}-{(day.month - n - 1) % 12 + 1:02}" for n in range(12)]
    return [name for name in names if first and name >= f"{first:%Y-%m}"]


def _is_over(period: Period) -> bool:
    """Whether all days of a period are past, so that it can be published."""
    return period.until < console().today


def _may_be_published(view: ReportView) -> bool:
    """Whether a month is over, and anything is known of it: a report of zeros says what is not true."""
    return _is_over(view.report.period) and view.report.total > 0


def _charts(period: Period) -> dict[str, Callable[[Section], str]]:
    address = partial(url_for, "reports.chart", since=period.since, until=period.until)
    return {"chart_url": _chart_url(address)}


def _chart_url(address: Callable[..., str]) -> Callable[[Section], str]:
    """Say where the chart of a section is."""
    return lambda section: address(name=section.name)


def _svg(svg: str) -> Response:
    """Answer with a chart, and allow the style that is in it and nothing else."""
    response = Response(svg, mimetype="image/svg+xml")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
