"""Files are read anew without a restart: broken ones are refused, and who runs the line is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import Console
from fakes import ENVIRONMENT
from small_line import copy_phrases, small_line

from ivr.operations.health_checks import HEALTH_CHECKS, Verdict, examine
from ivr.operations.reload import (
    FilesRefused,
    RefusedReload,
    WebFiles,
    list_refused,
    note_refused,
    note_taken_up,
    read_console_files,
    read_web_files,
    try_reload,
)
from ivr.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ivr.flow.models import Flow

BROKEN = {
    "not TOML": ("config/menus.toml", "[stops.main]", "[stops.main"),
    "a missing stop": ("config/menus.toml", '1 = "me"', '1 = "nowhere"'),
    "a wrong name": ("prompts/en.toml", "day or night: {hotline.number}", "day or night: {hotline.nmber}"),
    "rules of texts": ("phrases/intents.toml", "=", "= ="),
}


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """Give a line on a simulator, whose files may be changed."""
    small_line(tmp_path)
    copy_phrases(tmp_path / "phrases")
    own = {f"IVR_{name.upper()}": str(tmp_path / name) for name in ("config", "prompts", "phrases")}
    extra = {"JOURNAL_DIR": str(tmp_path / "journal"), "TWILIO_API_URL": "http://127.0.0.1:9"}
    return read_settings(ENVIRONMENT | own | extra)


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    words = path.read_text("utf-8")
    assert old in words
    path.write_text(words.replace(old, new, 1), "utf-8")


def test_changed_words_are_taken_up(here: Settings, tmp_path: Path) -> None:
    edit(tmp_path, "prompts/en.toml", "number. EXIT to leave. Fr", "number. EXIT to go. Fr")

    files = try_reload(here, "web", read_web_files)

    assert files
    assert files.flow.prompts["en"].stops["main"].text.count("EXIT to go.")
    assert list_refused(here.journal_dir) == []


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_files_are_refused_and_it_is_noted_until_they_are_mended(
    here: Settings, tmp_path: Path, fault: str
) -> None:
    name, old, new = BROKEN[fault]
    edit(tmp_path, name, old, new)

    assert try_reload(here, "web", read_web_files) is None

    (refused,) = list_refused(here.journal_dir)
    assert refused.process == "web"
    assert refused.faults
    edit(tmp_path, name, new, old)
    assert isinstance(try_reload(here, "web", read_web_files), WebFiles)
    assert list_refused(here.journal_dir) == []


def test_a_real_line_does_not_take_up_an_agency_that_nobody_has_dialled(here: Settings) -> None:
    real = replace(here, api_url="https://api.twilio.com")

    assert try_reload(real, "web", read_web_files) is None

    assert "no person has dialled it" in list_refused(here.journal_dir)[0].faults[0]


@pytest.mark.parametrize("read", [read_web_files, read_console_files])
def test_a_process_that_starts_with_broken_files_says_which(
    here: Settings, tmp_path: Path, read: Callable[[Settings], object]
) -> None:
    edit(tmp_path, *BROKEN["not TOML"])

    with pytest.raises(FilesRefused, match="menus"):
        read(here)


def test_files_that_fail_in_a_way_nobody_foresaw_are_refused_too(here: Settings) -> None:
    def fails(_: Settings) -> WebFiles:
        raise ZeroDivisionError

    assert try_reload(here, "console", fails) is None
    assert list_refused(here.journal_dir)[0].faults == ("the files cannot be read: ZeroDivisionError",)


def test_without_a_folder_for_notes_files_are_refused_all_the_same(here: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", "utf-8")
    edit(tmp_path, *BROKEN["not TOML"])

    assert try_reload(replace(here, journal_dir=tmp_path / "file"), "web", read_web_files) is None


def test_each_kind_of_process_has_its_own_note(tmp_path: Path) -> None:
    for process in ("web", "worker"):
        note_refused(tmp_path, RefusedReload(process, 12.0, ("a fault",)))

    note_taken_up(tmp_path, "web")

    assert list_refused(tmp_path) == [RefusedReload("worker", 12.0, ("a fault",))]


def test_the_doctor_says_that_files_were_refused(tmp_path: Path) -> None:
    note_refused(tmp_path, RefusedReload("web", 0.0, ("config/menus.toml: stops: mend it",)))
    line = ENVIRONMENT | {"JOURNAL_DIR": str(tmp_path)}

    (claim,) = (name for name in HEALTH_CHECKS if "in use" in name)
    found = list(examine(line, {claim: HEALTH_CHECKS[claim]}))

    assert [each.verdict for each in found] == [Verdict.OK, Verdict.FAULT]
    assert "`ivr web` refused the files at 1970-01-01 00:00 UTC" in found[1].words
    assert "config/menus.toml: stops: mend it" in found[1].words
    assert "SIGHUP" in found[1].words


def test_the_console_says_that_files_were_refused(tmp_path: Path, flow: Flow) -> None:
    console = Console(tmp_path, flow, ROOT / "prompts")
    hands = console.signed_in()
    assert "ivr check" not in hands.get("/").text

    console.refused.append(RefusedReload("web", console.at, ("a fault", "another")))

    assert "ivr web goes on with the files of before" in hands.get("/").text
    assert "(2)" in hands.get("/_now").text
