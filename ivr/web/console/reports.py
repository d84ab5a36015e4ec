"""Reports: any range of days, a month to print, and what may be published of a month that is over."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, jsonify, request, url_for

from ivr.records.audit import add_audit_entry
from ivr.records.counts import FEW
from ivr.records.periods import months_before, period_before
from ivr.records.report_queries import first_day, is_known, read_report, waiting
from ivr.reports.charts import CONTENT_SECURITY_POLICY
from ivr.reports.community import (
    COMMUNITY_SECTIONS,
    community_counts,
    community_section,
    community_sections,
)
from ivr.reports.document import (
    LANGUAGES,
    ExportedTable,
    cut_period,
    draw_section,
    headline_values,
    parse_month,
    printable_page,
    write_csv,
    write_workbook,
)
from ivr.reports.pdf import PdfError
from ivr.reports.sections import SECTIONS, ReportView, value_words
from ivr.web.console.context import console, current_operator, language, render_page, translations
from ivr.web.console.query_params import day_presets, day_range

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ivr.records.database import Database
    from ivr.records.periods import Period
    from ivr.records.report_queries import Report
    from ivr.reports.sections import Section

EXPORTED = "report exported"  # As the audit says it.
EXPORTS = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

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
    view = _view_as_logged(period)
    return render_page(
        "reports",
        view=view,
        sections=view.sections(),
        months=_months(),
        last_month=f"{months_before(console().today, 1):%Y-%m}",
        presets=day_presets(console().today),
        faults=faults,
        row_url=_row_url(period) if view.exact else None,
        **headline_values(view),
        **_charts(period),
    )


@blueprint.get("/export.<kind>", endpoint="export")
def export_report(kind: str) -> Response:
    """Give what any days come to as CSV or as a workbook: the same numbers as the page's tables."""
    if kind not in EXPORTS:
        abort(404)
    period, faults = _period()
    if faults:
        abort(400)
    add_audit_entry(
        console().database, current_operator().name, EXPORTED, f"{kind}: {period.since} {period.until}"
    )
    tables = _tables(_view_as_logged(period))
    written = write_workbook(tables) if kind == "xlsx" else write_csv(tables)
    return _download(written, f"report-{period.since}-{period.until}.{kind}", EXPORTS[kind])


@blueprint.get("/<month>.pdf", endpoint="pdf")
def print_month(month: str) -> Response | tuple[str, int]:
    """Give the report of a month as PDF; where nothing can be printed, say how to mend that."""
    period = _month(month)
    view = _view(period)
    if not view.report.total:
        return render_page("not_over", month=month, over=True), 404
    key = (month, view.language, _last_known(view))
    try:
        paper = console().printed.read(key, lambda: printable_page(view))
    except (PdfError, OSError) as fault:
        return render_page("no_pdf", month=month, fault=str(fault)), 503
    add_audit_entry(console().database, current_operator().name, EXPORTED, f"pdf: {month}")
    return _download(paper, f"line-report-{month}.pdf", "application/pdf")


@blueprint.get("/<month>", endpoint="month")
def show_month(month: str) -> str:
    """Show a month on a page that can be printed."""
    period = _month(month)
    view = _view(period)
    return render_page(
        "reports/month.html",
        frame="console/base.html",
        view=view,
        sections=view.sections(),
        month=month,
        print_command=f"ivr report {month} --pdf {month}.pdf",
        pdf_url=url_for("reports.pdf", month=month) if view.report.total else "",
        row_url=None if view.report.forgotten else _row_url(period),
        **headline_values(view),
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
    view = _view_as_logged(_period()[0])
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
    earlier = period_before(period, context.today)
    before = _read_report(context.database, earlier, context.counts_cache_key)
    return ReportView(report, context.flow, language(), translations(language()), before)


def _view_as_logged(period: Period) -> ReportView:
    """Read a report for operators: exact while the log holds its calls, which they can read and count."""
    view = _view(period)
    if view.report.forgotten:
        return view
    earlier = period_before(period, console().today)
    medians = tuple(
        _median(console().database, each, console().counts_cache_key) for each in (period, earlier)
    )
    known = None if view.before and view.before.forgotten else medians[1]
    return replace(view, exact=True, medians=(medians[0], known))


@lru_cache(maxsize=16)
def _median(database: Database, period: Period, _cache_key: object) -> float | None:
    """Give the wait of half of the callers to the second, as the page of transfers tells it."""
    return waiting(database, period.since, period.until, period.zone).median


def _last_known(view: ReportView) -> tuple[int, int, int]:
    """Give what differs once more is known: then the report is printed anew."""
    return view.report.total, sum(view.report.of("transfer").values()), sum(view.report.of("waited").values())


def _tables(view: ReportView) -> list[ExportedTable]:
    """Give the tables of a report, its figures first, with nothing in them that its page leaves out."""
    t = view.translations
    known = headline_values(view)["headlines"]
    rows = tuple(
        (t[f"headline_{each.name}"], value_words(each, each.value, t), value_words(each, each.before, t))
        for each in known
    )
    first = ExportedTable(t["headlines"], (t["headlines"], t["now_period"], t["period_before"]), rows)
    parts = (ExportedTable(t[f"title_{one.name}"], one.columns, one.rows) for one in view.sections())
    return [first, *parts]


def _row_url(period: Period) -> Callable[[Mapping[str, str] | tuple[str, str]], str]:
    """Say where the calls behind a number are: on its day, or on these days."""

    def url(given: Mapping[str, str] | tuple[str, str]) -> str:
        query = dict([given]) if isinstance(given, tuple) else dict(given)
        day = query.pop("day", "")
        values: dict[str, Any] = {"since": day or period.since, "until": day or period.until, **query}
        return url_for("calls.list", **values)

    return url


def _download(content: bytes | str, name: str, kind: str) -> Response:
    """Answer with a file to keep."""
    headers = {"Content-Disposition": f"attachment; filename={name}"}
    return Response(content, headers=headers, mimetype=kind)


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
    known = [name for name in names if first and name >= f"{first:%Y-%m}"]
    return [name for name in known if is_known(console().database, _month(name))]


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


# Counts for dashboards of others: what may be published of a month that is over, behind a token.

counts = Blueprint("counts", __name__, url_prefix="/counts")


@counts.get("/<month>.json", endpoint="month")
def show_counts(month: str) -> tuple[Response, int]:
    """Give the counts of a month: 403 without a token, 404 of a month that is not over or not known."""
    context = console()
    if not _has_token(context.counts_tokens):
        return jsonify(error="no token, or another one"), 403
    period = parse_month(month, context.today, context.zone)
    if period is None or period.until >= context.today:
        return jsonify(error="no month that is over; ask for one such as 2026-10"), 404
    report = _read_report(context.database, period, context.today)
    if not report.total:
        return jsonify(error="nothing is known of this month"), 404
    language = request.accept_languages.best_match(LANGUAGES, LANGUAGES[0]) or LANGUAGES[0]
    view = ReportView(report, context.flow, language, translations(language))
    told: dict[str, Any] = {
        "line": context.flow.line.name,
        "month": month,
        "rounded_to": FEW,
        "language": language,
        "sections": community_counts(view),
    }
    return jsonify(told), 200


def _has_token(tokens: tuple[str, ...]) -> bool:
    """Whether whoever asks has a token; where the line has none, nobody has."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    return any(compare_digest(given.encode(), token.encode()) for token in tokens)
