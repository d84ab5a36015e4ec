"""The prompts of now: those of the files, over them what operators published, and their notice."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from ivr.flow.prompts import word
from ivr.flow.recordings import still_said, with_recordings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ivr.flow.models import Flow
    from ivr.flow.prompts import Wording

logger = logging.getLogger(__name__)


class LivePrompts:
    """Holds the flow of a process: as the files have it (``base``), and as it is heard now (``flow``).

    Whoever keeps something made from the flow subscribes, and makes it anew. Subscribers come first: what is
    rendered after a turn was decided is never older than the turn.
    """

    def __init__(
        self, base: Flow, published: Callable[[], Wording], notice: Callable[[], Mapping[str, str]] = dict
    ) -> None:
        self.base = self.flow = base
        self._published = published
        self._notice = notice
        self._taken_up: tuple[Wording, Mapping[str, str]] = ({}, {})
        self._subscribers: list[Callable[[Flow], object]] = []

    def subscribe(self, follow: Callable[[Flow], object]) -> None:
        """Have a subscriber called with each flow to come."""
        self._subscribers.append(follow)

    def refresh(self) -> bool:
        """Take up what was published since; return whether anything was. What does not fit is left out."""
        current = published, notice = self._published(), self._notice()
        if current == self._taken_up:
            return False
        self._taken_up = current
        try:
            worded = word(self.base, published)
            flow = replace(worded.flow, notice=notice) if notice else worded.flow
            if self.base.recordings:  # One stays where the words are still those that it says.
                flow = with_recordings(flow, still_said(self.base, flow))
            for follow in self._subscribers:
                follow(flow)
        except Exception:  # Whatever was published: no caller is to notice.
            logger.exception("published prompts cannot be taken up, the last ones are spoken")
            return False
        for language, place in worded.ignored:
            logger.warning(
                "published prompts do not fit the files, theirs are spoken: %s %s; see: ivr prompts",
                language,
                place,
            )
        self.flow = flow
        return True
