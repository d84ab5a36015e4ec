"""The page of those who sign in: administrators let people in, and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, make_response, redirect, request, url_for

from ivr.authentication import first_password, hash_password
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
from ivr.web.console.access import needs
from ivr.web.console.context import desk, me, page

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as Answer

people = Blueprint("people", __name__, url_prefix="/console/operators")


@people.get("")
@needs(Role.ADMINISTRATOR)
def everybody() -> str:
    """Show who may sign in."""
    return _everybody()


@people.post("/add")
@needs(Role.ADMINISTRATOR)
def let_in() -> str:
    """Let somebody in, and show their first password: now, and never again."""
    password = first_password()
    add_operator(desk().database, _name(), _role(), hash_password(password), who=me().name)
    return _everybody(password=password, of=_name())


@people.post("/reset")
@needs(Role.ADMINISTRATOR)
def begin_anew() -> str:
    """Give somebody a new first password, and a new second factor when they sign in."""
    password = first_password()
    reset_operator(desk().database, _name(), hash_password(password), who=me().name)
    return _everybody(password=password, of=_name())


@people.post("/disable")
@needs(Role.ADMINISTRATOR)
def shut_out() -> Answer:
    """Let somebody in no more."""
    disable_operator(desk().database, _name(), who=me().name)
    return _back()


@people.post("/role")
@needs(Role.ADMINISTRATOR)
def promote() -> Answer:
    """Give somebody another role."""
    change_role(desk().database, _name(), _role(), who=me().name)
    return _back()


@people.post("/revoke")
@needs(Role.ADMINISTRATOR)
def sign_them_out() -> Answer:
    """End every session of somebody."""
    revoke(desk().database, _name(), who=me().name)
    return _back()


@people.errorhandler(OperatorError)
def unexpected(error: OperatorError) -> Response:
    """Say plainly why nothing was changed."""
    return make_response(_everybody(fault=error.fault), 409)


def _everybody(fault: str = "", password: str = "", of: str = "") -> str:
    found = list_operators(desk().database)
    return page("people", people=found, roles=list(Role), fault=fault, password=password, of=of)


def _back() -> Answer:
    return redirect(url_for("people.everybody"), 303)


def _name() -> str:
    return request.form.get("name", "").strip()


def _role() -> Role:
    """Read a role; whatever is none may read alone."""
    given = request.form.get("role", "")
    return Role(given) if given in list(Role) else Role.VIEWER
