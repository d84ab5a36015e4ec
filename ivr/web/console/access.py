"""Access to the console: who is signed in, for how long, and which role a page asks for."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from flask import Response, abort, current_app, make_response, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, logout_user

from ivr.authentication import hash_session_token, hash_wall_token, same, session_proof
from ivr.circuit_breaker import PartUnavailable
from ivr.records.operators import Operator, Role, find_operator
from ivr.records.sessions import OperatorSession, is_open, list_sessions, may_show_now, note_seen
from ivr.web.console.context import console, render_page, signed_in_operator
from ivr.web.console.kept_forms import keep_form

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Response as BaseResponse

View = TypeVar("View", bound="Callable[..., object]")

LONGEST_IDLE = 30 * 60
LONGEST_SESSION = 12 * 3600
NOTED_SECONDS = 60  # How exactly the records know when a session was last used.
PUBLIC_ENDPOINTS = frozenset(
    {"sign_in.show", "sign_in.submit", "sign_in.show_second_factor", "sign_in.enrol"}
    | {"console.static", "reports.static", "bootstrap.static", "bootstrap.dark", "language.choose"}
    | {"wall.ask", "wall.start", "passkeys.challenge", "passkeys.sign_in"}
)
WALL_ENDPOINTS = frozenset({"wall.show", "wall.refresh"})  # A screen's token opens these, and nothing else.
WALL_COOKIE = "console_wall"
POLLED_ENDPOINTS = frozenset(
    {"now.refresh", "phrases.refresh"}
)  # Fetched by the script, whether or not anybody sits there.
START = "now.show"  # Whoever asks for it is first shown what happened since they were last here.
ASKED_FOR = "asked_for"  # In the session.
LEFT = "left"  # In the session: whose it was before it ended.
_ROLES: dict[Callable[..., object], Role] = {}  # A view -> the role that it asks for, where above viewer.

CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class SignedIn(UserMixin):
    """An operator of this request, as Flask-Login wants one; the token is that of their session."""

    def __init__(self, operator: Operator, token: str) -> None:
        self.operator = operator
        self.token = token

    def get_id(self) -> str:
        """Name the session and its operator, with a proof that we began it; it ends when theirs are ended."""
        return f"{self.token}:{_proof(self.operator, self.token)}:{self.operator.name}"


def needs(role: Role) -> Callable[[View], View]:
    """Let only a role, and those above it, reach a view."""

    def decorate(view: View) -> View:
        _ROLES[view] = role
        return view

    return decorate


def required_role(endpoint: str) -> Role:
    """Name the role that a page asks for."""
    return _ROLES.get(current_app.view_functions[endpoint], Role.VIEWER)


def login_manager() -> LoginManager:
    """Make the part of Flask-Login that reads the operator out of a session."""
    login = LoginManager()
    login.session_protection = ""  # Addresses change on a telephone; the session's ends are our own.
    login.user_loader(_load)
    return login


def require_sign_in() -> BaseResponse | str | None:
    """Ask before every page of the console who it is, and whether they may."""
    if request.endpoint in PUBLIC_ENDPOINTS:
        return None
    if request.endpoint in WALL_ENDPOINTS:
        return None if _is_known_screen() else redirect(url_for("wall.ask"), 303)
    operator = signed_in_operator()
    if operator is None or _session_is_over():
        session[LEFT] = session.get("_user_id", "").split(":", 2)[-1] or session.get(LEFT, "")
        logout_user()
        _remember_page()
        return redirect(url_for("sign_in.show"), 303)
    if request.endpoint not in POLLED_ENDPOINTS:
        _note_use()
    if not operator.role.covers(required_role(request.endpoint or "")):
        abort(make_response(render_page("refused"), 403))
    return None


def refuse_null() -> tuple[str, int] | None:
    """Refuse an address or a field with the character 0: nobody types one, and PostgreSQL takes none."""
    fields = (*request.args.items(multi=True), *request.form.items(multi=True))
    if "\0" in request.path or any("\0" in text for field in fields for text in field):
        return render_page("missing"), 400
    return None


def page_asked_for() -> str:
    """Give the page that was asked for before the sign-in, once; the first page where there was none."""
    asked = str(session.pop(ASKED_FOR, ""))
    return asked if asked.startswith("/console/") else url_for("since.show")


def _remember_page() -> None:
    """Keep which page was asked for, in the session that we sign: nobody else can write one there.

    What was typed into a form is kept, too, and the page where it stands is the one that is asked for.
    """
    if page := keep_form(session[LEFT]):
        session[ASKED_FOR] = page
    if request.method != "GET" or request.endpoint in {*POLLED_ENDPOINTS, START, "console.missing"}:
        return
    if request.headers.get("Sec-Fetch-Dest", "document") == "document":  # No picture of a page, no script.
        session[ASKED_FOR] = request.full_path.rstrip("?")


def set_csp(response: Response) -> Response:
    """Let the pages of the console send forms to us, and run nothing inline."""
    response.headers.setdefault("Content-Security-Policy", CSP)
    return response


def show_unavailable(_: Exception) -> tuple[str, int, dict[str, str]]:
    """Say that the records cannot be read now; a screen, at which nobody sits, tries again by itself."""
    wall = request.endpoint in WALL_ENDPOINTS
    return render_page("unavailable", wall=wall), 503, {"Refresh": "30"} if wall else {}


def _is_known_screen() -> bool:
    """Whether this browser holds the token of a screen that is not revoked."""
    token = request.cookies.get(WALL_COOKIE, "")
    return bool(token) and may_show_now(console().database, hash_wall_token(token))


def _load(session_id: str) -> SignedIn | None:
    token, _, rest = session_id.partition(":")
    proof, _, name = rest.partition(":")
    try:
        operator = find_operator(console().database, name)
        if not operator or operator.disabled or not operator.session_key:
            return None
        good = same(proof, _proof(operator, token)) and is_open(
            console().database, name, hash_session_token(token)
        )
    except PartUnavailable:
        return None
    return SignedIn(operator, token) if good else None


def _proof(operator: Operator, token: str) -> str:
    return session_proof(operator.session_key, f"session {token}", operator.epoch, operator.name)


def current_session() -> str:
    """Give the hash under which the records have the session of this request."""
    return hash_session_token(getattr(current_user, "token", ""))


def open_sessions(who: str = "") -> list[OperatorSession]:
    """Give the sessions of an operator, or of everybody, that are not over; the last used first."""
    now = console().moment
    began, seen = timedelta(seconds=LONGEST_SESSION), timedelta(seconds=LONGEST_IDLE + NOTED_SECONDS)
    return list_sessions(console().database, who, began_after=now - began, seen_after=now - seen)


def _note_use() -> None:
    """Note that somebody used their session: in its cookie, and now and then in the records."""
    now = session["seen"] = console().now()
    if now - float(session.get("noted", 0)) >= NOTED_SECONDS:
        session["noted"] = now
        with suppress(PartUnavailable):  # The page is worth more than the note.
            note_seen(console().database, current_session(), now=console().moment)


def _session_is_over() -> bool:
    """Whether a session has been idle for too long, or has lasted too long."""
    now = console().now()
    seen, began = float(session.get("seen", 0)), float(session.get("began", 0))
    return now - seen > LONGEST_IDLE or now - began > LONGEST_SESSION
