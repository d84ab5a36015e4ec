"""The page of how long the log is kept, within what callers are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, make_response, redirect, request, url_for

from ivr.checks.config import LEAST
from ivr.flow.models import Retention
from ivr.records.operators import Role
from ivr.records.retention import choose, read_chosen, within
from ivr.web.console.access import needs
from ivr.web.console.context import desk, me, page
from ivr.web.console.query_params import whole

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as Answer

keeping = Blueprint("keeping", __name__, url_prefix="/console/retention")


@keeping.get("")
@needs(Role.ADMINISTRATOR)
def kept() -> str:
    """Show what is kept for how long, and how long it may be."""
    return _kept()


@keeping.post("")
@needs(Role.ADMINISTRATOR)
def choose_kept() -> Answer | Response:
    """Keep the log for longer or shorter from now on."""
    wanted = Retention(whole(request.form.get("rows_days", "")), whole(request.form.get("counts_months", "")))
    if not choose(desk().database, _file(), wanted, who=me().name):
        return make_response(_kept(fault="out_of_bounds"), 400)
    return redirect(url_for("keeping.kept"), 303)


def _kept(fault: str = "") -> str:
    now = within(_file(), read_chosen(desk().database))
    return page("retention", now=now, least=LEAST, most=_file(), fault=fault)


def _file() -> Retention:
    return desk().flow.line.retention
