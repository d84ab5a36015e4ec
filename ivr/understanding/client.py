"""Ask the classifier's process about a text, by a local socket, for 300 ms; then the rules alone answer."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ivr.understanding.intents import Meaning
from ivr.understanding.text_cleaning import clean, fold
from ivr.understanding.understand import understand

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ivr.understanding.understand import Context, Rules, Understanding


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


# Read one text: ask the classifier about it, then decide. Its words are kept nowhere.

KEPT_SECONDS = 60.0  # How soon weights that are published count for keywords too.
MOST_KEPT = 2048  # Of the line's own words, as they are typed: SHELTER, shelter, Shelter.


@dataclass(frozen=True)
class TextReader:
    """The rules, and who is asked what a text means: None from them leaves the rules alone.

    What the classifier makes of the line's own keywords is kept for a minute: they stand on posters, come
    most often, and say nothing of who texts them. Nothing else that somebody wrote is kept.
    """

    rules: Rules
    meaning: Callable[[str], Meaning | None]
    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, Meaning]] = field(default_factory=dict)

    def read(self, text: str, context: Context) -> Understanding:
        """Understand one text."""
        if not context.keywords.has(fold(clean(text))):
            return understand(self.rules, text, context, self.meaning(text))
        return understand(self.rules, text, context, self._meaning_of_keyword(text))

    def _meaning_of_keyword(self, text: str) -> Meaning | None:
        now = self.clock()
        since, meaning = self._kept.get(text, (0.0, None))
        if meaning is not None and now - since < KEPT_SECONDS:
            return meaning
        if (meaning := self.meaning(text)) is not None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[text] = now, meaning
        return meaning


# Keep one classifier process a host: whichever web process holds the lock starts, watches and ends it.

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0  # How often those without the lock look whether its holder is gone.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # Before a process that ended is started again.
PING_SECONDS, PING_PATIENCE = (
    5.0,
    10.0,
)  # How often the process is asked whether it still answers, and how long it has.
MOST_SILENT = 2  # After so many pings without an answer it is replaced.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # Web processes need the other cores.


class ClassifierUnavailable(Exception):  # noqa: N818 - named for whoever runs the host, as PartUnavailable
    """No safe place for the socket; whoever runs the host must look."""


def socket_of(phrases: Path, published: Path, under: Path | None = None) -> Path:
    """Give the place of the socket for the weights of two folders: short, and only this user can enter it."""
    mark = sha256(f"{phrases.resolve()}\0{published.resolve()}".encode()).hexdigest()[:12]
    folder = (under or Path(tempfile.gettempdir())) / f"ivr-{os.getuid()}-{mark}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ClassifierUnavailable(f"{folder} belongs to somebody else, or others can enter it")
    return folder / "classifier.sock"


def command_of(path: Path, phrases: Path, published: Path) -> tuple[str, ...]:
    """Give the command that runs the classifier's process."""
    return (sys.executable, "-m", "ivr.understanding.server", *map(str, (path, phrases, published)))


class ClassifierSupervisor:
    """A thread that holds the lock if nobody else does, and keeps the process alive while it holds it."""

    def __init__(
        self,
        path: Path,
        command: Sequence[str],
        ping_seconds: float = PING_SECONDS,
        patience: float = PING_PATIENCE,
    ) -> None:
        """Take the place of the socket, beside which the lock lies, and what to run."""
        self._path, self._command = path, tuple(command)
        self._ping_seconds, self._patience = ping_seconds, patience
        self._over = threading.Event()
        self._child: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._keep, name="classifier", daemon=True)

    @property
    def pid(self) -> int | None:
        """The process that this one started, None where another did or none runs."""
        child = self._child
        return child.pid if child and child.poll() is None else None

    def start(self) -> None:
        """Begin to keep it. Returns at once: nobody waits for a classifier."""
        self._thread.start()

    def stop(self) -> None:
        """End the process, if it is ours, and give up the lock."""
        self._over.set()
        self._end_child()
        self._thread.join(timeout=5)

    def _keep(self) -> None:
        with self._path.with_suffix(".lock").open("w", encoding="utf-8") as lock:
            while not self._over.is_set() and not _locked(lock):
                self._over.wait(LOOK_SECONDS)
            pause = FIRST_PAUSE
            while not self._over.is_set():
                by = self._run()
                pause = FIRST_PAUSE if by else min(2 * pause, LONGEST_PAUSE)
                if not self._over.is_set():
                    logger.warning(
                        "the classifier of texts ended: rules and keywords answer until it is back"
                    )
                    self._over.wait(pause)

    def _run(self) -> str:
        """Run the process until it ends; tell what it read with, "" where it never began to answer."""
        environment = {**os.environ, **ONE_THREAD}
        with subprocess.Popen(  # noqa: S603 - our own program, no shell
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        ) as child:
            self._child = child
            if self._over.is_set():
                self._end_child()
            by = child.stdout.readline().strip() if child.stdout else ""
            if by:
                level = logging.INFO if "+" in by else logging.WARNING
                logger.log(level, "texts are understood by %s", by)
                self._watch(child)
            child.wait()
            return by

    def _watch(self, child: subprocess.Popen[str]) -> None:
        """Return when the process has ended; end one that hangs."""
        silent = 0
        while silent < MOST_SILENT:
            try:
                child.wait(self._ping_seconds)
            except subprocess.TimeoutExpired:
                silent = 0 if ask_classifier(self._path, "ping", self._patience) else silent + 1
            else:
                return
        logger.error("the classifier of texts hangs: it is replaced")
        child.kill()

    def _end_child(self) -> None:
        child = self._child
        if child and child.poll() is None:
            child.terminate()


def start_classifier(phrases: Path, published: Path, under: Path | None = None) -> ClassifierSupervisor:
    """Keep a classifier of the files' weights, or of those published, while this process lives."""
    path = socket_of(phrases, published, under)
    kept = ClassifierSupervisor(path, command_of(path, phrases, published))
    kept.start()
    return kept


def keep_classifier(
    phrases: Path, published: Path, under: Path | None = None
) -> Callable[[str], Meaning | None]:
    """Keep a classifier on this host, and give the question to it. Without one, every answer is None."""
    try:
        start_classifier(phrases, published, under)
        return partial(ask_classifier, socket_of(phrases, published, under))
    except (ClassifierUnavailable, OSError) as error:
        logger.error("texts are understood by rules and keywords alone: %s", error)  # noqa: TRY400 - its text says all
        return lambda _: None


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
