"""The words of the public page that the line itself does not have, as `prompts/pages/` declares them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.flow.loader import Fault, FlowError, read_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

BLANKS = {  # What the program fills in, each exactly once.
    "call": ("{number}",),
    "text": ("{number}",),
    "by_text": ("{word}", "{number}"),
    "yes_some": ("{count}",),
    "yes_from": ("{count}",),
}


@dataclass(frozen=True, kw_only=True)
class MaterialWords:
    """What is printed on cards and a poster, and how to print them."""

    heading: str
    intro: str
    cards: str
    poster: str
    cards_how: str
    poster_how: str
    print: str
    outside: str  # All that a folded card shows.
    question: str
    lines: tuple[str, ...]
    how: str
    scan: str
    word: str  # What the text that the picture code opens says.
    danger: str
    strip: str  # What a torn-off strip of the poster says beside the number.


@dataclass(frozen=True, kw_only=True)
class PageWords:
    """`prompts/pages/<language>.toml`."""

    title: str  # A browser keeps it in its history.
    name: str
    intro: str
    phone_note: str
    call: str
    text: str
    by_text: str
    leave: str
    leave_to: str
    leave_hint: str
    skip: str
    home: str
    person: str
    next: str
    other_languages: str
    after_questions: str
    answers: str
    yes_none: str
    yes_some: str
    yes_from: str
    no_sending: str
    lost: str
    broken: str
    materials: MaterialWords


def read_pages(prompts: Path, languages: Iterable[str]) -> Mapping[str, PageWords]:
    """Read the words of the public page in each language. FlowError lists what cannot be read."""
    faults: list[Fault] = []
    found = {name: _read(prompts / "pages" / f"{name}.toml", faults) for name in languages}
    if faults:
        raise FlowError(tuple(faults))
    return {name: words for name, words in found.items() if words}


def _read(path: Path, faults: list[Fault]) -> PageWords | None:
    """Read one language's words, or note why not."""
    found = read_file(path, PageWords, faults)
    faults += [
        Fault(str(path), name, f"has not exactly one {blank}; write it where it belongs")
        for name, blanks in BLANKS.items()
        for blank in blanks
        if found and getattr(found, name).count(blank) != 1
    ]
    return found
