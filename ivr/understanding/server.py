"""The classifier's process: one a host, asked by a local socket that only its own user can open.

A text is held in memory while it is read, and nowhere else: nothing here writes one down.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ivr.understanding.intents import Meaning

LONGEST_REQUEST = 32_768
READ_SECONDS = 0.1  # Whoever connects asks at once; a silent one is not waited for.
BACKLOG = 64


class Reader(Protocol):
    """Whatever tells what a text means."""

    def classify(self, text: str) -> Meaning:
        """Classify one text."""
        ...


def listen(path: Path) -> socket.socket:
    """Open the socket, mode 0600, in the place of one that a dead process left."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(before)
    listening.listen(BACKLOG)
    return listening


def serve(listening: socket.socket, reader: Reader, parent: int) -> None:
    """Answer texts one after another until the parent closes its end of the pipe."""
    with selectors.DefaultSelector() as waiting:
        waiting.register(listening, selectors.EVENT_READ)
        waiting.register(parent, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in waiting.select()}
            if parent in ready and not os.read(parent, 1):
                return
            if listening.fileno() in ready:
                with listening.accept()[0] as asked:
                    answer(asked, reader)


def answer(asked: socket.socket, reader: Reader) -> None:
    """Answer one text. One who has stopped waiting is not worked for: the next may still wait."""
    try:
        asked.settimeout(READ_SECONDS)
        text = _read_text(asked)
        if text is None or _has_left(asked):
            return
        found = reader.classify(text)
        reply = {
            "names": found.names,
            "danger": found.danger,
            "by": found.by,
            "language": found.language,
        }
        asked.sendall(json.dumps(reply).encode() + b"\n")
    except (OSError, ValueError):
        return  # Whoever asked is gone or asked nonsense; there is nobody to tell.


def _read_text(asked: socket.socket) -> str | None:
    request = b""
    while not request.endswith(b"\n"):
        part = asked.recv(4096)
        if not part or len(request) > LONGEST_REQUEST:
            return None
        request += part
    text = json.loads(request)
    return text if isinstance(text, str) else None


def _has_left(asked: socket.socket) -> bool:
    asked.setblocking(False)
    try:
        return asked.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    finally:
        asked.settimeout(READ_SECONDS)


def main() -> None:
    """Load the classifier, then serve: `python -m ivr.understanding.server SOCKET PHRASES PUBLISHED`."""
    from ivr.understanding.classifier import ClassifierInForce  # noqa: PLC0415 - after the threads of numpy are set
    from ivr.understanding.encoders import installed_encoder  # noqa: PLC0415

    path, phrases, published = map(Path, sys.argv[1:])
    classifier = ClassifierInForce(phrases, published, installed_encoder())
    classifier.classify("hello")  # The first text pays for what is loaded late.
    sys.stdout.write(f"{classifier.by}\n")
    sys.stdout.flush()
    serve(listen(path), classifier, sys.stdin.fileno())


if __name__ == "__main__":
    main()
