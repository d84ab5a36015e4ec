"""`ivr phrases`: drafts are checked, tried, published by a worker, shown, and taken back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from conftest import ROOT
from fakes import ENVIRONMENT
from postgres import put_tables
from small_phrases import small_phrases

from ivr.cli.main import main
from ivr.records.database import connect
from ivr.records.phrase_versions import (
    DRAFT,
    State,
    claim_version,
    list_added,
    list_phrase_versions,
    publish_version,
    refuse_version,
    version_in_force,
)
from ivr.understanding.weights_in_force import FILES, basis_of

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from ivr.records.database import Database

COUCH = "any couch going for a woman and two toddlers"
OUTCOME = {
    "new": {"texts": 90, "useful": 61},
    "now": {"texts": 90, "useful": 62},
    "files": {"texts": 90, "useful": 62},
    "changes": [],
    "worse": ["useful: 61, not 62 (in force)"],
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_phrases(tmp_path_factory.mktemp("phrases") / "phrases")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    put_tables(f"sqlite:///{tmp_path}/line.sqlite3")
    return connect(f"sqlite:///{tmp_path}/line.sqlite3")


def ivr(tmp_path: Path, files: Path, *arguments: str, typed: str = "") -> Result:
    places = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/line.sqlite3",
        "JOURNAL_DIR": str(tmp_path / "journal"),
        "IVR_CONFIG": str(ROOT / "config"),
        "IVR_PROMPTS": str(ROOT / "prompts"),
        "IVR_PHRASES": str(files),
        "TWILIO_API_URL": "http://127.0.0.1:9",
    }
    return CliRunner().invoke(main, ["phrases", *arguments], env=ENVIRONMENT | places, input=typed)


def drafted(database: Database) -> list[str]:
    return [each.text for each in list_added(database, DRAFT)]


def test_the_help_teaches_the_steps_in_their_order(tmp_path: Path, files: Path) -> None:
    told = ivr(tmp_path, files, "--help").output

    steps = [told.index(f"ivr phrases {step}") for step in ("draft", "try", "publish", "back")]
    assert steps == sorted(steps)


def test_phrases_are_drafted_from_the_command_and_from_a_file(
    database: Database, tmp_path: Path, files: Path
) -> None:
    done = ivr(
        tmp_path,
        files,
        "draft",
        "en",
        "shelter",
        COUCH,
        "--file",
        "-",
        typed="locked out for good tonight\n\n",
    )

    assert done.exit_code == 0, done.output
    assert drafted(database) == [COUCH, "locked out for good tonight"]


@pytest.mark.parametrize(
    ("place", "text", "fault"),
    [
        ("en sheltr", COUCH, "is no file of phrases; en has: danger-sounds, danger-violence, law"),
        ("de shelter", COUCH, "is no file of phrases; de has: none"),
        ("en shelter", "call my mom at 905-546-4904 for a bed", "telephone number"),
        ("en shelter", "text me nine oh five five four six four nine oh four", "telephone number"),
        ("en shelter", "Nowhere to sleep", "stands already in en/shelter.txt"),
        ("en law", "nowhere to sleep", "stands already in en/shelter.txt"),
        ("en shelter", "nowhere to sleep now", "is too much like 'nowhere to sleep'"),
        ("en shelter", "two\tcolumns", "is no single line of words"),
        ("en shelter", "# a comment", "is no single line of words"),
        ("en shelter", "why " * 101, "has more than 400 letters"),
    ],
)
def test_a_phrase_with_a_fault_is_not_drafted_nor_any_beside_it(  # noqa: PLR0913, PLR0917 - three say which fault
    database: Database, tmp_path: Path, files: Path, place: str, text: str, fault: str
) -> None:
    done = ivr(tmp_path, files, "draft", *place.split(), "my landlord changed the locks", text.strip())

    assert done.exit_code == 1
    assert fault in done.output
    assert drafted(database) == []


def test_a_template_and_the_check_set_are_not_drafted(
    database: Database, tmp_path: Path, files: Path
) -> None:
    template = ivr(
        tmp_path, files, "draft", "en", "shelter", "somebody find me a cot", "somebody find me a crib"
    )
    of_check = (files / "check" / "en.tsv").read_text("utf-8").splitlines()[-1].partition("\t")[2]

    told = ivr(tmp_path, files, "draft", "en", "shelter", f"{of_check}!")

    assert "is too much like 'somebody find me a cot'" in template.output
    assert "of the check set" in told.output
    assert drafted(database) == []


def test_a_drafted_phrase_is_not_drafted_again(database: Database, tmp_path: Path, files: Path) -> None:
    ivr(tmp_path, files, "draft", "en", "shelter", COUCH)

    again = ivr(tmp_path, files, "draft", "en", "shelter", COUCH)

    assert "stands already in en/shelter.txt" in again.output
    assert drafted(database) == [COUCH]


def test_a_draft_is_dropped(database: Database, tmp_path: Path, files: Path) -> None:
    ivr(tmp_path, files, "draft", "en", "shelter", COUCH)

    assert "1 phrases dropped" in ivr(tmp_path, files, "drop").output

    assert drafted(database) == []


def test_a_text_is_tried_now_and_with_the_draft(database: Database, tmp_path: Path) -> None:
    files = small_phrases(tmp_path / "phrases", lines=4, checked=1)
    ivr(tmp_path, files, "draft", "en", "shelter", COUCH)

    tried = ivr(tmp_path, files, "try", COUCH)

    lines = tried.output.splitlines()
    assert tried.exit_code == 0, tried.output
    now, then = (next(line for line in lines if f"    {name}:" in line) for name in ("now", "with the draft"))
    assert now != then
    assert "shelter" in then
    assert "of its texts are read otherwise" in tried.output
    assert drafted(database) == [COUCH]
    assert list_phrase_versions(database) == []


def test_what_a_worker_refused_is_shown_with_its_figures(
    database: Database, tmp_path: Path, files: Path
) -> None:
    ivr(tmp_path, files, "draft", "en", "shelter", COUCH)
    asked = ivr(tmp_path, files, "publish", "--no-wait")
    again = ivr(tmp_path, files, "publish", "--no-wait")
    waits = ivr(tmp_path, files, "show").output
    claim_version(database, 1000)
    refuse_version(database, 1, State.REFUSED, json.dumps(OUTCOME))

    shown = ivr(tmp_path, files, "show").output

    assert "version 1 waits for a worker" in asked.output
    assert "being learned already" in again.output
    assert "waits for a worker" in waits
    assert "refused: worse on the check set" in shown
    assert "check set: texts 90, useful 61" in shown
    assert "worse: useful: 61, not 62 (in force)" in shown
    assert f"en shelter: {COUCH}" in shown
    assert "in force: what the files have learned" in shown


def test_what_is_in_force_is_shown_and_taken_back(database: Database, tmp_path: Path, files: Path) -> None:
    ivr(tmp_path, files, "draft", "en", "shelter", COUCH)
    ivr(tmp_path, files, "publish", "--no-wait")
    claim_version(database, 1000)
    publish_version(
        database, 1, basis_of(files), json.dumps(OUTCOME | {"worse": []}), {"weights-letters.npz": b"x"}
    )

    shown, phrases = ivr(tmp_path, files, "show").output, ivr(tmp_path, files, "show", "1").output
    back, nothing = ivr(tmp_path, files, "back"), ivr(tmp_path, files, "back")

    assert "published, IN FORCE" in shown
    assert "learned more since" not in shown
    assert phrases == f"  en shelter: {COUCH}\n"
    assert "in force again: what the files have learned" in back.output
    assert nothing.exit_code == 1
    assert version_in_force(database) == FILES


def test_weights_of_other_files_are_told_of(database: Database, tmp_path: Path, files: Path) -> None:
    ivr(tmp_path, files, "publish", "--no-wait")
    claim_version(database, 1000)
    publish_version(database, 1, "other files", json.dumps(OUTCOME), {"weights-letters.npz": b"x"})

    assert "the files have learned more since" in ivr(tmp_path, files, "show").output
