"""Read one text: ask the classifier about it, then decide. Its words are kept nowhere."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ivr.understanding.text_cleaning import clean, fold
from ivr.understanding.understand import understand

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.understanding.meaning import Meaning
    from ivr.understanding.understand import Context, Rules, Understanding

KEPT_SECONDS = 60.0  # How soon weights that are published count for keywords too.
MOST_KEPT = 2048  # Of the line's own words, as they are typed: SHELTER, shelter, Shelter.


@dataclass(frozen=True)
class TextReader:
    """The rules, and who is asked what a text means: None from them leaves the rules alone.

    What the classifier makes of the line's own keywords is kept for a minute: they stand on posters, come
    most often, and say nothing of who texts them. Nothing else that somebody wrote is kept.
    """

    rules: Rules
    meaning: Callable[[str], Meaning | None]
    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, Meaning]] = field(default_factory=dict)

    def read(self, text: str, context: Context) -> Understanding:
        """Understand one text."""
        if not context.keywords.has(fold(clean(text))):
            return understand(self.rules, text, context, self.meaning(text))
        return understand(self.rules, text, context, self._meaning_of_keyword(text))

    def _meaning_of_keyword(self, text: str) -> Meaning | None:
        now = self.clock()
        since, meaning = self._kept.get(text, (0.0, None))
        if meaning is not None and now - since < KEPT_SECONDS:
            return meaning
        if (meaning := self.meaning(text)) is not None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[text] = now, meaning
        return meaning
