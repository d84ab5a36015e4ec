"""Send prepared requests over some connections, one at a time over each: by wrk, or by us.

wrk costs a processor a tenth of what we do, so that the server has the rest; where it is not there we say so.
"""

from __future__ import annotations

import json
import re
import selectors
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from itertools import cycle
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

AT_ONCE = 16  # Connections.
PATIENCE = 60.0  # Seconds until a request counts as lost.
SCRIPT = Path(__file__).with_name("requests.lua")
LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


@dataclass(frozen=True)
class Answered:
    """What came of some requests; the times are milliseconds."""

    answered: int
    seconds: float
    failed: int  # Not answered, or by something else than success.
    p50: float
    p99: float
    most: float

    @property
    def a_second(self) -> float:
        """How many were answered each second."""
        return self.answered / self.seconds


def generator() -> str:
    """Name what sends the requests of `send_for`."""
    return "wrk" if shutil.which("wrk") else "our own, in Python"


def send_for(port: int, prepared: Sequence[bytes], seconds: int) -> Answered:
    """Send requests for some seconds, from the beginning again when all were sent."""
    if not shutil.which("wrk"):
        return send_all(port, cycle(prepared), until=time.monotonic() + seconds)
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\0".join(prepared))
        file.flush()
        command = ["wrk", "--threads", "1", "--connections", str(AT_ONCE), "--duration", f"{seconds}s"]
        command += ["--timeout", f"{PATIENCE:g}s", "--script", str(SCRIPT)]
        said = subprocess.run(
            [*command, f"http://127.0.0.1:{port}", file.name], check=True, capture_output=True, text=True
        ).stdout
    return Answered(**json.loads(said.splitlines()[-1]))


def send_all(
    port: int,
    prepared: Iterator[bytes],
    *,
    until: float = float("inf"),
    step: Callable[[], object] = lambda: None,
) -> Answered:
    """Send requests by ourselves until there are no more, or until a moment of the monotonic clock."""
    took: list[float] = []
    failed = 0
    with selectors.DefaultSelector() as ready:
        for _ in range(AT_ONCE):
            _Connection(port, ready).send(next(prepared, b""))
        began = last = time.monotonic()
        end = (until if isfinite(until) else began) + 4 * PATIENCE
        while ready.get_map() and last < end:
            for key, _ in ready.select(timeout=1):
                connection: _Connection = key.data
                success = connection.read()
                if success is None:
                    continue
                last = time.monotonic()
                took.append((last - connection.sent) * 1000)
                failed += not success
                step()
                connection.send(next(prepared, b"") if last < until and not connection.closed else b"")
            last = max(last, time.monotonic())
        for key in list(ready.get_map().values()):
            failed += 1
            key.data.send(b"")
    return _sum_up(took, last - began, failed)


def _sum_up(took: list[float], seconds: float, failed: int) -> Answered:
    took.sort()
    if not took:
        return Answered(0, seconds, failed, *[float("nan")] * 3)
    return Answered(len(took), seconds, failed, took[len(took) // 2], took[len(took) * 99 // 100], took[-1])


class _Connection:
    """One connection, over which one request goes at a time."""

    def __init__(self, port: int, ready: selectors.BaseSelector) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._ready = ready
        self._got = bytearray()
        self.sent = 0.0
        self.closed = False
        ready.register(self._socket, selectors.EVENT_READ, self)

    def send(self, request: bytes) -> None:
        """Send the next request; none ends the connection."""
        if not request:
            self._ready.unregister(self._socket)
            self._socket.close()
            return
        self.sent = time.monotonic()
        self._socket.sendall(request)

    def read(self) -> bool | None:
        """Read what came; say whether it is a success, once it is whole."""
        chunk = self._socket.recv(65536)
        self._got += chunk
        self.closed = not chunk
        head, found, body = bytes(self._got).partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if chunk and not (found and (length is None or len(body) >= int(length[1]))):
            return None
        self._got.clear()
        return bool(chunk) and head.split(b" ", 2)[1:2] == [b"200"]
