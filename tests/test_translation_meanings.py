"""Translations are compared by what they mean: one that says something else is named, or was accepted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from conftest import ROOT

from ivr.checks.translation_meanings import FILE, Accepted, compare, read_accepted
from ivr.cli.main import main
from ivr.flow.loader import unnamed_pages
from ivr.flow.prompts import MadeFrom, behind, translated
from ivr.understanding.encoders import Letters

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.checks.translation_meanings import Compared
    from ivr.flow.loader import Fault
    from ivr.flow.models import Flow

PLACE, OTHER = "stops.shelter.say", "stops.crisis.say"


@pytest.fixture
def twin(flow: Flow) -> Flow:
    """A line whose French is its English, so that letters tell its meaning; its shelter is a crisis."""
    english = flow.prompts["en"]
    shelter = replace(english.stops["shelter"], say=english.stops["crisis"].say)
    french = replace(english, stops={**english.stops, "shelter": shelter})
    return replace(flow, prompts={**flow.prompts, "fr": french})


def compared(flow: Flow, accepted: dict[str, str] | None = None) -> Compared:
    known = Accepted({"fr": accepted} if accepted else {})
    (found,) = compare(flow, {}, lambda _: Letters(), known, ["fr"])
    return found


def test_a_translation_that_says_what_another_prompt_says_is_named(twin: Flow) -> None:
    found = compared(twin)

    assert [(each.place, each.nearest) for each in found.astray] == [(PLACE, OTHER)]
    assert found.prompts > 200
    assert not found.right
    assert str(found.astray[0]).startswith(f"fr {PLACE}: 0.")


def test_one_that_was_read_and_accepted_is_told_with_the_reason_and_is_no_fault(twin: Flow) -> None:
    found = compared(twin, {PLACE: "the same sentence in both"})

    assert found.right
    assert str(found.astray[0]).endswith("(accepted: the same sentence in both)")


def test_what_is_accepted_and_not_astray_is_told(twin: Flow) -> None:
    found = compared(twin, {PLACE: "the same", "stops.drugs.say": "for no reason"})

    assert found.in_vain == ("stops.drugs.say",)
    assert not found.right


def test_the_list_of_what_is_accepted_is_read_and_its_faults_are_named(tmp_path: Path) -> None:
    faults: list[Fault] = []
    (tmp_path / FILE).parent.mkdir()

    assert read_accepted(tmp_path, faults) == Accepted()
    (tmp_path / FILE).write_text('[accepted.fr]\n"lines.after" = "read twice"\n', "utf-8")
    assert read_accepted(tmp_path, faults).accepted == {"fr": {"lines.after": "read twice"}}
    assert faults == []
    (tmp_path / FILE).write_text("accepted = 3\n", "utf-8")
    read_accepted(tmp_path, faults)
    assert [fault.place for fault in faults] == ["accepted"]


def test_the_command_knows_its_languages() -> None:
    folders = {"IVR_CONFIG": str(ROOT / "config"), "IVR_PROMPTS": str(ROOT / "prompts")}

    told = CliRunner().invoke(main, ["prompts", "meanings", "xx"], env=folders)

    assert told.exit_code == 1
    assert "'xx' is no language that is translated" in told.output


def test_words_of_the_public_page_are_behind_until_somebody_translates_them_again(flow: Flow) -> None:
    pages = unnamed_pages(ROOT / "prompts", flow)
    notes = translated(flow, "fr", MadeFrom(), behind(flow, "fr", MadeFrom(), pages), pages)
    assert behind(flow, "fr", notes, pages) == ()

    changed = {**pages, "en": replace(pages["en"], skip="Go on to the words")}

    assert behind(flow, "fr", notes, changed) == ("pages.skip",)
    done = translated(flow, "fr", notes, ("pages.skip",), changed)
    assert behind(flow, "fr", done, changed) == ()
