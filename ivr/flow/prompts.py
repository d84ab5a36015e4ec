"""The words of the line by their places, and the line in other words: what was published over the files."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ivr.flow import loader
from ivr.flow.loader import BLANK, Fault, prompts_file, read_file
from ivr.flow.models import ChecklistStop, MessageStop, every_prompt
from ivr.flow.recordings import still_said, with_recordings
from ivr.flow.rendering import PLACEHOLDER, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ivr.flow.loader import PageWords
    from ivr.flow.models import Fact, Flow, Prompts


Wording = Mapping[str, Mapping[str, str]]  # Language -> place, as in `stops.law.say` -> words.

KINDS = ("lines.", "stops.", "orders.", "agencies.")
# What must hold of words before they are said: else somebody hears an error.
SAYABLE = (
    loader.unknown_blanks,
    loader.missing_blanks,
    loader.unsendable,
)


@dataclass(frozen=True)
class Worded:
    """A flow in other words, and those that it could not take: (language, place)."""

    flow: Flow
    ignored: tuple[tuple[str, str], ...] = ()


def spoken_prompts(words: Prompts) -> Iterator[tuple[str, str]]:
    """Give each prompt of a language that is not empty, with its place: what can be published anew."""
    for place, text in every_prompt(words):
        if text.strip() and place.startswith(KINDS):
            yield place, text


def word(flow: Flow, changes: Wording) -> Worded:
    """Put words into a flow, whatever they are. Those that cannot be said here are left out, and named.

    A stop may be gone since they were published, or an agency that they name.
    """
    known = {language: dict(spoken_prompts(words)) for language, words in flow.prompts.items()}
    wanted = {(language, place): said for language, of in changes.items() for place, said in of.items()}
    fit = {
        (language, place): said
        for (language, place), said in wanted.items()
        if place in known.get(language, {}) and _can_be_said(flow, language, said)
    }
    spoilt = {(fault.file, fault.place) for rule in SAYABLE for fault in rule(_with(flow, fit))}
    fit = {at: said for at, said in fit.items() if (prompts_file(at[0]), at[1]) not in spoilt}
    return Worded(_with(flow, fit) if fit else flow, tuple(at for at in wanted if at not in fit))


def put(flow: Flow, language: str, place: str, said: str) -> Flow:
    """Give a flow with other words at a place that is there, fit to be said or not: to be checked."""
    return _with(flow, {(language, place): said})


def _can_be_said(flow: Flow, language: str, said: str) -> bool:
    """Whether words are there, and name nobody who is not known."""
    try:
        return bool(fill(flow, language, said).strip())
    except KeyError:
        return False


def _with(flow: Flow, changes: Mapping[tuple[str, str], str]) -> Flow:
    """Give a flow with words changed at places that are there."""
    prompts = dict(flow.prompts)
    for (language, place), said in changes.items():
        prompts[language] = _put(prompts[language], place.split("."), said)
    return replace(flow, prompts=prompts)


def _put(words: Any, path: list[str], said: str) -> Any:  # A file's parts are dataclasses, tables and lists.
    """Copy words with one of them changed."""
    if not path:
        return said
    first, *rest = path
    match words:
        case dict():
            return words | {first: _put(words[first], rest, said)}
        case tuple():
            at = int(first) - 1
            return (*words[:at], _put(words[at], rest, said), *words[at + 1 :])
        case _:
            return replace(words, **{first: _put(getattr(words, first), rest, said)})


# What the words at a place rest on: the sources of a stop, or of an agency, and of each agency they name.


@dataclass(frozen=True)
class Backing:
    """The sources by their ids, the agencies that are named, or why there is no source."""

    facts: dict[str, Fact]
    dialled: dict[str, str]  # Agency -> the day on which a person last dialled it; empty: nobody has.
    why_none: str = ""


def backing(flow: Flow, place: str) -> Backing:
    """Find what the words at a place rest on, in whatever language they are."""
    kind, _, rest = place.partition(".")
    name = rest.partition(".")[0]
    agencies = dict.fromkeys((*([name] if kind == "agencies" else ()), *_named(flow, place)))
    known = {each: flow.directory.agencies[each] for each in agencies if each in flow.directory.agencies}
    stop = flow.stops.get(name) if kind == "stops" else None
    stating = stop if isinstance(stop, MessageStop | ChecklistStop) else None
    ids = (*(stating.facts if stating else ()), *(agency.source for agency in known.values()))
    return Backing(
        facts={each: flow.facts.facts[each] for each in dict.fromkeys(ids) if each in flow.facts.facts},
        dialled={each: agency.last_dialled for each, agency in known.items()},
        why_none=stating.no_facts if stating else "",
    )


def _named(flow: Flow, place: str) -> Iterator[str]:
    for words in flow.prompts.values():
        said = dict(spoken_prompts(words)).get(place, "")
        yield from (match[1] for match in PLACEHOLDER.finditer(said))


# Which translations are behind: made from English words that have changed since.

if TYPE_CHECKING:
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


_NOTE = re.compile(r'^"([^"\\]+)" = "([0-9a-f]+)"$', re.MULTILINE)


def _read_notes(path: Path, faults: list[Fault]) -> MadeFrom | None:
    """Read one such file: as it was written, which takes no parser, or as whatever somebody made of it."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return read_file(path, MadeFrom, faults)
    notes = MadeFrom(dict(_NOTE.findall(text)))
    return notes if written(notes) == text else read_file(path, MadeFrom, faults)


def made_from_file(prompts: Path, language: str) -> Path:
    """Give the path of the file of a language."""
    return prompts / FOLDER / f"{language}.toml"


def read_made_from(prompts: Path, flow: Flow) -> tuple[Mapping[str, MadeFrom], tuple[Fault, ...]]:
    """Read the file of each language that has one, and name the faults of those that cannot be read."""
    faults: list[Fault] = []
    paths = {language: made_from_file(prompts, language) for language in flow.prompts if language != SOURCE}
    read = {name: _read_notes(path, faults) for name, path in paths.items() if path.is_file()}
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


# The prompts of now: those of the files, over them what operators published, and their notice.

logger = logging.getLogger(__name__)


class LivePrompts:
    """Holds the flow of a process: as the files have it (``base``), and as it is heard now (``flow``).

    Whoever keeps something made from the flow subscribes, and makes it anew. Subscribers come first: what is
    rendered after a turn was decided is never older than the turn.
    """

    def __init__(
        self, base: Flow, published: Callable[[], Wording], notice: Callable[[], Mapping[str, str]] = dict
    ) -> None:
        self.base = self.flow = base
        self._published = published
        self._notice = notice
        self._taken_up: tuple[Wording, Mapping[str, str]] = ({}, {})
        self._subscribers: list[Callable[[Flow], object]] = []

    def subscribe(self, follow: Callable[[Flow], object]) -> None:
        """Have a subscriber called with each flow to come."""
        self._subscribers.append(follow)

    def refresh(self) -> bool:
        """Take up what was published since; return whether anything was. What does not fit is left out."""
        current = published, notice = self._published(), self._notice()
        if current == self._taken_up:
            return False
        self._taken_up = current
        try:
            worded = word(self.base, published)
            flow = replace(worded.flow, notice=notice) if notice else worded.flow
            if self.base.recordings:  # One stays where the words are still those that it says.
                flow = with_recordings(flow, still_said(self.base, flow))
            for follow in self._subscribers:
                follow(flow)
        except Exception:  # Whatever was published: no caller is to notice.
            logger.exception("published prompts cannot be taken up, the last ones are spoken")
            return False
        for language, place in worded.ignored:
            logger.warning(
                "published prompts do not fit the files, theirs are spoken: %s %s; see: ivr prompts",
                language,
                place,
            )
        self.flow = flow
        return True
