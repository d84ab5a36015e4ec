"""Reports: any range of days, a month on one page, and what may be published of a month that is over."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, request, url_for

from ivr.reports.charts import POLICY
from ivr.reports.community import PARTS as PUBLISHED
from ivr.reports.community import publish, published
from ivr.reports.document import drawn, month_asked, span_asked, teller_of, today
from ivr.reports.sections import PARTS
from ivr.web.console.context import desk, page, spoken_here

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.records.periods import Period
    from ivr.reports.sections import Section

reports = Blueprint("reports", __name__, url_prefix="/console/reports")


@reports.get("")
def overview() -> str:
    """Show what any days come to."""
    span = span_asked(desk(), request.args)
    teller = teller_of(desk(), span, spoken_here())
    source = _at(partial(url_for, "reports.picture", since=span.since, until=span.until))
    return page("reports", teller=teller, sections=teller.all(), months=_months(), source=source)


@reports.get("/<month>")
def month(month: str) -> str:
    """Show a month on a page that can be printed."""
    span = _month(month)
    teller = teller_of(desk(), span, spoken_here())
    source = _at(partial(url_for, "reports.picture", since=span.since, until=span.until))
    return page("month", teller=teller, sections=teller.all(), month=month, over=_over(span), source=source)


@reports.get("/<month>/community")
def community(month: str) -> tuple[str, int]:
    """Show what may be published of a month, once it is over."""
    span = _month(month)
    if not _over(span):
        return page("not_over", month=month), 404
    teller = teller_of(desk(), span, spoken_here())
    source = _at(partial(url_for, "reports.published_picture", month=month))
    return page("community", teller=teller, sections=published(teller), month=month, source=source), 200


@reports.get("/picture/<name>.svg")
def picture(name: str) -> Response:
    """Draw one part of what any days come to."""
    if name not in PARTS:
        abort(404)
    teller = teller_of(desk(), span_asked(desk(), request.args), spoken_here())
    return _picture(drawn(teller, teller.tell(name)))


@reports.get("/<month>/community/<name>.svg")
def published_picture(month: str, name: str) -> Response:
    """Draw one part of what may be published."""
    span = _month(month)
    if name not in PUBLISHED or not _over(span):
        abort(404)
    teller = teller_of(desk(), span, spoken_here())
    return _picture(drawn(teller, publish(teller, name)))


def _at(address: Callable[..., str]) -> Callable[[Section], str]:
    """Say where the picture of a section is."""
    return lambda section: address(name=section.name)


def _picture(svg: str) -> Response:
    """Answer with a picture, and allow the style that is in it and nothing else."""
    response = Response(svg, mimetype="image/svg+xml")
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _month(name: str) -> Period:
    return month_asked(desk(), name) or abort(404)


def _over(span: Period) -> bool:
    return span.until < today(desk())


def _months() -> list[str]:
    """Name the months of the last year, this one first."""
    day = today(desk()).replace(day=1)
    return [f"{day.year - (day.month - n <= 0)}-{(day.month - n - 1) % 12 + 1:02}" for n in range(12)]
