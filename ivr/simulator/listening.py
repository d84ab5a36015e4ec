"""What was heard, pressed and said on the pretend network: one feed of lines, and questions about it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ivr.simulator.clock import Clock

CHOICE = re.compile(r"\bpress\b|\bfaites\b|\bappuyez\b", re.IGNORECASE)
WORDS_PER_SECOND = 150 / 60


@dataclass(frozen=True)
class HeardLine:
    """One thing that happened: when, on which call, to whom, and the words if there were any."""

    n: int
    at: float
    call: str
    who: str
    what: str
    words: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Notice:
    """Something that Twilio would put in its debugger, or that no caller should ever meet."""

    at: float
    call: str
    code: int
    words: str


APPLICATION_ERROR = 11200
WARNINGS = frozenset({12200})


class Feed:
    """Everything that happened on the network, in order."""

    def __init__(self, clock: Clock) -> None:
        self.lines: list[HeardLine] = []
        self.notices: list[Notice] = []
        self._clock = clock

    def add(self, call: str, who: str, what: str, words: str = "", seconds: float = 0.0) -> HeardLine:
        """Note that something happened now."""
        line = HeardLine(len(self.lines), self._clock.now(), call, who, what, words, seconds)
        self.lines.append(line)
        with self._clock.lock:
            self._clock.lock.notify_all()
        return line

    def cut(self, line: HeardLine) -> None:
        """Keep only the words that were spoken before the listener broke in."""
        spoken = self._clock.now() - line.at
        heard = line.words.split()[: int(spoken * WORDS_PER_SECOND + 1e-6)]
        words = " ".join([*heard, "…"])
        self.lines[line.n] = replace(line, words=words, seconds=spoken)
        self.add(line.call, line.who, "cut", words)

    def notice(self, call: str, code: int, words: str) -> None:
        """Put something in the pretend debugger."""
        self.notices.append(Notice(self._clock.now(), call, code, words))

    def of(self, call: str) -> list[HeardLine]:
        """List what happened on one call."""
        return [line for line in self.lines if line.call == call]

    def heard(self, call: str) -> list[str]:
        """List the words that were heard on one call."""
        return [line.words for line in self.of(call) if line.what == "heard"]

    def faults(self) -> list[Notice]:
        """List the notices that are more than warnings."""
        return [notice for notice in self.notices if notice.code not in WARNINGS]

    def after(self, n: int, wait: float = 0.0) -> list[dict[str, Any]]:
        """List the lines from number n on, waiting a moment of real time for one to come."""
        with self._clock.lock:
            if wait and len(self.lines) <= n:
                self._clock.lock.wait_for(lambda: len(self.lines) > n, wait)
            return [asdict(line) for line in self.lines[n:]]


def longest_wait(lines: Iterable[HeardLine], offers: Callable[[HeardLine], bool] | None = None) -> float:
    """Tell the longest time from a key to a person or a choice, on one call's lines."""
    offers = offers or (lambda line: bool(CHOICE.search(line.words)))
    longest, since, last = 0.0, None, 0.0
    for line in lines:
        last = line.at
        if line.what == "presses" and since is None:
            since = line.at
        elif since is not None and _answers(line, offers):
            longest, since = max(longest, line.at - since), None
    return longest if since is None else max(longest, last - since)


def _answers(line: HeardLine, offers: Callable[[HeardLine], bool]) -> bool:
    return line.what in {"joined", "hung up"} or (line.what == "heard" and offers(line))
