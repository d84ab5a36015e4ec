"""Write into the file of agencies that a person has dialled one. Comments and layout stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import tomlkit
from tomlkit.exceptions import TOMLKitError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from tomlkit.items import Comment, Table, Whitespace


@dataclass(frozen=True)
class DialTest:
    """A person rang an agency: when, who, and what answered."""

    agency: str
    on: date
    by: str
    heard: str


class DialTestError(Exception):
    """A dial test cannot be written down; the message says which place to mend."""


def note(text: str, test: DialTest, today: date) -> str:
    """Give the file of agencies with a dial test in it."""
    if test.on > today:
        raise DialTestError(
            f"agencies.{test.agency}.last_dialled: {test.on} is still to come; write the day you dialled"
        )
    for part, said in (("last_dialled_by", test.by), ("heard", test.heard)):
        if not said.strip() or not said.isprintable():
            raise DialTestError(f"agencies.{test.agency}.{part}: '{said}' says nothing; write it on one line")
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise DialTestError(f"whole file: is not TOML: {error}; mend that place") from None
    agencies = document.get("agencies", {})
    agency = agencies.get(test.agency)
    if agency is None:
        known = ", ".join(agencies)
        raise DialTestError(f"agencies.{test.agency}: is not declared; there are: {known}")
    _write(agency, test)
    return tomlkit.dumps(document)


def _write(agency: Table, test: DialTest) -> None:
    """Set the fields of a dial test. A heading below the agency's own lines stays below them."""
    body, below = agency.value.body, list["Comment | Whitespace"]()
    while body and body[-1][0] is None:
        below.append(cast("Comment | Whitespace", body.pop()[1]))
    agency["last_dialled"] = test.on.isoformat()
    agency["last_dialled_by"] = test.by.strip()
    agency["heard"] = test.heard.strip()
    for item in reversed(below):
        agency.add(item)


# Write published words into the files that are the line's base. Comments and layout stay as they are.


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
