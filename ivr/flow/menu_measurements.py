"""What the menus take of people: keys, seconds of speech, segments of text, years of school.

Found by walking the flow as a caller or texter would. First the ways, then the figures of the whole line,
which `ivr check` prints, then the weight of each prompt, which the console shows.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from ivr.flow.graph import by_text, by_voice, depths, keys, stops_with_facts
from ivr.flow.language_choice import pages
from ivr.flow.loader import BRACES
from ivr.flow.models import ChecklistStop, ConsentStop, Flow, LanguageStop, MessageStop
from ivr.flow.patched_flow import patched
from ivr.flow.prompts import spoken_prompts
from ivr.flow.readability import MEASURED, measured, unkind
from ivr.flow.recordings import OWN_TEXTS, is_heard, is_read, missing
from ivr.flow.rendering import (
    choices,
    fill,
    language_choices,
    options,
    seconds,
    speak,
    spell,
    spoken_languages,
)
from ivr.flow.segments import forced, segments
from ivr.flow.sms import as_sent, reply
from ivr.flow.turn import Asked, AskForPerson, Connect, Decision, Pressed, Roster, Say, Turn, Wished
from ivr.flow.voice import ring_next, step, visit
from ivr.position import Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


# The table of languages that `ivr check` prints: how soon each is chosen, how far a person is, and more.

HEADS = (
    "language",
    "to choose it",
    "then to a ring",
    "longest instructions",
    "texts by parts",
    "behind",
    "state",
)
TEXT_ALONE = "texts alone"


def language_table(languages: Mapping[str, HeardFigures]) -> Iterator[str]:
    """Write the table, a line for each language, in columns."""
    rows = [HEADS, *(_row(language, heard) for language, heard in languages.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(language: str, heard: HeardFigures) -> tuple[str, ...]:
    way = heard.journey
    chosen = f"{way.chosen:.1f} s ({' '.join(way.choosing)})" if way else "-"
    ring = f"{way.seconds - way.chosen:.1f} s, {way.announcing:.1f} s" if way else "-"
    longest = (
        f"{heard.instructions.amount:.1f} s ({heard.instructions.place})"
        if heard.voiced
        else f"{TEXT_ALONE}, {heard.unrecorded} recordings missing"
    )
    texts = ", ".join(f"{count} of {parts}" for parts, count in sorted(heard.texts.items()))
    behind = "-" if heard.behind is None else str(heard.behind)
    state = "draft" if heard.draft else "reviewed" * heard.reviewed
    return language, chosen, ring, longest, texts, behind, state


SENTENCE_END = re.compile(r"(?<=[.?!])\s+")
FARTHEST = 6  # Keys in one language after which we stop looking.
NAME_GAP = 0.2  # Seconds that the network takes to change from one voice to another, at most.


@dataclass(frozen=True)
class Journey:
    """A way from pick-up to a ringing agency, or to a stop that states facts."""

    keys: str
    seconds: float  # Of speech, each key pressed as soon as it is named.
    patient: float  # Of speech, each key pressed when all has been said.
    announcing: float = 0.0  # Of speech after the last key, before the agency rings.
    agency: str = ""
    choosing: str = ""  # The keys that chose the language.
    chosen: float = 0.0  # Of speech until then.


Arrival = tuple[Journey, Turn]


@lru_cache(maxsize=2)
def choosing(flow: Flow) -> Mapping[str, Arrival]:
    """Find the way of fewest keys to each language, and the turn that follows; "" is the first words."""
    found: dict[str, Arrival] = {"": (Journey("", 0.0, 0.0), visit(flow, Position(flow.menus.start)))}
    ahead, roster = [found[""]], Roster(flow.directory.orders, 0)
    for _ in range(len(pages(flow)) + 1):
        reached = _quickest(
            each for journey, turn in ahead for each in _press_each(flow, journey, turn, roster)
        )
        for journey, turn in reached:
            if turn.position.language:
                known = replace(journey, choosing=journey.keys, chosen=journey.seconds)
                found.setdefault(turn.position.language, (known, turn))
        ahead = [each for each in reached if isinstance(flow.stops[each[1].position.stop], LanguageStop)]
    return found


@lru_cache(maxsize=2)
def to_a_person(flow: Flow) -> Mapping[str, Journey]:
    """Find the way of fewest keys, then seconds, in each language, and before one is known ("")."""
    journeys: dict[str, Journey] = {}
    roster = Roster(flow.directory.orders, 0)
    for language, arrival in choosing(flow).items():
        ahead = [arrival]
        for _ in range(FARTHEST):
            reached = [each for journey, turn in ahead for each in _press_each(flow, journey, turn, roster)]
            asking = [(way, ask) for way, ask in reached if isinstance(ask, AskForPerson)]
            for journey, ask in asking:
                if ask.position.language == language:
                    _keep(journeys, language, _ring(flow, journey, ask, roster))
            if language in journeys:  # More keys are no better.
                break
            ahead = _quickest(reached)
    return journeys


def to_facts(flow: Flow) -> Mapping[str, Mapping[str, Journey]]:
    """Find, in each language, the way of fewest keys, then seconds, to each stop that states facts."""
    return to_stops(flow, stops_with_facts(flow))


@lru_cache(maxsize=4)
def to_stops(flow: Flow, wanted: frozenset[str]) -> Mapping[str, Mapping[str, Journey]]:
    """Find, in each language with a voice, the way of fewest keys, then seconds, to each of some stops."""
    roster, ways = Roster(flow.directory.orders, 0), choosing(flow)
    return {
        language: _to_stops(flow, ways[language], wanted, roster)
        for language in flow.voiced
        if language in ways
    }


def _to_stops(flow: Flow, chosen: Arrival, wanted: frozenset[str], roster: Roster) -> dict[str, Journey]:
    journeys: dict[str, Journey] = {}
    ahead, passed = [chosen], set[Position]()
    for _ in range(FARTHEST):
        if wanted <= journeys.keys():
            break
        reached = _quickest(
            each for journey, turn in ahead for each in _press_each(flow, journey, turn, roster)
        )
        # Where fewer keys have led already, more lead no sooner to anything beyond.
        ahead = [(way, turn) for way, turn in reached if turn.position.at(0, "") not in passed]
        passed.update(turn.position.at(0, "") for _, turn in ahead)
        for journey, turn in ahead:
            if turn.position.stop in wanted and turn.position.language == chosen[1].position.language:
                journeys.setdefault(turn.position.stop, journey)
    return journeys


def heard_after(flow: Flow, stop: str, language: str, words: str) -> float | None:
    """Tell how many seconds into a stop the sentence that holds some words ends. None: it is not said."""
    heard = 0.0
    for say in speak(flow, Position(stop, language=language)):
        for sentence in SENTENCE_END.split(say.words):
            heard += seconds(flow, (Say(sentence, language),))
            if words in sentence:
                return heard
    return None


def named_at(flow: Flow, turn: Turn) -> dict[str, float]:
    """Tell after how many seconds of a turn's words each key has been named."""
    names = _names(flow, turn.position.at(0, ""))
    heard, found = 0.0, dict[str, float]()
    gap = (
        NAME_GAP
        if turn.position.question and isinstance(flow.stops[turn.position.stop], LanguageStop)
        else 0.0
    )
    for say in turn.says:
        heard += seconds(flow, (say,))
        for key in names.get(say, ()):
            found.setdefault(key, heard)
        heard += gap
    return found


def _press_each(
    flow: Flow, so_far: Journey, turn: Turn, roster: Roster
) -> Iterator[tuple[Journey, Decision]]:
    whole = seconds(flow, turn.says)
    for key, after in named_at(flow, turn).items():
        journey = replace(
            so_far, keys=so_far.keys + key, seconds=so_far.seconds + after, patient=so_far.patient + whole
        )
        yield journey, step(flow, turn.position, Pressed(key), roster)


def _keep(found: dict[str, Journey], language: str, journey: Journey) -> None:
    known = found.get(language)
    if known is None or (len(journey.keys) <= len(known.keys) and journey.seconds < known.seconds):
        found[language] = journey


def _ring(flow: Flow, journey: Journey, ask: AskForPerson, roster: Roster) -> Journey:
    """Take a journey to the ring itself."""
    turn = ring_next(flow, ask, roster)
    agency = turn.then.agency if isinstance(turn.then, Connect) else ""
    return replace(journey, announcing=seconds(flow, turn.says), agency=agency)


def _quickest(reached: Iterable[tuple[Journey, Decision]]) -> list[tuple[Journey, Turn]]:
    """Of several ways to one place keep the quickest; who has asked for a person goes no further."""
    best: dict[Position, tuple[Journey, Turn]] = {}
    for journey, turn in reached:
        if isinstance(turn, AskForPerson):
            continue
        position = turn.position.at(0, "")
        if position not in best or journey.seconds < best[position][0].seconds:
            best[position] = (journey, turn)
    return list(best.values())


@lru_cache(maxsize=4096)  # Of each place, which several ways lead through.
def _names(flow: Flow, position: Position) -> Mapping[Say, tuple[str, ...]]:
    """Tell which sentence names which keys at a position."""
    stop = flow.stops[position.stop]
    names: dict[Say, tuple[str, ...]] = {}
    if isinstance(stop, LanguageStop):
        names |= {say: (key,) for key, say in language_choices(flow, position)}
    for language in spoken_languages(flow, position):
        names |= {
            spell(flow, language, "person_key"): ("0",),
            spell(flow, language, "leave_key"): ("#",),
            spell(flow, language, "after"): ("*", "9"),
        }
        if isinstance(stop, ChecklistStop | ConsentStop):
            names[spell(flow, language, "yes_no")] = ("1", "2")
        names |= {say: (key,) for key, say in options(flow, language, stop)}
    return names


# What a caller hears and a texter reads, in seconds, keys and segments.


TEXTED_LINES = ("safe_to_read", "numbers_text", "fixed_text", *OWN_TEXTS)


@dataclass(frozen=True)
class Most:
    """The most of something, and where."""

    amount: float = 0
    place: str = ""


@dataclass(frozen=True)
class HeardFigures:
    """What is measured in one language."""

    instructions: Most
    first: float  # Seconds of the first sentence.
    text: Most  # Segments.
    wide: Most  # How many texts are coded in 16 bits, and the letters that force it.
    journey: Journey | None
    facts: Farthest
    style: StyleFigures | None
    texts: Mapping[int, int] = field(default_factory=dict)  # Parts of a text -> how many texts take so many.
    voiced: bool = True  # Whether callers are spoken to in it; else it is there for texts alone.
    unrecorded: int = 0  # Sentences that would have to be recorded for that, where it has no voice.
    draft: bool = False
    reviewed: bool = False
    behind: int | None = (
        None  # Prompts whose English has changed since; None: nobody noted what they are made from.
    )


@dataclass(frozen=True)
class Farthest:
    """The stop that states facts and takes most keys, most speech, most patience."""

    keys: Most = Most()
    seconds: Most = Most()
    patient: Most = Most()


@dataclass(frozen=True)
class StyleFigures:
    """The prompts that are hardest to read, and longest in breath."""

    grade: Most
    length: Most


@dataclass(frozen=True)
class Figures:
    """All that is measured."""

    choices: Most
    depth: Most
    languages: Mapping[str, HeardFigures] = field(default_factory=dict)
    before: Journey | None = None  # To a person before a language is chosen.
    first: tuple[str, ...] = ()  # The languages of the first words: told of in full.


def measure(flow: Flow) -> Figures:
    """Measure a flow that can be walked."""
    journeys = to_a_person(flow)
    offered = [Most(len(keys(stop)), name) for name, stop in flow.stops.items()]
    deep = [Most(depth, name) for name, depth in depths(flow).items()]
    facts = {language: farthest(ways) for language, ways in to_facts(flow).items()}
    heard = {
        name: _heard(flow, name, journeys.get(name), facts.get(name, Farthest())) for name in flow.languages
    }
    return Figures(_most(offered), _most(deep), heard, journeys.get(""), flow.first_languages)


def farthest(ways: Mapping[str, Journey]) -> Farthest:
    """Name the stops that are farthest, in keys and in speech."""
    return Farthest(
        keys=_most([Most(len(way.keys), stop) for stop, way in ways.items()]),
        seconds=_most([Most(way.seconds, stop) for stop, way in ways.items()]),
        patient=_most([Most(way.patient, stop) for stop, way in ways.items()]),
    )


@lru_cache(maxsize=32)  # Of each language of a flow, for the rule and for the figures.
def instructions(flow: Flow, language: str) -> tuple[tuple[str, float], ...]:
    """Tell how long each stop's instructions are: all of a menu, what follows the words of a message."""
    return tuple(_instructions(flow, language))


def _instructions(flow: Flow, language: str) -> Iterator[tuple[str, float]]:
    for name in sorted(by_voice(flow)):
        stop = flow.stops[name]
        position = Position(name, language)
        if isinstance(stop, ChecklistStop):
            asked = range(len(flow.prompts[language].stops[name].questions))
            every = (choices(flow, Position(name, language, question=number)) for number in asked)
            yield name, max(seconds(flow, says) for says in every)
        else:
            yield (
                name,
                seconds(
                    flow, choices(flow, position) if isinstance(stop, MessageStop) else speak(flow, position)
                ),
            )


def first_sentence(flow: Flow, language: str) -> Say:
    """Give what a caller of a language hears first."""
    words = flow.prompts[language].stops[flow.menus.start].say
    return Say(fill(flow, language, words), language)


@lru_cache(maxsize=32)  # Of each language of a flow, which several rules and figures want.
def texts(flow: Flow, language: str) -> tuple[tuple[str, str], ...]:
    """Give every text that can be sent in a language, with its place in the words."""
    return tuple(_texts(flow, language))


def _texts(flow: Flow, language: str) -> Iterator[tuple[str, str]]:
    for name in sorted(by_text(flow)):
        turn = reply(flow, Position(language=language), Asked(name, language))
        if turn.position.held:
            turn = reply(flow, turn.position, Pressed("1"))
        yield f"stops.{name}.text", "\n".join(say.words for say in turn.says)
    answer = reply(flow, Position(language=language), Wished("help"))
    yield "lines.help", "\n".join(say.words for say in answer.says)
    for line in TEXTED_LINES:
        words: str = getattr(flow.prompts[language].lines, line)
        (sent,) = as_sent(flow, (Say(fill(flow, language, words, spoken=False), language),))
        yield f"lines.{line}", sent.words


def summary(figures: Figures) -> str:
    """Write the figures for a person, one a line."""
    lines = [
        f"most choices: {figures.choices.amount:.0f} ({figures.choices.place})",
        f"deepest: {figures.depth.amount:.0f} menus ({figures.depth.place})",
    ]
    for language in figures.first:
        lines += (f"{language}: {line}" for line in _lines(figures.languages[language]))
    lines.append(f"before a language is chosen: {_to_a_person(figures.before)}")
    return "\n".join((*lines, *language_table(figures.languages)))


def _heard(flow: Flow, language: str, journey: Journey | None, facts: Farthest) -> HeardFigures:
    spoken = [Most(length, name) for name, length in instructions(flow, language) if language in flow.voiced]
    written = texts(flow, language)
    wide = [words for _, words in written if forced(words)]
    return HeardFigures(
        instructions=_most(spoken),
        first=seconds(flow, (first_sentence(flow, language),)),
        text=_most([Most(segments(words), place) for place, words in written]),
        wide=Most(len(wide), forced("".join(wide))),
        journey=journey,
        facts=facts,
        style=_style(flow) if language == MEASURED else None,
        texts=Counter(segments(words) for _, words in written),
        voiced=language in flow.voiced,
        unrecorded=0 if language in flow.synthetic else len(missing(flow, language)),
        draft=flow.prompts[language].draft,
        reviewed=bool(flow.prompts[language].reviewed_by),
    )


def _style(flow: Flow) -> StyleFigures:
    found = list(measured(flow))
    return StyleFigures(
        grade=_most([Most(plain.grade, place) for place, plain in found]),
        length=_most([Most(plain.length, place) for place, plain in found]),
    )


def _most(found: list[Most]) -> Most:
    return max(found, key=lambda one: one.amount, default=Most())


def _lines(heard: HeardFigures) -> Iterator[str]:
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


# What each prompt takes of whoever hears or reads it: seconds, segments, years of school.


@dataclass(frozen=True)
class Weight:
    """What one prompt takes, as it is now."""

    words: str
    heard: str  # As it is said, names and numbers filled in; empty when it is only read.
    sent: str  # The text that is sent, choices included; empty when it is only heard.
    seconds: float | None  # Of speech; nothing when it is only read.
    segments: int | None  # Of that text; nothing when it is only heard.
    grade: float | None  # Years of school; nothing where there is too little to tell, or it is not English.
    blanks: tuple[str, ...]
    banned: str  # The first banned word in it.


@lru_cache(maxsize=8)
def weigh(flow: Flow, language: str) -> Mapping[str, Weight]:
    """Weigh every prompt of a language, by its place."""
    walked = patched(flow)  # What is only tried may lack something.
    sent = dict(texts(walked, language))
    grades = {place: plain.grade for place, plain in measured(flow)} if language == MEASURED else {}
    style = flow.prompts[language].style

    def one(place: str, words: str) -> Weight:
        said = fill(walked, language, words) if is_heard(place) else ""
        written = sent.get(place) or fill(walked, language, words, spoken=False) if is_read(place) else ""
        return Weight(
            words,
            heard=said,
            sent=written,
            seconds=seconds(walked, (Say(said, language),)) if said else None,
            segments=segments(written) if written else None,
            grade=grades.get(_whole(place)),
            blanks=tuple(dict.fromkeys(match[0] for match in BRACES.finditer(words))),
            banned=unkind(words, style),
        )

    return {place: one(place, words) for place, words in spoken_prompts(flow.prompts[language])}


def _whole(place: str) -> str:
    """Name what is graded: of a checklist all questions are, as one."""
    return place.rpartition(".")[0] if ".questions." in place else place
