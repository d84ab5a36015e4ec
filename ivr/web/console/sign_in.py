"""Sign-in with a password and a one-time code, enrolment of the second factor, and sign-out."""

from __future__ import annotations

import base64
import io
import re
import secrets
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

import segno
from flask import Blueprint, make_response, redirect, request, session, url_for
from flask_login import login_user

from ivr.authentication import (
    SHORTEST_PASSWORD,
    device_proof,
    enrolment,
    hash_recovery,
    hash_session_token,
    keyed_mark,
    new_recovery,
    new_session_token,
    same,
    second_key,
    session_proof,
    step_of,
)
from ivr.caller_limits import HOUR
from ivr.records.audit import add_audit_entry
from ivr.records.operators import FIT, Operator, enrol, find_operator, spend
from ivr.records.sessions import begin_session
from ivr.records.sessions import sign_out as end_this_session
from ivr.web.console.access import SignedIn, current_session, page_asked_for
from ivr.web.console.context import OTHER_BROWSER, console, current_operator, render_page
from ivr.web.console.kept_forms import TOKEN, carry_form

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse


# How often somebody may try to sign in, so that guessing is slow and nobody can lock an operator out.

TRIES, TRIES_OF_DEVICE, CODES, PASSKEYS, SECONDS = 5, 10, 10, 30, 300  # In five minutes.
FAILURES_KEPT = 20  # In an hour and of one name: nobody may fill the audit from outside.
NOT_SIGNED_IN = "not signed in"  # Who did it, in the audit.

DEVICE_COOKIE = "console_device"
DEVICE_SECONDS = 90 * 24 * HOUR
MOST_DEVICES = 4  # Operators who share a browser.
DEVICE = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})")

INNER = tuple(  # Where a proxy of our own may stand: the address before it is that of whoever asks.
    map(
        ip_network,
        (
            *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
            *("169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"),
        ),
    )
)


def may_try(name: str, operator: Operator | None) -> bool:
    """Whether a try at a name is one of those that are left. It is counted."""
    limits, secret = console().limits, console().secret
    device = _known_device(operator) if operator else ""
    if device and limits.allow("sign-in-device", keyed_mark(secret, device, name), TRIES_OF_DEVICE, SECONDS):
        return True
    return limits.allow("sign-in", keyed_mark(secret, client_address(), name.casefold()), TRIES, SECONDS)


def may_try_code(operator: Operator) -> bool:
    """Whether whoever knows the password may try a code once more. It is counted."""
    mark = keyed_mark(console().secret, "code", operator.name)
    return bool(_known_device(operator)) or console().limits.allow("sign-in-code", mark, CODES, SECONDS)


def may_try_passkey() -> bool:
    """Whether a passkey may be tried from here once more. It is counted; nobody guesses one."""
    mark = keyed_mark(console().secret, "passkey", client_address())
    return console().limits.allow("sign-in-passkey", mark, PASSKEYS, SECONDS)


def note_failure(operator: Operator | None, why: str, nobody: str = "unknown name") -> None:
    """Have a failed sign-in stand in the audit: whose name it was, where there is such an operator."""
    name = operator.name if operator else ""
    mark = keyed_mark(console().secret, "failure", name)
    if console().limits.allow("sign-in-failure", mark, FAILURES_KEPT, HOUR):
        about = f"{name}: {why}" if operator else nobody
        add_audit_entry(console().database, NOT_SIGNED_IN, "sign-in failed", about)


def remember_device(response: Response, operator: Operator) -> None:
    """Give the browser what keeps its way in; it opens nothing by itself."""
    device = _known_device(operator) or secrets.token_hex(16)
    mine = f"{device}.{device_proof(console().lasting_secret, operator.seed, device, operator.name)}"
    others = [f"{each}.{proof}" for each, proof in _devices() if f"{each}.{proof}" != mine]
    response.set_cookie(
        DEVICE_COOKIE,
        "~".join([mine, *others][:MOST_DEVICES]),
        max_age=DEVICE_SECONDS,
        path="/console",
        secure=console().secure,
        httponly=True,
        samesite="Strict",
    )


def client_address() -> str:
    """Give the address of whoever asks, or their network: of IPv6 anybody has as many as they like.

    What a proxy says is believed only of a proxy at an address of our own, and only its nearest word.
    """
    nearest = ""
    for each in (request.remote_addr or "", *reversed(request.headers.get("X-Forwarded-For", "").split(","))):
        try:
            address = ip_address(each.strip())
        except ValueError:
            if nearest or each:
                break
            continue  # A socket of this machine has no address.
        address = getattr(address, "ipv4_mapped", None) or address
        nearest = _network(address)
        if not any(address in network for network in INNER):
            break
    return nearest


def _network(address: IPv4Address | IPv6Address) -> str:
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)  # noqa: PLR2004


def _known_device(operator: Operator) -> str:
    """Name the device of this browser, if the operator signed in with it before."""
    for device, proof in _devices():
        if same(proof, device_proof(console().lasting_secret, operator.seed, device, operator.name)):
            return device
    return ""


def _devices() -> Iterator[tuple[str, str]]:
    for each in request.cookies.get(DEVICE_COOKIE, "").split("~")[:MOST_DEVICES]:
        if match := DEVICE.fullmatch(each):
            yield match[1], match[2]


blueprint = Blueprint("sign_in", __name__, url_prefix="/console")

BROWSERS = {  # What a browser says of itself -> its family; most name those that they are like, too.
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
ENROLMENT_SECONDS = 600  # Seconds between the first password and the second factor.


@blueprint.get("/sign-in", endpoint="show")
def show_sign_in() -> str:
    """Ask who it is."""
    return render_page("sign_in", wrong="")


@blueprint.post("/sign-in", endpoint="submit")
def submit_sign_in() -> BaseResponse | Response:
    """Let somebody in who knows the password and has the code."""
    name = request.form.get("name", "").strip()
    operator = find_operator(console().database, name) if FIT.fullmatch(name) else None
    if not may_try(name, operator):
        note_failure(operator, "too many tries, refused")
        return make_response(render_page("sign_in", wrong="too_often"), 429)
    known = console().passwords.knows(operator.password if operator else "", request.form.get("password", ""))
    if not known or operator is None:
        return _wrong(operator, "wrong password")
    if operator.disabled:
        return _wrong(operator, "right password, but disabled")
    if operator.knows_too_late(console().moment):
        return _wrong(operator, "right first password, but too old")
    if not operator.enrolled:
        return _begin_enrolment(operator)
    signed_in = _with_code(operator, request.form.get("code", ""))
    return start(signed_in) if signed_in else _wrong(operator, "right password, wrong code")


@blueprint.get("/second-factor", endpoint="show_second_factor")
def show_second_factor() -> BaseResponse | str:
    """Show the code that an authenticator reads."""
    operator = _enrolling_operator()
    return _enrolment_page(operator, "") if operator else redirect(url_for("sign_in.show"), 303)


@blueprint.post("/second-factor", endpoint="enrol")
def enrol_second_factor() -> BaseResponse | Response | str:
    """Take the second factor into use, and show the recovery codes once."""
    operator = _enrolling_operator()
    if operator is None:
        return redirect(url_for("sign_in.show"), 303)
    if not may_try_code(operator):
        return _enrolment_page(operator, "too_often")
    password = request.form.get("password", "")
    if len(password) < SHORTEST_PASSWORD:
        return _enrolment_page(operator, "too_short")
    step = step_of(_second_key(operator), request.form.get("code", "").replace(" ", ""), console().now())
    if not step:
        return _enrolment_page(operator, "wrong_code")
    codes = new_recovery()
    hashed = frozenset(hash_recovery(console().lasting_secret, operator.seed, code) for code in codes)
    enrolled = enrol(
        console().database, operator, step, password=console().passwords.hash(password), recovery=hashed
    )
    if enrolled is None:  # Somebody else with the same first password was quicker.
        session.clear()
        note_failure(operator, "second factor was set up by another meanwhile")
        return redirect(url_for("sign_in.show"), 303)
    _start_session(enrolled)
    response = make_response(render_page("recovery", codes=codes))
    remember_device(response, enrolled)
    return response


@blueprint.post("/sign-out", endpoint="sign_out")
def sign_out() -> BaseResponse:
    """End this session."""
    end_this_session(console().database, current_operator().name, current_session())
    session.clear()
    return redirect(url_for("sign_in.show"), 303)


def _wrong(operator: Operator | None, why: str) -> Response:
    """Say that it was wrong, and to the audit alone what was."""
    note_failure(operator, why)
    return make_response(render_page("sign_in", wrong="wrong"), 401)


def _begin_enrolment(operator: Operator) -> BaseResponse:
    """Let whoever has just proved the first password set up the second factor."""
    session.clear()
    proof = session_proof(operator.session_key, "enrolment", operator.epoch, operator.name)
    session["enrolling"] = {"name": operator.name, "proof": proof, "at": console().now()}
    return redirect(url_for("sign_in.show_second_factor"), 303)


def _second_key(operator: Operator) -> str:
    return second_key((console().secret, console().old_secret), operator.seed)


def _with_code(operator: Operator, code: str) -> Operator | None:
    """Give the operator whose code is that of the moment or a recovery code; it is spent, good no more."""
    code = code.replace(" ", "").lower()
    if not may_try_code(operator):
        return None
    if step := step_of(_second_key(operator), code, console().now()):
        return spend(console().database, operator, step=step)
    hashed = hash_recovery(console().lasting_secret, operator.seed, code)
    return spend(console().database, operator, recovery=hashed) if hashed in operator.recovery else None


def start(operator: Operator) -> BaseResponse:
    """Begin the session of somebody who has proved who they are, on the page that they asked for."""
    asked, kept = page_asked_for(), str(session.get(TOKEN, ""))
    _start_session(operator)
    carry_form(kept, operator.name)
    response = make_response(redirect(asked, 303))
    remember_device(response, operator)
    return response


def _start_session(operator: Operator) -> None:
    session.clear()
    session["began"] = session["seen"] = session["noted"] = console().now()
    token = new_session_token()
    hashed, family = hash_session_token(token), browser_family(request.headers.get("User-Agent", ""))
    begin_session(console().database, operator.name, hashed, family, now=console().moment)
    login_user(SignedIn(operator, token))


def browser_family(agent: str) -> str:
    """Name a browser by its family, from what it says of itself; nothing else of that is kept."""
    return next((family for word, family in BROWSERS.items() if word in agent), OTHER_BROWSER)


def _enrolling_operator() -> Operator | None:
    """Give whoever has proved the first password, and has no second factor yet."""
    begun = session.get("enrolling")
    if not begun or console().now() - begun["at"] > ENROLMENT_SECONDS:
        return None
    operator = find_operator(console().database, begun["name"])
    if operator is None or operator.enrolled or operator.disabled or not operator.session_key:
        return None
    proof = session_proof(operator.session_key, "enrolment", operator.epoch, operator.name)
    return operator if same(str(begun.get("proof", "")), proof) else None


def _enrolment_page(operator: Operator, wrong: str) -> str:
    key = _second_key(operator)
    drawn = io.BytesIO()
    segno.make(enrolment(key, operator.name)).save(drawn, kind="png", scale=5, border=2)
    code = base64.b64encode(drawn.getvalue()).decode()
    return render_page("second_factor", code=code, key=key, wrong=wrong, shortest=SHORTEST_PASSWORD)
