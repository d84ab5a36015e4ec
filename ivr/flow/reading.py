"""Read the files that whoever runs the line edits. A fault names the file, the place and the mend."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

from ivr.agencies import Directory
from ivr.flow.complaints import WHOLE, convert
from ivr.flow.linefile import LineFile
from ivr.flow.loader import Fault
from ivr.flow.models import Flow, Keywords, Menus, Prompts
from ivr.flow.sources import Coverage, Facts

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")


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


def read(path: Path, shape: type[T], faults: list[Fault]) -> T | None:
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
