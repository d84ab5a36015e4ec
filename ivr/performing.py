"""What effects do to the world: the only place that acts on one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ivr.circuit_breaker import PartUnavailable
from ivr.effects import (
    Alarm,
    CallTexter,
    Effect,
    EndRing,
    Erase,
    OptIn,
    OptOut,
    Ring,
    TextNumbers,
)
from ivr.flow.rendering import fill
from ivr.flow.sms import numbers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.caller_limits import Welcome
    from ivr.flow.models import Flow
    from ivr.transfer.coordinator import Later, Phone, Searching

logger = logging.getLogger(__name__)

HALF_AN_HOUR = 1800
UNREACHED_CALLERS = 3  # In a row: then somebody should look.
CALLED = "/called"  # Where a texter whose phone we rang is met.
RING_SECONDS = 25
ALARMS = {
    "unreached": "The line: three callers in a row reached nobody. Look at: ivr agencies",
    "direct": "The line: callers go by the direct path. Does the database or Twilio's REST API answer?",
}


class Archive(Protocol):
    """What the line remembers of phones, under marks, and forgets."""

    def erase(self, mark: str) -> None:
        """Delete all that is held under a mark."""

    def opt_out(self, mark: str) -> None:
        """Remember that somebody sent STOP."""

    def opt_in(self, mark: str) -> None:
        """Forget that somebody sent STOP."""


@dataclass(frozen=True)
class World:
    """The parts of the world that effects reach."""

    flow: Flow
    phone: Phone
    later: Later
    searching: Searching | None
    welcome: Welcome
    archive: Archive | None
    tell: Callable[[str], None]

    def perform(self, effect: Effect) -> None:
        """Do one thing to the world."""
        match effect:
            case TextNumbers(call, language, stop):
                self._text_numbers(call, numbers_of(self.flow, language, stop))
            case CallTexter(call, language):
                self._call_texter(call, language)
            case Erase(mark):
                self._archive.erase(mark)
            case OptOut(mark):
                self._archive.opt_out(mark)
            case OptIn(mark):
                self._archive.opt_in(mark)
            case Alarm(why):
                self._raise_alarm(why)
            case Ring():
                self._searching.ring(effect)
            case EndRing():
                self._searching.end_ring(effect)

    def _raise_alarm(self, why: str) -> None:
        """Tell whoever runs the line, without a word about a caller."""
        if why == "unreached" and self._searching.store.unreached_in_a_row() < UNREACHED_CALLERS:
            return
        if self.welcome.lets_alarm(why, HALF_AN_HOUR):
            self.tell(ALARMS[why])

    def _call_texter(self, call: str, language: str) -> None:
        number = self.later.take(f"number-{call}")
        if not number:
            logger.warning("no number to ring any more", extra={"call": call})
            return
        try:
            self.phone.ring_caller(number, CALLED, RING_SECONDS)
        except PartUnavailable:
            words = self.flow.prompts[language].lines.call_cannot
            self.phone.text(number, fill(self.flow, language, words, spoken=False))

    def _text_numbers(self, call: str, words: str) -> None:
        number = self.later.take(f"number-{call}")
        if not number:
            logger.warning("no number to text to any more", extra={"call": call})
            return
        self.phone.text(number, words)

    @property
    def _searching(self) -> Searching:
        if self.searching is None:
            raise LookupError("this line was put together without searching")
        return self.searching

    @property
    def _archive(self) -> Archive:
        if self.archive is None:
            raise LookupError("this line was put together without an archive")
        return self.archive
