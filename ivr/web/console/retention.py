"""The page of how long the log is kept, within what callers are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, make_response, redirect, request, url_for

from ivr.checks.config import LEAST
from ivr.flow.models import Retention
from ivr.records.operators import Role
from ivr.records.retention import choose, read_chosen, within
from ivr.web.console.access import needs
from ivr.web.console.context import console, current_operator, render_page
from ivr.web.console.query_params import whole_number

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

blueprint = Blueprint("retention", __name__, url_prefix="/console/retention")


@blueprint.get("", endpoint="show")
@needs(Role.ADMINISTRATOR)
def show_retention() -> str:
    """Show what is kept for how long, and how long it may be."""
    return _page()


@blueprint.post("", endpoint="change")
@needs(Role.ADMINISTRATOR)
def change_retention() -> BaseResponse | Response:
    """Keep the log for longer or shorter from now on."""
    days, months = (whole_number(request.form.get(name, "")) for name in ("rows_days", "counts_months"))
    if not choose(console().database, _longest(), Retention(days, months), who=current_operator().name):
        return make_response(_page(fault="out_of_bounds"), 400)
    return redirect(url_for("retention.show"), 303)


def _page(fault: str = "") -> str:
    current = within(_longest(), read_chosen(console().database))
    return render_page("retention", current=current, least=LEAST, most=_longest(), fault=fault)


def _longest() -> Retention:
    """Give the longest that may be kept: what config/line.toml says."""
    return console().flow.line.retention
