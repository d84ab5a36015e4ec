"""Every part of the papers that the line was built from is heard somewhere, or has its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from click.testing import CliRunner
from conftest import ROOT

from ivr.checks.facts import heard_parts, table, unheard
from ivr.cli.main import main
from ivr.flow.graph import stops_with_facts
from ivr.flow.menu_measurements import to_facts
from ivr.flow.models import Coverage, Covered

if TYPE_CHECKING:
    import pytest

    from ivr.flow.models import Flow

PAGE = ROOT / "docs/coverage.md"
HEAD = """# What is said where

Written by `ivr check --coverage` from `config/coverage.toml`; `pytest --rewrite` writes it anew.
The first table is every line of the page from which the line was asked for,
the second what people call about besides, the third every section of the facts that were gathered for it.
Keys are those of the shortest way, the language's first. Seconds are of speech,
each key pressed as soon as it is named, to the end of the sentence that says it.

"""
HIGHLIGHTS = {  # Of the seed page: what Canada's plan backs -> the stop that tells of it.
    "Training for the front line": "training",
    "New campaigns": "campaigns",
    "Help for towns to find people and places most at risk": "at-risk",
    "Material at embassies and high commissions": "materials",
    "Child protection in aid programs abroad": "child-protection",
}


def test_the_page_of_what_is_said_where_is_fresh(flow: Flow, request: pytest.FixtureRequest) -> None:
    fresh = HEAD + table(flow)
    if request.config.getoption("--rewrite"):
        PAGE.write_text(fresh, "utf-8")

    written = PAGE.read_text("utf-8")

    assert written == fresh, "docs/coverage.md is stale; `pytest --rewrite` writes it anew"


def test_the_command_prints_the_same_tables(flow: Flow) -> None:
    done = CliRunner().invoke(
        main, ["check", "--coverage", "--config", str(ROOT / "config"), "--prompts", str(ROOT / "prompts")]
    )

    assert (done.exit_code, done.output) == (0, table(flow))


def test_every_highlight_of_the_seed_page_has_a_stop_of_its_own(flow: Flow) -> None:
    seed = {part.what: part.stops for part in flow.coverage.papers["The page of the Hamilton Police"]}

    assert {what: stop for what, stop in HIGHLIGHTS.items() if stop not in seed.get(what, ())} == {}


def test_every_statement_of_the_page_and_of_callers_names_its_sentence_in_the_first_languages(
    flow: Flow,
) -> None:
    papers = ("The page of the Hamilton Police", "What people call about")
    asked = [part for paper in papers for part in flow.coverage.papers[paper]]

    assert len(asked) >= 40
    assert [part.what for part in asked if not set(part.heard) >= set(flow.first_languages)] == []


def test_every_statement_is_said_at_a_stop_that_four_keys_reach(flow: Flow) -> None:
    reached = list(heard_parts(flow))

    assert max(len(way.keys) for _, ways in reached for way in ways.values()) <= 4
    assert [part.what for part, ways in reached if not all(way.seconds > 0 for way in ways.values())] == []


def test_trained_staff_are_told_at_the_consent_and_not_deep(flow: Flow) -> None:
    consent = next(ways for part, ways in heard_parts(flow) if "told at the consent" in part.what)

    assert {language: way.keys for language, way in consent.items()} == {"en": "10", "fr": "20"}
    assert max(way.seconds for way in consent.values()) < 25


def test_a_sentence_that_its_stop_no_longer_says_is_a_fault(flow: Flow) -> None:
    gone = Covered(what="Bees", stops=("fears",), heard={"en": "bees", "fr": "ont honte"})
    nowhere = Covered(what="Wasps", heard={"en": "wasps"})
    foreign = Covered(what="Shame", stops=("fears",), heard={"xx": "shame"})

    found = list(unheard(replace(flow, coverage=Coverage({"Insects": (gone, nowhere, foreign)}))))

    assert [fault.place for fault in found] == [f"papers.Insects.{number}.heard" for number in (1, 2, 3)]


def test_every_fact_is_four_keys_and_a_minute_away_in_every_language(flow: Flow) -> None:
    ways = to_facts(flow)

    assert {language: set(found) for language, found in ways.items()} == {
        language: set(stops_with_facts(flow)) for language in flow.voiced
    }
    first = [way for language in flow.first_languages for way in ways[language].values()]
    assert max(len(way.keys) for way in first) <= 4
    assert max(way.seconds for way in first) <= 60
    after = [way for found in ways.values() for way in found.values()]
    assert max(len(way.keys) - len(way.choosing) for way in after) <= 3
    assert max(way.seconds - way.chosen for way in after) <= 90
