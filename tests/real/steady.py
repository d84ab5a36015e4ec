"""Run the tests with real processes six times, three of them on a busy machine: `make steady` prints times.

It stops at the first run that fails. Whatever happens, the busy loops are ended.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMES, LOOPS = 3, 4
TESTS = ("-m", "pytest", "-n", "2", "tests/real")
LOOP = "while 1: pass"


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Keep a machine busy with loops that do nothing."""
    running = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(loops)]
    try:
        yield
    finally:
        for loop in running:
            loop.kill()
            loop.wait()


def main() -> int:
    """Run the tests so often, and give the first code that is not 0."""
    for loops in (LOOPS, 0):
        for turn in range(1, TIMES + 1):
            began = time.monotonic()
            with busy(loops):
                code = subprocess.run([sys.executable, *TESTS, *sys.argv[1:]], check=False).returncode
            beside = f"beside {loops} busy loops" if loops else "alone"
            ended = "passed" if code == 0 else "FAILED"
            print(f"{beside}, {turn} of {TIMES}: {ended} in {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201 - what it is for
            if code:
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
