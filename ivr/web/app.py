"""The web process that answers webhooks, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

from ivr.web.agency_leg import direct, transfers
from ivr.web.callback_call import called
from ivr.web.context import NAME
from ivr.web.debugger import debugger
from ivr.web.health import health
from ivr.web.server.wsgi_adapter import LARGEST_BODY, MOST_FIELDS
from ivr.web.sms import text
from ivr.web.voice import voice
from ivr.web.waiting import waits
from ivr.web.webhook_guard import lost, refuse_large
from ivr.web.webhook_request import WebhookRequest

if TYPE_CHECKING:
    from ivr.web.context import WebhookContext


def create_app(parts: WebhookContext) -> Flask:
    """Put the web application together around the parts of a line."""
    app = Flask(__name__, static_folder=None)
    app.request_class = WebhookRequest
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY  # The server refuses more; another server may not.
    app.config["MAX_FORM_PARTS"] = MOST_FIELDS
    app.url_map.strict_slashes = False  # A redirect would lose what the caller pressed.
    app.url_map.merge_slashes = False
    app.extensions[NAME] = parts
    app.before_request(refuse_large)
    for blueprint in (voice, called, waits, transfers, direct, text, debugger, health):
        app.register_blueprint(blueprint)
    app.register_error_handler(404, lost)
    return app
