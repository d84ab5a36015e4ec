"""How the console is put into the site: its blueprints, its session and its guard."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from flask import Blueprint, request
from flask_wtf.csrf import CSRFError, CSRFProtect

from ivr.circuit_breaker import PartUnavailable
from ivr.records.database import RecordRefused
from ivr.web.console import (
    account,
    audit,
    blocks,
    bootstrap,
    calls,
    feedback,
    language,
    notice,
    notifications,
    now,
    operators,
    passkeys,
    phrases,
    prompts,
    reports,
    retention,
    shift_log,
    sign_in,
    since,
    transfers,
    wall,
)
from ivr.web.console.access import (
    LONGEST_SESSION,
    login_manager,
    refuse_null,
    require_sign_in,
    set_csp,
    show_unavailable,
)
from ivr.web.console.context import NAME, ConsoleContext, render_page
from ivr.web.console.kept_forms import KeptFields, typed_into

if TYPE_CHECKING:
    from flask import Flask

PAGES = (
    *(bootstrap, language, sign_in, since, now, shift_log, calls, transfers, feedback, reports, prompts),
    *(phrases, notice, notifications, account, passkeys, blocks, operators, retention, audit, wall),
)
LARGEST_FORM = 64 * 1024
WRITTEN = KeptFields("now.show", ("note", "why", "text", "words_"))  # At some length; no password, no code.


def add_console(app: Flask, context: ConsoleContext) -> CSRFProtect:
    """Put the console into a site; give what asks forms for a token."""
    configure_console(app, context)
    app.jinja_env.globals["typed_into"] = typed_into
    tokens = CSRFProtect(app)
    login_manager().init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.register_error_handler(CSRFError, _show_expired_form)
    for fault in (PartUnavailable, RecordRefused):
        app.register_error_handler(fault, show_unavailable)
    return tokens


def configure_console(app: Flask, context: ConsoleContext) -> None:
    """Give a site the console's parts and settings, with cookies for the console's own pages alone."""
    app.extensions[NAME] = context
    app.secret_key = _session_key(context.secret)
    app.config.update(
        SECRET_KEY_FALLBACKS=[_session_key(context.old_secret)] if context.old_secret else [],
        MAX_CONTENT_LENGTH=LARGEST_FORM,
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=LONGEST_SESSION),
        SESSION_COOKIE_NAME="console",
        SESSION_COOKIE_PATH="/console",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=context.secure,
        WTF_CSRF_TIME_LIMIT=LONGEST_SESSION,
        WTF_CSRF_SSL_STRICT=False,  # No page of ours sends a referrer; the token and SameSite do it.
    )


def _session_key(secret: str) -> bytes:
    return sha256(b"console session:" + secret.encode()).digest()


def _show_expired_form(_: Exception) -> tuple[str, int]:
    """Say that a form was not taken, and give back what was written in it: it stands nowhere else."""
    return render_page("form_expired", written=WRITTEN.typed(request.form)), 400


def _show_missing(_: Exception) -> tuple[str, int]:
    return render_page("missing"), 404


# What every page is made with: templates, the style and the script.
_shared = Blueprint(
    "console", __name__, url_prefix="/console", template_folder="templates", static_folder="static"
)


@_shared.get("/<path:path>", endpoint="missing")
def show_missing(path: str) -> tuple[str, int]:  # noqa: ARG001 - whatever it is, it is not there
    """Say on a page of the console that there is no such page: the callers' page leads nowhere near it."""
    return render_page("missing"), 404


BLUEPRINTS = (
    _shared,
    *(page.blueprint for page in PAGES),
    wall.screens_blueprint,
)

for each in BLUEPRINTS:
    each.register_error_handler(404, _show_missing)
    each.before_request(require_sign_in)
    each.before_request(refuse_null)
    each.after_request(set_csp)
