"""How the console is put behind its sign-in, in the process of the public page."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from flask_wtf.csrf import CSRFError, CSRFProtect

from ivr.circuit_breaker import PartUnavailable
from ivr.records.database import RecordRefused
from ivr.web.console.access import LONGEST, gone, guard, login_gate, seal
from ivr.web.console.blocks import blocked
from ivr.web.console.context import NAME, ConsoleContext, page
from ivr.web.console.operators import people
from ivr.web.console.pages import pages
from ivr.web.console.prompts import prompts
from ivr.web.console.reports import reports
from ivr.web.console.retention import keeping
from ivr.web.console.sign_in import signing

if TYPE_CHECKING:
    from flask import Flask

BLUEPRINTS = (signing, pages, reports, prompts, blocked, people, keeping)
LARGEST_FORM = 64 * 1024


def put_behind(app: Flask, desk: ConsoleContext) -> None:
    """Put the console into a site: signed cookies for its own pages alone, forms with a token."""
    app.extensions[NAME] = desk
    app.secret_key = sha256(b"console session:" + desk.secret.encode()).digest()
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_FORM,
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=LONGEST),
        SESSION_COOKIE_NAME="console",
        SESSION_COOKIE_PATH="/console",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=desk.secure,
        WTF_CSRF_TIME_LIMIT=LONGEST,
        WTF_CSRF_SSL_STRICT=False,  # No page of ours sends a referrer; the token and SameSite do it.
    )
    CSRFProtect(app)
    login_gate().init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.register_error_handler(CSRFError, _old)
    for fault in (PartUnavailable, RecordRefused):
        app.register_error_handler(fault, gone)


def _old(_: Exception) -> tuple[str, int]:
    return page("form_old"), 400


for each in BLUEPRINTS:
    each.before_request(guard)
    each.after_request(seal)
