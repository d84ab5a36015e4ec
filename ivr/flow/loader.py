"""Read the files that whoever runs the line edits, and name every fault in them: file, place and mend."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, TypeVar

import tomli
from pydantic import TypeAdapter, ValidationError

from ivr.agencies import Directory
from ivr.flow.models import (
    Coverage,
    Facts,
    Flow,
    Interpreters,
    Keywords,
    LineFile,
    Menus,
    Place,
    Prompts,
    every_prompt,
)
from ivr.flow.recordings import list_recordings, with_recordings
from ivr.flow.rendering import PLACEHOLDER, fill_names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


LINE, MENUS, AGENCIES, KEYWORDS, FACTS, COVERAGE, PLACE = (
    f"config/{name}.toml" for name in ("line", "menus", "agencies", "keywords", "facts", "coverage", "place")
)
WHOLE = "whole file"
T = TypeVar("T")


@dataclass(frozen=True)
class Fault:
    """One thing to mend, for whoever edits the files."""

    file: str
    place: str
    mend: str

    def __str__(self) -> str:
        """Write the fault on one line, whatever the files hold."""
        line = f"{self.file}: {self.place}: {self.mend}"
        return "".join(letter if letter.isprintable() else " " for letter in line)


Rule = Callable[["Flow"], Iterator[Fault]]  # Finds faults of one kind in what the files say.


class FlowError(Exception):
    """Files cannot be read as what they are meant to be; whoever edits menus and prompts must mend them."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def read_flow(config: Path, prompts: Path) -> Flow:
    """Read a line's menus, agencies, keywords and prompts. FlowError lists what cannot be read."""
    faults: list[Fault] = []
    line = read_file(config / "line.toml", LineFile, faults)
    menus = read_file(config / "menus.toml", Menus, faults)
    directory = read_file(config / "agencies.toml", Directory, faults)
    keywords = read_file(config / "keywords.toml", Keywords, faults)
    facts = read_file(config / "facts.toml", Facts, faults)
    coverage = read_file(config / "coverage.toml", Coverage, faults)
    others = config / "interpreters.toml"
    foreign = read_file(others, Interpreters, faults) if others.exists() else Interpreters()
    place = read_file(config / "place.toml", Place, faults)
    read = {
        language: read_file(prompts / f"{language}.toml", Prompts, faults)
        for language, settings in (line.languages.items() if line else ())
        if settings.on
    }
    spoken = {language: words for language, words in read.items() if words}
    if faults or not (line and menus and directory and keywords and facts and coverage and place and foreign):
        raise FlowError(tuple(faults))
    flow = Flow(menus, spoken, line, directory, keywords, facts, coverage, place, foreign.words)
    return with_recordings(flow, list_recordings(prompts / "audio"))


def numbers_by_language(config: Path) -> dict[str, str]:
    """Give the numbers of the line that are bound to a language; none where its file cannot be read."""
    line = read_file(config / "line.toml", LineFile, [])
    return line.numbers if line else {}


def prompts_file(language: str) -> str:
    """Name the file that holds the prompts of a language."""
    return f"prompts/{language}.toml"


def read_file(path: Path, shape: type[T], faults: list[Fault]) -> T | None:
    """Read one file, or add to ``faults`` why not."""
    data = _load(path, faults)
    if data is None:
        return None
    result, wrong = validate(data, shape, str(path))
    faults += wrong
    return result


def validate(data: dict[str, Any], shape: type[T], file: str) -> tuple[T | None, list[Fault]]:
    """Convert what a file holds, or name all that is wrong with it."""
    try:
        return _validator(shape).validate_python(data, extra="forbid"), []
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False)
    located = [(_path(data, each), each) for each in errors]
    faults: dict[tuple[str, ...], Fault] = {}
    for path, each in located:
        # Where one of several shapes is allowed, the shape that fits furthest tells most.
        if path not in faults and not any(_is_inside(other, path) for other, _ in located):
            faults[path] = Fault(file, ".".join(path) or WHOLE, _mend(each))
    return None, list(faults.values())


def _load(path: Path, faults: list[Fault]) -> dict[str, Any] | None:
    """Load one file as TOML, or add to ``faults`` why not."""
    try:
        return tomli.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        mend = f"cannot be read ({error.strerror}); put the file there"
    except UnicodeDecodeError as error:
        mend = f"byte {error.start} is not UTF-8; save the file as UTF-8"
    except tomli.TOMLDecodeError as error:
        mend = f"is not TOML: {error}; mend that place"
    except (ValueError, RecursionError) as error:  # A number of thousands of digits, a thousand brackets.
        mend = f"cannot be read ({type(error).__name__}); shorten what is absurdly long in it"
    faults.append(Fault(str(path), WHOLE, mend))
    return None


_validators: dict[type, TypeAdapter[Any]] = {}  # Compiling one takes some milliseconds: once is enough.


def _validator(shape: type[T]) -> TypeAdapter[T]:
    """Give the validator of a file."""
    if shape not in _validators:
        _validators[shape] = TypeAdapter(shape)
    return _validators[shape]


TAG = frozenset({"union_tag_invalid", "union_tag_not_found"})  # Of a stop whose kind is not known.
ABSENT = frozenset({"missing", "unexpected_keyword_argument"})  # The last step names a field, there or not.


def _path(data: Any, error: Any) -> tuple[str, ...]:
    """Name the place of an error as an editor counts: lists from 1, without the names of union branches."""
    steps: Sequence[int | str] = error["loc"]
    path: list[str] = []
    for number, step in enumerate(steps, 1):
        if isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
            path.append(str(step + 1))
        elif isinstance(data, dict) and step in data:
            data = data[step]
            path.append(str(step))
        elif number == len(steps) and error["type"] in ABSENT:
            path.append(str(step))
    return (*path, "kind") if error["type"] in TAG else tuple(path)


def _is_inside(path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return len(path) > len(other) and path[: len(other)] == other


KIND_EXPECTED = {  # Pydantic's name of an error -> what is to be written.
    "string_type": "text in quotation marks",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "dataclass_type": "a table",
    "model_attributes_type": "a table",
}
KIND_WRITTEN = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotation marks",
    list: "a list",
    dict: "a table",
    date: "a date",
    datetime: "a date",
    time: "a time",
}


def _mend(error: Any) -> str:
    """Say what is wrong in an editor's words."""
    kind, value = error["type"], error["input"]
    if kind in {"missing", "union_tag_not_found"}:
        return "is missing; write it"
    if kind == "unexpected_keyword_argument":
        return "is not known here; remove it or mend its name"
    if kind == "union_tag_invalid":
        value = value["kind"]
        kind = kind if isinstance(value, str) else "string_type"
    if kind in KIND_EXPECTED:
        return f"is {KIND_WRITTEN.get(type(value), 'something else')}; write {KIND_EXPECTED[kind]}"
    return f"invalid value {value!r}; the top of the file says what may stand here"


# The words of the public page that the line itself does not have, as `prompts/pages/` declares them.

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


# What must hold of a prompt before it can be said: its blanks are known, its letters can be sent.

BLANK = "FILL IN"  # Begins what `ivr new` leaves to be written.
BRACES = re.compile(r"\{([^{}]*)\}|[{}]")
NEEDED: Mapping[str, tuple[str, ...]] = {
    "choose_language": ("key",),
    "choice": ("task", "key"),
    "ringing": ("agency", "who"),
    "text_choice": ("key", "label"),
    "other_languages": ("key",),
    "no_voice": ("language",),
}
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "ringing_answer": ("agency", "who"),
    "whisper_accepted": ("topic", "language"),
    "whisper_accepted_unknown": ("topic",),
    "joining": ("agency", "who"),
    "wait_on": ("agency", "who"),
}
PLAIN = {"lines.language_name"}  # Stands inside other words, and is not filled itself.
AGENCY_NAME = re.compile(r"agencies\..*\.name")  # Stands inside other words; it may hold names of the place.


def unknown_blanks(flow: Flow) -> Iterator[Fault]:
    """Find blanks that nothing fills."""
    for language, prompts in flow.prompts.items():
        for place, words in every_prompt(prompts):
            line = place.removeprefix("lines.")
            known = (*NEEDED.get(line, ()), *ALLOWED.get(line, ())) if place.startswith("lines.") else ()
            plain = place in PLAIN or AGENCY_NAME.fullmatch(place) is not None
            for match in BRACES.finditer(words):
                if mend := _mend_of_placeholders(flow, match, known, plain=plain):
                    yield Fault(prompts_file(language), place, mend)


def missing_blanks(flow: Flow) -> Iterator[Fault]:
    """Find sentences that lack a blank they cannot do without."""
    for language, prompts in flow.prompts.items():
        for line, blanks in NEEDED.items():
            words: str = getattr(prompts.lines, line)
            for blank in blanks:
                if "{" + blank + "}" not in words and words.strip():
                    mend = f"lacks {{{blank}}}; write it where it is to be heard"
                    yield Fault(prompts_file(language), f"lines.{line}", mend)


def _mend_of_placeholders(flow: Flow, match: re.Match[str], known: tuple[str, ...], *, plain: bool) -> str:
    """Say what is wrong with one pair of braces; nothing when it is a blank that is filled."""
    blank = match[1]
    if blank is None:
        return f"has a '{match[0]}' without its pair; remove it, or close the blank"
    quoted = PLACEHOLDER.fullmatch(match[0])
    if blank in known or (quoted and _is_filled(flow, quoted[1], quoted[2], plain=plain)):
        return ""
    if quoted and quoted[1] in flow.place.names and quoted[2] == "number":
        return f"asks for the number of '{quoted[1]}', which has none; give it one in {AGENCIES}"
    if quoted and not plain:
        return f"names the agency '{quoted[1]}', which is not declared; declare it or mend the name"
    choices = ", ".join(
        "{" + name + "}" for name in (*known, *(() if plain else ("agency.name", "agency.number")))
    )
    return f"has the unknown blank {match[0]}; only these are filled here: {choices or 'none'}"


def _is_filled(flow: Flow, key: str, what: str, *, plain: bool) -> bool:
    """Whether the place has that name, or the directory that agency."""
    return (key in flow.place.names and what == "name") or (not plain and key in flow.directory.agencies)


# What no document of the telephone network can carry: XML 1.0 has no such letters.
UNSENDABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def unsendable(flow: Flow) -> Iterator[Fault]:
    """Find letters that cannot be sent: a caller would hear that an error occurred."""
    for language, words in flow.prompts.items():
        for place, said in every_prompt(words):
            if found := UNSENDABLE.search(said):
                mend = f"holds U+{ord(found[0]):04X}, which no document can carry; remove it"
                yield Fault(prompts_file(language), place, mend)
