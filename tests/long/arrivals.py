"""Send each request at its moment, whether or not others have been answered: as callers do.

A request that finds no idle connection opens one more. What it took is counted from when it was due, so that
a server that stops for a second is slow to everybody who came in that second.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 15.0  # Seconds until Twilio gives up on a webhook.
LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


@dataclass(frozen=True)
class Answer:
    """What one request was answered; status 0 is no answer."""

    status: int
    body: bytes
    seconds: float


class Connections:
    """Connections to one port of this machine, as many as are needed at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[_Connection] = []
        self.opened = 0

    async def ask(self, request: bytes, due: float) -> Answer:
        """Send one request that is due at a moment of the loop's clock, which is now or past."""
        loop = asyncio.get_running_loop()
        status, body = 0, b""
        try:
            async with asyncio.timeout(PATIENCE):
                connection = self._take() or await self._open(loop)
                status, body = await connection.ask(request)
            self._idle.append(connection)
        except (OSError, TimeoutError):
            pass
        return Answer(status, body, loop.time() - due)

    def close(self) -> None:
        """Close those that are idle."""
        while connection := self._take():
            connection.close()

    def _take(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _open(self, loop: asyncio.AbstractEventLoop) -> _Connection:
        self.opened += 1
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", self._port)
        return connection


class _Connection(asyncio.Protocol):
    """One connection, over which one request goes at a time."""

    def __init__(self) -> None:
        self.is_open = False
        self._got = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where to write."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.is_open = transport, True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self.is_open = False
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send one request; give status and body."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answer
        except asyncio.CancelledError:
            self._transport.abort()
            raise

    def data_received(self, data: bytes) -> None:
        """Read on, until the answer is whole."""
        self._got += data
        head, found, body = bytes(self._got).partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not found or (length and len(body) < int(length[1])):
            return
        self._got.clear()
        if self._answer and not self._answer.done():
            self._answer.set_result((int(head[9:12]), body))

    def close(self) -> None:
        """Close it."""
        self._transport.close()


async def send_at_rate(port: int, prepared: Sequence[bytes], a_second: float) -> list[float]:
    """Send requests at even moments; give the seconds that each took, those that failed as infinity."""
    loop, connections = asyncio.get_running_loop(), Connections(port)
    began, asked = loop.time(), []
    for number, request in enumerate(prepared):
        due = began + number / a_second
        if (wait := due - loop.time()) > 0:
            await asyncio.sleep(wait)
        asked.append(asyncio.create_task(connections.ask(request, due)))
    answers = await asyncio.gather(*asked)
    connections.close()
    return [answer.seconds if answer.status == 200 else float("inf") for answer in answers]
