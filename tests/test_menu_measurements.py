"""The figures of the check, measured on the good line of tests/lines/minimal."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.checks.runner import check
from ivr.flow.diagrams import diagram
from ivr.flow.loader import read_flow
from ivr.flow.menu_measurements import Figures, summary

MINIMAL = Path(__file__).parent / "lines" / "minimal"


@pytest.fixture(scope="module")
def figures() -> Figures:
    found = check(MINIMAL / "config", MINIMAL / "prompts").figures
    assert found
    return found


def test_menus_are_measured_in_choices_and_depth(figures: Figures) -> None:
    assert (figures.choices.amount, figures.choices.place) == (2, "main")
    assert (figures.depth.amount, figures.depth.place) == (1, "main")


def test_way_to_a_person_stops_listening_at_each_named_key(figures: Figures) -> None:
    # Hello: 10 words, English: 4, a person: 5, the line that is not police: 9.
    english = figures.languages["en"].journey

    assert english
    assert english.keys == "101"
    assert english.seconds == pytest.approx(28 * 60 / 150)


def test_french_way_to_a_person_hears_the_english_hello_first(figures: Figures) -> None:
    french = figures.languages["fr"].journey

    assert french
    assert french.keys == "201"
    assert french.seconds == pytest.approx(14 * 60 / 150 + (6 + 6 + 8) * 60 / 155)


def test_patient_caller_hears_everything_before_each_key(figures: Figures) -> None:
    journeys = [heard.journey for heard in figures.languages.values()]

    assert all(journey and journey.patient > journey.seconds for journey in journeys)


def test_a_person_is_two_keys_away_before_a_language_is_known(figures: Figures) -> None:
    assert figures.before
    assert figures.before.keys == "01"


def test_letters_that_force_long_texts_are_named(figures: Figures) -> None:
    assert figures.languages["fr"].wide.place == "ç"


def test_summary_names_every_figure_in_every_language(figures: Figures) -> None:
    lines = summary(figures).splitlines()

    for what in ("longest instructions", "first sentence", "longest text", "16-bit", "to a ringing agency"):
        assert sum(what in line for line in lines if line.startswith(("en: ", "fr: "))) == 2


def test_diagram_has_a_box_for_each_stop_and_an_arrow_for_each_key() -> None:
    drawn = diagram(read_flow(MINIMAL / "config", MINIMAL / "prompts"))

    assert drawn.startswith("flowchart LR\n  s0([hello])\n")
    assert drawn.count("-->") == 8
    assert "s1 -->|2| s3" in drawn
