"""The words of the public page that the line itself does not have, as `prompts/pages/` declares them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from ivr.flow.loader import PLACE, Fault, FlowError, read_file
from ivr.flow.models import every_prompt
from ivr.flow.rendering import PLACEHOLDER, fill_names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ivr.flow.models import Flow

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
    draft: str  # Stands above the words of a language that nobody has reviewed.
    not_now: str  # Beside an agency that is switched off.
    materials: MaterialWords


def read_pages(prompts: Path, flow: Flow) -> Mapping[str, PageWords]:
    """Read the words of the public page in each language, names filled in. FlowError: what cannot be read."""
    return {
        language: _named(flow, language, words) for language, words in unnamed_pages(prompts, flow).items()
    }


def unnamed_pages(prompts: Path, flow: Flow) -> Mapping[str, PageWords]:
    """Read the words of the public page as they were written. FlowError lists what cannot be read."""
    faults: list[Fault] = []
    files = {name: prompts / "pages" / f"{name}.toml" for name in flow.languages}
    # A draft may be heard and texted before its page is written.
    due = {name: file for name, file in files.items() if file.exists() or not flow.prompts[name].draft}
    found = {name: _read(file, flow, name, faults) for name, file in due.items()}
    if faults:
        raise FlowError(tuple(faults))
    return {name: words for name, words in found.items() if words}


def _named(flow: Flow, language: str, words: PageWords) -> PageWords:
    """Put names of the place and of agencies into words."""

    def named(written: str) -> str:
        return fill_names(flow.place, flow.prompts[language], language, written)

    printed = words.materials
    lines = tuple(map(named, printed.lines))
    texts = {each.name: getattr(printed, each.name) for each in fields(printed) if each.name != "lines"}
    materials = replace(printed, lines=lines, **{name: named(text) for name, text in texts.items()})
    own = {each.name: getattr(words, each.name) for each in fields(words) if each.name != "materials"}
    return replace(words, materials=materials, **{name: named(text) for name, text in own.items()})


def _read(path: Path, flow: Flow, language: str, faults: list[Fault]) -> PageWords | None:
    """Read one language's words, or note why not."""
    found = read_file(path, PageWords, faults)
    known = flow.place.names.keys() | flow.prompts[language].agencies.keys()
    faults += [
        Fault(str(path), place, f"names '{match[1]}', which {PLACE} does not hold; write it there")
        for place, written in (every_prompt(found) if found else ())
        for match in PLACEHOLDER.finditer(written)
        if match[2] == "number" or match[1] not in known
    ]
    faults += [
        Fault(str(path), name, f"has not exactly one {blank}; write it where it belongs")
        for name, blanks in BLANKS.items()
        for blank in blanks
        if found and getattr(found, name).count(blank) != 1
    ]
    return found
