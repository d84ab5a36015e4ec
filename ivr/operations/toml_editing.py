"""Edits of the line's TOML files: a dial test into agencies.toml, published prompts into prompts files.

Comments and layout stay as they are.
"""

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


def write_dial_test(text: str, test: DialTest, today: date) -> str:
    """Give the text of agencies.toml with a dial test in it."""
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
    _set_dial_test(agency, test)
    return tomlkit.dumps(document)


def _set_dial_test(agency: Table, test: DialTest) -> None:
    """Set the fields of a dial test. A heading below the agency's own lines stays below them."""
    body, below = agency.value.body, list["Comment | Whitespace"]()
    while body and body[-1][0] is None:
        below.append(cast("Comment | Whitespace", body.pop()[1]))
    agency["last_dialled"] = test.on.isoformat()
    agency["last_dialled_by"] = test.by.strip()
    agency["heard"] = test.heard.strip()
    for item in reversed(below):
        agency.add(item)


class ExportError(Exception):
    """A prompts file cannot be written to; the message says what is wrong with it."""


@dataclass(frozen=True)
class WrittenPrompts:
    """A prompts file with published prompts in it: those that it changed, said already, or does not know."""

    text: str
    changed: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def write_prompts(text: str, prompts: Mapping[str, str]) -> WrittenPrompts:
    """Put prompts into the text of a prompts file, each at its key."""
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise ExportError(f"is not TOML: {error}; mend that place") from None
    keys: dict[str, list[str]] = {"changed": [], "same": [], "unknown": []}
    for key, prompt in prompts.items():
        keys[_put(document, key, prompt)].append(key)
    return WrittenPrompts(tomlkit.dumps(document), **{outcome: tuple(each) for outcome, each in keys.items()})


def _put(document: Any, key: str, prompt: str) -> str:  # tomlkit gives its tables and lists no common type
    """Put a prompt at a key that exists; say what became of it."""
    *path, last = key.split(".")
    holder = document
    for step in path:
        holder = holder.get(step) if hasattr(holder, "get") else None
    at: Any = int(last) - 1 if last.isdecimal() and isinstance(holder, list) else last
    exists = holder is not None and (0 <= at < len(holder) if isinstance(at, int) else at in holder)
    if not exists or not isinstance(holder[at], str):
        return "unknown"
    if holder[at] == prompt:
        return "same"
    holder[at] = prompt
    return "changed"
