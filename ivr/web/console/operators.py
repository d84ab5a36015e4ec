"""The page of operators: administrators let people in, and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, make_response, redirect, request, url_for

from ivr.authentication import first_password
from ivr.records.operators import (
    OperatorError,
    Role,
    add_operator,
    change_role,
    disable_operator,
    list_operators,
    reset_operator,
    revoke,
)
from ivr.records.passkeys import list_passkeys
from ivr.records.sessions import end_session
from ivr.records.shift_summary import last_sign_ins
from ivr.web.console.access import current_session, needs, open_sessions
from ivr.web.console.context import (
    ask_first,
    browser,
    console,
    current_operator,
    language,
    notify,
    render_page,
    translations,
)
from ivr.web.console.kept_forms import keeps

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

blueprint = Blueprint("operators", __name__, url_prefix="/console/operators")


@blueprint.get("", endpoint="list")
@needs(Role.ADMINISTRATOR)
def show_operators() -> str:
    """Show who may sign in."""
    return _page()


@blueprint.post("/add", endpoint="add")
@keeps("operators.list", "name", "role")
@needs(Role.ADMINISTRATOR)
def add() -> str:
    """Let somebody in, and show their first password: now, and never again."""
    password = first_password()
    add_operator(
        console().database, _name(), _role(), console().passwords.hash(password), who=current_operator().name
    )
    return _page(password=password, password_of=_name())


@blueprint.post("/reset", endpoint="reset")
@needs(Role.ADMINISTRATOR)
def reset() -> str:
    """Give somebody a new first password, and a new second factor when they sign in."""
    if question := ask_first("confirm_reset", url_for("operators.list"), name=_name()):
        return question
    password = first_password()
    reset_operator(
        console().database, _name(), console().passwords.hash(password), who=current_operator().name
    )
    return _page(password=password, password_of=_name())


@blueprint.post("/disable", endpoint="disable")
@needs(Role.ADMINISTRATOR)
def disable() -> BaseResponse | str:
    """Let somebody in no more."""
    if question := ask_first("confirm_disable", url_for("operators.list"), name=_name()):
        return question
    disable_operator(console().database, _name(), who=current_operator().name)
    return _back_to_list()


@blueprint.post("/role", endpoint="change_role")
@needs(Role.ADMINISTRATOR)
def give_role() -> BaseResponse | str:
    """Give somebody another role."""
    role = translations(language())[f"role_{_role().value}"]
    if question := ask_first("confirm_role", url_for("operators.list"), name=_name(), role=role):
        return question
    change_role(console().database, _name(), _role(), who=current_operator().name)
    return _back_to_list()


@blueprint.post("/revoke", endpoint="end_sessions")
@needs(Role.ADMINISTRATOR)
def end_sessions() -> BaseResponse:
    """Sign somebody out everywhere."""
    revoke(console().database, _name(), who=current_operator().name)
    return _back_to_list()


@blueprint.post("/sessions/end", endpoint="end_session")
@needs(Role.ADMINISTRATOR)
def end_one_session() -> BaseResponse:
    """End one session of somebody."""
    session, who = request.form.get("session", ""), current_operator().name
    if ended := end_session(console().database, session, _name(), who=who):
        notify("session_of_ended", name=_name(), browser=browser(ended))
    return _back_to_list()


@blueprint.errorhandler(OperatorError)
def explain_refusal(error: OperatorError) -> Response:
    """Say plainly why nothing was changed."""
    return make_response(_page(fault=error.fault), 409)


def _page(fault: str = "", password: str = "", password_of: str = "") -> str:
    return render_page(
        "operators",
        operators=list_operators(console().database),
        roles=list(Role),
        last_sign_ins=last_sign_ins(console().database),
        passkeys=list_passkeys(console().database),
        sessions=open_sessions(),
        this_session=current_session(),
        fault=fault,
        password=password,
        password_of=password_of,
    )


def _back_to_list() -> BaseResponse:
    return redirect(url_for("operators.list"), 303)


def _name() -> str:
    return request.form.get("name", "").strip()


def _role() -> Role:
    """Read a role; whatever is none may read alone."""
    given = request.form.get("role", "")
    return Role(given) if given in list(Role) else Role.VIEWER
