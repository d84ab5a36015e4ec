"""Rate limits and blocks: how often one phone may do what. Beyond it there are words, never silence.

But for texts: after one answer beyond the limit none follows, so that two machines do not talk for ever.
A number can be forged, so what the line does to a number (a text, a ring) is bounded for each phone, for
a day and for the whole line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ivr.pseudonyms import Caller

MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True)
class Bound:
    """How many are allowed in so many seconds."""

    most: int
    seconds: int
    counts_refused: bool = False  # Whoever goes on all the same is not allowed again until they pause.


CALLS = (Bound(10, MINUTE),)
TEXTS = (Bound(20, MINUTE), Bound(100, HOUR))  # That are answered.
BEYOND = (Bound(1, HOUR),)  # Texts beyond those that are answered with the numbers.
SAME_WORDS = (Bound(5, DAY),)  # That we cannot read: a machine says them again.
UNREAD = (Bound(5, 2 * MINUTE, counts_refused=True),)  # Whatever they say: a machine answers at once.
TRANSFERS = (Bound(12, HOUR),)
UNKNOWN_TRANSFERS = (Bound(6, 10 * MINUTE), Bound(18, HOUR))  # Of all whose number nobody knows.
TEXTS_TO_ONE_PHONE = (Bound(2, HOUR), Bound(4, DAY))  # That the line starts.
TEXTS_OF_THE_LINE = (Bound(60, HOUR), Bound(300, DAY))
RINGS_OF_ONE_PHONE = (Bound(3, HOUR), Bound(5, DAY))  # By a texter's wish.
RINGS_OF_THE_LINE = (Bound(60, HOUR), Bound(300, DAY))
EVERYBODY, UNKNOWN = "everybody", "unknown"  # Marks that many share.


class RateLimiter(Protocol):
    """How often something may happen."""

    def allow(self, what: str, mark: str, most: int, seconds: int) -> bool:
        """Whether one more is within ``most`` in so many seconds. It is counted."""


class RequestCounter(Protocol):
    """What phones caused of late."""

    def allow(self, what: str, mark: str, bounds: Sequence[Bound], request: str) -> bool:
        """Whether one more is within every bound. The same request is counted once, and told the same."""


class Unlimited:
    """Allows everything."""

    def allow(self, what: str, mark: str, most: int, seconds: int) -> bool:  # noqa: ARG002 - the shape of RateLimiter
        """Allow it."""
        return True


class Uncounted:
    """Counts nothing, and allows everything."""

    def allow(self, what: str, mark: str, bounds: Sequence[Bound], request: str) -> bool:  # noqa: ARG002 - the shape of RequestCounter
        """Allow it."""
        return True


@dataclass(frozen=True)
class ListedCallers:
    """Marks of those who sent STOP, and of those who are blocked."""

    opted_out: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CallerLimits:
    """Says who may do what, now. ``request`` is a keyed id of what is asked for."""

    limits: RateLimiter = field(default_factory=Unlimited)
    lists: Callable[[], ListedCallers] = ListedCallers
    counts: RequestCounter = field(default_factory=Uncounted)

    def turns_away(self, caller: Caller, request: str) -> Literal["", "blocked", "often"]:
        """Why a caller is to hear the numbers only; empty when they are not."""
        if self.is_blocked(caller):
            return "blocked"
        if caller.mark and not self.counts.allow("call", caller.mark, CALLS, request):
            return "often"
        return ""

    def answers_text(self, caller: Caller, request: str, words: str = "") -> Literal["yes", "numbers", "no"]:
        """Whether a text is answered: as it asks, with the numbers only, or not at all.

        ``words``: a keyed mark of a text that we cannot read, empty for all others.
        """
        mark = caller.mark
        if words and not (
            self.counts.allow("same", f"{mark}-{words}", SAME_WORDS, request)
            and self.counts.allow("unread", mark, UNREAD, request)
        ):
            return "no"
        if not mark or self.counts.allow("texted", mark, TEXTS, request):
            return "numbers" if self.is_blocked(caller) else "yes"
        return "numbers" if self.counts.allow("beyond", mark, BEYOND, request) else "no"

    def is_blocked(self, caller: Caller) -> bool:
        """Whether somebody is blocked."""
        return bool(
            self.lists().blocked & {mark for mark in (caller.block, caller.mark, *caller.marks) if mark}
        )

    def lets_transfer(self, caller: Caller, request: str) -> Literal["yes", "last", "no"]:
        """Whether agencies may be rung for a caller once more, or the last of their order alone.

        Those whose number nobody knows share a bound. It protects the phones of agencies, not the caller's
        patience: beyond it the last is still rung.
        """
        if caller.forged or not caller.mark:
            return "yes" if self.counts.allow("transfer", UNKNOWN, UNKNOWN_TRANSFERS, request) else "last"
        return "yes" if self.counts.allow("transfer", caller.mark, TRANSFERS, request) else "no"

    def lets_text(self, caller: Caller, request: str) -> bool:
        """Whether a caller may be texted what they asked for."""
        counts, mark = self.counts, caller.mark or UNKNOWN
        return (
            bool(caller.number)
            and not self.is_opted_out(caller)
            and counts.allow("text", mark, TEXTS_TO_ONE_PHONE, request)
            and counts.allow("text", EVERYBODY, TEXTS_OF_THE_LINE, request)
        )

    def lets_ring(self, caller: Caller, request: str) -> bool:
        """Whether a texter's own phone may be rung."""
        counts, mark = self.counts, caller.mark or UNKNOWN
        return (
            bool(caller.number)
            and not self.is_opted_out(caller)
            and counts.allow("ring", mark, RINGS_OF_ONE_PHONE, request)
            and counts.allow("ring", EVERYBODY, RINGS_OF_THE_LINE, request)
        )

    def is_opted_out(self, caller: Caller) -> bool:
        """Whether somebody sent STOP, and has not sent START since."""
        return not self.lists().opted_out.isdisjoint(caller.opt_outs)

    def lets_alarm(self, why: str, seconds: int) -> bool:
        """Whether whoever runs the line is to be alarmed again."""
        return self.limits.allow("alarm", why, 1, seconds)
