"""A fault in the files that whoever runs the line edits: which file, which place, and the mend."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ivr.agencies import Directory
from ivr.flow.models import Coverage, Facts, Flow, Keywords, LineFile, Menus, Prompts

if TYPE_CHECKING:
    from pathlib import Path

LINE, MENUS, AGENCIES, KEYWORDS, FACTS, COVERAGE = (
    f"config/{name}.toml" for name in ("line", "menus", "agencies", "keywords", "facts", "coverage")
)


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


def words_file(language: str) -> str:
    """Name the file that holds the words of a language."""
    return f"prompts/{language}.toml"


# Turn msgspec's complaints about a file into faults: all of them, each with its place.


T_COMPLAINTS = TypeVar("T_COMPLAINTS")
WHOLE = "whole file"
EMPTY = {"str": str, "int": int, "bool": bool, "array": list, "object": dict}
ROUNDS = 400  # More faults than half as many help nobody.
_WHERE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<key>key in `)?\$(?P<path>.*?)`*)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_EXPECTED = re.compile(r"Expected `(\w+)")
_UNKNOWN = re.compile(r"contains unknown field `(.+)`")
_MISSING = re.compile(r"missing required field `(.+?)`")


def convert(
    data: dict[str, Any], shape: type[T_COMPLAINTS], file: str
) -> tuple[T_COMPLAINTS | None, list[Fault]]:
    """Convert what a file holds, or say all that is wrong with it. Mends ``data`` to find the rest."""
    faults: dict[str, Fault] = {}
    for _ in range(ROUNDS):
        try:
            found = msgspec.convert(data, shape)
        except msgspec.ValidationError as error:
            what, path = _locate(data, shape, str(error))
            place = ".".join(str(step + 1) if isinstance(step, int) else step for step in path)
            known = any(f"{old}.".startswith(f"{place}.") or place.startswith(f"{old}.") for old in faults)
            if not known:
                faults[place] = Fault(file, place or WHOLE, _plainly(what))
            if not (_mend(data, what, path) or _drop(data, path[:-1])):
                break  # Nothing is left to mend.
        else:
            return (None if faults else found), list(faults.values())
    return None, list(faults.values())


def _locate(data: dict[str, Any], shape: type[Any], complaint: str) -> tuple[str, list[str | int]]:
    """Split a complaint into what is wrong and the way to it. For a table's key msgspec writes [...]."""
    match = _WHERE.match(complaint)
    path: list[str | int] = []
    for name, index in _STEP.findall(match["path"] or "") if match else ():
        if index == "...":
            keys = _inside(data, path)
            path.append(next((key for key in keys if _complains(data, shape, path, key, complaint)), "?"))
        else:
            path.append(int(index) if index else name)
    what = match["what"] if match else complaint
    field = _MISSING.search(what) or _UNKNOWN.search(what)
    return what, [*path, field[1]] if field else path


def _complains(
    data: dict[str, Any], shape: type[Any], path: list[str | int], key: str, complaint: str
) -> bool:
    """Tell whether one key of a table alone draws the complaint."""
    try:
        msgspec.convert(_only(data, path, key), shape)
    except msgspec.ValidationError as error:
        return str(error) == complaint
    return False


def _only(data: Any, path: list[str | int], key: str) -> Any:
    """Copy data with a single key left in the table at a path."""
    if not path:
        return {key: data[key]}
    first, *rest = path
    if isinstance(data, dict):
        return {**data, first: _only(data[first], rest, key)}
    return [_only(item, rest, key) if number == first else item for number, item in enumerate(data)]


def _inside(data: Any, path: list[str | int]) -> tuple[str, ...]:
    """Give the keys of the table at a path."""
    table = _at(data, path)
    return tuple(table) if isinstance(table, dict) else ()


def _mend(data: Any, what: str, path: list[str | int]) -> bool:
    """Put something fitting in the place of what is wrong; tell whether that changed anything."""
    if not path:
        return False
    holder, last = _at(data, path[:-1]), path[-1]
    wanted = _EXPECTED.search(what)
    if _MISSING.search(what) and isinstance(holder, dict):
        return bool(holder.setdefault(last, "") == "")
    if wanted and wanted[1] in EMPTY:
        holder[last] = EMPTY[wanted[1]]()
        return True
    return _drop(data, path)


def _drop(data: Any, path: list[str | int]) -> bool:
    """Take the entry at a path out of its table or list; tell whether there was one."""
    if not path:
        return False
    holder, last = _at(data, path[:-1]), path[-1]
    if isinstance(holder, dict) and isinstance(last, str) and last in holder:
        del holder[last]
        return True
    if isinstance(holder, list) and isinstance(last, int) and last < len(holder):
        del holder[last]
        return True
    return False


def _at(data: Any, path: list[str | int]) -> Any:
    for step in path:
        if isinstance(data, dict):
            data = data.get(str(step), {})
        else:
            data = data[step] if isinstance(data, list) and isinstance(step, int) else {}
    return data


def _plainly(what: str) -> str:
    """Say what is wrong in an editor's words."""
    if _MISSING.search(what):
        return "is missing; write it"
    if _UNKNOWN.search(what):
        return "is not known here; remove it or mend its name"
    if wrong := re.search(r"Expected `(.+)`, got `(.+)`", what):
        return f"is {_kind(wrong[2])}; write {_kind(wrong[1])}"
    return f"{what[:1].lower()}{what[1:]}; the top of the file says what may stand here"


def _kind(names: str) -> str:
    kinds = {
        "str": "text in quotation marks",
        "int": "a whole number",
        "bool": "true or false",
        "array": "a list",
        "object": "a table",
        "float": "a number",
        "null": "nothing",
    }
    return " or ".join(kinds.get(name.strip(), name.strip()) for name in names.split("|"))


# Read the files that whoever runs the line edits. A fault names the file, the place and the mend.


T_READING = TypeVar("T_READING")


class FlowError(Exception):
    """Files cannot be read as what they are meant to be; whoever edits menus and words must mend them."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def read_flow(config: Path, prompts: Path) -> Flow:
    """Read a line's menus, agencies, keywords and words. FlowError lists what cannot be read."""
    faults: list[Fault] = []
    line = read(config / "line.toml", LineFile, faults)
    menus = read(config / "menus.toml", Menus, faults)
    directory = read(config / "agencies.toml", Directory, faults)
    keywords = read(config / "keywords.toml", Keywords, faults)
    facts = read(config / "facts.toml", Facts, faults)
    coverage = read(config / "coverage.toml", Coverage, faults)
    words = {
        name: read(prompts / f"{name}.toml", Prompts, faults) for name in (line.languages if line else ())
    }
    spoken = {name: found for name, found in words.items() if found}
    if faults or not (line and menus and directory and keywords and facts and coverage):
        raise FlowError(tuple(faults))
    return Flow(menus, spoken, line, directory, keywords, facts, coverage)


def read(path: Path, shape: type[T_READING], faults: list[Fault]) -> T_READING | None:
    """Read one file, or note why not."""
    data = _load(path, faults)
    if data is None:
        return None
    found, wrong = convert(data, shape, str(path))
    faults += wrong
    return found


def _load(path: Path, faults: list[Fault]) -> dict[str, Any] | None:
    """Load one file as TOML, or note why not."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        mend = f"cannot be read ({error.strerror}); put the file there"
    except UnicodeDecodeError as error:
        mend = f"byte {error.start} is not UTF-8; save the file as UTF-8"
    except tomllib.TOMLDecodeError as error:
        mend = f"is not TOML: {error}; mend that place"
    except (
        ValueError,
        RecursionError,
    ) as error:  # A number of thousands of digits, a thousand brackets, a NUL.
        mend = f"cannot be read ({type(error).__name__}); shorten what is absurdly long in it"
    faults.append(Fault(str(path), WHOLE, mend))
    return None
