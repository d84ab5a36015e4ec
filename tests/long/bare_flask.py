"""Applications of bare Flask, with which a turn of the line is compared.

In tests/: `python -m long.bare_flask PORT` serves one by the line's own server, with the line's settings.
"""

from __future__ import annotations

import sys

from flask import Flask, request

XML = {"Content-Type": "text/xml"}


def fixed() -> Flask:
    """Make an application that answers every webhook with the same document, whatever it says."""
    app = Flask("fixed", static_folder=None)

    @app.post("/<path:path>")
    def answer(path: str) -> tuple[str, dict[str, str]]:  # noqa: ARG001 - any path
        return "<Response><Say>Hello.</Say></Response>", XML

    return app


def form_reader(path: str) -> Flask:
    """Make an application that reads a form, and answers with a document of a fixed size."""
    app = Flask("bare", static_folder=None)

    @app.post(path)
    def read() -> tuple[str, dict[str, str]]:
        digits = request.form.get("Digits", "") + request.form["CallSid"]
        return f"<Response><Say>{digits}</Say></Response>", XML

    return app


def main() -> None:
    """Serve as `ivr web` does; what is the line's is imported here, so that other servers have none of it."""
    from ivr.web.server.main_process import ServerOptions, serve  # noqa: PLC0415

    serve(ServerOptions("long.bare_flask:fixed", "127.0.0.1", int(sys.argv[1]), workers=2))


if __name__ == "__main__":
    main()
