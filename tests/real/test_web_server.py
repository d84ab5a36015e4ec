"""Real server processes: silent connections, processes that hang, a busy machine, and a new version."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
import requests
from long.line import Network
from long.sockets import (
    KINDS,
    PATIENCE,
    Answers,
    allow_many_sockets,
    call,
    call_steadily,
    hold_many,
    lose,
    nothing_runs,
    starve,
    take_over,
    web_alone,
)

from ivr.cli.processes import FILER
from ivr.operations.local_stack import free_port, is_alive
from ivr.operations.reload import list_refused
from ivr.web.server.worker import HANGING_SECONDS
from real.rehearsal import IVR, ROOT, becomes, children, name_of, run_ivr, web_workers
from real.warm_start import warm_start

T = TypeVar("T")

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from ivr.operations.local_stack import LocalStack
    from real.rehearsal import Limits

SLOW_APPLICATION = """
import threading, time
from pathlib import Path
from flask import Flask
from ivr.web.server.main_process import ServerOptions, serve

def read_files(before=None):
    return "files"

def prepare(files):
    with Path("prepared").open("a") as file:
        file.write(files + "\\n")

def note(what):
    with Path("beside").open("a") as file:
        file.write(what + "\\n")

def begin(files):
    note("began")
    return lambda: note("finished")

def application(files):
    app = Flask("slow")

    @app.get("/health")
    def health():
        return "ok"

    @app.get("/slow")
    def slow():
        Path("begun").touch()
        while not Path("go").exists():
            time.sleep(0.01)
        return "done"

    return app

if __name__ == "__main__":
    import sys
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    here = ServerOptions(
        "slow:application", "127.0.0.1", port, 1, 2, seconds, last_word_seconds=7,
        files="slow:read_files", prepare="slow:prepare", background=("ivr-filer", "slow:begin"),
    )
    serve(here, replace="--replace" in sys.argv)
"""


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run something in a loop of its own: a browser's may run in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LocalStack]:
    """Give a line of which the web server alone runs."""
    with web_alone(tmp_path, warm_start()) as stack:
        yield stack


@pytest.fixture(scope="module")
def running_web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Give one web server to all tests that only ask it."""
    with web_alone(tmp_path_factory.mktemp("web"), warm_start()) as stack:
        yield stack


@pytest.fixture
def whole_web(running_web: LocalStack) -> LocalStack:
    """Give the web server that runs already, once both of its processes answer: tests end some of them."""
    main = running_web.running["web"].pid
    assert becomes(lambda: len(web_workers(main)) == 2, PATIENCE)
    return running_web


@pytest.fixture
def redis_server() -> None:
    """Need no Redis."""


@pytest.mark.parametrize("kind", KINDS)
def test_callers_are_answered_beside_silent_connections(
    running_web: LocalStack, kind: str, limits: Limits
) -> None:
    sockets, seconds = (1000, 60) if limits.paced else (200, 5)
    before, began = _refusals(running_web), time.monotonic()
    allow_many_sockets()

    figures = _run(hold_many(running_web, kind, sockets, seconds))
    most = 2 * (time.monotonic() - began + 1)  # A line a second in each of two processes.

    assert figures["failed"] == 0
    assert figures["answers"] > 0
    assert figures["connections opened"] > sockets  # The server closed them, and they came again.
    assert _refusals(running_web) - before <= most


def _refusals(stack: LocalStack) -> int:
    return stack.log("web").read_text().count("refused")


def test_a_process_that_was_stopped_is_replaced_and_nobody_is_lost(whole_web: LocalStack) -> None:
    before = _hung(whole_web)

    figures = _run(lose(whole_web, signal.SIGSTOP, seconds=1, under_way=False))

    assert (figures["failed"], figures["processes replaced"]) == (0, 1)
    assert _hung(whole_web) - before == 1


def _hung(stack: LocalStack) -> int:
    return stack.log("web").read_text().count("hangs, and is replaced")


def test_a_process_that_was_killed_is_replaced(whole_web: LocalStack) -> None:
    figures = _run(lose(whole_web, signal.SIGKILL, seconds=1, under_way=False))

    assert (figures["failed"], figures["processes replaced"]) == (0, 1)


def test_a_busy_machine_does_not_make_a_process_hang(whole_web: LocalStack, limits: Limits) -> None:
    figures = _run(starve(whole_web, 120 if limits.paced else 2 * HANGING_SECONDS, nice=19))

    assert figures["answers"] > 0
    assert (figures["processes replaced"], figures["taken for hanging"]) == (0, 0)
    assert _take_up_files(whole_web)  # By processes that are not nice: the next test has those.


def test_a_second_server_on_the_same_port_is_refused(running_web: LocalStack) -> None:
    web = running_web
    second = run_ivr("web", environment=web.environment)

    assert second.returncode == 1
    assert f"process {web.running['web'].pid} answers on port {web.web_port} already" in second.stderr
    assert "--replace" in second.stderr
    assert requests.get(f"{web.public_url}/health", timeout=PATIENCE).text.startswith("ok ")


def test_a_port_of_another_program_is_refused(tmp_path: Path) -> None:
    with nothing_runs(tmp_path, warm_start()) as stack, socket.create_server(("127.0.0.1", stack.web_port)):
        refused = run_ivr("web", environment=stack.environment)

    assert refused.returncode == 1
    assert f"another program listens on port {stack.web_port}" in refused.stderr


def test_new_versions_take_over_and_nobody_is_lost(web: LocalStack, limits: Limits) -> None:
    every, times = (0.005, 3) if limits.paced else (0.02, 1)

    figures = _run(take_over(web, seconds=1, every=every, times=times))

    assert figures["failed"] == 0
    assert figures["answers"] > 0
    assert web.running["web"].poll() is None
    page = requests.get(f"{web.public_url}/metrics", timeout=PATIENCE).text
    counted = re.findall(r'ivr_webhook_seconds_count{kind="voice.go_on",outcome="answered"} (\S+)', page)
    assert sum(map(float, counted)) == figures["answers"]  # By two processes of each version.


def test_files_are_taken_up_by_sighup_and_broken_ones_are_refused(tmp_path: Path) -> None:
    prompts = shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    with web_alone(tmp_path, warm_start(), IVR_PROMPTS=str(prompts)) as stack:
        main, english = stack.running["web"], prompts / "en.toml"
        first, words = web_workers(main.pid), english.read_text("utf-8")
        assert "Hello. In danger? Call 911." in words
        english.write_text(words.replace("Hello. In danger? Call 911.", "Hi. In danger? Call 911."), "utf-8")

        main.send_signal(signal.SIGHUP)
        renewed = becomes(lambda: _others(main.pid, first) and len(web_workers(main.pid)) == 2, PATIENCE)
        said = _menu_by_text(stack)
        english.write_text(words.replace("Hello. In danger? Call 911.", "Ho. {In danger?"), "utf-8")
        main.send_signal(signal.SIGHUP)
        refused = becomes(lambda: bool(list_refused(tmp_path / "journal")), PATIENCE)
        second = web_workers(main.pid)
        for pid in second:  # What replaces them has the good files, too.
            os.kill(pid, signal.SIGKILL)
        replaced = becomes(lambda: _others(main.pid, second) and len(web_workers(main.pid)) == 2, PATIENCE)
        said_then = _menu_by_text(stack)

        assert (renewed, refused, replaced) == (True,) * 3, stack.log("web").read_text()
        assert "Hi. In danger? Call 911." in said
        assert "Hi. In danger? Call 911." in said_then
        assert main.poll() is None


def test_files_are_taken_up_while_people_call_and_nobody_is_lost(whole_web: LocalStack) -> None:
    async def meanwhile() -> tuple[Answers, bool]:
        acting = asyncio.get_running_loop().run_in_executor(None, _take_up_files, whole_web)
        return await call_steadily(whole_web, 1, 0.02, acting), await acting

    figures, taken_up = _run(meanwhile())

    assert taken_up
    assert figures.failed == 0
    assert figures.seconds


def _take_up_files(stack: LocalStack) -> bool:
    """Have a server take up its files anew, which each of its processes does by being replaced."""
    main = stack.running["web"]
    first = web_workers(main.pid)
    main.send_signal(signal.SIGHUP)
    return becomes(lambda: _others(main.pid, first) and len(web_workers(main.pid)) == 2, PATIENCE)


def test_who_started_the_server_is_told_once_it_answers_and_of_a_new_version(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify"))
        supervisor.settimeout(PATIENCE)
        with web_alone(tmp_path, warm_start(), NOTIFY_SOCKET=str(tmp_path / "notify")) as stack:
            older = stack.running["web"]
            ready = supervisor.recv(1000).decode()
            answered = stack.log("web").read_text().count("Started worker")
            older.send_signal(signal.SIGUSR2)
            taken_over = supervisor.recv(1000).decode()
            stopping = supervisor.recv(1000).decode()
            newer = int(taken_over.partition("MAINPID=")[2].split()[0])
            older.wait(PATIENCE)
            still = requests.get(f"{stack.public_url}/health", timeout=PATIENCE).ok
            os.kill(newer, signal.SIGTERM)
            gone = becomes(lambda: not is_alive(newer), PATIENCE)

    assert ready == f"MAINPID={older.pid}\nREADY=1"
    assert answered == 2
    assert "READY=1" in taken_over
    assert newer != older.pid
    assert stopping == "STOPPING=1"
    assert (still, gone) == (True, True)


def test_a_socket_that_is_handed_on_outlives_the_server_and_nobody_is_refused(tmp_path: Path) -> None:
    with (
        nothing_runs(tmp_path, warm_start()) as stack,
        socket.create_server(("127.0.0.1", stack.web_port), backlog=128) as listener,
    ):
        waiting = socket.create_connection(("127.0.0.1", stack.web_port))
        waiting.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        answers = [_answer_of(waiting)] if _start_with(stack, listener) else []
        stack.stop("web")
        waiting = socket.create_connection(("127.0.0.1", stack.web_port))
        waiting.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        _start_with(stack, listener)
        answers.append(_answer_of(waiting))
        stack.stop("web")

    assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 200 OK"] * 2


def _start_with(stack: LocalStack, listener: socket.socket) -> bool:
    """Start the web server as systemd does: with its listening socket as descriptor 3."""
    hand_on = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True);"
        " os.environ |= {'LISTEN_FDS': '1', 'LISTEN_PID': str(os.getpid())};"
        " os.execv(sys.argv[2], sys.argv[2:])"
    )
    with stack.log("web").open("ab") as log:
        stack.running["web"] = subprocess.Popen(
            [sys.executable, "-c", hand_on, str(listener.fileno()), IVR, "web"],
            env={"PATH": os.environ["PATH"], **stack.environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[listener.fileno()],
        )
    return True


def _answer_of(connection: socket.socket) -> bytes:
    with connection:
        connection.settimeout(PATIENCE)
        return connection.makefile("rb").read()


def _menu_by_text(stack: LocalStack) -> str:
    return Network(stack).post("/sms", MessageSid="SM" + secrets.token_hex(16), Body="menu")


def test_the_log_tells_of_no_address_that_was_asked_for(running_web: LocalStack) -> None:
    web = running_web
    _run(_call_once(web))
    requests.get(f"{web.public_url}/nowhere", timeout=PATIENCE)

    log = web.log("web").read_text()
    assert "/voice/" not in log
    assert "/nowhere" not in log


def test_whatever_a_stranger_sends_is_no_fault_of_ours(running_web: LocalStack) -> None:
    web = running_web
    url = f"{web.public_url}/nowhere"
    sent = {
        "unknown address": requests.post(url, data={"a": "1"}, timeout=PATIENCE),
        "large": requests.post(url, data=b"a" * 300_000, timeout=PATIENCE),
        "fields": requests.post(url, data="&".join(["a=1"] * 201), headers=_form(), timeout=PATIENCE),
        "many headers": requests.get(
            url, headers={f"X-{n}": "a" * 200 for n in range(100)}, timeout=PATIENCE
        ),
        "no text": requests.post(url, data=b"\xff=%ff&\x00", headers=_form(), timeout=PATIENCE),
    }

    found = {what: answer.status_code for what, answer in sent.items()}
    assert found == {"unknown address": 404, "large": 413, "fields": 413, "many headers": 400, "no text": 404}
    _run(_call_once(web))


def _form() -> dict[str, str]:
    return {"Content-Type": "application/x-www-form-urlencoded"}


async def _call_once(web: LocalStack) -> None:
    answers = Answers()
    await call(web, answers)
    assert answers.failed == 0


def test_a_process_with_a_stuck_thread_is_replaced_though_its_loop_lives(tmp_path: Path) -> None:
    with slow_server(tmp_path, stuck_seconds=1) as (process, port):
        first = web_workers(process.pid)
        asking = threading.Thread(target=_ask_slow, args=(port, []), daemon=True)
        asking.start()
        assert becomes((tmp_path / "begun").exists, PATIENCE)

        assert becomes(lambda: _others(process.pid, first), PATIENCE)
        assert becomes(lambda: _healthy(port), PATIENCE)
        assert "a request is stuck" in (tmp_path / "log").read_text()


def test_what_takes_long_is_done_before_new_processes_begin_where_others_answer(tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"
    with slow_server(tmp_path, stuck_seconds=60) as (process, port):
        at_start = prepared.exists()  # Nobody answers yet: a caller would wait for it.
        first = web_workers(process.pid)
        process.send_signal(signal.SIGHUP)
        assert becomes(lambda: _others(process.pid, first), PATIENCE)
        by_files = prepared.read_text()
        with _slow_process(tmp_path, port, 60, "--replace"):
            assert becomes(lambda: process.poll() is not None, PATIENCE)
            by_version = prepared.read_text()

    assert (at_start, by_files, by_version) == (False, "files\n", "files\nfiles\n")


def test_a_server_that_is_told_to_end_finishes_what_it_began(tmp_path: Path) -> None:
    answers: list[str] = []
    with slow_server(tmp_path, stuck_seconds=60) as (process, port), ExitStack() as stack:
        new = stack.enter_context(socket.create_connection(("127.0.0.1", port)))  # It has said nothing yet.
        asking = threading.Thread(target=_ask_slow, args=(port, answers), daemon=True)
        asking.start()
        assert becomes((tmp_path / "begun").exists, PATIENCE)
        worker = web_workers(process.pid)[0]
        os.kill(worker, signal.SIGTERM)  # The last one that accepts: now nobody does.
        assert becomes(lambda: "finishing what was begun" in (tmp_path / "log").read_text(), PATIENCE)
        new.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        new.settimeout(PATIENCE)
        said = new.makefile("rb").read()
        (tmp_path / "go").touch()
        asking.join(PATIENCE)

    assert b"200 OK" in said
    assert b"connection: close" in said
    assert answers == ["done"]


def test_what_is_done_beside_answering_is_replaced_when_it_ends_hangs_or_has_older_files(
    tmp_path: Path,
) -> None:
    with slow_server(tmp_path, stuck_seconds=60) as (process, _):
        for begun, number in enumerate((signal.SIGKILL, signal.SIGSTOP, signal.SIGHUP), 1):
            assert becomes(lambda begun=begun: _notes(tmp_path) == begun * ["began"], PATIENCE)
            (first,) = _beside(process.pid)
            os.kill(process.pid if number is signal.SIGHUP else first, number)
            assert becomes(lambda before=first: _others_beside(process.pid, before), PATIENCE)
        log = (tmp_path / "log").read_text()
        assert becomes(lambda: sorted(_notes(tmp_path)) == [*4 * ["began"], "finished"], PATIENCE)

    assert "(ivr-filer) has ended, and is started again" in log
    assert "(ivr-filer) hangs, and is replaced" in log


def test_what_is_done_beside_answering_ends_after_the_last_answer(tmp_path: Path) -> None:
    answers: list[str] = []
    with slow_server(tmp_path, stuck_seconds=60) as (process, port):
        assert becomes(lambda: _notes(tmp_path) == ["began"], PATIENCE)
        (beside,) = _beside(process.pid)
        asking = threading.Thread(target=_ask_slow, args=(port, answers), daemon=True)
        asking.start()
        assert becomes((tmp_path / "begun").exists, PATIENCE)
        for pid in (process.pid, beside):  # A platform tells all processes at once.
            os.kill(pid, signal.SIGTERM)
        assert becomes(lambda: "finishing what was begun" in (tmp_path / "log").read_text(), PATIENCE)
        meanwhile = _notes(tmp_path)
        (tmp_path / "go").touch()
        asking.join(PATIENCE)
        process.wait(PATIENCE)

    assert (answers, meanwhile) == (["done"], ["began"])
    assert _notes(tmp_path) == ["began", "finished"]
    assert not is_alive(beside)


def test_what_is_done_beside_answering_is_finished_where_the_main_process_was_killed(tmp_path: Path) -> None:
    with slow_server(tmp_path, stuck_seconds=60) as (process, port):
        assert becomes(lambda: _notes(tmp_path) == ["began"], PATIENCE)
        (beside,) = _beside(process.pid)
        (answers,) = web_workers(process.pid)
        assert (_listens(answers, port), _listens(beside, port)) == (True, False)
        process.kill()

        assert becomes(lambda: not is_alive(beside), PATIENCE)
        assert _notes(tmp_path) == ["began", "finished"]


@contextmanager
def slow_server(folder: Path, stuck_seconds: float) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Serve an application that answers when it is told to."""
    (folder / "slow.py").write_text(SLOW_APPLICATION, "utf-8")
    port = free_port()
    with _slow_process(folder, port, stuck_seconds) as process:
        assert becomes(lambda: "Started worker" in (folder / "log").read_text(), PATIENCE)
        yield process, port


@contextmanager
def _slow_process(folder: Path, port: int, *given: object) -> Iterator[subprocess.Popen[bytes]]:
    paths = os.pathsep.join((str(folder), str(ROOT)))
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "slow.py", str(port), *map(str, given)],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": paths},
            stderr=log,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


def _ask_slow(port: int, answers: list[str]) -> None:
    with suppress(requests.RequestException):
        answers.append(requests.get(f"http://127.0.0.1:{port}/slow", timeout=PATIENCE).text)


def _listens(pid: int, port: int) -> bool:
    """Whether a process holds the socket that listens on a port."""
    rows = [row.split() for row in Path(f"/proc/{pid}/net/tcp").read_text("ascii").splitlines()[1:]]
    ours = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"}
    held = {str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()}
    return bool(ours & held)


def _notes(folder: Path) -> list[str]:
    found = folder / "beside"
    return found.read_text().split() if found.exists() else []


def _beside(main: int) -> list[int]:
    return [pid for pid in children(main) if name_of(pid) == FILER]


def _others_beside(main: int, first: int) -> bool:
    return bool(set(_beside(main)) - {first}) and first not in children(main)


def _others(main: int, first: list[int]) -> bool:
    now = web_workers(main)
    return bool(now) and not set(now) & set(first)


def _healthy(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=1).ok
    except requests.RequestException:
        return False
