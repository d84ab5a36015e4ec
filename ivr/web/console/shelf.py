"""The prompts of the line as the console lists and tries them: the file's, and what was written over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.checks.runner import inspect
from ivr.flow.prompt_style import BY_HAND, UNSENDABLE
from ivr.flow.prompts import every_prompt, put, word
from ivr.flow.weighing import weigh
from ivr.records.prompts import FILE, count_drafts, list_published, list_versions, wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ivr.flow.loader import Fault
    from ivr.flow.models import Flow
    from ivr.flow.weighing import Weight
    from ivr.records.database import Database
    from ivr.records.prompts import Version


@dataclass(frozen=True)
class Prompt:
    """One prompt in one language: what is heard now, and where that comes from."""

    place: str
    language: str
    weight: Weight | None  # Nothing when the files have no such place any more.
    file: str
    version: int = FILE  # Which is published.
    fits: bool = True  # Whether what is published can be heard.
    drafts: int = 0


@dataclass(frozen=True)
class Trial:
    """Words that are tried, and not saved: what they would take, and what `ivr check` would say."""

    language: str
    words: str
    weight: Weight | None
    faults: tuple[Fault, ...]
    kept: bool = True  # Whether they may be kept at all: a number that was typed may be anybody's.


@dataclass(frozen=True)
class Shelf:
    """Every prompt of the line in every language, by place."""

    prompts: Mapping[str, tuple[Prompt, ...]]

    def parts(self) -> Mapping[str, int]:
        """Name the parts that the words are divided into, and count the prompts of each."""
        found: dict[str, int] = {}
        for place in self.prompts:
            found[part_of(place)] = found.get(part_of(place), 0) + 1
        return found

    def find(self, part: str, sought: str) -> Mapping[str, tuple[Prompt, ...]]:
        """Find the prompts of a part, or of all, whose place or words hold what is sought."""
        return {
            place: prompts
            for place, prompts in self.prompts.items()
            if part in {"", part_of(place)} and _holds(place, prompts, sought.casefold())
        }

    def changed(self) -> Mapping[str, tuple[Prompt, ...]]:
        """Find the prompts over which something is published, or drafted."""
        return {
            place: prompts
            for place, prompts in self.prompts.items()
            if any(each.version != FILE or each.drafts for each in prompts)
        }


def part_of(place: str) -> str:
    """Name the part of the words that a place is in: a stop, the lines, the orders, the agencies."""
    kind, _, rest = place.partition(".")
    return f"stops.{rest.partition('.')[0]}" if kind == "stops" else kind


def read_shelf(base: Flow, database: Database) -> Shelf:
    """Read what is heard now of every prompt."""
    published = list_published(database)
    worded, drafts = word(base, wording(published)), count_drafts(database)
    versions = {(each.language, each.place): each.version for each in published}
    found: dict[str, list[Prompt]] = {}
    for language, words in base.prompts.items():
        weights, file = weigh(worded.flow, language), dict(every_prompt(words))
        for place in dict.fromkeys((*file, *(v.place for v in published if v.language == language))):
            at = (language, place)
            prompt = Prompt(
                place,
                language,
                weights.get(place),
                file.get(place, ""),
                version=versions.get(at, FILE),
                fits=at not in worded.ignored,
                drafts=drafts.get(at, 0),
            )
            found.setdefault(place, []).append(prompt)
    return Shelf({place: tuple(prompts) for place, prompts in found.items()})


def try_words(base: Flow, published: Iterable[Version], at: tuple[str, str], words: str) -> Trial:
    """Try words at a place (language, place) beside what is published, as `ivr check` would."""
    language, place = at
    flow = put(word(base, wording(list(published))).flow, language, place, words)
    kept = bool(words) and not BY_HAND.search(words) and not UNSENDABLE.search(words)
    return Trial(language, words, weigh(flow, language).get(place), tuple(dict.fromkeys(inspect(flow))), kept)


def complaints(base: Flow, published: Iterable[Version]) -> tuple[Fault, ...]:
    """Say what `ivr check` says of what is heard now."""
    return tuple(dict.fromkeys(inspect(word(base, wording(list(published))).flow)))


def versions_of(database: Database, place: str) -> Mapping[str, list[Version]]:
    """Read the versions of a place by language, the newest first."""
    found: dict[str, list[Version]] = {}
    for each in list_versions(database, place):
        found.setdefault(each.language, []).append(each)
    return found


def _holds(place: str, prompts: tuple[Prompt, ...], sought: str) -> bool:
    said = (each.weight.words if each.weight else each.file for each in prompts)
    return any(sought in each.casefold() for each in (place, *said))
