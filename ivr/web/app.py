"""The web process that answers webhooks, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.routing import MapAdapter

from ivr.web.agency_leg import direct, transfers
from ivr.web.callback_call import called
from ivr.web.context import NAME
from ivr.web.health import debugger, health
from ivr.web.metrics import measure_webhooks, metrics
from ivr.web.server.wsgi_adapter import LARGEST_BODY, MOST_FIELDS
from ivr.web.sms import text
from ivr.web.voice import voice
from ivr.web.waiting import waits
from ivr.web.webhook_guard import lost, refuse_large
from ivr.web.webhook_request import WebhookRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from flask import Request

    from ivr.web.context import WebhookContext


class WebhookApp(Flask):
    """Flask without what no webhook needs: views that are coroutines, and addresses by name of host."""

    request_class = WebhookRequest

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Give a view as it is: none of ours is a coroutine."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Look for an address by its path alone: whoever sends a webhook chooses the name of its host."""
        if request is None:
            return super().create_url_adapter(request)
        path = request.environ.get("PATH_INFO", "").encode("latin-1").decode(errors="replace")
        query = request.environ.get("QUERY_STRING", "")
        return MapAdapter(self.url_map, "", "/", "", request.scheme, path, request.method, query)


def create_app(parts: WebhookContext) -> Flask:
    """Put the web application together around the parts of a line."""
    app = WebhookApp(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY  # The server refuses more; another server may not.
    app.config["MAX_FORM_PARTS"] = MOST_FIELDS
    app.url_map.strict_slashes = False  # A redirect would lose what the caller pressed.
    app.url_map.merge_slashes = False
    app.extensions[NAME] = parts
    app.before_request(refuse_large)
    measure_webhooks(app)
    for blueprint in (voice, called, waits, transfers, direct, text, debugger, health, metrics):
        app.register_blueprint(blueprint)
    app.register_error_handler(404, lost)
    return app
