"""How long a killed worker, and one that lived through a restart of Redis, take to show.

In tests/: `python -m long.dead_worker`.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.operations.local_stack import LocalStack
from ivr.records.database import connect
from ivr.records.worker_heartbeats import seconds_since_signs

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 60.0


def seconds_until(claim: Callable[[], bool]) -> float | None:
    """Wait until something holds; nothing if it never does."""
    began = time.monotonic()
    while time.monotonic() - began < LONGEST:
        if claim():
            return round(time.monotonic() - began, 1)
        threading.Event().wait(0.1)
    return None


def measure(folder: Path) -> dict[str, float | None]:
    """Start a worker without Redis, give it one, take that away and give it back, and kill the worker."""
    stack = LocalStack(folder, api_url="http://127.0.0.1:9")  # So that no call is real.
    figures: dict[str, float | None] = {}
    try:
        stack.release()
        with closing(connect(stack.environment["DATABASE_URL"])) as database:

            def alive() -> bool:
                return bool(seconds_since_signs(database, time.time()))

            stack.start_worker()
            figures["alive without redis, s"] = seconds_until(alive)
            stack.start_redis()
            stack.stop("redis")
            stack.start_redis()
            threading.Event().wait(25)  # Longer than a sign of life lasts.
            figures["alive after a restart of redis, s"] = seconds_until(alive)
            worker = stack.running.pop("worker")
            worker.kill()
            worker.wait()
            figures["killed, shown as dead after, s"] = seconds_until(lambda: not alive())
    finally:
        stack.close()
    return figures


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        print(json.dumps(measure(Path(home)), indent=2))  # noqa: T201 - what it is for
