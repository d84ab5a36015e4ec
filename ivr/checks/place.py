"""The place stands in one file: what its city and services are called is never written out elsewhere."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from ivr.flow.loader import (
    AGENCIES,
    AGENCY_NAME,
    BLANK,
    BRACES,
    FACTS,
    KEYWORDS,
    LINE,
    PLACE,
    Fault,
    prompts_file,
)
from ivr.flow.models import ChecklistStop, MessageStop, every_prompt
from ivr.flow.prompts import spoken_prompts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from ivr.flow.loader import PageWords
    from ivr.flow.models import Flow


KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def wrong_names(flow: Flow) -> Iterator[Fault]:
    """Find names of the place that are empty, are an agency's too, or cannot be put into words."""
    for part in ("anywhere", "roles"):
        for key in getattr(flow.place, part):
            if key not in flow.place.names and key not in flow.directory.agencies:
                yield Fault(
                    PLACE, part, f"names '{key}', which is neither a name here nor an agency; remove it"
                )
    for key, written in flow.place.names.items():
        if not KEY.fullmatch(key):
            yield Fault(PLACE, f"names.{key}", "is no short name; write small letters, digits and hyphens")
        if key in flow.directory.agencies:
            yield Fault(PLACE, f"names.{key}", "is the name of an agency too; call one of them otherwise")
        if not written:
            yield Fault(PLACE, f"names.{key}", 'has no name; write one, such as { en = "Hamilton" }')
        for language, name in written.items():
            if not name.strip() or BRACES.search(name):
                yield Fault(PLACE, f"names.{key}.{language}", "is empty or has braces; write the name alone")


def written_out(flow: Flow) -> Iterator[Fault]:
    """Find names of the place and of agencies that stand in prompts as words: they would go stale there."""
    for language, prompts in flow.prompts.items():
        places = _names_of_place(flow, language)
        every = places | {each.name: key for key, each in prompts.agencies.items() if each.name.strip()}
        # Where agencies get their names, only those of the place are looked for.
        own, others = dict[str, str](), dict[str, str]()
        for place, text in spoken_prompts(prompts):
            (own if AGENCY_NAME.fullmatch(place) else others)[place] = text
        for names, texts in ((every, others), (places, own)):
            here = _standing_anywhere(names, texts.values())
            for place, text in texts.items() if here else ():
                for mend in _found(here, text):
                    yield Fault(prompts_file(language), place, mend)


def written_on_pages(flow: Flow, pages: Mapping[str, PageWords], folder: Path) -> Iterator[Fault]:
    """Find names that stand in the words of the public page, read before names are put in."""
    for language, words in pages.items():
        agencies = flow.prompts[language].agencies
        every = _names_of_place(flow, language) | {
            each.name: key for key, each in agencies.items() if each.name.strip()
        }
        for place, text in every_prompt(words):
            for mend in _found(every, text):
                yield Fault(str(folder / "pages" / f"{language}.toml"), place, mend)


def _names_of_place(flow: Flow, language: str) -> dict[str, str]:
    """Give every name of the place that may stand in words of a language, and what to write instead."""
    return {
        name: key
        for key, written in flow.place.names.items()
        for name in (flow.place.name(key, language), *written.values())
        if name.strip()
    }


def _found(names: Mapping[str, str], text: str) -> Iterator[str]:
    """Say what to write instead of each name that stands in a text; the longest name first."""
    left = BRACES.sub(" ", text)
    for name, bare in _bare(tuple(names)):
        if bare not in left:
            continue
        pattern = re.compile(rf"(?<!\w){re.escape(bare)}(?!\w)")
        if pattern.search(left):
            left = pattern.sub(" ", left)
            yield f"says '{bare}'; write {{{names[name]}.name}}, so that it stands in one file"


def _standing_anywhere(names: Mapping[str, str], texts: Iterable[str]) -> Mapping[str, str]:
    """Give the names that stand in any of some texts, which is none as a rule."""
    whole = "\n".join(BRACES.sub(" ", text) for text in texts)
    return {name: names[name] for name, bare in _bare(tuple(names)) if bare in whole}


@lru_cache(maxsize=64)
def _bare(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Give each name with how it is looked for, the longest first."""
    longest_first = sorted(names, key=len, reverse=True)
    looked_for = ((name, without_article(BRACES.sub(" ", name).strip())) for name in longest_first)
    return tuple(each for each in looked_for if each[1])


def without_article(name: str) -> str:
    """Leave out a first word that is no name: "the Hamilton Police" is also found as "Hamilton Police"."""
    first, _, rest = name.partition(" ")
    return rest if rest and first.islower() and len(first) <= len("the") else name


# A line that was made from another city's: what is still blank, and what is still the other city's.


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
