"""Signing in with a password and a code of the moment; setting the second factor up; signing out."""

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
from ivr.web.console.context import desk, me, page

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as Answer

signing = Blueprint("signing", __name__, url_prefix="/console")

TRIES, TRIES_OF_ALL, WINDOW = 5, 50, 300  # Five guesses at a name in five minutes.
HALFWAY = 600  # Seconds between the first password and the second factor.


@signing.get("/sign-in")
def sign_in() -> str:
    """Ask who it is."""
    return page("sign_in", wrong="")


@signing.post("/sign-in")
def try_in() -> Answer | Response:
    """Let somebody in who knows the password and has the code."""
    name = request.form.get("name", "").strip()
    if not _may_try(name):
        return make_response(page("sign_in", wrong="too_often"), 429)
    operator = find_operator(desk().database, name)
    known = knows_password(operator.password if operator else "", request.form.get("password", ""))
    if not known or operator is None or operator.disabled:
        return _wrong()
    if not operator.enrolled:
        session.clear()
        session["halfway"] = {"name": name, "epoch": operator.epoch, "at": desk().now()}
        return redirect(url_for("signing.offer_factor"), 303)
    return _let_in(operator) if _has_code(operator, request.form.get("code", "")) else _wrong()


@signing.get("/second-factor")
def offer_factor() -> Answer | str:
    """Show the code that an authenticator reads."""
    operator = _halfway()
    return _offer(operator, "") if operator else redirect(url_for("signing.sign_in"), 303)


@signing.post("/second-factor")
def enrolled() -> Answer | str:
    """Take the second factor into use, and show the recovery codes once."""
    operator = _halfway()
    if operator is None:
        return redirect(url_for("signing.sign_in"), 303)
    if not _may_try(operator.name):
        return _offer(operator, "too_often")
    password = request.form.get("password", "")
    if len(password) < SHORTEST_PASSWORD:
        return _offer(operator, "too_short")
    step = step_of(_key(operator), request.form.get("code", "").replace(" ", ""), desk().now())
    if not step:
        return _offer(operator, "wrong_code")
    codes = new_recovery()
    hashed = frozenset(map(hash_recovery, codes))
    enrol(desk().database, operator.name, step, password=hash_password(password), recovery=hashed)
    _begin(operator)
    return page("recovery", codes=codes)


@signing.post("/sign-out")
def sign_out() -> Answer:
    """End every session of this operator."""
    end_sessions(desk().database, me().name, "signed out")
    session.clear()
    return redirect(url_for("signing.sign_in"), 303)


def _may_try(name: str) -> bool:
    limits = desk().limits
    return limits.allow("sign-in", name[:64], TRIES, WINDOW) and limits.allow(
        "sign-in", "*", TRIES_OF_ALL, WINDOW
    )


def _wrong() -> Response:
    return make_response(page("sign_in", wrong="wrong"), 401)


def _key(operator: Operator) -> str:
    return second_key(desk().secret, operator.seed)


def _has_code(operator: Operator, code: str) -> bool:
    """Spend the code of the moment, or one of the recovery codes."""
    tidy = code.replace(" ", "").lower()
    if step := step_of(_key(operator), tidy, desk().now()):
        return spend(desk().database, operator, step=step)
    hashed = hash_recovery(tidy)
    return hashed in operator.recovery and spend(desk().database, operator, recovery=hashed)


def _let_in(operator: Operator) -> Answer:
    _begin(operator)
    return redirect(url_for("desk.now"), 303)


def _begin(operator: Operator) -> None:
    session.clear()
    session["began"] = session["seen"] = desk().now()
    login_user(SignedIn(operator))


def _halfway() -> Operator | None:
    """Give whoever has proved the first password, and has no second factor yet."""
    told = session.get("halfway")
    if not told or desk().now() - told["at"] > HALFWAY:
        return None
    operator = find_operator(desk().database, told["name"])
    fresh = operator and not operator.enrolled and not operator.disabled and operator.epoch == told["epoch"]
    return operator if fresh else None


def _offer(operator: Operator, wrong: str) -> str:
    key = _key(operator)
    drawn = io.BytesIO()
    segno.make(enrolment(key, operator.name)).save(drawn, kind="png", scale=5, border=2)
    code = base64.b64encode(drawn.getvalue()).decode()
    return page("second_factor", code=code, key=key, wrong=wrong, shortest=SHORTEST_PASSWORD)
