"""The check names every fault. A table of tests/broken is an edit of a good line, and what is said of it."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from ivr.checks.launch import drafts, left_when_off
from ivr.checks.runner import check
from ivr.flow.loader import read_flow

HERE = Path(__file__).parent
MINIMAL = HERE / "lines" / "minimal"
BROKEN = {
    f"{path.stem}:{name}": edit
    for path in sorted((HERE / "broken").glob("*.toml"))
    for name, edit in tomllib.loads(path.read_text()).items()
}


def said_of(line: Path) -> list[str]:
    """Check a line; name its files as they are in a project."""
    return [str(f).removeprefix(f"{line}/") for f in check(line / "config", line / "prompts").faults]


@pytest.fixture
def line(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MINIMAL, tmp_path / "line"))


def spoil(line: Path, edit: dict[str, str]) -> None:
    path = line / edit["file"]
    by = edit["by"].replace("LONG", edit.get("digit", "x") * int(edit.get("long", 0)))
    words = path.read_text()
    assert edit["replace"] in words
    path.write_text(words.replace(edit["replace"], by, 1))


def test_a_good_line_has_no_fault() -> None:
    faults = said_of(MINIMAL)

    assert faults == []


@pytest.mark.parametrize("name", BROKEN)
def test_each_fault_is_named_by_file_place_and_mend(name: str, line: Path) -> None:
    spoil(line, BROKEN[name])

    faults = said_of(line)

    assert [fault for fault in faults if fault.startswith(BROKEN[name]["says"])], faults


def test_faults_of_many_files_are_all_named_at_once(line: Path) -> None:
    for name in (
        "menus:unknown-stop",
        "words:no-label",
        "agencies:an-unknown-day",
        "keywords:a-word-of-no-letters",
    ):
        spoil(line, BROKEN[name])

    faults = said_of(line)

    named = {fault.partition(":")[0] for fault in faults}
    assert named >= {"config/menus.toml", "config/agencies.toml", "config/keywords.toml", "prompts/fr.toml"}


def test_every_misspelt_field_of_a_file_is_named_at_once(line: Path) -> None:
    for name in ("files:an-unknown-kind", "files:an-unknown-field", "files:a-number-where-a-name-stands"):
        spoil(line, BROKEN[name])

    faults = said_of(line)

    assert len(faults) == 3


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    faults = said_of(tmp_path)

    assert (
        "config/menus.toml: whole file: cannot be read (No such file or directory); put the file there"
        in faults
    )


def test_a_public_page_that_is_not_there_is_named_beside_all_other_faults(line: Path) -> None:
    spoil(line, BROKEN["menus:unknown-stop"])
    (line / "prompts/pages/fr.toml").unlink()

    faults = said_of(line)

    missing = "prompts/pages/fr.toml: whole file: cannot be read (No such file or directory)"
    assert [fault for fault in faults if fault.startswith(missing)]
    assert [fault for fault in faults if fault.startswith(BROKEN["menus:unknown-stop"]["says"])]


def test_a_public_page_in_a_language_of_no_line_is_named(line: Path) -> None:
    shutil.copy(line / "prompts/pages/en.toml", line / "prompts/pages/es.toml")

    faults = said_of(line)

    assert [fault.partition(";")[0] for fault in faults] == [
        "prompts/pages/es.toml: top of the file: is not a language of config/line.toml"
    ]


DRAFT = """draft = true
translator = "somebody"
tested_with = 0
"""


def declare(line: Path, *languages: str, settings: str = "") -> None:
    """Add languages to a line by copying a file, as docs/editing.md says."""
    declared = (line / "config/line.toml").read_text()
    spoken = 'voice = "Polly.Mia-Neural"\ncode = "es-MX"\nwords_per_minute = 150\n'
    keywords = (line / "config/keywords.toml").read_text()
    for language in languages:
        declared += f"\n[languages.{language}]\n{settings or spoken}"
        words = (line / "prompts/fr.toml").read_text().replace('"Français"', f'"{language} own"')
        words = words.replace('"Pour le français, faites le {key}."', f'"{language}: {{key}}."')
        (line / f"prompts/{language}.toml").write_text(DRAFT + words)
        keywords += f'\n[stops.{language}]\nmain = ["menu"]\n'
    (line / "config/line.toml").write_text(declared)
    (line / "config/keywords.toml").write_text(keywords)


def test_a_sixteenth_language_is_added_by_copying_a_file(line: Path) -> None:
    others = [f"x{letter}" for letter in "abcdefghijklmn"]  # With English and French, sixteen.
    declare(line, *others)

    report = check(line / "config", line / "prompts")

    assert [str(fault) for fault in report.faults] == []
    flow = read_flow(line / "config", line / "prompts")
    assert len(flow.languages) == 16
    assert report.figures
    assert all(
        heard.journey and heard.draft for name, heard in report.figures.languages.items() if name[0] == "x"
    )


def test_a_language_without_a_file_is_named(line: Path) -> None:
    declare(line, "xa")
    (line / "prompts/xa.toml").unlink()

    assert said_of(line) == [
        "prompts/xa.toml: whole file: cannot be read (No such file or directory); put the file there"
    ]


def test_a_language_that_is_off_needs_no_file(line: Path) -> None:
    declare(line, "xa", settings="on = false\n")
    (line / "prompts/xa.toml").unlink()

    assert said_of(line) == []


def test_a_draft_that_is_on_keeps_the_line_from_going_live(line: Path) -> None:
    declare(line, "xa")
    declare(line, "xb", settings="on = false\n")
    flow = read_flow(line / "config", line / "prompts")

    due = [str(fault) for fault in drafts(flow)]
    told = list(left_when_off(flow, line / "phrases"))

    assert len(due) == 1
    assert due[0].startswith("prompts/xa.toml: draft: is a draft; review it")
    assert [each.partition(":")[0] for each in told] == ["xa is a draft; switched off", "xb is off"]
