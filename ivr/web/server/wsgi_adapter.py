"""Flask behind an event loop: a thread is used only when the whole request is there, and not too large."""

from __future__ import annotations

import asyncio
import contextvars
import io
import logging
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

    from ivr.web.server.http_protocol import RefusalLog


logger = logging.getLogger(__name__)

BODY_SECONDS = 5.0
LARGEST_BODY = 32 * 1024  # Bytes; Twilio's largest webhook is far below.
DRAINED = 1 << 20  # Bytes of a body too large that are still read, so that the refusal is heard.
MOST_FIELDS = 200
MOST_WAITING = 512  # Requests in hand; one more would wait longer than Twilio does.
CHUNK = 1 << 16  # Bytes of an answer that are sent at once.
PART_SECONDS = 0.2  # After which what there is of an answer is sent, however little: its thread is free.
SENDING_SECONDS = 30.0
BEGAN = "ivr.began"  # In a request's environ: when it was whole, by time.perf_counter.


class Refused(Exception):  # noqa: N818 - it is an answer
    """A request is not passed on to Flask."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass
class _Answer:
    """What Flask answers, as far as it has been made."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: Iterable[bytes] = ()
    rest: Iterator[bytes] = field(default_factory=lambda: iter(()))
    is_open: bool = False

    def start(
        self, status: str, headers: list[tuple[str, str]], _exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """Take WSGI's start_response."""
        self.status = int(status[:3])
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return _no_write

    def next_chunk(self) -> tuple[bytes, bool]:
        """Make some more of the body; say whether there is more. In a thread."""
        made, size, until = [], 0, time.monotonic() + PART_SECONDS
        for piece in self.rest:
            made.append(piece)
            size += len(piece)
            if size >= CHUNK or time.monotonic() >= until:
                return b"".join(made), True
        self.close()
        return b"".join(made), False

    def close(self) -> None:
        """Let Flask end the request."""
        if not self.is_open:
            return
        self.is_open = False
        close = getattr(self.body, "close", None)
        if close:
            close()


@dataclass
class WsgiAdapter:
    """An ASGI application that serves a WSGI one.

    Of a long answer the first part is made as any answer is; all others in ``rest``, one after the other,
    whosesoever they are: so many downloads at once take no thread, and little time, from anybody else.
    """

    app: Callable[..., Iterable[bytes]]
    pool: ThreadPool
    refusals: RefusalLog
    body_seconds: float = BODY_SECONDS
    rest: ThreadPool = field(default_factory=lambda: ThreadPool(1, "rest"))

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            body = await read_body(scope, receive, self.body_seconds)
            if body is None:  # The client has gone.
                return
            if self.pool.waiting >= MOST_WAITING:
                raise Refused(503, "too many requests at once")  # noqa: TRY301 - refused like the others
        except Refused as refused:
            self.refusals.count(refused.reason)
            await _send_words(send, refused.status, refused.reason)
            return
        await self._answer(environ_of(scope, body), receive, send)

    async def _answer(
        self, environ: dict[str, Any], receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Let Flask answer in a thread, and send what it says as it is taken."""
        context, answer = contextvars.Context(), _Answer()
        try:
            chunk, more = await self.pool.run(partial(context.run, self._begin, environ, answer))
        except Exception:
            logger.exception("the application failed")
            await _send_words(send, 500, "the application failed")
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        gone = asyncio.create_task(_disconnected(receive)) if more else None
        try:
            while more:
                async with asyncio.timeout(SENDING_SECONDS):  # No thread waits for whoever takes it slowly.
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                if gone and gone.done():  # Nobody takes the rest.
                    return
                chunk, more = await self.rest.run(partial(context.run, answer.next_chunk))
        except TimeoutError:  # uvicorn closes the connection of an answer that is not whole.
            self.refusals.count("answer not taken in time")
            return
        finally:
            if gone:
                gone.cancel()
            if answer.is_open:
                await self.pool.run(partial(context.run, answer.close))
        await send({"type": "http.response.body", "body": chunk, "more_body": False})

    def _begin(self, environ: dict[str, Any], answer: _Answer) -> tuple[bytes, bool]:
        """Ask Flask, and make the first part of the answer. In a thread."""
        answer.body = self.app(environ, answer.start)
        answer.is_open = True
        answer.rest = iter(answer.body)
        try:
            return answer.next_chunk()
        except BaseException:
            answer.close()
            raise


async def read_body(scope: HTTPScope, receive: ASGIReceiveCallable, seconds: float) -> bytes | None:
    """Take the whole body, or refuse it; nothing when the client goes away in the middle of it."""
    headers = dict(scope["headers"])
    length = headers.get(b"content-length")
    if length is None and b"transfer-encoding" not in headers:
        return b""
    if b"expect" in headers and int(length or 0) > LARGEST_BODY:
        raise Refused(413, "body too large")
    if _has_come(receive):
        body = await _receive(receive)
    else:
        try:
            async with asyncio.timeout(seconds):
                body = await _receive(receive)
        except TimeoutError:
            raise Refused(408, "no body in time") from None
    if body is None:
        return None
    if len(body) > LARGEST_BODY:
        raise Refused(413, "body too large")
    if fields(headers.get(b"content-type", b""), body) > MOST_FIELDS:
        raise Refused(413, "too many fields")
    return body


def _has_come(receive: ASGIReceiveCallable) -> bool:
    """Whether a whole request is there, as nearly all are: a deadline costs a twentieth of an answer."""
    cycle = getattr(receive, "__self__", None)
    return isinstance(cycle, RequestResponseCycle) and not cycle.more_body


async def _receive(receive: ASGIReceiveCallable) -> bytes | None:
    """Take a body; of one that is too large what is needed to see that. Nothing where the client has gone."""
    got, size = [], 0
    while True:
        message: Any = await receive()
        if message["type"] != "http.request":
            return None
        size += len(message["body"])
        if size <= LARGEST_BODY:
            got.append(message["body"])
        if not message.get("more_body") or size > DRAINED:
            return b"".join(got) if size <= LARGEST_BODY else bytes(LARGEST_BODY + 1)


async def _disconnected(receive: ASGIReceiveCallable) -> None:
    """Wait until whoever asked has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def fields(kind: bytes, body: bytes) -> int:
    """Count the fields of a form without reading it."""
    if kind.lower().startswith(b"multipart/"):
        return body.lower().count(b"content-disposition")
    return body.count(b"&") + 1 if kind.lower().startswith(b"application/x-www-form-urlencoded") else 0


def environ_of(scope: HTTPScope, body: bytes) -> dict[str, Any]:
    """Write a request as WSGI does."""
    server, client = scope["server"] or ("127.0.0.1", None), scope["client"] or ("", 0)
    query = scope["query_string"].decode("latin-1")
    raw = scope["raw_path"].decode("latin-1")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw).decode("latin-1") if "%" in raw else raw,
        "QUERY_STRING": query,
        "REQUEST_URI": f"{raw}?{query}" if query else raw,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or ""),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        BEGAN: time.perf_counter(),
    }
    _add_headers(environ, scope["headers"])
    return environ


def _add_headers(environ: dict[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Write a request's headers as WSGI does; one that came twice is joined."""
    for name, value in headers:
        if b"_" in name or name == b"content-length":
            continue  # x_twilio_signature could pass for x-twilio-signature; the length is known by now.
        key = name.decode("latin-1").upper().replace("-", "_")
        text = value.decode("latin-1")
        if name != b"content-type":
            key = f"HTTP_{key}"
            if key in environ:
                text = f"{environ[key]}{'; ' if name == b'cookie' else ','}{text}"
        environ[key] = text


async def _send_words(send: ASGISendCallable, status: int, words: str) -> None:
    """Answer with a few words of ours, and close the connection."""
    body = f"{words}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _no_write(_data: bytes) -> None:
    """Refuse WSGI's oldest way of writing, which Flask does not use."""
    raise NotImplementedError


# A few threads that do one thing after the other, and how long each has been at it.


@dataclass(eq=False)
class _Task:
    do: Callable[[], Any]
    done: asyncio.Future[Any]
    beats: int = 0


class ThreadPool:
    """Runs functions in threads for an event loop: quicker to hand over to than asyncio's own executor.

    The threads are daemons: one that is stuck must not keep its process from ending.
    """

    def __init__(self, threads: int, name: str = "request") -> None:
        self._queue: SimpleQueue[_Task] = SimpleQueue()
        self._running: dict[int, _Task] = {}  # By number of the thread; each writes only its own.
        self.waiting = 0
        for number in range(threads):
            threading.Thread(target=self._work, args=(number,), daemon=True, name=f"{name}-{number}").start()

    async def run(self, do: Callable[[], Any]) -> Any:
        """Do something in a thread. It is done even if nobody waits for it any more."""
        self.waiting += 1
        try:
            task = _Task(do, asyncio.get_running_loop().create_future())
            self._queue.put(task)
            return await task.done
        finally:
            self.waiting -= 1

    def beat(self) -> int:
        """Give each thing that runs one beat more; give the most that one has had.

        Beats and not seconds: a process that gets no processor beats slowly, and is not taken for stuck.
        """
        running = list(self._running.values())
        for task in running:
            task.beats += 1
        return max((task.beats for task in running), default=0)

    def _work(self, number: int) -> None:
        while True:
            task = self._queue.get()
            self._running[number] = task
            result, error = None, None
            try:
                result = task.do()
            except BaseException as raised:  # noqa: BLE001 - whoever waits for it hears of it
                error = raised
            del self._running[number]
            loop = task.done.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_finish, task.done, result, error)
            del task, result, error


def _finish(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.cancelled():
        return
    if error:
        done.set_exception(error)
    else:
        done.set_result(result)
