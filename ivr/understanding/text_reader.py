"""Read one text: ask the classifier about it, then decide. Its words are kept nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.understanding.understand import understand

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.understanding.meaning import Meaning
    from ivr.understanding.understand import Context, Rules, Understanding


@dataclass(frozen=True)
class TextReader:
    """The rules, and who is asked what a text means: None from them leaves the rules alone."""

    rules: Rules
    meaning: Callable[[str], Meaning | None]

    def read(self, text: str, context: Context) -> Understanding:
        """Understand one text."""
        return understand(self.rules, text, context, self.meaning(text))
