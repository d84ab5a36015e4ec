"""The socket that callers come in by: bound once, and passed on to a new version without losing anybody.

The main process of a server can be reached by other processes of its user at a name made from host and port.
Whoever asks there is given the listening socket itself, so that nothing that waits in it is lost.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass

logger = logging.getLogger(__name__)

BACKLOG = 2048
FREED_SECONDS = 5.0  # What a server that died may still hold of its port, through workers that see it die.
PASSED_SECONDS = 10.0
CREDENTIALS = struct.Struct("3i")  # Process, user, group.


class PortTakenError(Exception):
    """The port is not free; the message says by whom and what to do."""


class Listener(socket.socket):
    """A listening socket that tells its address in the log."""

    def __str__(self) -> str:
        host, port = self.getsockname()[:2]
        return f"{host}:{port} by process"  # A blank between two rows of digits would be masked.


@dataclass
class RunningServer:
    """A server of ours that listens already."""

    pid: int
    connection: socket.socket

    def pass_socket(self) -> Listener:
        """Get its listening socket."""
        self.connection.settimeout(PASSED_SECONDS)
        try:
            _, descriptors, _, _ = socket.recv_fds(self.connection, 1, 1)
        except OSError:
            descriptors = []
        if not descriptors:
            raise PortTakenError(f"process {self.pid} has this port and does not pass it on: stop it first")
        return Listener(fileno=descriptors[0])

    def stop(self) -> None:
        """Tell it to finish what it has begun, and end."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)


class SocketPassing:
    """Passes the listening socket of this process on to whoever of the same user asks for it."""

    def __init__(self, listener: socket.socket, name: str) -> None:
        self._listener = listener
        self._name = name
        self._door: socket.socket | None = None

    def look(self) -> None:
        """Give the socket to those who ask; while an older server has the name, try to get that."""
        if self._door is None:
            self._door = _open_door(self._name)
            return
        with suppress(BlockingIOError):
            while True:
                asking, _ = self._door.accept()
                with asking, suppress(OSError):
                    if _peer(asking)[1] == os.geteuid():
                        socket.send_fds(asking, [b"1"], [self._listener.fileno()])
                        logger.info("process %s asks who listens here", _peer(asking)[0])

    def close(self) -> None:
        """Answer no more at the name, as a worker must not."""
        if self._door:
            self._door.close()
        self._door = None


def door_name(host: str, port: int) -> str:
    """Name the place at which a server is asked for its socket: no file, so that nothing is left behind."""
    return f"\0ivr/{host}/{port}"


def find_running(name: str) -> RunningServer | None:
    """Find the server of this user that listens already."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(name)
        pid, user, _ = _peer(connection)
    except OSError:  # Nobody is there, or this system has no such names.
        connection.close()
        return None
    if user != os.geteuid():
        connection.close()
        return None
    return RunningServer(pid, connection)


def bind(host: str, port: int) -> Listener:
    """Listen on a port, or say plainly why not."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    deadline = time.monotonic() + FREED_SECONDS
    while True:
        listener = Listener(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise PortTakenError(f"cannot listen on {host} port {port}: {error.strerror}") from None
            if time.monotonic() > deadline:
                raise PortTakenError(
                    f"another program listens on port {port}: stop it, or choose another PORT"
                ) from None
            time.sleep(0.1)
        else:
            listener.setblocking(False)
            return listener


def _open_door(name: str) -> socket.socket | None:
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        door.bind(name)
        door.listen(8)
    except OSError:
        door.close()
        return None
    door.setblocking(False)
    return door


def _peer(connection: socket.socket) -> tuple[int, int, int]:
    """Say which process, user and group is at the other end, as the kernel knows it."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    pid, user, group = CREDENTIALS.unpack(found)
    return pid, user, group
