"""The place stands in one file: a line of another city changes it there, and nobody hears of the old one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT

from ivr.checks.runner import check
from ivr.flow.loader import read_pages
from ivr.flow.menu_measurements import texts
from ivr.flow.models import Place, every_prompt
from ivr.flow.rendering import fill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ivr.flow.models import Flow


def moved(flow: Flow) -> Flow:
    """Give the line of another city: every name of the place is another, agencies stay."""
    names = {key: {"en": f"the Elmbridge {key}"} for key in flow.place.names}
    return replace(flow, place=Place(names | {"city": {"en": "Elmbridge"}}))


def heard_and_read(flow: Flow) -> Iterator[str]:
    """Give all that is said, texted and shown on the page, names and numbers filled in."""
    pages = read_pages(ROOT / "prompts", flow)
    for language in flow.languages:
        prompts = flow.prompts[language]
        spoken = (prompts.lines, prompts.stops, prompts.orders, prompts.agencies)
        yield from (fill(flow, language, text) for part in spoken for _, text in every_prompt(part))
        yield from (text for _, text in texts(flow, language))
        yield from (text for _, text in (every_prompt(pages[language]) if language in pages else ()))


def test_a_line_of_another_city_says_nothing_of_the_old_one(flow: Flow) -> None:
    old = {name for names in flow.place.names.values() for name in names.values()}
    before, after = list(heard_and_read(flow)), list(heard_and_read(moved(flow)))

    assert sum("Hamilton" in text for text in before) > 10
    assert [text for text in after if any(name in text for name in old)] == []
    assert sum("Elmbridge" in text for text in after) > 10


@pytest.mark.parametrize(
    ("words", "filled"),
    [
        ("{police.name} has a unit.", "The Hamilton Police has a unit."),
        ("It is far. {police.name} has a unit.", "It is far. The Hamilton Police has a unit."),
        ("Call {police.name}.", "Call the Hamilton Police."),
        ("{police-desk.name}", "The non-emergency desk of the Hamilton Police"),
        ("{hotline.name} is {city.name}.", "The national hotline is Hamilton."),
    ],
)
def test_a_name_gets_a_capital_where_it_begins_a_sentence(flow: Flow, words: str, filled: str) -> None:
    assert fill(flow, "en", words) == filled


def test_a_language_without_its_own_name_takes_the_first(flow: Flow) -> None:
    assert flow.place.name("police", "fr") == "la police de Hamilton"
    assert flow.place.name("police", "so") == "the Hamilton Police"


def test_every_name_of_the_place_is_said_somewhere(flow: Flow) -> None:
    pages = "".join(path.read_text("utf-8") for path in sorted((ROOT / "prompts" / "pages").glob("*.toml")))
    said = "".join(text for prompts in flow.prompts.values() for _, text in every_prompt(prompts)) + pages

    assert [key for key in flow.place.names if f"{{{key}.name}}" not in said] == []


def test_the_line_itself_is_clean(tmp_path: Path) -> None:
    assert check(ROOT / "config", ROOT / "prompts").faults == ()

    place = (ROOT / "config/place.toml").read_text("utf-8")
    config = tmp_path / "config"
    config.mkdir()
    for path in (ROOT / "config").glob("*.toml"):
        (config / path.name).write_text(path.read_text("utf-8"), "utf-8")
    (config / "place.toml").write_text(place.replace('"Hamilton"', '"Ontario"'), "utf-8")

    faults = [fault for fault in check(config, ROOT / "prompts").faults if "says 'Ontario'" in fault.mend]
    assert faults
    assert all("write {city.name}" in fault.mend for fault in faults)
