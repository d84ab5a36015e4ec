"""The HTTP server of the pretend network: Twilio's REST API, and /pretend/ to steer it."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from ivr.simulator.control import Control
from ivr.simulator.desk import Desk, RestRequest
from ivr.simulator.resources import RestError

if TYPE_CHECKING:
    from ivr.simulator.exchange import Exchange
    from ivr.simulator.faults import RestFault

HANG = 120.0  # Real seconds that a hanging server keeps a connection.
FAULTS = {
    "20009": RestError(409, 20009, "Resource is not complete"),
    "429": RestError(429, 20429, "Too Many Requests"),
    "500": RestError(500, 20500, "An internal server error has occurred"),
    "503": RestError(503, 20503, "Service unavailable"),
}


class RestServer:
    """Serves one exchange on a port of this machine. Port 0 is any free one."""

    def __init__(self, exchange: Exchange, port: int = 0) -> None:
        self.exchange = exchange
        self.desk = Desk(exchange)
        self.control = Control(exchange)
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", port), _Door)
        self._server.rest = self
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    rest: RestServer


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so.
        """Say nothing."""

    def _serve(self) -> None:
        path = urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if path.startswith("/pretend/"):
            self._send(*self._steer(path.removeprefix("/pretend/"), body))
            return
        fault = self.server.rest.exchange.faults.rest_fault(f"{self.command} {path}")
        if fault is not None:
            self._spoil(fault)
            return
        self._send(*self.server.rest.desk.answer(self._asked(path, body)))

    def _asked(self, path: str, body: str) -> RestRequest:
        text = body if self.command == "POST" else urlsplit(self.path).query
        params = dict(parse_qsl(text, keep_blank_values=True))
        events = tuple(parse_qs(text).get("StatusCallbackEvent", ()))
        return RestRequest(self.command, path, params, self.headers.get("Authorization") or "", events)

    def _steer(self, path: str, body: str) -> tuple[int, Any]:
        query = dict(parse_qsl(urlsplit(self.path).query))
        try:
            asked = json.loads(body) if body else {}
        except ValueError:
            return 400, {"error": "the body is not JSON"}
        return self.server.rest.control.answer(self.command, path, query | asked)

    def _spoil(self, fault: RestFault) -> None:
        if fault.does == "hang":
            self.server.rest.closing.wait(HANG)
        if fault.does in {"hang", "drop"}:
            self.close_connection = True
            return
        error = FAULTS.get(fault.does, FAULTS["500"])
        self._send(error.status, error.body())

    def _send(self, status: int, answer: Any) -> None:
        data = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Twilio-Concurrent-Requests", "1")
        with suppress(ConnectionError):  # Whoever asked has gone away.
            self.end_headers()
            self.wfile.write(data)
