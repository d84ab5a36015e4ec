"""The classifier of a line that runs: taught while it runs, and missed by no texter when it is lost."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from small_phrases import small_phrases

from ivr.records.database import connect
from ivr.records.phrase_versions import list_phrase_versions, save_draft
from ivr.understanding.classifier import classifier_of
from ivr.understanding.client import ask_classifier, socket_of
from ivr.understanding.phrases import Phrase, read_phrases
from ivr.understanding.training import compare, encoder_beside
from ivr.understanding.weights_in_force import FOLDER
from real.rehearsal import Limits, Rehearsal, becomes, rehearsal, session_of

if TYPE_CHECKING:
    from collections.abc import Iterator

THROWN_OUT = "thrown out by my husband, any safe house taking people tonight"
GUN, BED = "he has a gun to my head", "where can i sleep tonight, i have no place"
CHECKED = 3  # Texts of each name and language in the check set.
PATIENT = 60.0  # Seconds for an answer of the classifier, where it is not what is measured.
CLASSIFIER = "ivr.understanding.server"


class Taught(NamedTuple):
    """A small folder of phrases, and beside it what was encoded of them and of their check set."""

    phrases: Path
    weights: Path


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    folder = tmp_path_factory.mktemp("taught")
    (folder / FOLDER).mkdir(mode=0o700)
    encoder = encoder_beside(folder / FOLDER)
    files = small_phrases(folder / "phrases", encoder, checked=CHECKED)
    each = classifier_of(encoder, files)
    compare(files, each, each, each)
    return Taught(files, folder / FOLDER)


@contextmanager
def taught_line(folder: Path, limits: Limits, taught: Taught, migrated: Path) -> Iterator[Rehearsal]:
    """Run a line that has learned from few phrases, and that need not encode them anew."""
    (folder / "journal").mkdir(mode=0o700)
    shutil.copytree(taught.weights, folder / "journal" / FOLDER)
    with rehearsal(folder, limits, IVR_PHRASES=str(taught.phrases)) as made:
        made.start(migrated)
        yield made


@pytest.fixture(scope="module")
def running_line(
    tmp_path_factory: pytest.TempPathFactory, limits: Limits, taught: Taught, migrated_sqlite: Path
) -> Iterator[Rehearsal]:
    """Run one line for all tests that leave it with the weights of the files, and no draft."""
    with taught_line(tmp_path_factory.mktemp("taught-line"), limits, taught, migrated_sqlite) as made:
        yield made


@pytest.fixture
def line(running_line: Rehearsal) -> Rehearsal:
    """Give that line once its classifier answers."""
    assert becomes(lambda: _sure_of_shelter(running_line) is not None)
    return running_line


@pytest.fixture
def own_line(tmp_path: Path, limits: Limits, taught: Taught, migrated_sqlite: Path) -> Iterator[Rehearsal]:
    """Give a line whose drafts stay."""
    with taught_line(tmp_path, limits, taught, migrated_sqlite) as made:
        assert becomes(lambda: _sure_of_shelter(made) is not None)
        yield made


def _socket(line: Rehearsal) -> Path:
    environment = line.stage.environment
    return socket_of(Path(environment["IVR_PHRASES"]), Path(environment["JOURNAL_DIR"]) / FOLDER)


def _sure_of_shelter(line: Rehearsal, text: str = THROWN_OUT) -> float | None:
    found = ask_classifier(_socket(line), text, PATIENT)
    return found.names.get("shelter", 0.0) if found else None


def _child(line: Rehearsal) -> int | None:
    """Find the classifier's process among those of `ivr web`."""
    for pid in session_of(line.stage.running["web"].pid):
        if CLASSIFIER in Path(f"/proc/{pid}/cmdline").read_text("utf-8", errors="replace"):
            return pid
    return None


def _state(line: Rehearsal, version: int) -> str:
    database = connect(line.stage.environment["DATABASE_URL"])
    try:
        return next(each.state for each in list_phrase_versions(database) if each.version == version)
    finally:
        database.close()


def test_phrases_that_are_published_are_understood_and_taken_back_while_the_line_runs(
    line: Rehearsal,
) -> None:
    before, child = _sure_of_shelter(line) or 0.0, _child(line)

    drafted = line.run("phrases", "draft", "en", "shelter", THROWN_OUT)
    asked = line.run("phrases", "publish", "--no-wait")
    claimed = becomes(lambda: _state(line, 1) != "waiting")
    learned = becomes(lambda: _state(line, 1) != "learning")

    assert (drafted.returncode, asked.returncode) == (0, 0), drafted.stderr + asked.stderr
    assert (claimed, learned) == (True, True)
    shown = line.run("phrases", "show").stdout
    assert "published, IN FORCE" in shown, shown
    assert becomes(lambda: (_sure_of_shelter(line) or 0.0) > before + 0.05)

    back = line.run("phrases", "back")

    assert back.returncode == 0, back.stderr
    assert becomes(lambda: _sure_of_shelter(line) == before)
    assert _child(line) == child  # The same process all the time.


def test_phrases_that_make_the_line_worse_are_refused_by_the_worker(
    own_line: Rehearsal, taught: Taught
) -> None:
    line = own_line
    before = _sure_of_shelter(line, BED)
    ours = [each for each in read_phrases(taught.phrases) if each.name == "shelter"]
    wrong = [Phrase(f"{each.text} {n}", each.language, "law") for each in ours for n in range(3)]
    database = connect(line.stage.environment["DATABASE_URL"], locked=PATIENT)
    save_draft(database, wrong, who="a test")  # By the command they would not be drafted.
    database.close()

    line.run("phrases", "publish", "--no-wait")

    assert becomes(lambda: _state(line, 1) != "waiting")
    assert becomes(lambda: _state(line, 1) == "refused")
    shown = line.run("phrases", "show").stdout
    assert "worse: useful" in shown, shown
    assert "in force: what the files have learned" in shown
    assert _sure_of_shelter(line, BED) == before


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
def test_a_classifier_that_is_killed_or_stopped_is_missed_by_no_texter(
    line: Rehearsal, sign: signal.Signals
) -> None:
    child, texter = _child(line), f"+12895552{sign:03d}"  # A phone that the line does not know yet.
    assert child
    line.network.text(texter, GUN)

    os.kill(child, sign)
    (danger,) = line.network.text(texter, GUN)
    asked = line.network.text(texter, BED)

    assert "911" in danger
    assert asked
    assert line.webhooks.slowest < line.limits.promised
    if sign is signal.SIGKILL:
        assert becomes(lambda: _child(line) not in {None, child})
        assert becomes(lambda: _sure_of_shelter(line, BED) is not None)
    assert (danger,) == tuple(line.network.text(texter, GUN))
    if sign is signal.SIGSTOP:  # The next test has one that runs.
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        assert becomes(lambda: _child(line) not in {None, child})
