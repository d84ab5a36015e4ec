"""The place stands in one file: what its city and services are called is never written out elsewhere."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from ivr.flow.loader import PLACE, Fault, prompts_file
from ivr.flow.models import every_prompt
from ivr.flow.placeholders import AGENCY_NAME, BRACES
from ivr.flow.prompts import spoken_prompts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ivr.flow.models import Flow
    from ivr.flow.public_page import PageWords


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
        for place, text in spoken_prompts(prompts):
            own = AGENCY_NAME.fullmatch(place)  # Where agencies get their names.
            for mend in _found(places if own else every, text):
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
