"""Faults that are put into a copy of the product: each must turn tests red, or those tests guard nothing.

In tests/: `python -m long mutations`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from long.suites import ROOT, Size

if TYPE_CHECKING:
    from long.suites import Run

LONGEST = 1800  # Seconds for the tests of one fault.
SHOWN = 6  # Names of red tests that are written down for each.


@dataclass(frozen=True)
class Mutation:
    """One fault: what is written instead of what in which file, and the files of tests that must see it."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


NEVER_CLOSES = Mutation(
    "a breaker that never closes",
    "circuit_breaker.py",
    "self._failed, self._until, self._trying = 0, None, False",
    "self._failed, self._trying = 0, False",
    ("test_circuit_breaker",),
)
MUTATIONS = (
    NEVER_CLOSES,
    Mutation(
        "a lost update in the journal's adoption",
        "records/journal.py",
        "            while lines := list(itertools.islice(dead, BATCH)):\n",
        "            path.unlink(missing_ok=True)\n"
        "            while lines := list(itertools.islice(dead, BATCH)):\n",
        ("test_records_journal_adoption", "test_records_ingest"),
    ),
    Mutation(
        "a transfer that rings twice",
        "transfer/coordinator.py",
        "if changed and changed[0].state is State.NAMED and changed[1].state is State.DIALLING:",
        "if changed and changed[1].state is State.DIALLING:",
        ("test_coordinator",),
    ),
    Mutation(
        "a deletion that misses a table",
        "records/deletion.py",
        '        "live_transfers": delete(live_transfers).where(live_transfers.c.call_id.in_(ids), over),\n',
        "",
        ("test_records_deletion", "test_records_retention_forgetting"),
    ),
    Mutation(
        "a signature check that is skipped",
        "web/webhook_guard.py",
        "        if signed():\n            if not is_probe",
        "        if signed() or True:\n            if not is_probe",
        ("test_webhook_refusals", "test_promises"),
    ),
)


def measure_mutations(run: Run) -> None:
    """Put in one fault after the other, and note which tests saw it. Without a fault, all must pass."""
    mutations = MUTATIONS if run.size is Size.FULL else (NEVER_CLOSES,)
    copy = Path(shutil.copytree(ROOT / "ivr", run.folder / "product" / "ivr"))
    if run.size is Size.FULL:
        whole = tuple(dict.fromkeys(name for mutation in mutations for name in mutation.tests))
        if red := red_tests(copy.parent, whole, run)[1]:
            run.failures.append(f"red without any fault: {', '.join(red[:SHOWN])}")
    for mutation in run.progress.track(mutations, description="faults"):
        file = copy / mutation.file
        good = file.read_text("utf-8")
        if good.count(mutation.old) != 1:
            run.failures.append(f"{mutation.name}: {mutation.file} reads otherwise now; write the fault anew")
            continue
        file.write_text(good.replace(mutation.old, mutation.new), "utf-8")
        began = time.monotonic()
        count, red = red_tests(copy.parent, mutation.tests, run)
        file.write_text(good, "utf-8")
        run.figures |= {
            f"{mutation.name}: file": mutation.file,
            f"{mutation.name}: tests": count,
            f"{mutation.name}: seconds": round(time.monotonic() - began, 1),
            f"{mutation.name}: red": len(red),
            f"{mutation.name}: seen by": ", ".join(red[:SHOWN]),
        }
        if not red:
            run.failures.append(f"{mutation.name}: no test saw it")


def red_tests(product: Path, files: tuple[str, ...], run: Run) -> tuple[int, list[str]]:
    """Run files of tests on a copy of the product; count the tests, and name those that failed."""
    report = run.folder / "report.xml"
    report.unlink(missing_ok=True)
    done = subprocess.run(
        [
            Path(sys.executable).with_name("pytest"),
            *("-p", "no:cacheprovider", f"--randomly-seed={run.seed}"),
            f"--junitxml={report}",
            *(f"tests/{name}.py" for name in files),
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(product)},
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )
    if not report.exists():
        raise RuntimeError(f"pytest could not begin: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    cases = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314 - pytest's own
    return len(cases), [
        str(case.get("name"))
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
