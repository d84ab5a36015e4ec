"""Read the files that whoever runs the line edits, and name every fault in them: file, place and mend."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from ivr.agencies import Directory
from ivr.flow.models import Coverage, Facts, Flow, Interpreters, Keywords, LineFile, Menus, Place, Prompts

if TYPE_CHECKING:
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
    return Flow(menus, spoken, line, directory, keywords, facts, coverage, place, foreign.words)


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
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        mend = f"cannot be read ({error.strerror}); put the file there"
    except UnicodeDecodeError as error:
        mend = f"byte {error.start} is not UTF-8; save the file as UTF-8"
    except tomllib.TOMLDecodeError as error:
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
