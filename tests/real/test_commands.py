"""The commands as whoever runs the line types them: each Procfile line, the demonstration, the telephone."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from redis import Redis

from real.rehearsal import (
    IVR,
    ROOT,
    SOON,
    STEADY,
    Rehearsal,
    all_of,
    becomes,
    end_all_of,
    rehearsal,
    run_ivr,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line)
REQUIRED = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER", "PUBLIC_URL", "SECRET_KEY")
SHOWN = {
    "a language choice": "For English, press 1.",
    "a menu": "For someone you know, press 2.",
    "a checklist": "For yes, press 1. For no, press 2.",
    "an accepted transfer": "caller joined: chrysalis",
    "a text answered in French": "Ce n'est pas votre faute.",
    "the log of the call": "connected",
}
MOVING = replace(STEADY, paced=True)
A_WHOLE_DEMO = 120.0  # Seconds: it plays at its own speed.


def test_the_release_line_of_the_procfile_makes_the_log_ready(dark: Rehearsal) -> None:
    done = subprocess.run(
        shlex.split(PROCFILE["release"]),
        env=_environment(dark.stage.environment),
        cwd=ROOT,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0
    assert dark.run("calls").stdout == "no calls yet\n"


def test_the_web_line_of_the_procfile_answers_until_it_is_told_to_stop(
    dark: Rehearsal, tmp_path: Path
) -> None:
    with _running(PROCFILE["web"], tmp_path, dark.stage.environment, ROOT) as web:
        assert becomes(lambda: _transcript(tmp_path).count("Started worker") == 2)

        answered = becomes(lambda: _answers(f"{dark.stage.public_url}/health"))
        web.terminate()

        assert answered
        assert web.wait(SOON) == 0


def test_the_worker_line_of_the_procfile_waits_for_work(dark: Rehearsal, tmp_path: Path) -> None:
    dark.stage.start_redis()
    redis = Redis(port=dark.stage.redis_port)

    with redis, _running(PROCFILE["worker"], tmp_path, dark.stage.environment, ROOT):
        assert becomes(lambda: redis.scard("rq:workers") == 1)


@pytest.mark.parametrize("process", PROCFILE)
def test_a_process_without_settings_names_them_all_and_does_not_start(process: str, tmp_path: Path) -> None:
    here = {"IVR_CONFIG": str(ROOT / "config"), "IVR_PROMPTS": str(ROOT / "prompts")}

    done = run_ivr(*PROCFILE[process].partition("ivr ")[2].split(), environment=here, cwd=tmp_path)

    assert done.returncode == 1
    assert [name for name in REQUIRED if f"{name} is not set" not in done.stderr] == []


def test_the_demo_shows_a_call_and_a_text_and_leaves_no_process(tmp_path: Path) -> None:
    with _running("ivr demo --once", tmp_path, {}) as demo:
        assert becomes(lambda: _started(tmp_path) >= {"redis.log", "web.log", "worker.log"})
        started = all_of(tmp_path)

        code = demo.wait(A_WHOLE_DEMO)

    assert code == 0, _transcript(tmp_path)
    told = " ".join(_transcript(tmp_path).split())  # However its lines are broken.
    assert [what for what, words in SHOWN.items() if words not in told] == []
    assert len(started) > 2
    assert all_of(tmp_path) == []


def test_ctrl_c_stops_every_process_that_the_demo_started(tmp_path: Path) -> None:
    with _running("ivr demo", tmp_path, {}) as demo:
        assert becomes(lambda: _started(tmp_path) >= {"redis.log", "web.log", "worker.log"})
        started = all_of(tmp_path)
        assert becomes(lambda: "The line stays up" in _transcript(tmp_path), A_WHOLE_DEMO)

        demo.send_signal(signal.SIGINT)
        code = demo.wait(SOON)

    assert code == 0
    assert "All of it went as it should" in _transcript(tmp_path)
    assert len(started) > 2
    assert all_of(tmp_path) == []


@pytest.fixture
def moving(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Rehearsal]:
    """Give a line whose network moves by itself: a person sits at its telephone."""
    with rehearsal(tmp_path, MOVING) as line:
        line.start(migrated_sqlite)
        yield line


def test_a_telephone_in_a_second_terminal_calls_the_line_and_is_recorded(
    moving: Rehearsal, tmp_path: Path
) -> None:
    state = tmp_path / ".demo" / "line.json"
    state.parent.mkdir()
    state.write_text(json.dumps({"control_url": moving.network.control_url}))

    done = run_ivr("phone", "--record", "mine.txt", environment={}, cwd=tmp_path, typed="2\n3\nt signes\n#\n")

    recorded = (tmp_path / "mine.txt").read_text()
    assert (done.returncode, done.stderr) == (0, "")
    did = [line for line in recorded.splitlines() if line.startswith(">")]
    assert [step for step in did if step != "> waits"] == [  # However long the machine took between two keys.
        "> dials",
        "> presses 2",
        "> presses 3",
        '> texts "signes"',
        "> presses #",
    ]
    assert "Pour la loi, les signes et la formation, faites le 3." in recorded
    assert "< Est-ce un bon moment pour lire? Répondez 1 ou oui." in recorded
    assert "the call is over" in done.stdout


def test_a_telephone_without_a_demo_says_how_to_start_one(tmp_path: Path) -> None:
    done = run_ivr("phone", environment={}, cwd=tmp_path)

    assert done.returncode == 1
    assert "make demo" in done.stderr


@contextmanager
def _running(
    command: str, folder: Path, settings: Mapping[str, str], cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command line as it stands, and end it and all that it started, whatever happens."""
    with (folder / "transcript").open("wb") as out:
        process = subprocess.Popen(
            shlex.split(command), env=_environment(settings), cwd=cwd or folder, stdout=out, stderr=out
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        end_all_of(folder)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": f"{Path(IVR).parent}:{os.environ['PATH']}", "COLUMNS": "200", **settings}


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=1) as answer:  # noqa: S310 - this machine's own address
            return bool(answer.status == 200)
    except OSError:
        return False


def _transcript(folder: Path) -> str:
    return (folder / "transcript").read_text()


def _started(folder: Path) -> set[str]:
    """Name the logs of the processes that a demo in a folder has started."""
    return {path.name for path in (folder / ".demo").glob("*.log")}
