"""One leg of a call: a line between the network and one telephone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ivr.simulator import forms
from ivr.simulator.tasks import NEWS, HungUp, Key, PickedUp, Speech, Steps, Task, Wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.simulator.exchange import Exchange
    from ivr.simulator.people import Person
    from ivr.simulator.queues import Queue
    from ivr.simulator.webhooks import Jar

OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
INSTANT = 1e-6
SPOKE = "speech"  # In place of a key.


@dataclass
class Plan:
    """Where the news of a leg goes: its fallback address, its callback and the events told there."""

    fallback: str | None = None
    callback: str | None = None
    events: frozenset[str] = frozenset({"completed"})


@dataclass
class Bridge:
    """Two legs that hear each other."""

    one: Leg
    other: Leg
    since: float
    open: bool = True

    def part(self) -> None:
        """Stop the two from hearing each other; each leg goes on by itself."""
        if not self.open:
            return
        self.open = False
        for leg in (self.one, self.other):
            leg.log("parted", self.with_whom(leg).name)
            leg.stir()

    def with_whom(self, leg: Leg) -> Leg:
        """Tell who is at the other end."""
        return self.other if leg is self.one else self.one


@dataclass(eq=False)
class Leg:
    """A leg, what happened to it, and who is listening."""

    exchange: Exchange
    sid: str
    direction: str
    caller: str
    called: str
    name: str
    jar: Jar
    plan: Plan
    parent: Leg | None = None
    status: str = "queued"
    gathering: str = ""  # "speaking" while a Gather speaks, "waiting" while it waits for keys.
    gathers: int = 0  # How many Gathers were begun.
    takes_speech: bool = False  # The Gather takes words as well as keys.
    speech: Speech | None = None  # What it took.
    ready: bool = False  # A dialled leg that may be joined now.
    queue: Queue | None = None
    standing: Callable[[], dict[str, str]] | None = None  # What a queue adds to every form.
    bridge: Bridge | None = None
    person: Person | None = None
    answered_by: str = ""
    began: float = 0.0
    answered_at: float | None = None
    ended_at: float | None = None
    ended_by: str = ""
    task: Task | None = None
    watchers: list[Task] = field(default_factory=list)
    reports: int = 0
    held: list[dict[str, str]] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether the leg has ended."""
        return self.status in OVER

    @property
    def number(self) -> str:
        """The number of the telephone at our far end."""
        return self.caller if self.direction == "inbound" else self.called

    @property
    def joined_to(self) -> Leg | None:
        """The leg that this one hears, if any."""
        return self.bridge.with_whom(self) if self.bridge and self.bridge.open else None

    @property
    def talked(self) -> int:
        """The whole seconds from answer to end."""
        if self.answered_at is None or self.ended_at is None:
            return 0
        return round(self.ended_at - self.answered_at)

    @property
    def quiet(self) -> bool:
        """Whether nothing more comes until somebody acts: a choice was spoken, people talk, or it is over."""
        return self.over or self.gathering == "waiting" or self.joined_to is not None

    def log(self, what: str, words: str = "", seconds: float = 0.0) -> None:
        """Put a line in the feed."""
        self.exchange.feed.add(self.sid, self.name, what, words, seconds)

    def stir(self) -> None:
        """Tell everybody who watches this leg to look again."""
        for task in [self.task, *self.watchers]:
            if task is not None:
                task.tell(NEWS)

    def past(self, gathers: int) -> bool:
        """Whether the Gather that was the last of so many is over, also where another has begun by now."""
        return not self.gathering or self.gathers != gathers

    def press(self, keys: str) -> None:
        """Press keys on the telephone at the far end."""
        for key in keys:
            self.log("presses", key)
            if self.task is not None:
                self.task.tell(Key(key))

    def say(self, words: str, confidence: float) -> None:
        """Speak into the telephone at the far end."""
        self.log("says", words)
        if self.task is not None:
            self.task.tell(Speech(words, confidence))

    def hang_up(self) -> None:
        """Put down the telephone at the far end."""
        self.end(HungUp(self.name))

    def end(self, ending: HungUp) -> None:
        """End the leg, whoever ends it."""
        if self.task is not None and not self.over:
            self.task.interrupt(ending)

    def pick_up(self) -> None:
        """Answer by hand."""
        if self.task is not None:
            self.task.tell(PickedUp())

    def turn(self, status: str) -> None:
        """Take a new status and tell whoever asked to be told."""
        if self.over:
            return
        self.status = status
        if status == "in-progress":
            self.answered_at = self.exchange.clock.now()
        self.report({"queued": "initiated"}.get(status, status))
        self.stir()

    def answer(self) -> None:
        """Be picked up, at the first verb of an inbound call or by a person on an outbound one."""
        if self.status in {"queued", "ringing"}:
            self.turn("in-progress")
            if self.direction != "inbound":
                self.log("answers")

    def finish(self, status: str, by: str) -> None:
        """Be over."""
        if self.over:
            return
        self.ended_at = self.exchange.clock.now()
        self.ended_by = by
        self.gathering = ""
        self.log("hung up" if status == "completed" else status, by)
        if self.bridge is not None:
            self.bridge.part()
        self.turn(status)
        if self.parent is not None:
            self.parent.stir()
        for task in self.watchers:
            task.interrupt(HungUp(by))

    def report(self, event: str) -> None:
        """Send a status callback, if the leg's plan asks for this one."""
        wanted = "completed" if self.over else forms.EVENTS.get(self.status, event)
        number, self.reports = self.reports, self.reports + 1
        if self.plan.callback is not None and wanted in self.plan.events:
            form = forms.status(self, event, 0 if self.direction == "inbound" else number)
            self.exchange.callbacks.call(self, self.plan.callback, form)


def lasts(leg: Leg, seconds: float) -> Steps[str]:
    """Let time pass; inside a Gather, a key ends it and is returned. Outside one, keys are lost.

    Where the Gather takes words, these end it as well: `SPOKE` is returned, and the leg holds them.
    """
    end = leg.exchange.clock.now() + seconds
    while (left := end - leg.exchange.clock.now()) > INSTANT:
        signal = yield Wait(left)
        if isinstance(signal, Key) and leg.gathering:
            return signal.key
        if isinstance(signal, Speech) and leg.takes_speech:
            leg.speech = signal
            return SPOKE
    return ""
