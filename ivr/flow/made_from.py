"""Which translations are behind: made from English words that have changed since.

`prompts/made_from/<language>.toml` holds, for each prompt, a short hash of the English that it was made from;
`pages.…` are the words of the public page, in `prompts/pages/`. Only `ivr prompts translated` writes these
files; a language without one is of unknown state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING

from ivr.flow.loader import Fault, read_file
from ivr.flow.models import every_prompt
from ivr.flow.placeholders import BLANK
from ivr.flow.prompts import spoken_prompts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ivr.flow.models import Flow
    from ivr.flow.public_page import PageWords

    Pages = Mapping[str, PageWords]

NO_PAGES: Pages = MappingProxyType({})
SOURCE = "en"  # What translations are made from.
FOLDER = "made_from"
HASH_LETTERS = 8  # One change in four thousand million goes unseen.
OWN = frozenset({"lines.language_name"})  # Not translated: each language names itself.
PAGES = "pages"  # Before the places of the words of the public page.
HEAD = "# Which English each prompt was made from. Written by `ivr prompts translated`, never by hand.\n"


@dataclass(frozen=True)
class MadeFrom:
    """One such file: prompt -> hash of the English that its translation was made from."""

    prompts: dict[str, str] = field(default_factory=dict)


def made_from_file(prompts: Path, language: str) -> Path:
    """Give the path of the file of a language."""
    return prompts / FOLDER / f"{language}.toml"


def read_made_from(prompts: Path, flow: Flow) -> tuple[Mapping[str, MadeFrom], tuple[Fault, ...]]:
    """Read the file of each language that has one, and name the faults of those that cannot be read."""
    faults: list[Fault] = []
    paths = {language: made_from_file(prompts, language) for language in flow.prompts if language != SOURCE}
    read = {name: read_file(path, MadeFrom, faults) for name, path in paths.items() if path.is_file()}
    return {language: notes for language, notes in read.items() if notes}, tuple(faults)


def behind(flow: Flow, language: str, notes: MadeFrom, pages: Pages = NO_PAGES) -> tuple[str, ...]:
    """Name the prompts of a language that were made from other English words than those of now.

    A translation of which nothing is noted is one of them; what is missing or blank still is not.
    """
    own, now = texts(flow, language, pages), current(flow, pages)
    return tuple(place for place in own if place in now and notes.prompts.get(place) != now[place])


def current(flow: Flow, pages: Pages = NO_PAGES) -> dict[str, str]:
    """Give the hash of each English prompt of now; nothing for a line that has no English."""
    return {place: english_hash(text) for place, text in texts(flow, SOURCE, pages).items()}


def english_hash(text: str) -> str:
    """Give the short hash of an English prompt."""
    return sha256(text.encode()).hexdigest()[:HASH_LETTERS]


def written(notes: MadeFrom) -> str:
    """Write the file of a language, a line for each prompt in the order of their names."""
    lines = (f'"{place}" = "{made_from}"\n' for place, made_from in sorted(notes.prompts.items()))
    return f"{HEAD}\n[prompts]\n{''.join(lines)}"


def translated(
    flow: Flow, language: str, notes: MadeFrom, places: tuple[str, ...], pages: Pages = NO_PAGES
) -> MadeFrom:
    """Note that translations are made from the English of now; those of all that is gone are dropped."""
    own, now = texts(flow, language, pages), current(flow, pages)
    there = {place: made_from for place, made_from in notes.prompts.items() if place in own and place in now}
    return MadeFrom(there | {place: now[place] for place in places})


def texts(flow: Flow, language: str, pages: Pages = NO_PAGES) -> dict[str, str]:
    """Give the prompts of a language that are written, by place, and the words of its public page."""
    if language not in flow.prompts:
        return {}
    page = every_prompt(pages[language], PAGES) if language in pages else ()
    written = (*spoken_prompts(flow.prompts[language]), *page)
    return {
        place: text for place, text in written if text and place not in OWN and not text.startswith(BLANK)
    }
