"""Who takes what operators are told: a mail server, and a service that is posted to, each on this machine."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    from aiosmtpd.smtp import Envelope, Session

SECONDS = 60
REFUSED = "nobody@agency.example"


class Mailbox:
    """A mail server that keeps what it is sent, and refuses one address."""

    def __init__(self) -> None:
        self.url = ""
        self._came: Queue[EmailMessage] = Queue()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name for it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address == REFUSED:
            return "550 nobody here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name for it
        content = envelope.content
        assert isinstance(content, bytes)
        self._came.put(message_from_bytes(content, policy=policy.default))  # type: ignore[arg-type]  # the policy makes it one
        return "250 taken"

    def next(self) -> EmailMessage:
        """Wait for the next mail."""
        return self._came.get(timeout=SECONDS)

    def all(self) -> list[EmailMessage]:
        """Give every mail that has come since somebody last looked."""
        found = []
        try:
            while True:
                found.append(self._came.get_nowait())
        except Empty:
            return found


@contextmanager
def serve_mail() -> Iterator[Mailbox]:
    """Run a mail server on any free port of this machine."""
    box, loop = Mailbox(), asyncio.new_event_loop()
    server = loop.run_until_complete(
        loop.create_server(lambda: SMTP(box, loop=loop, hostname="mail.example"), "127.0.0.1", 0)
    )
    box.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        server.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def serve_posts() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Run a service that is posted to; gives its host and port, and what came."""
    came: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Write nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
