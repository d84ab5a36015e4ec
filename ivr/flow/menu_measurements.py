"""How long it takes a caller to get somewhere, found by walking the flow as a caller would."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ivr.flow.graph import offers, told
from ivr.flow.models import Checklist, Consent, Flow, Language, Transfer
from ivr.flow.rendering import spell, tongues
from ivr.flow.turn import Arrived, Connect, Pressed, Roster, Say, Turn
from ivr.flow.voice import step
from ivr.position import Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FARTHEST = 6  # Keys after which we stop looking.


@dataclass(frozen=True)
class Journey:
    """A way from pick-up to a ringing agency, or to a stop that states facts."""

    keys: str
    seconds: float  # Of speech, each key pressed as soon as it is named.
    patient: float  # Of speech, each key pressed when all has been said.
    announcing: float = 0.0  # Of speech after the last key, before the agency rings.
    agency: str = ""


def seconds(flow: Flow, says: Iterable[Say]) -> float:
    """Tell how long words take to speak."""
    pace = {language: voice.words_per_minute for language, voice in flow.line.languages.items()}
    return sum(len(say.words.split()) * 60 / pace[say.language] for say in says)


def to_a_person(flow: Flow) -> Mapping[str, Journey]:
    """Find the way of fewest keys, then seconds, in each language, and before one is known ("")."""
    found: dict[str, Journey] = {}
    roster = Roster(flow.directory.orders, 0)
    ahead = [(Journey("", 0.0, 0.0), step(flow, Position(), Arrived(), roster))]
    for _ in range(FARTHEST):
        reached = [arrival for journey, turn in ahead for arrival in _press_each(flow, journey, turn, roster)]
        for journey, turn in reached:
            if isinstance(turn.then, Connect):
                _keep(found, turn.position.language, _rung(flow, journey, turn, turn.then))
        ahead = _quickest((journey, turn) for journey, turn in reached if not isinstance(turn.then, Connect))
    return found


def to_facts(flow: Flow) -> Mapping[str, Mapping[str, Journey]]:
    """Find, in each language, the way of fewest keys, then seconds, to each stop that states facts."""
    found: dict[str, dict[str, Journey]] = {language: {} for language in flow.languages}
    wanted, roster = told(flow), Roster(flow.directory.orders, 0)
    ahead = [(Journey("", 0.0, 0.0), step(flow, Position(), Arrived(), roster))]
    for _ in range(FARTHEST):
        every = (arrival for journey, turn in ahead for arrival in _press_each(flow, journey, turn, roster))
        ahead = _quickest((j, turn) for j, turn in every if not isinstance(turn.then, Connect))
        for journey, turn in ahead:
            if turn.position.stop in wanted and turn.position.language in found:
                found[turn.position.language].setdefault(turn.position.stop, journey)
    return found


def named_at(flow: Flow, turn: Turn) -> dict[str, float]:
    """Tell after how many seconds of a turn's words each key has been named."""
    names = _names(flow, turn.position)
    heard, found = 0.0, dict[str, float]()
    for say in turn.says:
        heard += seconds(flow, (say,))
        for key in names.get(say, ()):
            found.setdefault(key, heard)
    return found


def _press_each(flow: Flow, so_far: Journey, turn: Turn, roster: Roster) -> Iterator[tuple[Journey, Turn]]:
    whole = seconds(flow, turn.says)
    for key, after in named_at(flow, turn).items():
        journey = Journey(so_far.keys + key, so_far.seconds + after, so_far.patient + whole)
        yield journey, step(flow, turn.position, Pressed(key), roster)


def _keep(found: dict[str, Journey], language: str, journey: Journey) -> None:
    known = found.get(language)
    if known is None or (len(journey.keys) <= len(known.keys) and journey.seconds < known.seconds):
        found[language] = journey


def _rung(flow: Flow, journey: Journey, turn: Turn, then: Connect) -> Journey:
    return replace(journey, announcing=seconds(flow, turn.says), agency=then.agency)


def _quickest(reached: Iterable[tuple[Journey, Turn]]) -> list[tuple[Journey, Turn]]:
    """Of several ways to one place keep the quickest."""
    best: dict[Position, tuple[Journey, Turn]] = {}
    for journey, turn in reached:
        here = replace(turn.position, turn=0)
        if here not in best or journey.seconds < best[here][0].seconds:
            best[here] = (journey, turn)
    return list(best.values())


def _names(flow: Flow, position: Position) -> dict[Say, tuple[str, ...]]:
    """Tell which sentence names which keys at a position."""
    stop = flow.stops[position.stop]
    names: dict[Say, tuple[str, ...]] = {}
    if isinstance(stop, Language):
        for number, language in enumerate(flow.languages, 1):
            names[spell(flow, language, "choose_language", key=str(number))] = (str(number),)
    for language in flow.languages if isinstance(stop, Language) else tongues(flow, position):
        names |= {
            spell(flow, language, "person_key"): ("0",),
            spell(flow, language, "leave_key"): ("#",),
            spell(flow, language, "after"): ("*", "9"),
        }
        if isinstance(stop, Checklist | Consent):
            names[spell(flow, language, "yes_no")] = ("1", "2")
        for key, offer in _offers(flow, position, language):
            names[spell(flow, language, "choice", task=offer, key=key)] = (key,)
    return names


def _offers(flow: Flow, position: Position, language: str) -> Iterator[tuple[str, str]]:
    prompts, stop = flow.prompts[language], flow.stops[position.stop]
    if isinstance(stop, Transfer):
        yield from ((key, prompts.orders[order].offer) for key, order in stop.orders.items())
    yield from ((key, prompts.stops[name].offer) for key, name in offers(stop).items())
