"""Answer one thing that a caller did. Total: every position and every input has an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ivr.effects import Effect, TextNumbers
from ivr.flow.models import (
    NO,
    YES,
    ChecklistStop,
    ConsentStop,
    Flow,
    GoodbyeStop,
    LanguageStop,
    MenuStop,
    MessageStop,
    TransferStop,
)
from ivr.flow.rendering import choices, speak, spell, tongues
from ivr.flow.turn import (
    Arrived,
    CameBack,
    Connect,
    HangUp,
    Heard,
    Listen,
    Pressed,
    Returned,
    Roster,
    Say,
    Turn,
)

if TYPE_CHECKING:
    from ivr.position import Position

REPEATS = 2  # How often choices are heard again before the line offers to connect without a key.
SHORTEST_RING = 5  # The least that Twilio accepts.
RING_BUFFER = 5  # Twilio rings this much longer than it is asked to.
SPOKEN_SECONDS = 11  # What is said before a ring: that they did not answer, and who is rung now.
WITHIN = 60  # Seconds from asking to a person or a choice: no ring begins that would end later.


def step(flow: Flow, position: Position, heard: Heard, roster: Roster, call: str = "") -> Turn:
    """Answer a caller. ``call`` is the id that effects carry."""
    here = mend(flow, position)
    turn = _answer(flow, here, heard, roster)
    does = _does(flow, turn, call) if turn.position.stop != here.stop else ()
    return replace(turn, position=replace(turn.position, turn=position.turn + 1), effects=does)


def mend(flow: Flow, position: Position) -> Position:
    """Bring a position back into the menus of today: they may have changed under a caller."""
    language = position.language if position.language in flow.languages else ""
    here = replace(position, language=language)
    if here.stop not in flow.stops:
        return here.move(flow.menus.home if language else flow.menus.start)
    if here.order and here.order not in flow.directory.orders:
        return here.move(flow.menus.person)
    return here if here.about in flow.stops else replace(here, about="")


def cannot_text(flow: Flow, turn: Turn) -> Turn:
    """Answer a caller whose telephone gets no texts: with words, and where they were."""
    return _go_back(flow, turn.position, "cannot_text")


def visit(flow: Flow, position: Position, *first: Say) -> Turn:
    """Arrive at a stop: hear it all, then wait for a key."""
    says = (*first, *speak(flow, position))
    match flow.stops[position.stop]:
        case GoodbyeStop():
            return Turn(position, says, HangUp(), sign="left")
        case MessageStop(facts=facts):
            return Turn(position, says, Listen(flow.line.patience.key), sign="informed" if facts else "")
        case _:
            return Turn(position, says, Listen(flow.line.patience.key))


def _answer(flow: Flow, here: Position, heard: Heard, roster: Roster) -> Turn:
    match heard:
        case Arrived():
            return visit(flow, here.move(flow.menus.start))
        case CameBack() if here.order:
            return _come_back(flow, here, heard, roster)
        case Returned():
            return visit(flow, here.move(flow.menus.unreached))
        case Pressed("*"):
            return visit(flow, replace(here, attempt=0))
        case Pressed(key) if stop := _line_key(flow, here, key):
            return visit(flow, here.move(stop))
        case Pressed(key):
            return _choose(flow, here, key, roster) or _ask_again(flow, here, "not_understood")
        case _ if here.attempt > REPEATS:
            return _silent_to_the_end(flow, here, roster)
        case _:
            return _ask_again(flow, here, "nothing_heard")


def _line_key(flow: Flow, here: Position, key: str) -> str:
    """Name the stop of a key that means the same everywhere, if it is one."""
    menus = flow.menus
    home = menus.home if here.language else menus.start
    return {"0": menus.person, "9": home, "#": menus.leave}.get(key, "")


def _silent_to_the_end(flow: Flow, here: Position, roster: Roster) -> Turn:
    """Connect a caller who cannot press keys; whoever was rung for already is not rung for without end."""
    if here.stop in {flow.menus.unreached, flow.menus.over}:
        return visit(flow, here.move(flow.menus.leave))
    return connect(flow, here.move(flow.menus.person), quiet_order(flow), roster)


def _choose(flow: Flow, here: Position, key: str, roster: Roster) -> Turn | None:
    """Follow a key of this stop; nothing when the stop does not know it."""
    match flow.stops[here.stop]:
        case LanguageStop(next=after) if key.isdecimal() and 1 <= int(key) <= len(flow.languages):
            chosen = replace(here, language=flow.languages[int(key) - 1])
            return visit(flow, chosen.move(after))
        case MenuStop(options=options) | MessageStop(options=options) if key in options:
            return visit(flow, _onward(flow, here, options[key]))
        case ConsentStop(yes=yes) if key == YES:
            return visit(flow, replace(here.move(yes), about=here.about))
        case ConsentStop() if key == NO:
            return _go_back(flow, here, "not_texted")
        case ChecklistStop() as checklist if key in "12":
            return visit(flow, _count(flow, checklist, here, key))
        case TransferStop(orders=orders) if key in orders:
            return connect(flow, here, orders[key], roster)
    return None


def _onward(flow: Flow, here: Position, to: str) -> Position:
    """Go where a key leads; where that asks for consent, remember what it is about."""
    return replace(here.move(to), about=here.stop if isinstance(flow.stops[to], ConsentStop) else "")


def _go_back(flow: Flow, here: Position, why: str) -> Turn:
    """Say that no text is sent, and go back to what it would have been about."""
    home = flow.menus.home if here.language else flow.menus.start
    says = (spell(flow, language, why) for language in tongues(flow, here))
    return visit(flow, here.move(here.about or home), *says)


def _count(flow: Flow, checklist: ChecklistStop, here: Position, key: str) -> Position:
    """Count an answer, and go to the next question or the result."""
    questions = flow.prompts[tongues(flow, here)[0]].stops[here.stop].questions
    answered = replace(here, attempt=0, question=here.question + 1, yes=here.yes + (key == YES))
    if answered.question < len(questions):
        return answered
    return here.move(checklist.result(answered.yes))


def _ask_again(flow: Flow, here: Position, why: str) -> Turn:
    """Say the choices again; at last, offer to connect somebody who cannot press keys."""
    again = here.retry()
    if isinstance(flow.stops[here.stop], ConsentStop) and again.attempt > REPEATS:
        return _go_back(flow, here, "not_texted")  # Who says nothing has not said yes.
    says = tuple(spell(flow, language, why) for language in tongues(flow, here))
    if again.attempt <= REPEATS:
        return Turn(again, (*says, *choices(flow, again)), Listen(flow.line.patience.key))
    again = replace(again, attempt=REPEATS + 1)
    if here.stop in {flow.menus.unreached, flow.menus.over}:
        return Turn(again, (*says, *choices(flow, again)), Listen(flow.line.patience.key))
    offer = tuple(spell(flow, language, "cannot_press") for language in tongues(flow, here))
    return Turn(again, (*says, *offer), Listen(flow.line.patience.cannot_press))


def quiet_order(flow: Flow) -> str:
    """Name the order for a caller who cannot press keys: one without police."""
    orders = flow.directory.orders
    calm = [o for o, names in orders.items() if not any(flow.directory.agencies[n].police for n in names)]
    return (calm or list(orders))[0]


def connect(flow: Flow, here: Position, order: str, roster: Roster, *first: Say) -> Turn:
    """Ring the next agency of an order; when nobody is left, say the numbers and a choice."""
    left = [name for name in roster.orders.get(order, ()) if name not in here.tried]
    asked = here.asked or roster.now
    late = roster.now - asked + SPOKEN_SECONDS + SHORTEST_RING + RING_BUFFER > WITHIN
    if not left or (late and here.tried):
        return visit(flow, here.move(flow.menus.unreached))
    ringing = replace(here, attempt=0, order=order, asked=asked, tried=(*here.tried, left[0]))
    says = tuple(_ringing(flow, language, left[0]) for language in tongues(flow, here))
    return Turn(ringing, (*first, *says), Connect(left[0], share(flow, roster.now - asked, len(left))))


def share(flow: Flow, waited: int, left: int) -> int:
    """Share the remaining seconds among the agencies left: what to ask of Twilio for the next ring."""
    patience = flow.line.patience
    each = (patience.reach - max(waited, 0)) // left - RING_BUFFER - SPOKEN_SECONDS
    return max(SHORTEST_RING, min(patience.ring, each))


def _ringing(flow: Flow, language: str, agency: str) -> Say:
    names = flow.prompts[language].agencies[agency]
    line = "ringing_answer" if flow.directory.agencies[agency].accept == "answer" else "ringing"
    return spell(flow, language, line, agency=names.name, who=names.who)


def _come_back(flow: Flow, here: Position, back: CameBack, roster: Roster) -> Turn:
    """Go on after a ring. After a real conversation, or in doubt about one, nobody else is rung."""
    if back.gone:
        return Turn(here, (), HangUp(), ended=back.how, sign="hung_up")
    if back.how in {"accepted", "in_doubt"}:
        turn = visit(flow, here.move(flow.menus.over))
    else:
        rung = tongues(flow, here) if here.tried else ()
        on = tuple(spell(flow, language, "next_line") for language in rung)
        turn = connect(flow, here, here.order, roster, *on)
    return replace(turn, ended=back.how)


def _does(flow: Flow, turn: Turn, call: str) -> tuple[Effect, ...]:
    """Name what arriving at a stop does in the world: hearing it again does it no second time."""
    stop = flow.stops[turn.position.stop]
    if isinstance(stop, MessageStop) and stop.does == "text-numbers":
        return (TextNumbers(call, tongues(flow, turn.position)[0], turn.position.about),)
    return ()
