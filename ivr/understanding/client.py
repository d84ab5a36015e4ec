"""Ask the classifier's process about a text, by a local socket, for 300 ms; then the rules alone answer."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING

from ivr.understanding.meaning import Meaning

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 0.3  # Seconds: a webhook must not wait longer.
LONGEST_REPLY = 65_536


def ask_classifier(path: Path, text: str, patience: float = PATIENCE) -> Meaning | None:
    """Ask what a text means. None where nobody answers in time, whatever the reason."""
    end = time.monotonic() + patience
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
            asked.settimeout(patience)
            asked.connect(str(path))
            asked.sendall(json.dumps(text).encode() + b"\n")
            return _read_reply(asked, end)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read_reply(asked: socket.socket, end: float) -> Meaning | None:
    reply = b""
    while not reply.endswith(b"\n") and len(reply) < LONGEST_REPLY:
        left = end - time.monotonic()
        if left <= 0:
            return None
        asked.settimeout(left)
        part = asked.recv(4096)
        if not part:
            return None
        reply += part
    found = json.loads(reply)
    return Meaning(
        {str(name): float(p) for name, p in found["names"].items()},
        float(found["danger"]),
        str(found["by"]),
        str(found["language"]),
    )
