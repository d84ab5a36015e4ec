"""HTTP on one connection, for which nobody waits: uvicorn's, with deadlines, limits and a patient end."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


HEADER_SECONDS = 5.0  # From connecting, or a request's first byte, to the end of its header.
LARGEST_HEADER = 16 * 1024  # Bytes; Twilio's largest is a tenth of it.
SENDING_SECONDS = 30.0  # For an answer that the other side takes slowly.
LAST_WORD_SECONDS = 1.0  # When this process ends, for a request that is on its way.
TOO_LARGE = 431


class ConnectionLimit:
    """Which connections are open. When there are too many, the one that is silent longest makes room."""

    def __init__(self, most: int, refusals: RefusalLog) -> None:
        self.most = most
        self.refusals = refusals
        self._open = 0
        self._silent: dict[BoundedProtocol, None] = {}  # In the order in which they fell silent.

    def opened(self, connection: BoundedProtocol) -> None:
        """Count a connection in, and close another if it is one too many."""
        self._open += 1
        if self._open > self.most:
            silent = next(iter(self._silent), connection)
            self.refusals.count("too many connections")
            silent.transport.abort()
        self._silent[connection] = None

    def closed(self, connection: BoundedProtocol) -> None:
        """Count a connection out."""
        self._open -= 1
        self._silent.pop(connection, None)

    def asks(self, connection: BoundedProtocol) -> None:
        """Note that a connection has sent the header of a request."""
        self._silent.pop(connection, None)

    def waits(self, connection: BoundedProtocol) -> None:
        """Note that a connection has had its answer, and may ask again."""
        self._silent[connection] = None


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection that does not say in time what it wants."""

    limit: ConnectionLimit  # Set on a subclass: uvicorn makes the instances.
    last_word_seconds = LAST_WORD_SECONDS
    process_ends = False  # Set on the subclass once its process is told to end.
    _header_deadline: asyncio.TimerHandle | None = None
    _sending_deadline: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _leaving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.limit.opened(self)
        self._expect_header()
        if self.process_ends:  # It was accepted in the last instant.
            self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timers()
        self.limit.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; whoever dribbles gets no more time for it."""
        if not self._busy:
            self._expect_header()
            self._header_bytes += len(data)
        super().data_received(data)
        if not self._busy and self._header_bytes > LARGEST_HEADER and not self.transport.is_closing():
            self._refuse_header()

    def on_headers_complete(self) -> None:
        """Start on a request, or refuse one whose header alone is larger than any of Twilio's."""
        if self._header_deadline:
            self._header_deadline.cancel()
            self._header_deadline = None
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > LARGEST_HEADER:
            raise ValueError("the header is too large")  # httptools makes a 400 of it.
        self.limit.asks(self)
        self._header_bytes = 0
        super().on_headers_complete()
        if self._leaving and self.cycle:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the last answer to be taken."""
        super().on_response_complete()
        if self.transport.is_closing() or cast("Any", self.transport).get_write_buffer_size():
            self._sending_deadline = self.loop.call_later(SENDING_SECONDS, self._end_sending)
        if not self.transport.is_closing() and not self._busy:
            self.limit.waits(self)
            if self._leaving:
                self.transport.close()

    def shutdown(self) -> None:
        """Finish what was begun; a request that is on its way has a second to arrive."""
        self._leaving = True
        if self._busy:
            self.cycle.keep_alive = False
        else:
            self.loop.call_later(self.last_word_seconds, self._leave)

    @property
    def _busy(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_header(self) -> None:
        if self._header_deadline is None:
            self._header_deadline = self.loop.call_later(HEADER_SECONDS, self._end_silence)

    def _end_silence(self) -> None:
        self._header_deadline = None
        if not self._busy and not self.transport.is_closing():
            self.limit.refusals.count("no request in time")
            self.transport.abort()

    def _end_sending(self) -> None:
        """Cut off an answer that is not taken: at the end it is in a buffer of ours."""
        if self.transport.is_closing() or cast("Any", self.transport).get_write_buffer_size():
            self.transport.abort()

    def _leave(self) -> None:
        if not self._busy and not self.transport.is_closing():
            self.transport.close()

    def _refuse_header(self) -> None:
        self.limit.refusals.count("header too large")
        self.transport.write(STATUS_LINE[TOO_LARGE] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()

    def _stop_timers(self) -> None:
        for timer in (self._header_deadline, self._sending_deadline):
            if timer:
                timer.cancel()
        self._header_deadline = self._sending_deadline = None


# Says in the log what was refused: at most a line a second, however many are refused.

logger = logging.getLogger(__name__)

EVERY = 1.0  # Seconds.


class RefusalLog:
    """Counts refusals by reason, and tells of them once a second. For one thread: that of the event loop."""

    def __init__(
        self, now: Callable[[], float] = time.monotonic, counted: Callable[[str], object] = lambda _: None
    ) -> None:
        self._now = now
        self._counted = counted  # Called with the reason of each.
        self._counts: Counter[str] = Counter()
        self._told = float("-inf")

    def count(self, reason: str) -> None:
        """Note one refusal. The reason is ours: never what somebody sent."""
        self._counts[reason] += 1
        self._counted(reason)
        self.tell()

    def tell(self) -> None:
        """Write what was counted since the last line, unless that was within this second."""
        if not self._counts or self._now() - self._told < EVERY:
            return
        self._told = self._now()
        reasons = ", ".join(f"{reason}: {count}" for reason, count in self._counts.most_common())
        logger.warning("refused %s: %s", self._counts.total(), reasons)
        self._counts.clear()


class CountRefusals(logging.Filter):
    """Counts what uvicorn would log for each bad request, instead of logging it."""

    def __init__(self, refusals: RefusalLog) -> None:
        super().__init__()
        self._refusals = refusals

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is logged as it is: one with an exception is, what strangers sent is counted."""
        if record.exc_info or record.levelno < logging.WARNING:
            return True
        self._refusals.count(str(record.msg).rstrip("."))
        return False
