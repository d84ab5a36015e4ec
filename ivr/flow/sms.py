"""Answer one text: the same stops as by voice, written, and nothing that gives its reader away unasked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ivr.effects import CallTexter, Erase, OptIn, OptOut
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
from ivr.flow.rendering import fill, numbers_in, spoken_languages, write
from ivr.flow.turn import (
    ANY_PHONE,
    Asked,
    HangUp,
    Heard,
    Phone,
    Pressed,
    Say,
    Turn,
    Unclear,
    Wish,
    Wished,
)
from ivr.flow.voice import mend

if TYPE_CHECKING:
    from ivr.effects import Effect
    from ivr.position import Position

CALL = "call"  # In a position: the texter was told that their phone will ring.
CALL_SECONDS = 300  # How long a yes to that counts.
SIGNS: dict[Wish, str] = {"leave": "left", "stop": "opted_out"}


def reply(
    flow: Flow,
    position: Position,
    heard: Heard,
    now: float = 0,
    phone: Phone = ANY_PHONE,
) -> Turn:
    """Answer a texter. Total, as `voice.step` is; a turn without words means no reply.

    ``now`` is the time in Unix seconds.
    """
    if isinstance(heard, Pressed) and not position.stop:
        heard = Unclear()  # Whoever holds the phone now: a digit without what it answers means nothing.
    start = mend(flow, replace(position, order="", asked=0, tried=()))
    if is_about_phone(heard):
        turn = replace(_answer(flow, start, heard), effects=_remembers(heard, phone))
    elif phone.opted_out and heard_wish(heard) != "help":
        turn = _quiet(start)  # No word until START.
    elif phone.turned_away:
        turn = _answer(flow, start, Wished("help"))
    elif confirms_ring(position, heard, now):
        turn = _ring(flow, start, phone)
    elif isinstance(heard, Wished) and heard.wish == "call":
        turn = _ask_to_ring(flow, start, heard, now)
    else:
        turn = _answer(flow, start, heard)
    return replace(turn, position=replace(turn.position, turn=turn.position.turn + 1))


def heard_wish(heard: Heard) -> Wish | None:
    """Name the wish that was heard, if one was."""
    return heard.wish if isinstance(heard, Wished) else None


def is_about_phone(heard: Heard) -> bool:
    """Whether a text is about every text of its phone, not about this conversation."""
    return heard_wish(heard) in {"stop", "start", "erase"}


def is_urgent(flow: Flow, heard: Heard) -> bool:
    """Whether a text is answered however many came before it."""
    return isinstance(heard, Asked) and heard.stop in flow.menus.urgent


def confirms_ring(position: Position, heard: Heard, now: float) -> bool:
    """Whether a texter says yes to being rung: they were asked, not long ago."""
    asked = position.order == CALL and 0 <= now - position.asked <= CALL_SECONDS
    return asked and heard == Pressed("1")


def asks_yes(position: Position) -> bool:
    """Whether a texter was just asked for a yes: to read now, or to be called."""
    return position.held or position.order == CALL


def _remembers(heard: Heard, phone: Phone) -> tuple[Effect, ...]:
    """Name what the line remembers or forgets of a phone, as it asks."""
    match heard_wish(heard):
        case "stop" if phone.opt_out_mark:
            return (OptOut(phone.opt_out_mark),)
        case "start" if phone.opt_out_mark:
            return (OptIn(phone.opt_out_mark),)
        case "erase":
            return tuple(map(Erase, phone.marks))
    return ()


def numbers_of(flow: Flow, language: str, stop: str) -> str:
    """Write the numbers of a stop for a caller who asked for them by text, as a texter reads them there."""
    return fill(flow, language, numbers_text(flow, language, stop), spoken=False)


def numbers_text(flow: Flow, language: str, stop: str) -> str:
    """Give the words that hold a stop's numbers; those of the agencies that we ring where it has none."""
    prompts = flow.prompts[language]
    own = prompts.stops.get(stop, StopWords()).text
    return own if numbers_in(own) else prompts.lines.numbers_text


def _ask_to_ring(flow: Flow, position: Position, wished: Wished, now: float) -> Turn:
    """Say that this phone will ring, and wait for a yes: the texter may not hold it alone."""
    language = wished.language or position.language or flow.languages[0]
    asking = replace(position, language=language, held=False, order=CALL, asked=int(now))
    return Turn(asking, (write(flow, language, "call_ask"),), HangUp())


def _ring(flow: Flow, position: Position, phone: Phone) -> Turn:
    language = position.language or flow.languages[0]
    if not phone.may_be_rung:
        return Turn(position, (write(flow, language, "call_cannot"),), HangUp())
    rings = (CallTexter(phone.request, language),)
    return Turn(position, (write(flow, language, "call_rings"),), HangUp(), effects=rings)


def _answer(flow: Flow, position: Position, heard: Heard) -> Turn:
    match heard:
        case Wished(wish=("leave" | "stop") as wish):
            return _quiet(position.move(""), SIGNS[wish])
        case Wished(answered=True):
            return _quiet(position)
        case Wished(wish="erase", language=language):
            tongue = language or spoken_languages(flow, position)[0]
            return Turn(position.move(""), (write(flow, tongue, "erased"),), HangUp(), sign="erased")
        case Wished(wish="help", language=language):
            tongue = language or spoken_languages(flow, position)[0]
            return Turn(position, (write(flow, tongue, "help"),), HangUp())
        case Asked(stop, language) if stop in flow.stops:
            return visit(flow, replace(position, language=language or position.language).move(stop))
        case Pressed(key):
            return _press(flow, position, key)
        case _:
            return visit(flow, position.move(_top(flow, position)))


def _top(flow: Flow, position: Position) -> str:
    return flow.menus.home if position.language else flow.menus.start


def _press(flow: Flow, position: Position, key: str) -> Turn:
    stop = flow.stops[position.stop]
    if key == "9":
        return visit(flow, position.move(_top(flow, position)))
    if key == "0":
        return visit(flow, position.move(flow.menus.person))
    if position.held:
        return (
            _reveal(flow, replace(position, held=False))
            if key == "1"
            else visit(flow, position.move(_top(flow, position)))
        )
    if isinstance(stop, LanguageStop) and key.isdecimal() and 1 <= int(key) <= len(flow.languages):
        chosen = replace(position, language=flow.languages[int(key) - 1])
        return visit(flow, chosen.move(stop.next))
    if to := offers_by_text(flow, stop).get(key):
        return visit(flow, position.move(to))
    return visit(flow, position)


def visit(flow: Flow, position: Position) -> Turn:
    """Arrive at a stop: read it, or first be asked whether it is safe to read it."""
    stop = flow.stops[position.stop]
    known = replace(
        position, language=position.language or ("" if isinstance(stop, LanguageStop) else flow.languages[0])
    )
    if isinstance(stop, ChecklistStop) or (isinstance(stop, MessageStop) and stop.held):
        return Turn(replace(known, held=True), (write(flow, known.language, "safe_to_read"),), HangUp())
    return _reveal(flow, known)


def _reveal(flow: Flow, position: Position) -> Turn:
    stop = flow.stops[position.stop]
    language = position.language or flow.languages[0]
    # While no language is known, the words stand in each.
    languages = spoken_languages(flow, position)
    words = (
        fill(flow, each, flow.prompts[each].stops[position.stop].text, spoken=False) for each in languages
    )
    lines = [line for line in (*words, *_choices(flow, position, language)) if line]
    says = (Say("\n".join(lines), language),) if lines else ()
    informed = isinstance(stop, MessageStop | ChecklistStop) and bool(stop.facts)
    return Turn(position, says, HangUp(), sign="informed" if informed else "")


def _choices(flow: Flow, position: Position, language: str) -> tuple[str, ...]:
    """Write the choices of a stop, one a line."""
    prompts = flow.prompts
    match flow.stops[position.stop]:
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


def _quiet(position: Position, sign: str = "") -> Turn:
    return Turn(position, (), HangUp(), sign=sign)
