"""Sign-in with a password and a one-time code, enrolment of the second factor, and sign-out."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import segno
from flask import Blueprint, make_response, redirect, request, session, url_for
from flask_login import login_user

from ivr.authentication import (
    SHORTEST_PASSWORD,
    enrolment,
    hash_password,
    hash_recovery,
    knows_password,
    new_recovery,
    second_key,
    step_of,
)
from ivr.records.operators import Operator, end_sessions, enrol, find_operator, spend
from ivr.web.console.access import SignedIn
from ivr.web.console.context import console, current_operator, render_page

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

blueprint = Blueprint("sign_in", __name__, url_prefix="/console")

TRIES, TRIES_OF_ALL, TRIES_SECONDS = 5, 50, 300  # Five guesses at a name in five minutes.
ENROLMENT_SECONDS = 600  # Seconds between the first password and the second factor.


@blueprint.get("/sign-in", endpoint="show")
def show_sign_in() -> str:
    """Ask who it is."""
    return render_page("sign_in", wrong="")


@blueprint.post("/sign-in", endpoint="submit")
def submit_sign_in() -> BaseResponse | Response:
    """Let somebody in who knows the password and has the code."""
    name = request.form.get("name", "").strip()
    if not _may_try(name):
        return make_response(render_page("sign_in", wrong="too_often"), 429)
    operator = find_operator(console().database, name)
    known = knows_password(operator.password if operator else "", request.form.get("password", ""))
    if not known or operator is None or operator.disabled:
        return _wrong()
    if not operator.enrolled:
        session.clear()
        session["enrolling"] = {"name": name, "epoch": operator.epoch, "at": console().now()}
        return redirect(url_for("sign_in.show_second_factor"), 303)
    return _start(operator) if _code_is_right(operator, request.form.get("code", "")) else _wrong()


@blueprint.get("/second-factor", endpoint="show_second_factor")
def show_second_factor() -> BaseResponse | str:
    """Show the code that an authenticator reads."""
    operator = _enrolling_operator()
    return _enrolment_page(operator, "") if operator else redirect(url_for("sign_in.show"), 303)


@blueprint.post("/second-factor", endpoint="enrol")
def enrol_second_factor() -> BaseResponse | str:
    """Take the second factor into use, and show the recovery codes once."""
    operator = _enrolling_operator()
    if operator is None:
        return redirect(url_for("sign_in.show"), 303)
    if not _may_try(operator.name):
        return _enrolment_page(operator, "too_often")
    password = request.form.get("password", "")
    if len(password) < SHORTEST_PASSWORD:
        return _enrolment_page(operator, "too_short")
    step = step_of(_second_key(operator), request.form.get("code", "").replace(" ", ""), console().now())
    if not step:
        return _enrolment_page(operator, "wrong_code")
    codes = new_recovery()
    hashed = frozenset(map(hash_recovery, codes))
    enrol(console().database, operator.name, step, password=hash_password(password), recovery=hashed)
    _start_session(operator)
    return render_page("recovery", codes=codes)


@blueprint.post("/sign-out", endpoint="sign_out")
def sign_out() -> BaseResponse:
    """End every session of this operator."""
    end_sessions(console().database, current_operator().name, "signed out")
    session.clear()
    return redirect(url_for("sign_in.show"), 303)


def _may_try(name: str) -> bool:
    """Whether this name, and all names together, have tries left."""
    limits = console().limits
    return limits.allow("sign-in", name[:64], TRIES, TRIES_SECONDS) and limits.allow(
        "sign-in", "*", TRIES_OF_ALL, TRIES_SECONDS
    )


def _wrong() -> Response:
    return make_response(render_page("sign_in", wrong="wrong"), 401)


def _second_key(operator: Operator) -> str:
    return second_key(console().secret, operator.seed)


def _code_is_right(operator: Operator, code: str) -> bool:
    """Whether a code is that of the moment or a recovery code; it is spent, and good no more."""
    code = code.replace(" ", "").lower()
    if step := step_of(_second_key(operator), code, console().now()):
        return spend(console().database, operator, step=step)
    hashed = hash_recovery(code)
    return hashed in operator.recovery and spend(console().database, operator, recovery=hashed)


def _start(operator: Operator) -> BaseResponse:
    _start_session(operator)
    return redirect(url_for("now.show"), 303)


def _start_session(operator: Operator) -> None:
    session.clear()
    session["began"] = session["seen"] = console().now()
    login_user(SignedIn(operator))


def _enrolling_operator() -> Operator | None:
    """Give whoever has proved the first password, and has no second factor yet."""
    begun = session.get("enrolling")
    if not begun or console().now() - begun["at"] > ENROLMENT_SECONDS:
        return None
    operator = find_operator(console().database, begun["name"])
    fresh = operator and not operator.enrolled and not operator.disabled and operator.epoch == begun["epoch"]
    return operator if fresh else None


def _enrolment_page(operator: Operator, wrong: str) -> str:
    key = _second_key(operator)
    drawn = io.BytesIO()
    segno.make(enrolment(key, operator.name)).save(drawn, kind="png", scale=5, border=2)
    code = base64.b64encode(drawn.getvalue()).decode()
    return render_page("second_factor", code=code, key=key, wrong=wrong, shortest=SHORTEST_PASSWORD)
