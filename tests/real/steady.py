"""Run the tests with real processes six times, three of them on a busy machine: `make steady` prints times.

Every run has a bound. In the end it says which tests were red in which run. Whatever happens, the busy loops
and the tests are ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TIMES, LOOPS = 3, 4
TESTS = ("-m", "pytest", "-n", "2", "tests/real")
LOOP = "while 1: pass"
LONGEST = 3600.0  # Seconds for one run: beside the loops it has a third of the machine.
FAREWELL = 60.0  # Seconds in which tests that are told to end end what they started.


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


def red_tests(command: Sequence[str], report: Path, longest: float = LONGEST) -> list[str]:
    """Run tests to their end, or to the bound; name those that failed, and whatever else was not right."""
    with subprocess.Popen([*command, f"--junitxml={report}"], start_new_session=True) as tests:
        try:
            code = tests.wait(longest)
        except subprocess.TimeoutExpired:
            return [f"not over after {longest:g} s"]
        finally:
            _end(tests)
    red = _failed(report) if report.exists() else []
    return red or ([f"pytest ended with {code}"] if code else [])


def _end(tests: subprocess.Popen[bytes]) -> None:
    """End tests that still run, first as Ctrl-C does: they end the lines that they started."""
    if tests.poll() is None:
        tests.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            tests.wait(FAREWELL)
    with suppress(ProcessLookupError):
        os.killpg(tests.pid, signal.SIGKILL)


def _failed(report: Path) -> list[str]:
    cases = ET.parse(report).getroot().iter("testcase")  # noqa: S314 - pytest's own
    return [
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]


def main() -> int:
    """Run the tests so often; give 1 if any was red."""
    told, whole = [], True
    with tempfile.TemporaryDirectory() as folder:
        for loops in (LOOPS, 0):
            for turn in range(1, TIMES + 1):
                began, report = time.monotonic(), Path(folder) / f"{loops}-{turn}.xml"
                with busy(loops):
                    red = red_tests([sys.executable, *TESTS, *sys.argv[1:]], report)
                beside = f"beside {loops} busy loops" if loops else "alone"
                ended = f"RED: {', '.join(red)}" if red else "passed"
                told.append(f"{beside}, {turn} of {TIMES}, {time.monotonic() - began:.0f} s: {ended}")
                whole = whole and not red
                print(told[-1], flush=True)  # noqa: T201 - what it is for
    print("\n".join(["", *told]), flush=True)  # noqa: T201 - what it is for
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
