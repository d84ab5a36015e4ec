"""Write into the file of agencies that a person has dialled one. Comments and layout stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import tomlkit
from tomlkit.exceptions import TOMLKitError

if TYPE_CHECKING:
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
