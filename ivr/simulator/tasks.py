"""One leg's or one person's course of events, written as a generator that waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ivr.simulator.agenda import Timer
    from ivr.simulator.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True)
class Wait:
    """Wait for a signal, or so many seconds."""

    seconds: float | None = None


@dataclass(frozen=True)
class Work:
    """Wait for the result of a slow thing; signals that come meanwhile are lost."""

    job: Callable[[], Any]


Steps = Generator[Wait | Work, Any, T]


@dataclass(frozen=True)
class Key:
    """A key was pressed."""

    key: str


@dataclass(frozen=True)
class Speech:
    """Words were spoken into the telephone, and made out with some confidence, from 0 to 1."""

    words: str
    confidence: float


@dataclass(frozen=True)
class News:
    """Something changed: look again."""


@dataclass(frozen=True)
class PickedUp:
    """A person who answers by hand has answered."""


Signal = Key | Speech | News | PickedUp
NEWS = News()


class Interruption(BaseException):
    """Ends whatever a task is doing, unless it became void before the task could look."""

    void = False


class HungUp(Interruption):
    """This leg is over: its own end hung up, the line did, or the network gave up ringing."""

    def __init__(self, by: str, status: str = "completed") -> None:
        super().__init__(by)
        self.by = by
        self.status = status


class Task:
    """Runs one generator. It is only ever resumed from the agenda, so tasks never run inside each other."""

    def __init__(self, clock: Clock, steps: Steps[None]) -> None:
        self.over = False
        self._clock = clock
        self._steps = steps
        self._inbox: deque[Signal] = deque()
        self._interruptions: deque[Interruption] = deque()
        self._doing: Wait | Work | None = None
        self._turn = 0
        self._timer: Timer | None = None
        clock.after(0, lambda: self._move(lambda: next(steps)))

    def tell(self, signal: Signal) -> None:
        """Let the task know of something, if it is waiting for signals."""
        if not self.over:
            self._inbox.append(signal)
            self._clock.after(0, self._look)

    def interrupt(self, interruption: Interruption) -> None:
        """Break into whatever the task is doing."""
        if not self.over:
            self._interruptions.append(interruption)
            self._clock.after(0, self._look)

    def _look(self) -> None:
        if self.over or self._doing is None:
            return
        while self._interruptions and self._interruptions[0].void:
            self._interruptions.popleft()
        if self._interruptions:
            news = self._interruptions.popleft()
            self._move(lambda: self._steps.throw(news))
        elif isinstance(self._doing, Wait) and self._inbox:
            signal = self._inbox.popleft()
            self._move(lambda: self._steps.send(signal))

    def _move(self, move: Callable[[], Wait | Work]) -> None:
        if self.over:
            return
        self._turn += 1
        if self._timer is not None:
            self._timer.call_off()
        try:
            self._doing = move()
        except StopIteration:
            self.over = True
        except Interruption:
            self.over = True
        else:
            self._arm(self._doing, self._turn)

    def _arm(self, doing: Wait | Work, turn: int) -> None:
        if isinstance(doing, Work):
            self._clock.work(doing.job, lambda result: self._worked(turn, result))
        elif doing.seconds is not None:
            self._timer = self._clock.after(doing.seconds, lambda: self._waited(turn))
        if self._inbox or self._interruptions:
            self._clock.after(0, self._look)

    def _waited(self, turn: int) -> None:
        if turn == self._turn:
            self._move(lambda: self._steps.send(None))

    def _worked(self, turn: int, result: object) -> None:
        if turn == self._turn and not self.over:
            self._inbox.clear()
            self._move(lambda: self._steps.send(result))
