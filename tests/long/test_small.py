"""Every long suite runs at small size, so that none of them dies between two long runs."""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from real.steady import red_tests
from rich.progress import Progress

from ivr.operations.local_stack import find_redis
from long import performance, proof, turn_cost
from long.__main__ import main
from long.flame import draw, sample, shares
from long.registry import SUITES
from long.suites import Run, Size, Suite, commit, run

if TYPE_CHECKING:
    from pathlib import Path

GET = "redis-server is not on this machine: apt-get install redis-server"


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_runs_at_small_size_and_writes_its_figures(name: str, tmp_path: Path) -> None:
    if not find_redis():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(GET)

    given = [name, "--size", "small", "--seed", "3", "--to", str(tmp_path)]
    with ThreadPoolExecutor(1) as thread:  # For a browser's loop may run in this one.
        done = thread.submit(CliRunner().invoke, main, given).result()

    told = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
    assert done.exit_code == 0, done.output
    assert (told["suite"], told["size"], told["seed"], told["failures"]) == (name, "small", 3, [])
    assert told["commit"] == commit()
    assert told["machine"]["processors"] == os.cpu_count()
    assert len(told["figures"]) > 4


def test_a_suite_that_breaks_off_leaves_its_figures_and_says_so(tmp_path: Path) -> None:
    def breaks(given: Run) -> None:
        given.figures["so far"] = given.pick(1, 100)
        raise OSError("the disk is full")

    given = Run(Size.SMALL, 1, tmp_path, Progress(disable=True))
    with pytest.raises(OSError, match="full"):
        run(Suite("broken", "breaks off", breaks), given, tmp_path)

    told = json.loads((tmp_path / "broken.json").read_text("utf-8"))
    assert told["figures"] == {"so far": 1}
    assert told["failures"] == ["broke off: OSError('the disk is full')"]


def test_a_run_of_the_tests_says_what_was_red_and_has_a_bound(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text("def test_good(): pass\ndef test_bad(): assert 0\n")
    (tmp_path / "test_hangs.py").write_text("import threading\ndef test_it(): threading.Event().wait()\n")
    pytest_here = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

    red = red_tests([*pytest_here, str(tmp_path / "test_two.py")], tmp_path / "two.xml")
    late = red_tests([*pytest_here, str(tmp_path / "test_hangs.py")], tmp_path / "hangs.xml", 0.1)

    assert [name.rpartition("::")[2] for name in red] == ["test_bad"]
    assert late == ["not over after 0.1 s"]


def test_the_cost_of_a_turn_is_a_multiple_of_what_flask_costs() -> None:
    turn, form = turn_cost.measure(10, 5)

    assert turn > form / 2 > 0  # A busy machine may slow either.
    assert turn_cost.KEPT.exists()
    assert [turn_cost.is_worse(ratio, 4.0) for ratio in (3.0, 4.3, 4.5)] == [False, False, True]


def test_the_flame_picture_shows_flask_and_the_line() -> None:
    root = sample(2_000)

    picture = draw(root)

    assert root.samples > 10
    assert "flask:full_dispatch_request" in picture
    assert 0 < shares(root)["the line"] < 1


def test_the_page_of_figures_tells_of_every_step_and_what_was_not_as_promised() -> None:
    steps = {f"{count} callers: {key}": count for count in (20, 40) for key in performance.STEP_COLUMNS}
    machine = {"processors": 2, "memory_mib": 4096, "system": "Linux", "python": "3", "load_before": 3.0}
    told = {"at": "now", "commit": "abc", "machine": machine, "failures": ["late"], "figures": steps}

    page = "\n".join(performance.callers(told))

    assert "| 20 |" in page
    assert "| 40 |" in page
    assert "Not as promised: late." in page
    assert "other work shared the machine" in page


def test_the_page_of_proof_tells_of_every_fault_and_of_what_was_not_kept() -> None:
    machine = {"processors": 2, "memory_mib": 4096, "system": "Linux", "python": "3", "load_before": 3.0}
    told = {"at": "now", "commit": "abc", "seed": 7, "machine": machine, "suite": "soak"}
    tried = {
        "Redis hangs: heard": "all",
        "Redis hangs + REST hangs: broken": "The log holds every turn, once",
    }

    faults = "\n".join(
        proof.faults(told | {"figures": tried, "failures": ["Redis hangs + REST hangs: a turn"]})
    )
    soak = told | {"figures": {"webhooks": 90_000, "web: MiB an hour": 0.1}, "rows": [{"limit": "texts"}]}
    plain = "\n".join(proof.plainly("Soak", soak | {"failures": []}))

    assert "| Redis hangs | all |" in faults
    assert "| Redis hangs + REST hangs |" in faults
    assert "- Redis hangs + REST hangs: a turn" in faults
    assert "Tried: 1 of 33 faults alone, 1 of 28 pairs" in faults
    assert all(row in plain for row in ("| webhooks | 90000 |", "| web | 0.1 |", "| texts |"))
