"""Scripted people at the far ends: who answers which telephone, and what they do then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from ivr.simulator.tasks import Interruption, Steps, Wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.simulator.legs import Leg

PICKS_UP = 3.0
TALKS = 60.0
GREETING = 6.0  # Seconds that a voicemail speaks before it records.
RECORDS = 30.0


class When(StrEnum):
    """When a person presses a key."""

    HEARD = "heard"  # Once everything was said.
    SOON = "soon"  # As soon as keys are taken, into the words.
    NOW = "now"


@dataclass(frozen=True)
class Press:
    """Press keys."""

    keys: str
    when: When = When.HEARD
    after: float = 0.0


@dataclass(frozen=True)
class Pass:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True)
class Joined:
    """Wait until joined with somebody, then talk so long."""

    seconds: float = TALKS


@dataclass(frozen=True)
class Rings:
    """Wait until somebody of this name is being rung for us; "" is anybody."""

    name: str = ""


@dataclass(frozen=True)
class Hears:
    """Wait until these words are heard."""

    words: str


@dataclass(frozen=True)
class HangsUp:
    """Put the telephone down."""


Step = Press | Pass | Joined | Rings | Hears | HangsUp


@dataclass(frozen=True)
class Person:
    """Somebody at a telephone: how they answer it, and what they do one thing after the other."""

    name: str = ""
    answers: float | None = PICKS_UP  # Seconds until they pick up; None is never.
    ends: str = ""  # How ringing them ends at once: busy or failed.
    by_hand: bool = False  # A real person at this keyboard decides.
    verdict: str = "human"  # What machine detection will find.
    steps: tuple[Step, ...] = ()

    def live(self, leg: Leg) -> Steps[None]:
        """Do what the script says on one leg, then stay until the other end hangs up."""
        try:
            for step in self.steps:
                yield from _do(leg, step)
        except Interruption:
            return


def _do(leg: Leg, step: Step) -> Steps[None]:
    match step:
        case Press(keys, when, after):
            yield from _until(lambda: when == When.NOW or _takes_keys(leg, when))
            yield from _pass(leg, after)
            asked = leg.gathers
            leg.press(keys)
            yield from _until(lambda: leg.past(asked))
        case Pass(seconds):
            yield from _pass(leg, seconds)
        case Joined(seconds):
            yield from _until(lambda: leg.joined_to is not None)
            yield from _pass(leg, seconds)
        case Rings(name):
            yield from _until(lambda: leg.exchange.rings(name))
        case Hears(words):
            yield from _until(lambda: any(words in heard for heard in leg.exchange.feed.heard(leg.sid)))
        case HangsUp():
            leg.hang_up()


def _takes_keys(leg: Leg, when: When) -> bool:
    return leg.gathering == "waiting" or (when == When.SOON and leg.gathering == "speaking")


def _until(ready: Callable[[], bool]) -> Steps[None]:
    while not ready():
        yield Wait(1.0)  # News of this leg wakes sooner; news of others is looked for each second.


def _pass(leg: Leg, seconds: float) -> Steps[None]:
    clock = leg.exchange.clock
    end = clock.now() + seconds
    while (left := end - clock.now()) > 0:
        yield Wait(left)


def caller(*steps: Step, name: str = "caller") -> Person:
    """Make a caller who does one thing after the other."""
    return Person(name, steps=steps)


def accepts(after: float = PICKS_UP, talks: float = TALKS) -> Person:
    """Make an agency that picks up, listens to the whisper, presses 1 and talks."""
    return Person(answers=after, steps=(Press("1"), Joined(talks), HangsUp()))


def declines(after: float = PICKS_UP) -> Person:
    """Make an agency that picks up and presses 2."""
    return Person(answers=after, steps=(Press("2"),))


def ignores(after: float = PICKS_UP) -> Person:
    """Make an agency that picks up and presses nothing."""
    return Person(answers=after)


def hangs_up(after: float = 2.0) -> Person:
    """Make an agency that picks up and puts down so many seconds later."""
    return Person(steps=(Pass(after), HangsUp()))


def accepts_late(after: float = 18.0) -> Person:
    """Make an agency that presses 1 only so many seconds after picking up."""
    return Person(steps=(Pass(after), Press("1", When.NOW), Joined(), HangsUp()))


def busy(_after: float = 0.0) -> Person:
    """Make an agency that is on the line already."""
    return Person(ends="busy")


def invalid(_after: float = 0.0) -> Person:
    """Make a number that does not exist."""
    return Person(ends="failed")


def never_answers(_after: float = 0.0) -> Person:
    """Make an agency whose telephone rings on."""
    return Person(answers=None)


def voicemail(after: float = 12.0) -> Person:
    """Make a voicemail: it answers, speaks, records and never presses a key."""
    return Person(answers=after, verdict="machine_end_beep", steps=(Pass(GREETING + RECORDS), HangsUp()))


def fax(after: float = PICKS_UP) -> Person:
    """Make a fax machine."""
    return Person(answers=after, verdict="fax", steps=(Pass(20.0), HangsUp()))


def switchboard(after: float = 2.0) -> Person:
    """Make a switchboard: it answers, presses nothing, and talks with whoever is joined."""
    return Person(answers=after, verdict="unknown", steps=(Joined(TALKS), HangsUp()))


def by_hand(_after: float = 0.0) -> Person:
    """Make a telephone that somebody at the keyboard answers."""
    return Person(by_hand=True)


HABITS: dict[str, Callable[..., Person]] = {
    "accepts late": accepts_late,
    "accepts": accepts,
    "declines": declines,
    "ignores": ignores,
    "hangs up": hangs_up,
    "is busy": busy,
    "does not answer": never_answers,
    "is voicemail": voicemail,
    "is a fax": fax,
    "is invalid": invalid,
    "is a switchboard": switchboard,
    "answers by hand": by_hand,
}


def read_person(words: str) -> Person:
    """Read a habit as conversation files write it: "accepts after 5, talks 20"."""
    head, _, talk = words.strip().partition(", talks ")
    habit, _, seconds = head.partition(" after ")
    make = HABITS.get(habit.strip())
    if make is None:
        raise ValueError(f"nobody {words.strip()!r}; people do one of these: {', '.join(HABITS)}")
    person = make(float(seconds)) if seconds else make()
    if not talk:
        return person
    steps = tuple(Joined(float(talk)) if isinstance(step, Joined) else step for step in person.steps)
    return replace(person, steps=steps)


class People:
    """Who answers which number. A list of persons is used up call by call, and its last one stays."""

    def __init__(self, default: Person | None = None) -> None:
        self._default = default or never_answers()
        self._names: dict[str, str] = {}
        self._habits: dict[str, list[Person]] = {}

    def put(self, number: str, *persons: Person, name: str = "") -> None:
        """Put persons at a number: one for each of the next calls."""
        self._habits[number] = list(persons)
        if name:
            self._names[number] = name

    def name(self, number: str) -> str:
        """Tell the name of whoever has this number."""
        return self._names.get(number, number)

    def answering(self, number: str) -> Person:
        """Tell who is at this number's telephone for one more call."""
        habits = self._habits.get(number, [])
        if not habits:
            return self._default
        return habits.pop(0) if len(habits) > 1 else habits[0]
