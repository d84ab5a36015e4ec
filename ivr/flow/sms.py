"""Answer one text: the same stops as by voice, written, and nothing that gives its reader away unasked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ivr.effects import CallTexter
from ivr.flow.graph import offers_by_text
from ivr.flow.models import (
    ChecklistStop,
    ConsentStop,
    Flow,
    GoodbyeStop,
    LanguageStop,
    MenuStop,
    MessageStop,
    StopWords,
    TransferStop,
)
from ivr.flow.rendering import fill, numbers_in, tongues, write
from ivr.flow.turn import Asked, HangUp, Heard, Pressed, Say, Turn, Unclear, Wish, Wished
from ivr.flow.voice import mend

if TYPE_CHECKING:
    from ivr.position import Position

CALL = "call"  # In a position: the texter was told that their phone will ring.
CALL_SECONDS = 300  # How long a yes to that counts.
SIGNS: dict[Wish, str] = {"leave": "left", "stop": "opted_out"}


def reply(flow: Flow, position: Position, heard: Heard, now: float = 0, call: str = "") -> Turn:
    """Answer a texter. Total, as `step.step` is; a turn without words means no reply.

    ``now`` is the time in Unix seconds; ``call`` the id that effects carry.
    """
    if isinstance(heard, Pressed) and not position.stop:
        heard = Unclear()  # Whoever holds the phone now: a digit without what it answers means nothing.
    here = mend(flow, replace(position, order="", asked=0, tried=()))
    if position.order == CALL and heard == Pressed("1") and 0 <= now - position.asked <= CALL_SECONDS:
        turn = _ring(flow, here, call)
    elif isinstance(heard, Wished) and heard.wish == "call":
        turn = _ask_to_ring(flow, here, heard, now)
    else:
        turn = _answer(flow, here, heard)
    return replace(turn, position=replace(turn.position, turn=position.turn + 1))


def cannot_ring(flow: Flow, turn: Turn) -> Turn:
    """Answer a texter whose telephone cannot be rung: with words, and the number to dial."""
    language = turn.position.language or flow.languages[0]
    return replace(turn, says=(write(flow, language, "call_cannot"),), effects=())


def numbers_of(flow: Flow, language: str, stop: str) -> str:
    """Write the numbers of a stop for a caller who asked for them by text, as a texter reads them there."""
    return fill(flow, language, numbers_text(flow, language, stop), spoken=False)


def numbers_text(flow: Flow, language: str, stop: str) -> str:
    """Give the words that hold a stop's numbers; those of the agencies that we ring where it has none."""
    prompts = flow.prompts[language]
    own = prompts.stops.get(stop, StopWords()).text
    return own if numbers_in(own) else prompts.lines.numbers_text


def _ask_to_ring(flow: Flow, here: Position, wished: Wished, now: float) -> Turn:
    """Say that this phone will ring, and wait for a yes: the texter may not hold it alone."""
    language = wished.language or here.language or flow.languages[0]
    there = replace(here, language=language, held=False, order=CALL, asked=int(now))
    return Turn(there, (write(flow, language, "call_ask"),), HangUp())


def _ring(flow: Flow, here: Position, call: str) -> Turn:
    language = here.language or flow.languages[0]
    rings = (CallTexter(call, language),)
    return Turn(here, (write(flow, language, "call_rings"),), HangUp(), effects=rings)


def _answer(flow: Flow, here: Position, heard: Heard) -> Turn:
    match heard:
        case Wished(wish=("leave" | "stop") as wish):
            return _quiet(here.move(""), SIGNS[wish])
        case Wished(answered=True):
            return _quiet(here)
        case Wished(wish="erase", language=language):
            tongue = language or tongues(flow, here)[0]
            return Turn(here.move(""), (write(flow, tongue, "erased"),), HangUp(), sign="erased")
        case Wished(wish="help", language=language):
            tongue = language or tongues(flow, here)[0]
            return Turn(here, (write(flow, tongue, "help"),), HangUp())
        case Asked(stop, language) if stop in flow.stops:
            return visit(flow, replace(here, language=language or here.language).move(stop))
        case Pressed(key):
            return _press(flow, here, key)
        case _:
            return visit(flow, here.move(_top(flow, here)))


def _top(flow: Flow, here: Position) -> str:
    return flow.menus.home if here.language else flow.menus.start


def _press(flow: Flow, here: Position, key: str) -> Turn:
    stop = flow.stops[here.stop]
    if key == "9":
        return visit(flow, here.move(_top(flow, here)))
    if key == "0":
        return visit(flow, here.move(flow.menus.person))
    if here.held:
        return (
            _reveal(flow, replace(here, held=False))
            if key == "1"
            else visit(flow, here.move(_top(flow, here)))
        )
    if isinstance(stop, LanguageStop) and key.isdecimal() and 1 <= int(key) <= len(flow.languages):
        chosen = replace(here, language=flow.languages[int(key) - 1])
        return visit(flow, chosen.move(stop.next))
    if to := offers_by_text(flow, stop).get(key):
        return visit(flow, here.move(to))
    return visit(flow, here)


def visit(flow: Flow, here: Position) -> Turn:
    """Arrive at a stop: read it, or first be asked whether it is safe to read it here."""
    stop = flow.stops[here.stop]
    known = replace(
        here, language=here.language or ("" if isinstance(stop, LanguageStop) else flow.languages[0])
    )
    if isinstance(stop, ChecklistStop) or (isinstance(stop, MessageStop) and stop.held):
        return Turn(replace(known, held=True), (write(flow, known.language, "safe_to_read"),), HangUp())
    return _reveal(flow, known)


def _reveal(flow: Flow, here: Position) -> Turn:
    stop = flow.stops[here.stop]
    language = here.language or flow.languages[0]
    # While no language is known, the words stand in each.
    tongue = tongues(flow, here)
    words = (fill(flow, each, flow.prompts[each].stops[here.stop].text, spoken=False) for each in tongue)
    lines = [line for line in (*words, *_choices(flow, here, language)) if line]
    says = (Say("\n".join(lines), language),) if lines else ()
    informed = isinstance(stop, MessageStop | ChecklistStop) and bool(stop.facts)
    return Turn(here, says, HangUp(), sign="informed" if informed else "")


def _choices(flow: Flow, here: Position, language: str) -> tuple[str, ...]:
    """Write the choices of a stop, one a line."""
    prompts = flow.prompts
    match flow.stops[here.stop]:
        case LanguageStop():
            named = (
                (str(n), prompts[tongue].lines.language_name) for n, tongue in enumerate(flow.languages, 1)
            )
            return tuple(_choice(flow, language, key, label) for key, label in named)
        case MenuStop() | MessageStop() as stop:
            ahead = sorted(offers_by_text(flow, stop).items())
            labels = ((key, prompts[language].stops[to].label) for key, to in ahead)
            offered = tuple(_choice(flow, language, key, label) for key, label in labels)
            return (*offered, prompts[language].lines.text_keys)
        case GoodbyeStop():
            return ()
        case ChecklistStop() | ConsentStop() | TransferStop():
            return (prompts[language].lines.text_keys,)


def _choice(flow: Flow, language: str, key: str, label: str) -> str:
    return write(flow, language, "text_choice", key=key, label=label).words


def _quiet(here: Position, sign: str = "") -> Turn:
    return Turn(here, (), HangUp(), sign=sign)
