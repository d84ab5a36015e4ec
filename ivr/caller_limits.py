"""Rate limits and blocks: how often one phone may do what. Beyond it there are words, never silence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.pseudonyms import Caller

MINUTE, HOUR = 60, 3600
CALLS_A_MINUTE = 10
TEXTS_A_MINUTE = 20
TRANSFERS_AN_HOUR = 12
RINGS_OF_ONE_PHONE = 3  # In an hour, by a texter's wish.
RINGS_OF_THE_LINE = 60


class RateLimiter(Protocol):
    """How often something may happen."""

    def allow(self, what: str, mark: str, most: int, seconds: int) -> bool:
        """Whether one more is within ``most`` in so many seconds. It is counted."""

    def allow_if_known(self, what: str, mark: str, most: int, seconds: int) -> bool:
        """Do as ``allow`` does, and allow it where nobody can count for all processes."""


class Unlimited:
    """Allows everything."""

    def allow(self, what: str, mark: str, most: int, seconds: int) -> bool:  # noqa: ARG002 - the shape of RateLimiter
        """Allow it."""
        return True

    allow_if_known = allow


@dataclass(frozen=True)
class ListedCallers:
    """Marks of those who sent STOP, and of those who are blocked."""

    opted_out: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CallerLimits:
    """Says who may do what, now."""

    limits: RateLimiter = field(default_factory=Unlimited)
    lists: Callable[[], ListedCallers] = ListedCallers

    def turns_away(self, caller: Caller, channel: str) -> Literal["", "blocked", "often"]:
        """Why somebody is to hear the numbers only; empty when they are not."""
        if self.lists().blocked & {mark for mark in (caller.block, caller.mark, *caller.marks) if mark}:
            return "blocked"
        most = CALLS_A_MINUTE if channel == "voice" else TEXTS_A_MINUTE
        if caller.mark and not self.limits.allow_if_known(channel, caller.mark, most, MINUTE):
            return "often"
        return ""

    def lets_transfer(self, caller: Caller) -> bool:
        """Whether agencies may be rung for somebody once more."""
        mark = caller.mark
        return not mark or self.limits.allow_if_known("transfer", mark, TRANSFERS_AN_HOUR, HOUR)

    def lets_ring(self, caller: Caller) -> bool:
        """Whether a texter's own phone may be rung."""
        return (
            bool(caller.number and caller.mark)
            and caller.opt_out not in self.lists().opted_out
            and self.limits.allow("ring", caller.mark, RINGS_OF_ONE_PHONE, HOUR)
            and self.limits.allow("ring", "everybody", RINGS_OF_THE_LINE, HOUR)
        )

    def is_opted_out(self, caller: Caller) -> bool:
        """Whether somebody sent STOP, and has not sent START since."""
        return bool(caller.opt_out) and caller.opt_out in self.lists().opted_out

    def lets_alarm(self, why: str, seconds: int) -> bool:
        """Whether whoever runs the line is to be alarmed again."""
        return self.limits.allow("alarm", why, 1, seconds)
