"""What a caller hears and a texter reads, in seconds, keys and segments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ivr.flow.graph import by_text, by_voice, depths, keys
from ivr.flow.menu_measurements import Journey, seconds, to_a_person, to_facts
from ivr.flow.models import Checklist, Flow, Message
from ivr.flow.prose import MEASURED, measured
from ivr.flow.rendering import choices, fill, speak
from ivr.flow.segments import forced, segments
from ivr.flow.sms import reply
from ivr.flow.turn import Asked, Pressed, Say, Wished
from ivr.position import Position

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TEXTED_LINES = ("safe_to_read", "numbers_text", "fixed_text")


@dataclass(frozen=True)
class Most:
    """The most of something, and where."""

    amount: float = 0
    place: str = ""


@dataclass(frozen=True)
class Heard:
    """What is measured in one language."""

    instructions: Most
    first: float  # Seconds of the first sentence.
    text: Most  # Segments.
    wide: Most  # How many texts are coded in 16 bits, and the letters that force it.
    journey: Journey | None
    facts: Farthest
    style: Style | None


@dataclass(frozen=True)
class Farthest:
    """The stop that states facts and takes most keys, most speech, most patience."""

    keys: Most
    seconds: Most
    patient: Most


@dataclass(frozen=True)
class Style:
    """The prompts that are hardest to read, and longest in breath."""

    grade: Most
    length: Most


@dataclass(frozen=True)
class Figures:
    """All that is measured."""

    choices: Most
    depth: Most
    languages: Mapping[str, Heard] = field(default_factory=dict)
    before: Journey | None = None  # To a person before a language is chosen.


def measure(flow: Flow) -> Figures:
    """Measure a flow that can be walked."""
    journeys = to_a_person(flow)
    offered = [Most(len(keys(stop)), name) for name, stop in flow.stops.items()]
    deep = [Most(depth, name) for name, depth in depths(flow).items()]
    facts = {language: farthest(ways) for language, ways in to_facts(flow).items()}
    heard = {name: _heard(flow, name, journeys.get(name), facts[name]) for name in flow.languages}
    return Figures(_most(offered), _most(deep), heard, journeys.get(""))


def farthest(ways: Mapping[str, Journey]) -> Farthest:
    """Name the stops that are farthest, in keys and in speech."""
    return Farthest(
        keys=_most([Most(len(way.keys), stop) for stop, way in ways.items()]),
        seconds=_most([Most(way.seconds, stop) for stop, way in ways.items()]),
        patient=_most([Most(way.patient, stop) for stop, way in ways.items()]),
    )


def instructions(flow: Flow, language: str) -> Iterator[tuple[str, float]]:
    """Tell how long each stop's instructions are: all of a menu, what follows the words of a message."""
    for name in sorted(by_voice(flow)):
        stop = flow.stops[name]
        here = Position(name, language)
        if isinstance(stop, Checklist):
            asked = range(len(flow.prompts[language].stops[name].questions))
            every = (choices(flow, Position(name, language, question=number)) for number in asked)
            yield name, max(seconds(flow, says) for says in every)
        else:
            yield name, seconds(flow, choices(flow, here) if isinstance(stop, Message) else speak(flow, here))


def first_sentence(flow: Flow, language: str) -> Say:
    """Give what a caller of a language hears first."""
    words = flow.prompts[language].stops[flow.menus.start].say
    return Say(fill(flow, language, words), language)


def texts(flow: Flow, language: str) -> Iterator[tuple[str, str]]:
    """Give every text that can be sent in a language, with its place in the words."""
    for name in sorted(by_text(flow)):
        turn = reply(flow, Position(language=language), Asked(name, language))
        if turn.position.held:
            turn = reply(flow, turn.position, Pressed("1"))
        yield f"stops.{name}.text", "\n".join(say.words for say in turn.says)
    answer = reply(flow, Position(language=language), Wished("help"))
    yield "lines.help", "\n".join(say.words for say in answer.says)
    for line in TEXTED_LINES:
        words: str = getattr(flow.prompts[language].lines, line)
        yield f"lines.{line}", fill(flow, language, words, spoken=False)


def summary(figures: Figures) -> str:
    """Write the figures for a person, one a line."""
    lines = [
        f"most choices: {figures.choices.amount:.0f} ({figures.choices.place})",
        f"deepest: {figures.depth.amount:.0f} menus ({figures.depth.place})",
    ]
    for language, heard in figures.languages.items():
        lines += (f"{language}: {line}" for line in _lines(heard))
    lines.append(f"before a language is chosen: {_to_a_person(figures.before)}")
    return "\n".join(lines)


def _heard(flow: Flow, language: str, journey: Journey | None, facts: Farthest) -> Heard:
    spoken = [Most(length, name) for name, length in instructions(flow, language)]
    written = list(texts(flow, language))
    wide = [words for _, words in written if forced(words)]
    return Heard(
        instructions=_most(spoken),
        first=seconds(flow, (first_sentence(flow, language),)),
        text=_most([Most(segments(words), place) for place, words in written]),
        wide=Most(len(wide), forced("".join(wide))),
        journey=journey,
        facts=facts,
        style=_style(flow) if language == MEASURED else None,
    )


def _style(flow: Flow) -> Style:
    found = list(measured(flow))
    return Style(
        grade=_most([Most(plain.grade, place) for place, plain in found]),
        length=_most([Most(plain.length, place) for place, plain in found]),
    )


def _most(found: list[Most]) -> Most:
    return max(found, key=lambda one: one.amount, default=Most())


def _lines(heard: Heard) -> Iterator[str]:
    yield f"longest instructions: {heard.instructions.amount:.1f} s ({heard.instructions.place})"
    yield f"first sentence: {heard.first:.1f} s"
    yield f"longest text: {heard.text.amount:.0f} segments ({heard.text.place})"
    if heard.wide.amount:
        yield f"texts in 16-bit coding: {heard.wide.amount:.0f}, forced by {' '.join(heard.wide.place)}"
    else:
        yield "texts in 16-bit coding: none"
    if heard.style:
        grade, length = heard.style.grade, heard.style.length
        yield f"hardest to read: grade {grade.amount:.1f} ({grade.place})"
        yield f"longest sentences: {length.amount:.1f} words on average ({length.place})"
    yield _to_a_person(heard.journey)
    keys, speech, patient = heard.facts.keys, heard.facts.seconds, heard.facts.patient
    yield (
        f"to any fact: at most {keys.amount:.0f} keys ({keys.place}), "
        f"{speech.amount:.1f} s of speech ({speech.place}), "
        f"{patient.amount:.1f} s without interrupting ({patient.place})"
    )


def _to_a_person(journey: Journey | None) -> str:
    if journey is None:
        return "to a ringing agency: no way found"
    return (
        f"to a ringing agency: {len(journey.keys)} keys ({' '.join(journey.keys)}), "
        f"{journey.seconds:.1f} s of speech, {journey.patient:.1f} s without interrupting, "
        f"then {journey.announcing:.1f} s to say who is rung ({journey.agency})"
    )
