"""Counts for dashboards of others: what may be published of a month that is over, behind a token."""

from __future__ import annotations

from functools import lru_cache
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from ivr.records.disclosure import FEW
from ivr.records.report_queries import read_report
from ivr.reports.community import community_counts
from ivr.reports.document import LANGUAGES, parse_month
from ivr.reports.sections import ReportView
from ivr.web.console.context import console, translations

if TYPE_CHECKING:
    from ivr.records.database import Database
    from ivr.records.periods import Period
    from ivr.records.report_queries import Report

blueprint = Blueprint("counts", __name__, url_prefix="/counts")


@blueprint.get("/<month>.json", endpoint="month")
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


@lru_cache(maxsize=16)
def _read_report(database: Database, period: Period, _today: object) -> Report:
    """Read the report of a month that is over once a day, however often a dashboard asks."""
    return read_report(database, period)
