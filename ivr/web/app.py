"""The web process that answers webhooks, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

from ivr.web.agency_leg import direct, transfers
from ivr.web.callback_call import called
from ivr.web.context import NAME
from ivr.web.debugger import debugger
from ivr.web.health import health
from ivr.web.sms import text
from ivr.web.voice import voice
from ivr.web.waiting import waits
from ivr.web.webhook_guard import lost

if TYPE_CHECKING:
    from ivr.web.context import WebhookContext

LARGEST_FORM = 256 * 1024  # Bytes; Twilio's largest webhook is far below.


def create_app(parts: WebhookContext) -> Flask:
    """Put the web application together around the parts of a line."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_FORM
    app.url_map.strict_slashes = False  # A redirect would lose what the caller pressed.
    app.url_map.merge_slashes = False
    app.extensions[NAME] = parts
    for blueprint in (voice, called, waits, transfers, direct, text, debugger, health):
        app.register_blueprint(blueprint)
    app.register_error_handler(404, lost)
    return app
