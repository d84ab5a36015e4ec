"""The page of the notice: one short sentence that callers hear and texters read for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, make_response, redirect, request, url_for

from ivr.checks.prompts import notice_faults
from ivr.records.operators import Role
from ivr.records.prompts import end_notice, put_notice, read_notice
from ivr.web.console.access import needs
from ivr.web.console.context import console, current_operator, notify, render_page
from ivr.web.console.kept_forms import keeps
from ivr.web.console.now import SwitchTimeError, next_morning, read_switch_time

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

blueprint = Blueprint("notice", __name__, url_prefix="/console/notice")

LENGTHS = ("4", "morning")


@blueprint.get("", endpoint="show")
def show_notice() -> str:
    """Show what is said now, until when, and who put it there."""
    return _page()


@blueprint.post("", endpoint="put")
@keeps("notice.show", "words_", "length", "hours")
@needs(Role.OPERATOR)
def put() -> BaseResponse | Response:
    """Have callers hear a sentence for a time; one that does not do is shown again with what is wrong."""
    context = console()
    written = {
        name: " ".join(request.form.get(f"words_{name}", "").split()) for name in context.flow.languages
    }
    words = {name: said for name, said in written.items() if said}
    try:
        until = read_switch_time(request.form, context.moment, context.zone) or context.moment
    except SwitchTimeError:
        until = context.moment
    faults = list(notice_faults(context.flow, words, context.moment, until))
    if faults:
        return make_response(_page(words, faults), 400)
    put_notice(context.database, words, until, now=context.moment, who=current_operator().name)
    notify("notice_put", until=f"{until.astimezone(context.zone):%Y-%m-%d %H:%M}")
    return redirect(url_for("notice.show"), 303)


@blueprint.post("/end", endpoint="end")
@needs(Role.OPERATOR)
def end() -> BaseResponse:
    """Have nobody hear it any more."""
    if end_notice(console().database, now=console().moment, who=current_operator().name):
        notify("notice_has_ended")
    return redirect(url_for("notice.show"), 303)


def _page(written: dict[str, str] | None = None, faults: list[tuple[str, str]] | None = None) -> str:
    context = console()
    return render_page(
        "notice",
        current=read_notice(context.database, context.now()),
        first=context.flow.first_languages,
        others=[name for name in context.flow.languages if name not in context.flow.first_languages],
        written=written or {},
        faults=faults or [],
        lengths=LENGTHS,
        morning=next_morning(context.moment, context.zone),
    )
