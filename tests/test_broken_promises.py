"""The model of the promises: it names a promise that the line was made to break, and finds none in any call.

In the first half a fault is put into the line by a part of it, one for each promise. In the second Hypothesis
draws callers, texters, agencies and the moments of faults; a run that breaks a promise is made as short as
can be, and printed as a conversation.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from long.evidence import Overheard, as_conversations, collector_of, exchange_holds
from long.promises import Evidence, broken_promises
from sizes import examples
from stories import CHRYSALIS, HOTLINE, VICTIM_SERVICES
from world import Mortal, OneProcess, Parts, Soon

from ivr.flow.prompts import put
from ivr.pseudonyms import MonthKeys, Pseudonyms
from ivr.records.journal import Journal
from ivr.simulator.faults import Delivery, RestFault
from ivr.simulator.people import (
    HangsUp,
    Pass,
    Person,
    Press,
    When,
    accepts,
    accepts_late,
    busy,
    caller,
    declines,
    hangs_up,
    ignores,
    never_answers,
    switchboard,
    voicemail,
)
from ivr.simulator.webhooks import Answer
from ivr.work.housekeeping import PhoneArchive

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.agencies import Agency
    from ivr.effects import Entry
    from ivr.flow.models import Flow
    from ivr.settings import Settings

ASKS, GETS_NUMBERS = ("1", "0", "2"), ("1", "4", "4", "1", "1", "1")
LATEST, LONGEST = 60.0, 600.0  # Seconds until the last has called, and until all is over.
A_DAY = 26 * 3600.0
REAL = Parts(archive=PhoneArchive)
TRIES_AGAIN = replace(REAL, later=partial(Soon, again=60.0))
Does = Callable[[OneProcess], object]


@dataclass(frozen=True)
class Evening:
    """Who calls and texts, who is at the agencies' telephones, and what fails meanwhile."""

    callers: tuple[tuple[float, Person], ...] = ()  # Each with the second in which they call.
    texts: tuple[tuple[float, int, str], ...] = ()  # The second, whose telephone, and the words.
    agencies: tuple[Person, ...] = ()
    faults: tuple[tuple[float, float, str], ...] = ()  # The second, how long, and what.

    def live(self, world: OneProcess, settings: Settings, *, swept: bool = False) -> Evidence:
        """Let it happen on a line, and collect what is left; also when Twilio's copies should be deleted."""
        network, clock = world.network, world.network.clock
        pseudonyms = Pseudonyms(settings.secret_key, MonthKeys(settings.keys_dir), world.now)
        collector = collector_of(network, world.flow, pseudonyms)
        names = zip(
            ((VICTIM_SERVICES, "victim-services"), (CHRYSALIS, "chrysalis"), (HOTLINE, "hotline")),
            (*self.agencies, *[never_answers()] * 3),
            strict=False,
        )
        for (number, name), person in names:
            network.people.put(number, person, name=name)
        for n, (at, person) in enumerate(self.callers):
            clock.after(at, lambda n=n, person=person: network.exchange.dial(f"+1289556{1000 + n}", person))
        for at, n, words in self.texts:
            clock.after(at, lambda n=n, words=words: network.exchange.text(f"+1289557{1000 + n}", words))
        for at, lasts, name in self.faults:
            begin, end = FAULTS[name]
            clock.after(at, lambda begin=begin: begin(world))
            clock.after(at + lasts, lambda end=end: end(world))
        clock.advance(LATEST)
        network.settle(LONGEST)
        clock.advance(LONGEST)
        seen = collector.collect(world.log_of_all(), settings.journal_dir.parent)
        if not swept:
            return seen
        clock.advance(A_DAY)
        world.sweep()
        return replace(seen, at_twilio=exchange_holds(network.exchange))


def presses(*keys: str, then: float = 2.0) -> Person:
    """Make a caller who presses keys, each as soon as it is taken, and hangs up a while later."""
    return caller(*(Press(key, When.SOON) for key in keys), Pass(then), HangsUp())


LISTENS = Evening(callers=((0, caller(*map(Press, ("1", "1", "9", "#")), Pass(60.0), HangsUp())),))
HESITATES = Evening(callers=((0, caller(Press("1"), Pass(60.0), HangsUp())),))
TALKS = Evening(callers=((0, presses(*ASKS, then=70)),), agencies=(accepts(after=12, talks=10),))
LEAVES = Evening(callers=((0, presses(*ASKS, then=9)),), agencies=(accepts(after=12),))
READS = Evening(callers=((0, presses(*GETS_NUMBERS, then=10)),))
WRITES = Evening(texts=((3, 0, "SIGNS"), (10, 0, "1"), (20, 1, "shelter for my sister"), (30, 1, "DELETE")))


# Faults that are put into the line by hand.


class ForgetsTurns(Journal):
    """Loses the second key of every call."""

    def write(self, entry: Entry) -> None:
        if entry.key != "2":
            super().write(entry)


class DoublesTurns(Journal):
    """Notes the second key of every call once more, as another."""

    def write(self, entry: Entry) -> None:
        super().write(entry)
        if entry.key == "2":
            super().write(replace(entry, key="77"))


class ForgetsTalks(Journal):
    """Notes of no talk that it was one."""

    def write(self, entry: Entry) -> None:
        if not entry.key.startswith("accept-"):
            super().write(replace(entry, ended="failed") if entry.ended == "accepted" else entry)


class RingsTwice(Mortal):
    """Asks the network twice to ring."""

    def ring_agency(self, agency: Agency, path: str, seconds: int) -> str:
        super().ring_agency(agency, path, seconds)
        return super().ring_agency(agency, path, seconds)


class TextsNobody(Mortal):
    """Drops every text."""

    def text(self, number: str, words: str) -> None:
        """Do nothing."""


class TextsTwice(Mortal):
    """Sends every text twice."""

    def text(self, number: str, words: str) -> None:
        super().text(number, words)
        super().text(number, words)


class WritesNumbersDown(Journal):
    """Keeps what callers said beside the journal, as somebody might who looks for a fault."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "asked.json").write_text('{"from": "+12895561000"}')


def in_other_words(place: str, words: str, language: str = "en") -> Callable[[Flow], Flow]:
    return lambda flow: put(flow, language, place, words)


def impatient(**limits: int) -> Callable[[Flow], Flow]:
    return lambda flow: replace(flow, line=replace(flow.line, patience=replace(flow.line.patience, **limits)))


@dataclass(frozen=True)
class ByHand:
    """A fault that is put into the line, and the promise that it breaks."""

    breaks: str
    parts: Parts = REAL
    change: Callable[[Flow], Flow] = lambda flow: flow
    evening: Evening = LISTENS
    meaning: Callable[[str], None] = field(default=lambda _: None)


def fails(_: str) -> None:
    raise RuntimeError("a fault of ours")


KEEPS = Evening(callers=READS.callers, texts=WRITES.texts, faults=((0, 2 * A_DAY, "nothing is deleted"),))
NOBODY_ANSWERS = Evening(callers=((0, presses(*ASKS, then=200)),), agencies=(ignores(5), ignores(6)))
SILENT_RING = Evening(callers=((0, presses(*ASKS, then=100)),), agencies=(never_answers(), accepts()))

BY_HAND = {
    "a turn is lost": ByHand("The log holds every turn, once", replace(REAL, journal=ForgetsTurns)),
    "a turn is noted twice": ByHand("The log holds every turn, once", replace(REAL, journal=DoublesTurns)),
    "a talk is not noted": ByHand(
        "The outcome in the log is what happened", replace(REAL, journal=ForgetsTalks), evening=TALKS
    ),
    "an agency is rung twice": ByHand(
        "No agency is rung twice for one wish", replace(REAL, phone=RingsTwice), evening=TALKS
    ),
    "a text is dropped": ByHand(
        "Whoever asks for numbers by text gets them", replace(REAL, phone=TextsNobody), evening=READS
    ),
    "a text is sent twice": ByHand(
        "No text is sent that nobody asked for", replace(REAL, phone=TextsTwice), evening=READS
    ),
    "a number is written down": ByHand(
        "Nothing that the line keeps holds a number, a word or an id of Twilio's",
        replace(REAL, journal=WritesNumbersDown),
    ),
    "nobody is erased": ByHand("What somebody asked us to forget is forgotten", Parts(), evening=WRITES),
    "copies are kept": ByHand("Twilio's copies are deleted", evening=KEEPS),
    "our code fails at a text": ByHand(
        "Nobody hears that a part of the line is not working", meaning=fails, evening=WRITES
    ),
    "the first words tell": ByHand(
        "Before the first key nothing tells what the line is about",
        change=in_other_words("stops.hello.say", "This is about trafficking. In danger? Call 9 1 1."),
    ),
    "the first words lack 911": ByHand(
        "What a caller hears first names 9 1 1", change=in_other_words("stops.hello.say", "Hello.")
    ),
    "the whisper tells": ByHand(
        "An agency hears nothing of the caller before its key",
        change=in_other_words("lines.whisper", "It is about somebody who is afraid. Press 1."),
        evening=TALKS,
    ),
    "nobody is offered other ways": ByHand(
        "Within a minute of asking there is a person or a choice",
        change=impatient(choice=300, end=400),
        evening=NOBODY_ANSWERS,
    ),
    "a wait does not end": ByHand(
        "No wait for a person goes on for more than two minutes",
        change=impatient(end=400, whisper=180),
        evening=NOBODY_ANSWERS,
    ),
    "the agency has no name": ByHand(
        "Callers hear who is called before they are called",
        change=in_other_words("lines.ringing", "Please stay on the line."),
        evening=TALKS,
    ),
    "pound is not obeyed": ByHand(
        "Pound ends the call at once",
        change=lambda flow: replace(flow, menus=replace(flow.menus, leave=flow.menus.home)),
    ),
    "a caller is kept in silence": ByHand(
        "No caller hears silence for more than ten seconds",
        change=impatient(key=12),
        evening=HESITATES,
    ),
}


@pytest.fixture
def line_of(settings: Settings, flow: Flow) -> Callable[[ByHand], OneProcess]:
    def make(by_hand: ByHand) -> OneProcess:
        return OneProcess(settings, by_hand.change(flow), by_hand.meaning, by_hand.parts)

    return make


@pytest.mark.parametrize("name", BY_HAND)
def test_a_promise_that_the_line_was_made_to_break_is_named(
    name: str, line_of: Callable[[ByHand], OneProcess], settings: Settings
) -> None:
    by_hand = BY_HAND[name]

    with closing(line_of(by_hand)) as world:
        seen = by_hand.evening.live(world, settings, swept=by_hand.evening is KEEPS)

    broken = broken_promises(seen)
    assert by_hand.breaks in {each.promise for each in broken}, (broken, as_conversations(seen))


@pytest.mark.parametrize("evening", [LISTENS, TALKS, LEAVES, READS, WRITES, NOBODY_ANSWERS, SILENT_RING])
def test_a_line_without_a_fault_breaks_no_promise(
    evening: Evening, line_of: Callable[[ByHand], OneProcess], settings: Settings
) -> None:
    with closing(line_of(ByHand(""))) as world:
        seen = evening.live(world, settings, swept=evening is READS)

    assert broken_promises(seen) == [], as_conversations(seen)
    assert len(seen.callers) == len(evening.callers)


@pytest.mark.parametrize(
    ("path", "first", "again", "times"),
    [
        ("/voice/3/en/person", "/wait/ab/en/1795768998/0/0", "/wait/ab/en/1795768999/0/0", 0),
        ("/voice/3/en/person", '"/ring/any/1795768998"', '"/ring/any/1795768999"', 0),
        ("/voice/3/en/person", '<Dial timeout="15">', '<Dial timeout="14">', 0),
        ("/voice/3/en/person", "/wait/ab/en/1795768998/0/0", "/wait/cd/en/1795768998/0/0", 1),
        ("/wait/ab/en/1795768998/0/0", "Nobody has answered.", "Someone has answered.", 0),
        ("/sms", "Is now a good time?", "Hello.", 1),
    ],
)
def test_copies_of_a_webhook_may_differ_in_their_second_alone(
    path: str, first: str, again: str, times: int
) -> None:
    answers = iter([Answer(0), Answer(200, body=first), Answer(200, body=again), Answer(200, body=first)])
    heard = Overheard(lambda *_: next(answers), lambda: 0.0)
    for key in ("1", "1", "1", "2"):
        heard(f"http://line.test{path}", {"CallSid": "CA1", "Digits": key}, {})

    assert heard.differing == [path] * times


# What Hypothesis draws.


def loses(part: str) -> tuple[Does, Does]:
    return lambda world: world.lose(part), lambda world: world.lose(part, back=True)


def rest_answers(does: str, match: str = "POST") -> tuple[Does, Does]:
    return (
        lambda world: world.network.faults.rest.append(RestFault(does, match=match)),
        lambda world: world.network.faults.rest.clear(),
    )


def switches(name: str, on: object, off: object) -> tuple[Does, Does]:
    return (
        lambda world: setattr(world.network.faults, name, on),
        lambda world: setattr(world.network.faults, name, off),
    )


def callbacks(delivery: Delivery) -> tuple[Does, Does]:
    def deliver(how: Delivery) -> Does:
        return lambda world: world.network.faults.callbacks.update(dict.fromkeys(("call", "caller"), how))

    return deliver(delivery), deliver(Delivery())


FAULTS: dict[str, tuple[Does, Does]] = {
    "nothing is deleted": rest_answers("500", "DELETE"),
    "sql": loses("sql"),
    "worker": loses("worker"),
    "REST answers 500": rest_answers("500"),
    "REST answers 429": rest_answers("429"),
    "REST drops": rest_answers("drop"),
    "too many calls": switches("concurrency", 1, None),
    "webhooks twice": switches("duplicate", "", None),
    "QueueTime once": switches("queue_time_once", on=True, off=False),
    "callbacks late": callbacks(Delivery(late=6)),
    "callbacks twice": callbacks(Delivery(copies=2)),
    "callbacks reversed": callbacks(Delivery(reverse=True)),
    "callbacks lost": callbacks(Delivery(lost=True)),
}

seconds = st.floats(0, 40).map(round)
keys = st.sampled_from("0012123489*#")
steps = st.one_of(
    st.builds(Press, keys, st.sampled_from([When.SOON, When.HEARD])), st.builds(Pass, seconds.map(float))
)
wishes = st.sampled_from([(), (Press("1", When.SOON),), tuple(Press(key, When.SOON) for key in ASKS)])
people = st.builds(
    lambda wish, done, last: caller(*wish, *done, Pass(last), HangsUp()),
    wishes,
    st.lists(steps, max_size=6),
    seconds,
)
agencies = st.one_of(
    st.builds(accepts, seconds.map(float), seconds.map(float)),
    st.builds(accepts_late, seconds.map(float)),
    st.builds(hangs_up, seconds.map(float)),
    *(st.builds(kind, seconds.map(float)) for kind in (declines, ignores, voicemail, switchboard)),
    st.sampled_from([busy(), never_answers()]),
)
texts = st.tuples(
    seconds,
    st.integers(0, 1),
    st.sampled_from(
        ["signs", "shelter", "1", "2", "0", "MENU", "EXIT", "DELETE", "help me i am scared", "???"]
    ),
)
evenings = st.builds(
    Evening,
    callers=st.lists(st.tuples(seconds, people), min_size=1, max_size=3).map(tuple),
    texts=st.lists(texts, max_size=3).map(tuple),
    agencies=st.lists(agencies, min_size=3, max_size=3).map(tuple),
    faults=st.lists(
        st.tuples(seconds, st.sampled_from([5, 30, 200]), st.sampled_from(sorted(FAULTS))), max_size=2
    ).map(tuple),
)


@pytest.fixture
def lines(settings: Settings, flow: Flow, tmp_path: Path) -> Callable[[], tuple[OneProcess, Settings]]:
    """Make a line of its own for each evening."""
    made = count()

    def make() -> tuple[OneProcess, Settings]:
        folder = tmp_path / str(next(made))
        url = f"sqlite:///{folder}/line.sqlite3"
        folder.mkdir()
        own = replace(settings, keys_dir=folder / "keys", journal_dir=folder / "journal", database_url=url)
        return OneProcess(own, flow, parts=TRIES_AGAIN), own

    return make


@examples(6)
@given(evening=evenings)
def test_no_promise_is_broken_whatever_callers_do_and_whenever_parts_fail(
    evening: Evening, lines: Callable[[], tuple[OneProcess, Settings]]
) -> None:
    world, settings = lines()

    with closing(world):
        seen = evening.live(world, settings)

    note(as_conversations(seen))
    assert broken_promises(seen) == []
