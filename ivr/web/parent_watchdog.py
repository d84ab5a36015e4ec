"""A worker whose main process has died must not go on serving: nobody would see it, stop it or replace it."""

from __future__ import annotations

import os
import signal
import threading
import time

EVERY = 0.2  # Seconds.
GRACE = 2.0  # Seconds for the answers that are being written.


def die_with_parent(parent: int) -> None:
    """Watch the process that started this one, and end soon after it does: also when it has ended by now."""
    threading.Thread(target=_watch, args=(parent,), daemon=True, name="orphan-watch").start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(EVERY)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)
