"""`ivr prompts`: what is published is printed, and written into the files without losing a comment."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from conftest import ROOT
from fakes import ENVIRONMENT
from postgres import put_tables
from small_line import small_line

from ivr.checks.runner import check
from ivr.cli.main import main
from ivr.operations.toml_editing import ExportError, write_prompts
from ivr.records.database import connect
from ivr.records.prompts import basis, list_published, list_versions, publish, save_version

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from ivr.records.database import Database

OFFER, QUESTION = "stops.law.offer", "stops.check-me.questions.2"
WORDS = {
    ("en", OFFER): "what the law says to you",
    ("en", QUESTION): "Does someone take most of your money?",
    ("fr", "stops.me.text"): 'Partez quand vous le voulez "là" : EXIT.',
}


@pytest.fixture
def database(tmp_path: Path) -> Database:
    put_tables(f"sqlite:///{tmp_path}/line.sqlite3")
    made = connect(f"sqlite:///{tmp_path}/line.sqlite3")
    for (language, place), words in WORDS.items():
        let_hear(made, language, place, words)
    return made


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """Give the words of a line of which the first languages are switched on."""
    return small_line(tmp_path) / "prompts"


@pytest.fixture
def every_language(tmp_path: Path) -> Path:
    """Give the words of the line as it is."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return shutil.copytree(ROOT / "prompts", tmp_path / "prompts")


def let_hear(database: Database, language: str, place: str, words: str) -> None:
    number = save_version(database, language, place, words, who="olu")
    (version,) = (v for v in list_versions(database, place) if (v.language, v.version) == (language, number))
    assert publish(database, version, basis(list_published(database)), who="ada", second_approver=False)


def ivr(tmp_path: Path, *arguments: str, command: str = "prompts") -> Result:
    url = {"DATABASE_URL": f"sqlite:///{tmp_path}/line.sqlite3"}
    folders = {"IVR_CONFIG": str(tmp_path / "config"), "IVR_PROMPTS": str(tmp_path / "prompts")}
    pretend = {"TWILIO_API_URL": "http://127.0.0.1:9"}
    return CliRunner().invoke(main, [command, *arguments], env=ENVIRONMENT | url | folders | pretend)


def test_what_is_published_is_printed_and_what_does_not_fit_is_marked(
    database: Database, prompts: Path, tmp_path: Path
) -> None:
    let_hear(database, "en", "stops.gone.say", "A stop that is gone.")

    printed = ivr(tmp_path)

    assert prompts.is_dir()
    assert printed.exit_code == 0
    assert f"en {OFFER} (version 1 by olu): what the law says to you\n" in printed.output
    assert "not heard: en stops.gone.say (version 1 by olu): A stop that is gone.\n" in printed.output


def test_export_writes_the_words_keeps_every_comment_and_passes_the_check(
    database: Database, prompts: Path, tmp_path: Path
) -> None:
    before = {name: (prompts / name).read_text().splitlines() for name in ("en.toml", "fr.toml")}

    told = ivr(tmp_path, "export")
    again = ivr(tmp_path, "export")

    after = {name: (prompts / name).read_text().splitlines() for name in before}
    changed = {
        name: [new for old, new in zip(before[name], after[name], strict=True) if old != new]
        for name in before
    }
    assert told.exit_code == 0
    assert f"{prompts / 'en.toml'}: {OFFER}: written\n" in told.output
    assert "said so already" not in told.output
    assert again.output.count("said so already") == 3
    assert changed == {
        "en.toml": ['  "Does someone take most of your money?",', 'offer = "what the law says to you"'],
        "fr.toml": ['text = "Partez quand vous le voulez \\"là\\" : EXIT."'],
    }
    assert check(tmp_path / "config", prompts).faults == ()
    assert len(list_published(database)) == 3
    assert list(tmp_path.glob("**/*.fresh")) == []


def test_a_release_counts_what_lies_over_the_files(database: Database, prompts: Path, tmp_path: Path) -> None:
    told = ivr(tmp_path, command="release")

    assert prompts.is_dir()
    assert told.exit_code == 0
    assert f"published prompts are heard over the files: {len(list_published(database))};" in told.output


def test_only_what_the_files_said_before_is_cleared(
    database: Database, prompts: Path, tmp_path: Path
) -> None:
    first = ivr(tmp_path, "export", "--clear")
    kept = len(list_published(database))

    second = ivr(tmp_path, "export", "--clear")

    assert prompts.is_dir()
    assert (first.exit_code, second.exit_code, kept) == (0, 0, 3)
    assert f"en {OFFER}: the file is heard\n" in second.output
    assert list_published(database) == []


def test_a_folder_without_the_files_is_named(database: Database, prompts: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    told = ivr(tmp_path, "export", "--prompts", str(tmp_path / "empty"))

    assert prompts.is_dir()
    assert len(list_published(database)) == len(WORDS)  # They go by language: the first is missed first.
    assert told.exit_code == 1
    assert "en.toml: whole file: cannot be read or written (No such file" in told.output


@pytest.mark.parametrize(
    "place",
    ["stops.none.say", "stops.a.questions.3", "stops.a.questions.0", "stops.a", "lines.a.b", "lines", "b"],
)
def test_words_without_a_place_in_the_file_are_left_out(place: str) -> None:
    text = '[lines]\na = "A"  # a comment\n\n[stops.a]\nquestions = ["One?", "Two?"]\n'

    written = write_prompts(text, {place: "Three?", "lines.a": "B"})

    assert (written.unknown, written.changed) == ((place,), ("lines.a",))
    assert written.text == text.replace('"A"', '"B"')


def test_a_file_that_is_no_toml_is_not_written_to() -> None:
    with pytest.raises(ExportError, match="is not TOML"):
        write_prompts("a = ", {})


def test_an_english_prompt_that_changed_marks_its_translations_until_a_translator_says_otherwise(
    every_language: Path, tmp_path: Path
) -> None:
    prompts = every_language
    english = prompts / "en.toml"
    english.write_text(
        english.read_text("utf-8").replace('"Hello. In danger? Hang', '"Welcome. In danger? Hang')
    )

    late = ivr(tmp_path, "behind").output.splitlines()
    noted = ivr(tmp_path, "translated", "pa", "stops.hello.say").output
    after = check(tmp_path / "config", prompts).figures

    assert len(late) == 14
    assert "pa stops.hello.say: the English is now: Welcome. In danger? Hang up and call 9 1 1." in late
    assert noted == "pa: 1 prompts noted as made from the English of now\n"
    assert after is not None
    assert {name: after.languages[name].behind for name in ("en", "fr", "pa")} == {
        "en": None,
        "fr": 1,
        "pa": 0,
    }


def test_noting_what_is_not_there_or_not_translated_is_refused(prompts: Path, tmp_path: Path) -> None:
    assert prompts.is_dir()
    for arguments, why in (
        (("translated", "en"), "no language that is translated"),
        (("translated", "xx"), "no language that is translated"),
        (("translated", "fr", "stops.gone.say"), "stops.gone.say: no such prompt"),
        (("behind", "xx"), "nobody noted"),
    ):
        refused = ivr(tmp_path, *arguments)
        assert refused.exit_code == 1
        assert why in refused.output


def test_a_new_english_prompt_and_a_file_that_cannot_be_read_are_told(prompts: Path, tmp_path: Path) -> None:
    notes = prompts / "made_from" / "fr.toml"
    notes.write_text(
        "\n".join(x for x in notes.read_text("utf-8").splitlines() if "stops.hello.say" not in x)
    )
    late = ivr(tmp_path, "behind", "fr").output

    notes.write_text("prompts = 3")
    faults = check(tmp_path / "config", prompts).faults

    assert late.startswith("fr stops.hello.say: ")
    assert [fault.file for fault in faults] == [str(notes)]


def test_the_files_as_they_are_tell_of_every_translation(prompts: Path, tmp_path: Path) -> None:
    written_files = {path.stem for path in (prompts / "made_from").glob("*.toml")} - {"accepted"}
    before = (prompts / "made_from" / "fr.toml").read_bytes()

    ivr(tmp_path, "translated", "fr")

    assert written_files == {path.stem for path in prompts.glob("*.toml")} - {"en"}
    assert (prompts / "made_from" / "fr.toml").read_bytes() == before
