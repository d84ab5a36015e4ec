"""What a caller's search for a person comes to, on either path. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

ACCEPTED = "accepted"
LEFT = "left"
IN_DOUBT = "in_doubt"


@dataclass(frozen=True)
class Attempt:
    """One agency rung. Times are Unix seconds."""

    agency: str
    rung: float
    answered: float | None = None
    accepted: float | None = None  # When the agency pressed its key, where that was noted.
    ended: float | None = None
    how: str = ""  # Empty while it rings.
    queued: bool = False  # The caller waited in a queue meanwhile.

    @property
    def outcome(self) -> str | None:
        """Name how it went, or nothing while it rings."""
        return self.how or None

    @property
    def seconds(self) -> float | None:
        """Count from the ring to its end, the conversation included."""
        return None if self.ended is None else between(self.rung, self.ended)

    @property
    def waited(self) -> float | None:
        """Count from the ring to the acceptance, or to its end; nothing where nobody knows."""
        if self.how != ACCEPTED:
            return self.seconds
        return None if self.accepted is None else between(self.rung, self.accepted)

    def end(self, at: float, how: str) -> Attempt:
        """End it, if it goes on; a person who took the call has taken it, however it ended."""
        if self.ended is not None:
            return self
        return replace(self, ended=max(at, self.rung), how=self.how or how)


@dataclass(frozen=True)
class Transfer:
    """One search for a person."""

    order: str
    started: float
    attempts: tuple[Attempt, ...] = ()
    over: float | None = None  # When the caller no longer waited, nor talked.
    search: str = ""  # The id of a search in a queue.
    queued: bool = False  # The caller is in that queue now.
    met: bool = False  # The caller has talked with somebody, whatever is known of whom.
    left: bool = False  # The caller went while somebody was being looked for.

    @property
    def goes_on(self) -> bool:
        """Claim that somebody is being looked for, or spoken with, now."""
        return self.over is None

    @property
    def bridged(self) -> bool:
        """Claim that the caller and an agency are talking."""
        return self.goes_on and any(one.ended is None and one.how == ACCEPTED for one in self.attempts)

    @property
    def outcome(self) -> str | None:
        """Name what the search came to, or nothing while it goes on."""
        if self.met or self._taken():
            return "connected"
        if self.over is None:
            return None
        return LEFT if self.left else "not_connected"

    @property
    def waited(self) -> float | None:
        """Count from asking to the acceptance, or to the end of waiting; nothing where nobody knows."""
        taken = self._taken()
        if taken:
            # Nobody may have noted the moment; the conversation that followed was no waiting.
            return between(self.started, taken.accepted or taken.rung)
        return None if self.met or self.over is None else between(self.started, self.over)

    def ring(self, attempt: Attempt) -> Transfer:
        """Begin to ring an agency."""
        return replace(self, attempts=(*self.attempts, attempt), over=None)

    def end(self, at: float, how: str) -> Transfer:
        """End the ring that goes on."""
        if not self.attempts:
            return replace(self, over=at)
        *before, last = self.attempts
        ended = last.end(at, how)
        return replace(self, attempts=(*before, ended), over=max(at, ended.rung))

    def _taken(self) -> Attempt | None:
        """Find the attempt that a person took."""
        return next((attempt for attempt in self.attempts if attempt.how == ACCEPTED), None)


def between(start: float, end: float) -> float:
    """Count seconds; a clock that was set back meanwhile counts none."""
    return max(0.0, round(end - start, 3))
