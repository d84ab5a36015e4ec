"""A fault in the files that whoever runs the line edits: which file, which place, and the mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ivr.flow.models import Flow

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


if TYPE_CHECKING:
    Rule = Callable[[Flow], Iterator[Fault]]


def words_file(language: str) -> str:
    """Name the file that holds the words of a language."""
    return f"prompts/{language}.toml"
