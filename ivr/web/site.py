"""The web process that people open in a browser: the public page and the console. No webhook comes here."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from flask import Flask, Response, request
from werkzeug.serving import WSGIRequestHandler, make_server

from ivr.web import agency_feedback
from ivr.web.console import reports
from ivr.web.console.setup import add_console
from ivr.web.public import materials, pages
from ivr.web.public.pages import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.web.console.context import ConsoleContext
    from ivr.web.public.pages import PublicContext

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
    " form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), interest-cohort=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
HSTS = "max-age=31536000"
LIBRARY_FILES = frozenset({"bootstrap.static", "bootstrap.dark"})  # Of the console, and the same for all.
LIBRARY_CACHE = "private, max-age=86400"


def create_site(public_context: PublicContext, console: ConsoleContext | None = None) -> Flask:
    """Put together what is read in a browser; without a console context there is no console."""
    app = Flask(__name__, static_folder=None)
    app.extensions[NAME] = public_context
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.register_blueprint(materials.blueprint)
    if console:
        # The page of an agency has no session that another site could ride on: its link is all that opens it.
        add_console(app, console).exempt(agency_feedback.blueprint)
        app.register_blueprint(agency_feedback.blueprint)
        app.register_blueprint(reports.counts)
    app.register_blueprint(pages.blueprint)
    app.after_request(redirect_within)
    app.after_request(set_headers)
    return app


def redirect_within(response: Response) -> Response:
    """Keep every redirect on this site: the host of a request is whatever its sender wrote."""
    if location := response.headers.get("Location"):
        to = urlsplit(location)
        response.headers["Location"] = urlunsplit(
            ("", "", "/" + to.path.lstrip("/\\"), to.query, to.fragment)
        )
        if to.netloc:  # What the router wrote names that host in its body as well.
            response.set_data("")
    return response


def set_headers(response: Response) -> Response:
    """Tell the browser to keep nothing, to tell nobody, and to run nothing that is not ours."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Cache-Control"] = HEADERS["Cache-Control"]  # Flask has another for files.
    if request.endpoint in LIBRARY_FILES:
        response.headers["Cache-Control"] = LIBRARY_CACHE
    response.headers.pop("Last-Modified", None)
    response.headers.pop("ETag", None)
    if request.is_secure or request.headers.get("X-Forwarded-Proto") == "https":
        response.headers["Strict-Transport-Security"] = HSTS
    response.vary.add("Accept-Language")
    return response


@contextmanager
def serve_locally(app: Flask) -> Iterator[str]:
    """Serve on this machine alone while something is printed; gives the address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=SilentHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class SilentHandler(WSGIRequestHandler):
    """Serves without a log: nobody's visit is written down."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name for it
        """Write nothing."""
