"""The parts of the server: what is refused before Flask sees it, and which process hangs."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
from flask import Flask, Response, request
from uvicorn.config import Config
from uvicorn.server import ServerState

from ivr.web.server.http_protocol import BoundedProtocol, ConnectionLimit, CountRefusals, RefusalLog
from ivr.web.server.worker import ProcessState, StallDetector
from ivr.web.server.wsgi_adapter import (
    CHUNK,
    LARGEST_BODY,
    MOST_FIELDS,
    PART_SECONDS,
    ThreadPool,
    WsgiAdapter,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FORM = (b"content-type", b"application/x-www-form-urlencoded")
IDLE, STOPPED = (
    ProcessState(1.0, runnable=False, stopped=False),
    ProcessState(1.0, runnable=False, stopped=True),
)


def until_it_hangs(states: Iterable[ProcessState | None], sign: float | None = 1.0) -> float | None:
    """Look twice a second at a process that is silent; say when it is taken for hanging."""
    detector = StallDetector(0.0)
    if sign is not None:
        assert not detector.hangs(sign, [IDLE].pop, 0.0)
    for look, state in enumerate(states, 1):
        if detector.hangs(sign, [state].pop, look / 2):
            return look / 2
    return None


def test_a_process_that_gives_signs_of_life_is_not_looked_into() -> None:
    detector, nothing_to_read = StallDetector(0.0), [].pop
    assert not any(detector.hangs(look / 2, nothing_to_read, look / 2) for look in range(1, 20))


def test_a_process_that_waits_for_something_hangs_within_four_seconds() -> None:
    assert until_it_hangs([IDLE] * 20) == 3.5


def test_a_process_that_was_stopped_hangs_within_three_seconds() -> None:
    assert until_it_hangs([STOPPED] * 20) == 2.5


def test_a_process_that_gets_no_processor_for_two_minutes_does_not_hang() -> None:
    assert (
        until_it_hangs(ProcessState(1.0 + look / 100, runnable=True, stopped=False) for look in range(240))
        is None
    )


def test_a_process_that_computes_without_end_hangs() -> None:
    assert until_it_hangs(ProcessState(look / 2, runnable=True, stopped=False) for look in range(20)) == 4.0


def test_a_process_that_starts_has_a_minute() -> None:
    assert until_it_hangs([IDLE] * 119, sign=None) is None
    assert until_it_hangs([IDLE] * 121, sign=None) == 60.5


def test_a_process_that_is_stopped_while_it_starts_has_no_minute() -> None:
    assert until_it_hangs([STOPPED] * 20, sign=None) == 2.5


def test_a_machine_that_slept_for_an_hour_wakes_up_with_all_its_processes() -> None:
    detector = StallDetector(0.0)
    detector.hangs(1.0, [IDLE].pop, 0.5)

    assert not detector.hangs(1.0, [IDLE].pop, 3600.0)
    assert not detector.hangs(3600.2, [IDLE].pop, 3600.5)


def test_refusals_write_a_line_a_second_with_their_count(caplog: pytest.LogCaptureFixture) -> None:
    at = 0.0
    refusals = RefusalLog(lambda: at)

    for _ in range(1000):
        refusals.count("body too large")
    at = 1.0
    refusals.tell()
    refusals.tell()

    assert [record.getMessage() for record in caplog.records] == [
        "refused 1: body too large: 1",
        "refused 999: body too large: 999",
    ]


def test_what_strangers_send_is_counted_and_faults_of_ours_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = logging.getLogger("test.uvicorn")
    log.addFilter(CountRefusals(RefusalLog(lambda: 0.0)))

    for _ in range(3):
        log.warning("Invalid HTTP request received.")
    log.error("Exception in ASGI application", exc_info=ValueError())

    assert [record.getMessage() for record in caplog.records] == [
        "refused 1: Invalid HTTP request received: 1",
        "Exception in ASGI application",
    ]


class Connection(BoundedProtocol):
    """A connection of which only the end is seen."""

    def __init__(self) -> None:
        self.ended = False
        self.transport = cast("Any", self)

    def abort(self) -> None:
        self.ended = True


def test_the_connection_that_is_silent_longest_makes_room() -> None:
    limit = ConnectionLimit(3, RefusalLog())
    first, second, third, fourth = connections = [Connection() for _ in range(4)]

    for connection in connections[:3]:
        limit.opened(connection)
    limit.asks(first)
    limit.opened(fourth)

    assert [connection.ended for connection in connections] == [False, True, False, False]
    limit.closed(second)
    limit.waits(first)
    limit.opened(Connection())
    assert third.ended


def test_a_new_connection_goes_when_all_others_are_being_answered() -> None:
    limit, asking, late = ConnectionLimit(1, RefusalLog()), Connection(), Connection()
    limit.opened(asking)
    limit.asks(asking)

    limit.opened(late)

    assert (asking.ended, late.ended) == (False, True)


def test_a_connection_that_is_accepted_in_the_last_instant_is_answered_and_closed() -> None:
    said = asyncio.run(_ask_while_the_process_ends())

    assert b"200 OK" in said
    assert b"connection: close" in said


async def _ask_while_the_process_ends() -> bytes:
    async def answers(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    class Ending(BoundedProtocol):
        limit = ConnectionLimit(9, RefusalLog())
        process_ends = True

    config, state = Config(answers, log_config=None, lifespan="off"), ServerState()
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Ending(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    async with asyncio.timeout(60):
        said = await reader.read()
    writer.close()
    server.close()
    return said


def application() -> Flask:
    app = Flask(__name__)

    @app.route("/echo", methods=["GET", "POST"])
    def echo() -> dict[str, Any]:
        asked = {name: value for name, value in request.headers if name.startswith("X-")}
        return {"form": request.form, "args": request.args, "headers": asked, "path": request.path}

    @app.get("/long")
    def long() -> Response:
        return Response(b"x" * 50_000 for _ in range(10))

    @app.get("/fails")
    def fails() -> Response:
        def broken() -> Iterator[bytes]:
            raise ValueError
            yield b""

        return Response(broken())

    return app


def ask(
    path: str, *pieces: bytes, headers: tuple[tuple[bytes, bytes], ...] = (FORM,), last: bool = True
) -> tuple[int, bytes]:
    """Send a request in pieces, or all but its last one; give status and body of the answer."""
    sent: list[Any] = []
    coming = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if last and coming:
        coming[-1]["more_body"] = False

    async def receive() -> Any:
        if not coming:
            await asyncio.Event().wait()
        return coming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    length = (b"content-length", str(sum(map(len, pieces)) + (not last)).encode())
    path, _, query = path.partition("?")
    scope = {
        "type": "http", "method": "POST" if pieces else "GET", "scheme": "http", "http_version": "1.1",
        "raw_path": path.encode(), "query_string": query.encode(), "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1), "headers": [*headers, length] if pieces else [*headers],
    }  # fmt: skip
    adapter = WsgiAdapter(application(), ThreadPool(1), RefusalLog(), body_seconds=0.05 if not last else 60)
    asyncio.run(adapter(cast("Any", scope), receive, send))
    return sent[0]["status"], b"".join(message["body"] for message in sent[1:])


class Reader:
    """Takes one answer: how much of it came, and whether they are gone."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.news, self.gone = asyncio.Event(), asyncio.Event()

    async def receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.pieces += [message["body"]] if message.get("body") else []
        self.news.set()

    async def ask(self, adapter: WsgiAdapter) -> None:
        scope = {
            "type": "http", "method": "GET", "scheme": "http", "http_version": "1.1", "raw_path": b"/",
            "query_string": b"", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "headers": [],
        }  # fmt: skip
        async with asyncio.timeout(60):
            await adapter(cast("Any", scope), self.receive, cast("Any", self.send))


def serving(pieces: Iterator[bytes]) -> WsgiAdapter:
    """Serve one answer in pieces, by a server with one thread for requests."""
    return WsgiAdapter(lambda _, start: (start("200 OK", []), Pieces(pieces))[1], ThreadPool(1), RefusalLog())


class Pieces:
    """An answer's body, which tells whether it was closed."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.closed = threading.Event()
        BODIES.append(self)

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        self.closed.set()


BODIES: list[Pieces] = []


def test_a_download_takes_no_thread_from_those_who_ask_for_a_page() -> None:
    go_on = threading.Event()

    def long() -> Iterator[bytes]:
        yield b"x" * CHUNK
        go_on.wait(60)
        yield b"y"

    async def read_both() -> list[bytes]:
        adapter, reader = serving(long()), Reader()
        reading = asyncio.create_task(reader.ask(adapter))
        await reader.news.wait()
        async with asyncio.timeout(60):
            await adapter.pool.run(go_on.set)  # What a page does: it has the one thread of requests.
        await reading
        return reader.pieces

    assert b"".join(asyncio.run(read_both())) == b"x" * CHUNK + b"y"


def test_what_there_is_of_a_slow_answer_is_sent_before_it_is_long() -> None:
    reader = Reader()

    def slow() -> Iterator[bytes]:
        while not reader.pieces:
            yield b"."
        yield b"!"

    asyncio.run(reader.ask(serving(slow())))

    assert b"".join(reader.pieces).strip(b".") == b"!"


def test_an_answer_of_which_nothing_is_there_yet_goes_on() -> None:
    reader, until = Reader(), time.monotonic() + PART_SECONDS

    def nothing() -> Iterator[bytes]:
        while time.monotonic() < until:
            yield b""
        yield b"found"

    asyncio.run(reader.ask(serving(nothing())))

    assert reader.pieces == [b"found"]


def test_a_download_whose_reader_is_gone_is_made_no_further() -> None:
    async def read_and_leave() -> None:
        reader = Reader()
        reading = asyncio.create_task(reader.ask(serving(iter(lambda: b"x" * CHUNK, b""))))
        await reader.news.wait()
        reader.gone.set()
        await reading

    asyncio.run(read_and_leave())

    assert BODIES[-1].closed.is_set()


def test_flask_gets_a_form_that_came_in_pieces() -> None:
    status, body = ask("/echo?a=1", b"Digits=", b"1&From=%2B1")

    assert (status, Flask("").json.loads(body)["form"]) == (200, {"Digits": "1", "From": "+1"})


def test_an_address_keeps_its_letters() -> None:
    assert b'"/echo"' in ask("/%65cho")[1]
    assert ask("/%ff%C3%A9")[0] == 404


def test_a_header_with_an_underscore_cannot_pass_for_another() -> None:
    _, body = ask("/echo", headers=((b"x_twilio_signature", b"forged"), (b"x-other", b"1")))

    assert Flask("").json.loads(body)["headers"] == {"X-Other": "1"}


def test_a_body_of_the_largest_size_passes_and_one_byte_more_is_refused() -> None:
    assert ask("/echo", b"a=", b"b" * (LARGEST_BODY - 2))[0] == 200
    assert ask("/echo", b"a=", b"b" * (LARGEST_BODY - 1))[0] == 413


def test_an_unknown_address_is_no_way_round_the_limit() -> None:
    assert ask("/nowhere", b"a=1")[0] == 404
    assert ask("/nowhere", *[b"a" * 30_000] * 10)[0] == 413


def test_a_form_of_many_fields_is_refused_unread() -> None:
    assert ask("/echo", b"&".join([b"a=1"] * MOST_FIELDS))[0] == 200
    assert ask("/echo", b"&".join([b"a=1"] * (MOST_FIELDS + 1)))[0] == 413
    parts = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" * (MOST_FIELDS + 1)
    assert ask("/echo", parts, headers=((b"content-type", b"multipart/form-data; boundary=x"),))[0] == 413


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    assert ask("/echo", b"Digits=", last=False)[0] == 408


def test_a_long_answer_is_sent_whole() -> None:
    assert ask("/long") == (200, b"x" * 500_000)


def test_an_answer_that_breaks_off_is_a_fault_and_not_half_an_answer() -> None:
    assert ask("/fails")[0] == 500


def test_a_thread_that_is_stuck_is_seen_by_its_beats() -> None:
    async def stick() -> tuple[list[int], int]:
        pool, go = ThreadPool(2), threading.Event()
        begun = threading.Event()
        stuck = asyncio.create_task(pool.run(lambda: (begun.set(), go.wait(60))))
        await asyncio.to_thread(begun.wait, 60)
        beats = []
        for _ in range(3):
            await pool.run(lambda: None)
            beats.append(pool.beat())
        go.set()
        await stuck
        return beats, pool.waiting

    assert asyncio.run(stick()) == ([1, 2, 3], 0)


def test_what_fails_in_a_thread_is_told_to_who_waits() -> None:
    async def fail() -> None:
        await ThreadPool(1).run(lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(fail())
