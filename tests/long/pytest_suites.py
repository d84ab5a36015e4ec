"""Suites that are tests: run by pytest in a process of its own, and counted."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from sizes import FULL
from sizes import SMALL as SMALL_PROFILE

from long.suites import ROOT, Size

if TYPE_CHECKING:
    from long.suites import Run

SMALL_PROPERTIES = ("test_segments.py",)  # `make test` runs the others beside this suite.
PROPERTY = ("@given", "RuleBasedStateMachine", "is_full()")  # What a test says that has a full size.


def property_files() -> list[str]:
    """Name the files of tests that try a property, or have a full size of their own."""
    files = sorted((ROOT / "tests").glob("test_*.py"))
    return [path.name for path in files if any(word in path.read_text("utf-8") for word in PROPERTY)]


def try_properties(run: Run) -> None:
    """Try each property on many times as many examples as `make test` does."""
    names = property_files() if run.size is Size.FULL else SMALL_PROPERTIES
    profile = FULL if run.size is Size.FULL else SMALL_PROFILE
    given = [f"--hypothesis-profile={profile}", f"--hypothesis-seed={run.seed}"]
    _count(run, *given, *(f"tests/{name}" for name in names))


def tell_stories(run: Run) -> None:
    """Run the stories of the whole line with the limits that it has in production."""
    if run.size is Size.FULL:
        _count(run, "tests/real", "--production-limits")
    else:
        _count(run, "tests/test_stories.py", "-k", "busy")


def lose_a_host(run: Run) -> None:
    """Play one phone's calls over two hosts, and take one away with its disk; small: what they share."""
    if run.size is Size.FULL:
        _count(run, f"--hypothesis-profile={FULL}", "tests/real/test_hosts.py")
    else:
        _count(run, "tests/test_shared_markers.py")


def _count(run: Run, *arguments: str) -> None:
    """Run pytest to its end; note how many tests passed and failed, and how long the slowest took."""
    report = run.folder / "report.xml"
    task = run.progress.add_task("pytest", total=None)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", f"--randomly-seed={run.seed}", f"--junitxml={report}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    run.progress.update(task, total=1, completed=1)
    if not report.exists():
        raise RuntimeError(f"pytest could not begin: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    (suite,) = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - pytest's own
    counts = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    cases = list(suite.iter("testcase"))
    slowest = max(cases, key=lambda case: float(case.get("time", 0)), default=None)
    run.figures |= {
        "passed": counts["tests"] - counts["failures"] - counts["errors"] - counts["skipped"],
        "failed": counts["failures"] + counts["errors"],
        "skipped": counts["skipped"],
        "seconds": float(suite.get("time", 0)),
        "slowest": slowest.get("name") if slowest is not None else None,
        "slowest_seconds": float(slowest.get("time", 0)) if slowest is not None else None,
    }
    run.failures += [
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    if not counts["tests"] or (done.returncode and not run.failures):
        run.failures.append(f"pytest ended with {done.returncode}: {done.stdout[-500:]}")
