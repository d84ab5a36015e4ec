"""Write published words into the files that are the line's base. Comments and layout stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

if TYPE_CHECKING:
    from collections.abc import Mapping


class ExportError(Exception):
    """A prompts file cannot be written to; the message says what is wrong with it."""


@dataclass(frozen=True)
class Written:
    """A prompts file with published words in it, and which of them it did not have, or has no place for."""

    text: str
    changed: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    homeless: tuple[str, ...] = ()


def write_words(text: str, words: Mapping[str, str]) -> Written:
    """Put words into the text of a prompts file, each at its place."""
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise ExportError(f"is not TOML: {error}; mend that place") from None
    told: dict[str, list[str]] = {"changed": [], "same": [], "homeless": []}
    for place, said in words.items():
        told[_put(document, place, said)].append(place)
    return Written(tomlkit.dumps(document), **{how: tuple(places) for how, places in told.items()})


def _put(document: Any, place: str, said: str) -> str:  # tomlkit gives its tables and lists no common type
    """Put words at a place that is there; say what became of them."""
    *path, last = place.split(".")
    holder = document
    for step in path:
        holder = holder.get(step) if hasattr(holder, "get") else None
    at: Any = int(last) - 1 if last.isdecimal() and isinstance(holder, list) else last
    there = holder is not None and (0 <= at < len(holder) if isinstance(at, int) else at in holder)
    if not there or not isinstance(holder[at], str):
        return "homeless"
    if holder[at] == said:
        return "same"
    holder[at] = said
    return "changed"
