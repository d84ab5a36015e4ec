"""Read the files that whoever runs the line edits. A fault names the file, the place and the mend."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ivr.agencies import Directory
from ivr.flow.nodes import Flow, Keywords, LineFile, Menus, Prompts

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")


class FlowError(Exception):
    """A file cannot be read as what it is meant to be; whoever edits menus and words must mend it."""


def read_flow(config: Path, prompts: Path) -> Flow:
    """Read a line's menus, agencies, keywords and words. FlowError lists every file that cannot be read."""
    faults: list[str] = []
    line = _read(config / "line.toml", LineFile, faults)
    menus = _read(config / "menus.toml", Menus, faults)
    directory = _read(config / "agencies.toml", Directory, faults)
    keywords = _read(config / "keywords.toml", Keywords, faults)
    words = {
        name: _read(prompts / f"{name}.toml", Prompts, faults) for name in (line.languages if line else ())
    }
    spoken = {name: found for name, found in words.items() if found}
    if faults or not (line and menus and directory and keywords):
        raise FlowError("\n".join(faults))
    return Flow(menus, spoken, line, directory, keywords)


def _read(path: Path, shape: type[T], faults: list[str]) -> T | None:
    """Read one file, or note why not."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), shape)
    except OSError as error:
        faults.append(f"{path}: cannot be read ({error.strerror}); put the file there")
    except UnicodeDecodeError as error:
        faults.append(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8")
    except tomllib.TOMLDecodeError as error:
        faults.append(f"{path}: is not TOML: {error}; mend that place")
    except msgspec.ValidationError as error:
        faults.append(f"{path}: {_plainly(str(error))}")
    return None


def _plainly(complaint: str) -> str:
    """Say msgspec's complaint in an editor's words, the place first."""
    what, _, where = complaint.partition(" - at ")
    place = where.strip("`").removeprefix("$.").replace("[...]", ".…") or "top of the file"
    return f"{place}: {what[:1].lower()}{what[1:]}; see docs/editing.md for what may stand there"
