"""The words that a process speaks now: those of the files, and over them what was published.

They change between two turns: what is frozen is put together anew, and takes the old one's place.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from ivr.flow.prompts import word

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.effects import Effect
    from ivr.flow.models import Flow
    from ivr.flow.prompts import Wording
    from ivr.line import Line

logger = logging.getLogger(__name__)


class LivePrompts:
    """The flow as the files have it, and as it is heard now."""

    def __init__(self, base: Flow, published: Callable[[], Wording]) -> None:
        self.base = self.flow = base
        self._published = published
        self._seen: Wording = {}

    def look(self) -> bool:
        """Take up what was published since; tell whether anything was. What does not fit is left out."""
        wanted = self._published()
        if wanted == self._seen:
            return False
        self._seen = wanted
        try:
            worded = word(self.base, wanted)
        except Exception:  # Whatever was published: no caller is to notice.
            logger.exception("published words cannot be taken up, the last ones are spoken")
            return False
        for language, place in worded.ignored:
            logger.warning(
                "published words do not fit the files, theirs are spoken: %s %s; see: ivr prompts",
                language,
                place,
            )
        self.flow = worded.flow
        return True


class CurrentLine:
    """The line as it speaks now: another takes its place when words are published."""

    def __init__(self, line: Line, words: LivePrompts) -> None:
        self.line = line
        self.words = words

    def look(self) -> bool:
        """Take up what was published since; tell whether anything was."""
        changed = self.words.look()
        if changed:
            self.line = replace(self.line, flow=self.words.flow)
        return changed

    def perform(self, effect: Effect) -> None:
        """Do one thing to the world, in the words of now."""
        self.line.perform(effect)
