"""What this server tells whoever started it (systemd's sd_notify), and how it was started."""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

NOTIFY = "NOTIFY_SOCKET"


@dataclass(frozen=True)
class Supervisor:
    """Whoever started this process, if it wants to be told: ready means that all processes answer."""

    address: str
    command: tuple[str, ...]  # What started this process: run again, it starts the version that lies there.
    environment: Mapping[str, str]

    @classmethod
    def of_this_process(cls) -> Supervisor:
        """Read who started this process, and keep it from gunicorn, which says "ready" before it is."""
        environment = dict(os.environ)
        return cls(os.environ.pop(NOTIFY, ""), tuple(sys.argv), environment)

    def tell_ready(self) -> None:
        """Say that callers are answered, and by which main process: a new version's is another."""
        self.tell(f"MAINPID={os.getpid()}\nREADY=1")

    def tell_reloading(self) -> None:
        """Say that files are taken up."""
        self.tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def tell(self, state: str) -> None:
        """Send a state, if anybody wants to know."""
        if not self.address:
            return
        name = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.connect(name)
                line.sendall(state.encode())
        except OSError as error:
            logger.warning("whoever started this server cannot be told of it: %s", error.strerror)
