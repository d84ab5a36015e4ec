"""The line's own phrases: what people write, by language and by what it means. Files that people edit."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DANGER = "danger-"
SOUNDS = "danger-sounds"
WISH = "wish-"
OFF_TOPIC = "off-topic"
SHORT, SHORTEST_OF_A_NAME = 3, 4  # Words of a phrase that somebody may say; so many of each name.


@dataclass(frozen=True)
class Phrase:
    """One text, its language, and the name of what it means: an intent, danger-…, wish-… or off-topic.

    A text that only sounds like danger is about something else: ``topic``, "" where nobody can tell.
    """

    text: str
    language: str
    name: str
    topic: str = ""

    @property
    def is_danger(self) -> bool:
        """Whether its writer speaks of present danger."""
        return self.name.startswith(DANGER) and self.name != SOUNDS


def read_phrases(folder: Path) -> tuple[Phrase, ...]:
    """Read all phrases to learn from, in an order that never changes."""
    files = sorted(folder.glob("*/*.txt"))
    return tuple(
        phrase for file in files if file.parent.name != "check" for phrase in _read(file, file.parent.name)
    )


def short_phrases(folder: Path) -> dict[str, tuple[str, ...]]:
    """Give the shortest phrases of each name, by language: hints for whoever makes spoken words out."""
    by_name: dict[tuple[str, str], list[str]] = {}
    for phrase in read_phrases(folder):
        if len(phrase.text.split()) <= SHORT and "," not in phrase.text:
            by_name.setdefault((phrase.language, phrase.name), []).append(phrase.text)
    found: dict[str, list[str]] = {}
    for (language, _), texts in by_name.items():
        found.setdefault(language, []).extend(sorted(texts, key=len)[:SHORTEST_OF_A_NAME])
    return {language: tuple(texts) for language, texts in found.items()}


def read_check_set(folder: Path) -> tuple[Phrase, ...]:
    """Read the check set: phrases with their meaning that are never learned from."""
    found = []
    for file in sorted(folder.glob("check/*.tsv")):
        for line in file.read_text("utf-8").splitlines():
            name, text = line.split("\t")[:2]
            found.append(Phrase(text, file.stem, name))
    return tuple(found)


def read_added(file: Path) -> tuple[Phrase, ...]:
    """Read phrases that were added to those of the files, as `write_added` wrote them."""
    return tuple(Phrase(**each) for each in json.loads(file.read_text("utf-8")))


def write_added(file: Path, added: Sequence[Phrase]) -> None:
    """Write phrases that were added."""
    file.write_text(json.dumps([asdict(each) for each in added]), "utf-8")


def order_by_hash(phrases: tuple[Phrase, ...]) -> tuple[Phrase, ...]:
    """Order phrases by chance, the same chance each time."""
    return tuple(sorted(phrases, key=lambda p: sha256(f"{p.name}\n{p.text}".encode()).digest()))


def _read(file: Path, language: str) -> list[Phrase]:
    lines = (line.strip() for line in file.read_text("utf-8").splitlines())
    kept = (line.partition("\t") for line in lines if line and not line.startswith("#"))
    name = file.stem
    return [Phrase(text, language, name, topic) for text, _, topic in kept]
