"""The gate of the console: who is signed in, for how long, and which role a page asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from flask import Response, abort, current_app, make_response, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, logout_user

from ivr.circuit_breaker import PartUnavailable
from ivr.records.operators import Operator, Role, find_operator
from ivr.web.console.context import desk, page, signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Response as Answer

View = TypeVar("View", bound="Callable[..., object]")

IDLE = 30 * 60
LONGEST = 12 * 3600
OPEN = frozenset(
    {"signing.sign_in", "signing.try_in", "signing.offer_factor", "signing.enrolled", "desk.static"}
)
BY_ITSELF = frozenset({"desk.now_again"})  # Fetched by the script, whether or not anybody sits there.
_NEEDS: dict[Callable[..., object], Role] = {}  # A view -> the role that it asks for, where above viewer.

CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class SignedIn(UserMixin):
    """An operator of this request, as Flask-Login wants one."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator

    def get_id(self) -> str:
        """Name the operator and the epoch: when it counts up, the session is over."""
        return f"{self.operator.epoch}:{self.operator.name}"


def needs(role: Role) -> Callable[[View], View]:
    """Let only a role, and those above it, reach a view."""

    def mark(view: View) -> View:
        _NEEDS[view] = role
        return view

    return mark


def needed(endpoint: str) -> Role:
    """Name the role that a page asks for."""
    return _NEEDS.get(current_app.view_functions[endpoint], Role.VIEWER)


def login_gate() -> LoginManager:
    """Make what reads the operator out of a session."""
    login = LoginManager()
    login.session_protection = ""  # Addresses change on a telephone; the session's ends are our own.
    login.user_loader(_load)
    return login


def guard() -> Answer | str | None:
    """Ask before every page of the console who it is, and whether they may."""
    if request.endpoint in OPEN:
        return None
    operator = signed_in()
    if operator is None or _over():
        logout_user()
        return redirect(url_for("signing.sign_in"), 303)
    if request.endpoint not in BY_ITSELF:
        session["seen"] = desk().now()
    if not operator.role.covers(needed(request.endpoint or "")):
        abort(make_response(page("refused"), 403))
    return None


def seal(response: Response) -> Response:
    """Let the pages of the console send forms to us, and run nothing inline."""
    response.headers.setdefault("Content-Security-Policy", CSP)
    return response


def gone(_: Exception) -> tuple[str, int]:
    """Say that the records cannot be read now."""
    return page("unavailable"), 503


def _load(told: str) -> SignedIn | None:
    epoch, _, name = told.partition(":")
    try:
        found = find_operator(desk().database, name)
    except PartUnavailable:
        return None
    if not found or found.disabled or str(found.epoch) != epoch:
        return None
    return SignedIn(found)


def _over() -> bool:
    """Claim that a session has been idle for too long, or goes on for too long."""
    now = desk().now()
    seen, began = float(session.get("seen", 0)), float(session.get("began", 0))
    return now - seen > IDLE or now - began > LONGEST
