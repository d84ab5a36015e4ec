"""The classifier's process: one a host, asked by a socket of its own user, missed by nobody when gone."""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ivr.understanding.client import (
    ClassifierSupervisor,
    ClassifierUnavailable,
    ask_classifier,
    command_of,
    socket_of,
)
from ivr.understanding.intents import Meaning
from ivr.understanding.server import answer, listen, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

PHRASES = Path("phrases")
PROGRAM = """
import os, sys
from pathlib import Path
from ivr.understanding.intents import Meaning
from ivr.understanding.server import listen, serve
class Fake:
    def classify(self, text):
        return Meaning({{str(os.getpid()): 1.0}}, 0.0, "fake")
print("fake", flush=True)
serve(listen(Path("{path}")), Fake(), sys.stdin.fileno())
"""  # A classifier that answers every text with the number of its process.


class Echo:
    """A classifier that is sure of whatever it reads."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def classify(self, text: str) -> Meaning:
        self.read.append(text)
        return Meaning({text[:40]: 1.0}, 2.5, "echo")


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short name: a socket's is at most 108 letters."""
    folder = Path(f"/tmp/ivr-test-{os.getpid()}-{time.monotonic_ns()}")  # noqa: S108 - pytest's own is too long
    folder.mkdir(mode=0o700)
    yield folder
    for file in folder.rglob("*"):
        if not file.is_dir():
            file.unlink()
    for each in sorted((*folder.rglob("*"), folder), reverse=True):
        each.rmdir()


@pytest.fixture
def served(short: Path) -> Iterator[tuple[Path, Echo]]:
    path, echo = short / "c.sock", Echo()
    parent, child = os.pipe()
    listening = listen(path)
    thread = threading.Thread(target=serve, args=(listening, echo, parent))
    thread.start()
    yield path, echo
    os.close(child)
    thread.join(timeout=60)
    os.close(parent)
    listening.close()
    assert not thread.is_alive()


def _wait_for(path: Path, text: str) -> Meaning:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if found := ask_classifier(path, text, patience=5):
            return found
        threading.Event().wait(0.05)
    raise AssertionError(f"nobody answered at {path}")


def test_a_text_is_answered_over_the_socket(served: tuple[Path, Echo]) -> None:
    path, _ = served

    found = ask_classifier(path, "il a dit « non »\nand left\0", patience=60)

    assert found == Meaning({"il a dit « non »\nand left\0"[:40]: 1.0}, 2.5, "echo")


def test_only_its_own_user_can_open_the_socket(served: tuple[Path, Echo]) -> None:
    assert stat.S_IMODE(served[0].stat().st_mode) == 0o600


def test_nonsense_and_silence_do_not_stop_the_next(served: tuple[Path, Echo]) -> None:
    path, _ = served
    for sent in (b"", b"not json\n", b"[1]\n", b"x" * 40_000):
        with socket.socket(socket.AF_UNIX) as rude:
            rude.connect(str(path))
            rude.sendall(sent)

    assert ask_classifier(path, "still there?", patience=60) is not None


def test_who_has_stopped_waiting_is_not_worked_for() -> None:
    echo = Echo()
    ours, theirs = socket.socketpair()
    ours.sendall(b'"too late"\n')
    ours.close()

    with theirs:
        answer(theirs, echo)

    assert echo.read == []


def test_a_process_that_is_gone_or_hangs_answers_none_in_time(short: Path) -> None:
    hanging = listen(short / "hangs.sock")

    begun = time.monotonic()
    absent = ask_classifier(short / "absent.sock", "hello")
    silent = ask_classifier(short / "hangs.sock", "hello", patience=0.2)

    assert (absent, silent) == (None, None)
    assert time.monotonic() - begun < 60
    hanging.close()


def test_a_folder_that_others_can_enter_is_refused(short: Path) -> None:
    place = socket_of(PHRASES, short / "weights", short).parent
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    place.chmod(0o755)

    with pytest.raises(ClassifierUnavailable):
        socket_of(PHRASES, short / "weights", short)


def test_two_web_processes_share_one_classifier_and_the_next_takes_over(short: Path) -> None:
    path = short / "c.sock"
    first, second = (
        ClassifierSupervisor(path, (sys.executable, "-c", PROGRAM.format(path=path))) for _ in range(2)
    )
    first.start()
    assert set(_wait_for(path, "one").names) == {str(first.pid)}
    second.start()

    assert second.pid is None
    first.stop()

    assert set(_wait_for(path, "two").names) == {str(second.pid)}
    assert first.pid is None
    second.stop()
    assert second.pid is None


def test_a_killed_classifier_is_started_again(short: Path) -> None:
    path = short / "c.sock"
    kept = ClassifierSupervisor(path, (sys.executable, "-c", PROGRAM.format(path=path)))
    kept.start()
    before = _wait_for(path, "who?").names

    os.kill(int(next(iter(before))), signal.SIGKILL)

    assert _wait_for(path, "who?").names != before
    kept.stop()


def test_a_hanging_classifier_is_replaced(short: Path) -> None:
    path = short / "c.sock"
    kept = ClassifierSupervisor(path, (sys.executable, "-c", PROGRAM.format(path=path)), 0.1, 2.0)
    kept.start()
    before = _wait_for(path, "who?").names

    os.kill(int(next(iter(before))), signal.SIGSTOP)

    assert _wait_for(path, "who?").names != before
    kept.stop()


def test_the_real_classifier_answers_within_its_memory(short: Path) -> None:
    path = short / "c.sock"
    kept = ClassifierSupervisor(path, command_of(path, PHRASES, short / "weights"))
    kept.start()

    found = _wait_for(path, "where can i sleep tonight, i have no place")
    pages = int(Path(f"/proc/{kept.pid}/statm").read_text("ascii").split()[1])

    assert max(found.names, key=lambda name: found.names[name]) == "shelter"
    assert pages * os.sysconf("SC_PAGE_SIZE") <= 400 * 1024 * 1024
    kept.stop()
