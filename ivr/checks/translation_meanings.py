"""Whether translations mean what the English means, by an encoder of sentences: `make translations`.

Each translated prompt is to lie nearest to the English prompt that it was made from, or to another of its
stop. An encoder takes minutes for all languages, so translators run this and `ivr check` does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ivr.flow.loader import BRACES, Fault, read_file
from ivr.flow.prompts import SOURCE, texts
from ivr.flow.rendering import fill_names
from ivr.understanding.encoders import unit_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ivr.flow.models import Flow
    from ivr.flow.prompts import Pages
    from ivr.understanding.encoders import Encoder, Vectors

FILE = "made_from/accepted.toml"  # In the folder of prompts.
NAMES = ("agencies.", "languages.")  # Names mean nothing that could be compared.
SHORTEST = 25  # Letters of English; in fewer words an encoder sees too little.


@dataclass(frozen=True)
class Accepted:
    """The file of translations that were read, and are right, though another English prompt lies nearer."""

    accepted: dict[str, dict[str, str]] = field(default_factory=dict)  # Language -> prompt -> why.


@dataclass(frozen=True)
class Astray:
    """A translation that lies nearer to another English prompt than to its own."""

    language: str
    place: str
    nearest: str  # That English prompt.
    own: float  # How near it lies to its own: the cosine.
    other: float
    accepted: str = ""  # Why that is right; empty where nobody has said so.

    def __str__(self) -> str:
        """Write it on one line."""
        line = f"{self.language} {self.place}: {self.own:.2f}, and {self.other:.2f} to {self.nearest}"
        return f"{line} (accepted: {self.accepted})" if self.accepted else line


@dataclass(frozen=True)
class Compared:
    """What came of one language: prompts compared, those astray, and what is accepted in vain."""

    language: str
    encoder: str
    prompts: int
    astray: tuple[Astray, ...]
    in_vain: tuple[str, ...] = ()  # Accepted, and not astray any more.

    @property
    def right(self) -> bool:
        """Whether nothing is left to mend."""
        return not self.in_vain and all(each.accepted for each in self.astray)


def read_accepted(prompts: Path, faults: list[Fault]) -> Accepted:
    """Read what is accepted; nothing where there is no file."""
    path = prompts / FILE
    return (read_file(path, Accepted, faults) if path.is_file() else None) or Accepted()


def compare(
    flow: Flow,
    pages: Pages,
    encoder_of: Callable[[str], Encoder],
    accepted: Accepted,
    languages: Sequence[str],
) -> Iterator[Compared]:
    """Compare the prompts of each language with the English ones, by an encoder that reads it."""
    english = _comparable(flow, SOURCE, pages)
    known: dict[str, Vectors] = {}  # What each encoder makes of the English.
    for language in languages:
        encoder = encoder_of(language)
        if encoder.name not in known:
            known[encoder.name] = unit_vectors(encoder, list(english.values()))
        own = {at: text for at, text in _comparable(flow, language, pages).items() if at in english}
        likeness = unit_vectors(encoder, list(own.values())) @ known[encoder.name].T
        astray = tuple(_astray(english, own, likeness, language, accepted.accepted.get(language, {})))
        in_vain = accepted.accepted.get(language, {}).keys() - {each.place for each in astray}
        yield Compared(language, encoder.name, len(own), astray, tuple(sorted(in_vain)))


def _astray(
    english: Mapping[str, str],
    own: Iterable[str],
    likeness: Vectors,
    language: str,
    accepted: Mapping[str, str],
) -> Iterator[Astray]:
    """Find the translations (rows) that are less like their own English (columns) than like another."""
    places = list(english)
    for place, row in zip(own, likeness, strict=True):
        nearest = places[int(row.argmax())]
        if _owner(nearest) != _owner(place) and english[nearest] != english[place]:
            mine, other = float(row[places.index(place)]), float(row.max())
            yield Astray(language, place, nearest, mine, other, accepted.get(place, ""))


def _comparable(flow: Flow, language: str, pages: Pages) -> dict[str, str]:
    """Give the prompts of a language that can be compared, names put in and numbers left out."""
    long = {
        at for at, text in texts(flow, SOURCE, pages).items() if len(_plain(flow, SOURCE, text)) >= SHORTEST
    }
    return {
        place: _plain(flow, language, text)
        for place, text in texts(flow, language, pages).items()
        if place in long and not place.startswith(NAMES)
    }


def _plain(flow: Flow, language: str, text: str) -> str:
    """Put in names, and take out what is filled in anew each time: it is the same in every language."""
    return " ".join(BRACES.sub(" ", fill_names(flow.place, flow.prompts[language], language, text)).split())


def _owner(place: str) -> str:
    """Name what a prompt belongs to: its stop, whose prompts say the same in other words; or itself."""
    return ".".join(place.split(".")[:2]) if place.startswith("stops.") else place
