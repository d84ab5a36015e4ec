"""Every long suite runs at small size, so that none of them dies between two long runs."""

from __future__ import annotations

import io
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from real.steady import red_tests
from rich.console import Console
from rich.progress import Progress

from ivr.operations.local_stack import find_redis
from long import bad_requests, performance, proof, turn_cost
from long.__main__ import main, show
from long.bad_requests import ConsoleForm, Target
from long.faults import FAULTS
from long.flame import draw, sample, shares
from long.fuzz import kept_of_people
from long.registry import SUITES
from long.soak import slope_of
from long.suites import Run, Size, Suite, commit, run

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.flow.models import Flow

GET = "redis-server is not on this machine: apt-get install redis-server"


def test_names_of_tests_are_printed_as_they_are(tmp_path: Path) -> None:
    told = Run(
        Size.SMALL, 1, tmp_path, Progress(), figures={"seen by": "test_a[/voice]"}, failures=["test_b[/x]"]
    )
    written = io.StringIO()

    show(Console(file=written, width=80), told)

    assert written.getvalue() == "  seen by: test_a[/voice]\n  failed: test_b[/x]\n"


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
    kept = {}

    def breaks(given: Run) -> None:
        given.figures["so far"] = given.pick(1, 100)
        given.keep()
        kept.update(json.loads((tmp_path / "broken.json").read_text("utf-8")))
        raise OSError("the disk is full")

    given = Run(Size.SMALL, 1, tmp_path, Progress(disable=True))
    with pytest.raises(OSError, match="full"):
        run(Suite("broken", "breaks off", breaks), given, tmp_path)

    told = json.loads((tmp_path / "broken.json").read_text("utf-8"))
    assert kept["figures"] == told["figures"] == {"so far": 1}
    assert told["failures"] == ["broke off: OSError('the disk is full')"]


def test_a_part_that_is_tried_again_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    def tries(given: Run) -> None:
        for part in given.only or ("a", "b"):
            given.figures[f"{part}: tries"] = 1 + bool(given.only)
            given.failures += [] if given.only else [f"{part}: broken"]

    for only in ((), ("b",)):
        given = Run(Size.SMALL, 1, tmp_path, Progress(disable=True), only)
        file = run(Suite("parts", "tries parts", tries), given, tmp_path)

    told = json.loads(file.read_text("utf-8"))
    assert (told["figures"], told["failures"]) == ({"a: tries": 1, "b: tries": 2}, ["a: broken"])


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
    assert f"Tried: 1 of {len(FAULTS)} faults alone, 1 of 28 pairs" in faults
    assert all(row in plain for row in ("| webhooks | 90000 |", "| web | 0.1 |", "| texts |"))


LEAKS = ("+12895552345", "2895552345", "(289) 555-2345", "1 289.555.2345", "2 8 9, 5 5 5, 2 3 4 5")


@pytest.mark.parametrize("name", ["web.log", "line.sqlite3", "journal/1-a.journal", "dump.rdb"])
@pytest.mark.parametrize("leak", [*LEAKS, "quillbane", "CA" + "5ad0fa11" + "0" * 24])
def test_what_a_caller_told_would_be_found_wherever_it_is_kept(tmp_path: Path, name: str, leak: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"\x00\x01" + leak.encode() + b"\xff")

    found, files = kept_of_people(tmp_path)

    assert (len(found), files) == (1, 1)


@pytest.mark.parametrize("kept", ["a2895552345", "+12895550100", "2895551999", "28955523456"])
def test_what_is_no_callers_number_is_not_taken_for_one(tmp_path: Path, kept: str) -> None:
    (tmp_path / "line.sqlite3").write_bytes(kept.encode())

    assert kept_of_people(tmp_path) == ([], 1)


def test_the_same_seed_draws_the_same_bad_requests_of_every_kind(flow: Flow) -> None:
    forms = [ConsoleForm("/console/a", "post", (("why", ""),)), ConsoleForm("/console/b", "get", ())]
    target = Target("token", "http://127.0.0.1:1", 2, flow, ["/console/calls?stop=x", "/"], forms)

    drawn, again = ([bad_requests.draw(target, 7, number) for number in range(600)] for _ in range(2))

    assert drawn == again
    assert {request.kind for request in drawn} == set(bad_requests.KINDS)
    assert sum(request.is_trusted for request in drawn) > 0.9 * len(drawn)
    assert drawn != [bad_requests.draw(target, 8, number) for number in range(600)]


def test_a_slope_is_told_with_how_far_it_may_be_off() -> None:
    seconds = range(0, 3600, 5)
    level = [(float(at), 50.0 + at * at % 1009 / 500) for at in seconds]
    grows = [(at, value + 10 * at / 3600) for at, value in level]

    flat, steep = slope_of(level), slope_of(grows)

    assert flat.surely < 0 < flat.an_hour + flat.give_or_take < 1
    assert steep.an_hour == pytest.approx(10, abs=steep.give_or_take)
    assert 9 < steep.surely < 10
