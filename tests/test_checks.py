"""The check names every fault. A table of tests/broken is an edit of a good line, and what is said of it."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from ivr.checks.runner import check

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


def test_more_than_four_languages_are_too_many(line: Path) -> None:
    declared = (line / "config/line.toml").read_text()
    for language in ("es", "pa", "ar"):
        declared += f'[languages.{language}]\nvoice = "v"\ncode = "c"\nwords_per_minute = 150\n'
        shutil.copy(line / "prompts/en.toml", line / f"prompts/{language}.toml")
    (line / "config/line.toml").write_text(declared)

    faults = said_of(line)

    assert "config/line.toml: languages: declares 5 languages; keep 4" in faults
