"""A line that was made from another city's: what is still blank, and what is still the other city's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ivr.checks.place import without_article
from ivr.flow.loader import AGENCIES, FACTS, KEYWORDS, LINE, PLACE, Fault, prompts_file
from ivr.flow.models import ChecklistStop, MessageStop, every_prompt
from ivr.flow.placeholders import BLANK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ivr.flow.models import Flow
    from ivr.flow.public_page import PageWords


def left_blank(flow: Flow) -> Iterator[Fault]:
    """Find what `ivr new` left to be written."""
    for file, place, text in _every_text(flow):
        yield from _blank(file, place, text)
    for place, text in every_prompt(flow.facts):
        yield from _blank(FACTS, place, text)


def words_of_another_place(flow: Flow) -> Iterator[Fault]:
    """Find words of the place from which these files were made."""
    for file, place, text in _every_text(flow):
        yield from _strange(flow, file, place, text)


def facts_of_another_city(flow: Flow) -> Iterator[Fault]:
    """Find sources that tell of another city's services, and who rests on them."""
    cities = flow.place.names.get("city", {})
    city = next(iter(cities.values()), "")
    for name, fact in flow.facts.facts.items():
        if not fact.city or fact.city in cities.values():
            continue
        resting = ", ".join(_resting(flow, name)) or "nothing"
        mend = f"is a source of {fact.city}, and carries {resting}; name a source of {city}'s own there"
        yield Fault(FACTS, f"facts.{name}", mend)


def on_pages(flow: Flow, pages: Mapping[str, PageWords], folder: Path) -> Iterator[Fault]:
    """Find what is blank, or another place's, in the words of the public page."""
    for language, words in pages.items():
        for place, text in every_prompt(words):
            file = str(folder / "pages" / f"{language}.toml")
            yield from _blank(file, place, text)
            yield from _strange(flow, file, place, text)


def _every_text(flow: Flow) -> Iterator[tuple[str, str, str]]:
    """Give all that is said, texted or shown: file, place and words. Sources of facts are not among it."""
    yield LINE, "name", flow.line.name
    yield from ((PLACE, f"names.{place}", text) for place, text in every_prompt(flow.place.names))
    yield from ((AGENCIES, place, text) for place, text in every_prompt(flow.directory))
    yield from ((KEYWORDS, place, text) for place, text in every_prompt(flow.keywords))
    for language, prompts in flow.prompts.items():
        yield from ((prompts_file(language), place, text) for place, text in every_prompt(prompts))


def _blank(file: str, place: str, text: str) -> Iterator[Fault]:
    if BLANK in text:
        asked = text.partition(BLANK)[2].strip(" :.") or "what belongs here"
        yield Fault(file, place, f"is still blank; write {asked}")


def _strange(flow: Flow, file: str, place: str, text: str) -> Iterator[Fault]:
    for word in flow.place.elsewhere:
        bare = without_article(word)
        if bare and _stands_in(bare, text):
            mend = (
                f"says '{bare}', a word of another place; write this place's own, or take it out of "
                f"elsewhere in {PLACE} if it is right here too"
            )
            yield Fault(file, place, mend)


def _stands_in(word: str, text: str) -> bool:
    """Whether a word stands in a text; letters without capitals often have no space around a word either."""
    if word not in text or word.upper() == word.lower():
        return word in text
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def _resting(flow: Flow, fact: str) -> Iterator[str]:
    for name, stop in flow.stops.items():
        if isinstance(stop, MessageStop | ChecklistStop) and fact in stop.facts:
            yield f"stops.{name}"
    for name, agency in flow.directory.agencies.items():
        if agency.source == fact:
            yield f"agencies.{name}"
