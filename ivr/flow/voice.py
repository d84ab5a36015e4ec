"""Answer one thing that a caller did. Total: every position and every input has an answer."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Never, TypeVar, cast

from ivr.effects import TextNumbers
from ivr.flow.language_choice import after_key, pages
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
from ivr.flow.rendering import (
    SLOW_RATE,
    SLOWER,
    choices,
    named,
    notices,
    seconds,
    speak,
    spell,
    spoken_languages,
    takes_speech,
    written_languages,
)
from ivr.flow.turn import (
    ANY_PHONE,
    Arrived,
    AskForPerson,
    CameBack,
    Connect,
    Decision,
    HangUp,
    Heard,
    Listen,
    Phone,
    Pressed,
    Returned,
    Roster,
    Say,
    Spoken,
    Turn,
    WaitInQueue,
)
from ivr.transfer.time_limits import RING_BUFFER, SHORTEST_RING, ring_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ivr.position import Position
    from ivr.understanding.understand import Understanding

T = TypeVar("T")


REPEATS = 2  # How often choices are heard again before the line offers to connect without a key.
SPOKEN_SECONDS = 11  # What is said before a ring: that they did not answer, and who is rung now.
ROUNDED = 1  # Seconds are whole: a caller may have waited for one more.


def step(
    flow: Flow,
    position: Position,
    heard: Heard,
    roster: Roster,
    phone: Phone = ANY_PHONE,
) -> Decision:
    """Answer a caller, or say that they ask for a person."""
    start = mend(flow, position)
    decision = _answer(flow, start, heard, roster)
    if isinstance(decision, AskForPerson):
        return replace(decision, position=_next(decision.position))
    if decision.position.stop == start.stop or not _texts_numbers(flow, decision.position):
        return replace(decision, position=_next(decision.position))  # Hearing a stop again does nothing anew.
    if not phone.may_be_texted:
        decision = _go_back(flow, decision.position, "cannot_text")
        return replace(decision, position=_next(decision.position))
    arrived = decision.position
    texts = TextNumbers(phone.request, written_languages(flow, arrived)[0], arrived.about)
    return replace(decision, position=_next(arrived), effects=(texts,))


def wait_in_queue(ask: AskForPerson, transfer_id: str) -> Turn:
    """Let a caller who asked for a person wait while a transfer searches for one."""
    waiting = replace(ask.position, tried=(), transfer_id=transfer_id)
    return Turn(waiting, (), WaitInQueue(transfer_id))


def ring_next(flow: Flow, ask: AskForPerson, roster: Roster, *first: Say, named_before: str = "") -> Turn:
    """Ring the next agency on the direct path; when nobody is left, say the numbers and a choice.

    Whom the caller has heard named while waiting is not named again: they have waited long enough.
    """
    position, patience = ask.position, flow.line.patience
    left = _left(position, ask.order, roster)
    waited = roster.now - position.asked
    agency = _in_time(flow, position, left, waited, named_before)
    if not agency:
        return unreached(flow, ask)
    left = left if agency == left[0] else [agency]
    ringing = replace(position, tried=(*position.tried, agency))
    says = _names(flow, position, agency, named_before)
    spoken = round(SPOKEN_SECONDS / SLOW_RATE) if position.slow else SPOKEN_SECONDS
    ring = ring_seconds(patience, waited, len(left), spoken=spoken)
    return Turn(ringing, (*first, *says), Connect(agency, ring))


def ring_last(flow: Flow, ask: AskForPerson, roster: Roster) -> Turn:
    """Ring the last of the order directly, and nobody before or after: the others are rung too often."""
    spared = _left(ask.position, ask.order, roster)[:-1]
    position = replace(ask.position, tried=(*ask.position.tried, *spared))
    return ring_next(flow, replace(ask, position=position), roster)


def _names(flow: Flow, position: Position, agency: str, named_before: str) -> tuple[Say, ...]:
    """Say who is called, unless it was said."""
    languages = spoken_languages(flow, position) if agency != named_before else ()
    return tuple(named(flow, language, agency) for language in languages)


def _in_time(flow: Flow, position: Position, left: Sequence[str], waited: int, named_before: str) -> str:
    """Choose whom to ring of those left, so that a choice is heard in time or the last is rung by then.

    Nothing can be said while one of them is rung and hears what the call is, and a silent person or a
    voicemail takes all of that time. So whoever could take too long is passed over for the last.
    """
    patience, shortest = flow.line.patience, SHORTEST_RING + RING_BUFFER
    languages = spoken_languages(flow, position)
    spoken = 1 / SLOW_RATE if position.slow else 1.0

    def fits(agency: str) -> bool:
        says = [spell(flow, each, "next_line") for each in languages if position.tried]
        takes = spoken * seconds(flow, (*says, *_names(flow, position, agency, named_before)))
        if flow.directory.agencies[agency].accept != "answer":
            takes += shortest + patience.whisper
        return waited + ROUNDED + takes <= patience.choice

    if found := [agency for agency in (*left[:1], *left[-1:]) if fits(agency)]:
        return found[0]
    # Where even the first cannot be briefed in time, it is tried all the same.
    tried = bool(position.tried)
    first = spoken * SPOKEN_SECONDS
    return left[0] if left and not tried and waited + first + shortest <= patience.choice else ""


def unreached(flow: Flow, ask: AskForPerson) -> Turn:
    """Say the numbers and a choice to a caller who asked for a person and for whom nobody is rung."""
    return visit(flow, ask.position.move(flow.menus.unreached))


def mend(flow: Flow, position: Position) -> Position:
    """Bring a position back into the menus of today: they may have changed under a caller."""
    language = position.language if position.language in flow.languages else ""
    if language != position.language:
        position = replace(position, language=language)
    if position.stop not in flow.stops:
        known = language and position.stop  # Whoever is nowhere yet hears the first words, in any language.
        return position.move(flow.menus.home if known else flow.menus.start)
    if position.order and position.order not in flow.directory.orders:
        return position.move(flow.menus.person)
    if isinstance(flow.stops[position.stop], LanguageStop) and position.question > len(pages(flow)):
        return position.move(position.stop)
    return replace(position, about="") if position.about and position.about not in flow.stops else position


def visit(flow: Flow, position: Position, *first: Say) -> Turn:
    """Arrive at a stop: hear it all, then wait for a key."""
    says = (*first, *speak(flow, position))
    match flow.stops[position.stop]:
        case GoodbyeStop():
            return Turn(position, says, HangUp(), sign="left")
        case MessageStop(facts=facts):
            return Turn(position, says, listen(flow, position), sign="informed" if facts else "")
        case _:
            return Turn(position, says, listen(flow, position))


def _answer(flow: Flow, position: Position, heard: Heard, roster: Roster) -> Decision:  # noqa: C901 - a table
    match heard:
        case Arrived():
            return visit(flow, position.move(flow.menus.start))
        case CameBack() if position.order:
            return _come_back(flow, position, heard, roster)
        case Returned():
            return visit(flow, position.move(flow.menus.unreached))
        case Pressed("*"):
            return visit(flow, replace(position, attempt=0))
        case Pressed(key) if chosen := after_key(flow, position, key):
            return _arrive_in_language(flow, position, chosen)
        case Pressed("9") if position.language and position.stop == flow.menus.home:
            # Whoever chose a language by chance may not understand what else there is.
            return visit(flow, replace(position.move(flow.menus.start), language=""))
        case Pressed(key) if key == SLOWER and _may_be_slow(flow, position):
            return visit(flow, replace(position, attempt=0, slow=not position.slow))
        case Pressed(key) if stop := _line_key(flow, position, key):
            return visit(flow, position.move(stop))
        case Pressed(key):
            return _choose(flow, position, key, roster) or _ask_again(flow, position, "not_understood")
        case Spoken():
            return _follow_words(flow, position, heard)
        case _ if position.attempt > REPEATS:
            return _silent_to_the_end(flow, position, roster)
        case _:
            return _ask_again(flow, position, "nothing_heard")


def _arrive_in_language(flow: Flow, before: Position, chosen: Position) -> Turn:
    """Go on in the language just chosen, after the notice if there is one, or to a page of languages."""
    # Nobody recorded a notice: the language that stands in for one without a voice says its own.
    told = flow.stands_in(chosen.language) if chosen.stop != before.stop else ()
    return visit(flow, chosen, *(say for each in told for say in notices(flow, each)))


def _follow_words(flow: Flow, position: Position, spoken: Spoken) -> Turn:
    """Go where spoken words lead; unclear ones are asked for again by keys, but never danger."""
    told = spoken.clear or spoken.meaning.answer == "danger"
    stop = _meant(flow, position, spoken.meaning) if told else ""
    return visit(flow, position.move(stop)) if stop else _ask_again(flow, position, "not_understood")


def listen(flow: Flow, position: Position) -> Listen:
    """Wait for a key; at a menu, once a language is chosen, also for words where the line takes them."""
    spoken = takes_speech(flow, position)
    return Listen(flow.line.patience.key, position.language if spoken else "")


def _meant(flow: Flow, position: Position, meaning: Understanding) -> str:
    """Name the stop that spoken words ask for, danger first; none where keys must ask."""
    if not takes_speech(flow, position):
        return ""
    wished = {"person": flow.menus.person, "call": flow.menus.person}
    match meaning.answer:
        case "danger":
            return flow.line.speech.danger if flow.line.speech.danger in flow.stops else flow.menus.person
        case "wish" if meaning.wish in {"exit", "stop"}:
            return flow.menus.leave
        case "wish":
            return wished.get(meaning.wish, "")
        case "sure":
            return meaning.intents[0].stop if meaning.intents[0].stop in flow.stops else ""
    return ""


def _may_be_slow(flow: Flow, position: Position) -> bool:
    """Whether the key for slower speech means that here: where languages are named, it may be one's."""
    return bool(flow.menus.slower) and not isinstance(flow.stops[position.stop], LanguageStop)


def _line_key(flow: Flow, position: Position, key: str) -> str:
    """Name the stop of a key that means the same everywhere, if it is one."""
    menus = flow.menus
    home = menus.home if position.language else menus.start
    return {"0": menus.person, "9": home, "#": menus.leave}.get(key, "")


def _silent_to_the_end(flow: Flow, position: Position, roster: Roster) -> Decision:
    """Connect a caller who cannot press keys; whoever was rung for already is not rung for without end."""
    if position.stop in {flow.menus.unreached, flow.menus.over}:
        return visit(flow, position.move(flow.menus.leave))
    return _ask(flow, position.move(flow.menus.person), quiet_order(flow), roster)


def _choose(flow: Flow, position: Position, key: str, roster: Roster) -> Decision | None:
    """Follow a key of this stop; nothing when the stop does not know it."""
    match flow.stops[position.stop]:
        case MenuStop(options=options) | MessageStop(options=options) if key in options:
            return visit(flow, _onward(flow, position, options[key]))
        case ConsentStop(yes=yes) if key == YES:
            return visit(flow, replace(position.move(yes), about=position.about))
        case ConsentStop() if key == NO:
            return _go_back(flow, position, "not_texted")
        case ChecklistStop() as checklist if key in "12":
            return visit(flow, _count(flow, checklist, position, key))
        case TransferStop(orders=orders) if key in orders:
            return _ask(flow, position, orders[key], roster)
    return None


def _onward(flow: Flow, position: Position, to: str) -> Position:
    """Go where a key leads; where that asks for consent, remember what it is about."""
    onward = position.move(to)
    return replace(onward, about=position.stop) if isinstance(flow.stops[to], ConsentStop) else onward


def _go_back(flow: Flow, position: Position, why: str) -> Turn:
    """Say that no text is sent, and go back to what it would have been about."""
    home = flow.menus.home if position.language else flow.menus.start
    says = (spell(flow, language, why) for language in spoken_languages(flow, position))
    return visit(flow, position.move(position.about or home), *says)


def _count(flow: Flow, checklist: ChecklistStop, position: Position, key: str) -> Position:
    """Count an answer, and go to the next question or the result."""
    questions = flow.prompts[spoken_languages(flow, position)[0]].stops[position.stop].questions
    answered = replace(position, attempt=0, question=position.question + 1, yes=position.yes + (key == YES))
    if answered.question < len(questions):
        return answered
    return position.move(checklist.result(answered.yes))


def _ask_again(flow: Flow, position: Position, why: str) -> Turn:
    """Say the choices again; at last, offer to connect somebody who cannot press keys."""
    again = position.retry()
    if isinstance(flow.stops[position.stop], ConsentStop) and again.attempt > REPEATS:
        return _go_back(flow, position, "not_texted")  # Who says nothing has not said yes.
    says = tuple(spell(flow, language, why) for language in spoken_languages(flow, position))
    if again.attempt <= REPEATS:
        return Turn(again, (*says, *choices(flow, again)), listen(flow, again))
    again = replace(again, attempt=REPEATS + 1)
    if position.stop in {flow.menus.unreached, flow.menus.over}:
        return Turn(again, (*says, *choices(flow, again)), listen(flow, again))
    offer = tuple(spell(flow, language, "cannot_press") for language in spoken_languages(flow, position))
    return Turn(again, (*says, *offer), Listen(flow.line.patience.cannot_press))


def quiet_order(flow: Flow) -> str:
    """Name the order for a caller who cannot press keys: one without police."""
    orders = flow.directory.orders
    calm = [o for o, names in orders.items() if not any(flow.directory.agencies[n].police for n in names)]
    return (calm or list(orders))[0]


def _ask(flow: Flow, position: Position, order: str, roster: Roster) -> Decision:
    """Ask for a person of an order, or say the numbers where that has nobody."""
    asks = replace(position, attempt=0, order=order, asked=position.asked or roster.now)
    ask = AskForPerson(order, asks)
    return ask if _left(position, order, roster) else unreached(flow, ask)


def _left(position: Position, order: str, roster: Roster) -> list[str]:
    return [name for name in roster.orders.get(order, ()) if name not in position.tried]


def _come_back(flow: Flow, position: Position, back: CameBack, roster: Roster) -> Turn:
    """Go on after a ring. After a real conversation, or in doubt about one, nobody else is rung."""
    if back.gone:
        return Turn(position, (), HangUp(), ended=back.how, sign="hung_up")
    if back.how in {"accepted", "in_doubt"}:
        turn = visit(flow, position.move(flow.menus.over))
    else:
        rung = spoken_languages(flow, position) if position.tried else ()
        on = tuple(spell(flow, language, "next_line") for language in rung)
        asked = replace(position, attempt=0, asked=position.asked or roster.now)
        ask = AskForPerson(position.order, asked)
        turn = ring_next(flow, ask, roster, *on, named_before=back.named)
    return replace(turn, ended=back.how)


def _texts_numbers(flow: Flow, position: Position) -> bool:
    """Whether arriving at a position is a wish to be texted the numbers."""
    stop = flow.stops[position.stop]
    return isinstance(stop, MessageStop) and stop.does == "text-numbers"


def _next(position: Position) -> Position:
    return position.at(position.turn + 1, position.month)


# Turns decided once and kept: most depend on where the caller is and on what was heard, and on no more.

# Turns kept, of 800 bytes each, as what they share is kept once: thirteen spoken languages have 5,200.
MOST_KEPT = 8192


class KeptTurns:
    """Holds the turns of one flow; another flow, such as one with prompts just published, begins anew."""

    def __init__(self) -> None:
        self._kept: tuple[Flow | None, dict[tuple[Position, Heard], Turn | None]] = (None, {})
        self.parts = SharedParts()
        self._lock = Lock()  # For what is kept and goes; nobody who only looks waits for it.

    def __len__(self) -> int:
        """Count the turns that are kept, and those known to be decided anew."""
        return len(self._kept[1])

    def find(self, flow: Flow, position: Position, heard: Heard) -> Turn | None:
        """Answer a caller; nothing where that depends on who can be rung now, the hour or their phone."""
        if position.asked or position.transfer_id or isinstance(heard, Spoken):  # No two are alike.
            return None
        of, turns = self._kept
        key = (position.at(0, ""), heard)
        try:
            kept = turns[key] if of is flow else self._keep(flow, key)
        except KeyError:
            kept = self._keep(flow, key)
        if kept is None:
            return None
        after = kept.position.at(position.turn + kept.position.turn, position.month)
        return Turn(after, kept.says, kept.then, kept.effects, kept.ended, kept.sign)

    def _keep(self, flow: Flow, key: tuple[Position, Heard]) -> Turn | None:
        """Decide a turn and keep it. Of too many the oldest goes; it soon comes again if it is much heard."""
        turn = _decide(flow, *key)
        with self._lock:
            if self._kept[0] is not flow:
                self._kept, self.parts = (flow, {}), SharedParts()
            turns, share = self._kept[1], self.parts.take
            if key in turns:  # Another thread was there first.
                return turn
            if len(turns) >= MOST_KEPT:
                oldest = next(iter(turns))
                self._let_go(oldest, turns.pop(oldest))
            position, heard = key
            if turn is not None:
                place = share(replace(turn.position))  # `replace` makes small ones.
                turn = replace(turn, position=place, says=share(turn.says), then=share(turn.then))
            turns[share(replace(position)), share(heard)] = turn
        return turn

    def _let_go(self, key: tuple[Position, Heard], turn: Turn | None) -> None:
        for part in (*key, *((turn.position, turn.says, turn.then) if turn else ())):
            self.parts.give_back(part)


class SharedParts:
    """Places and words of turns that are kept, each once: many keys lead to one place."""

    def __init__(self) -> None:
        self._parts: dict[object, list[Any]] = {}  # Type and part -> the part itself, how many turns have it.

    def __len__(self) -> int:
        """Count the parts, each once."""
        return len(self._parts)

    def take(self, part: T) -> T:
        """Give the one that is the same, which one turn more has now."""
        shared = self._parts.setdefault((type(part), part), [part, 0])
        shared[1] += 1
        return cast("T", shared[0])

    def give_back(self, part: object) -> None:
        """Note that one turn fewer has it; the last that had it takes it along."""
        name = (type(part), part)
        shared = self._parts[name]
        shared[1] -= 1
        if not shared[1]:
            del self._parts[name]


class LookedAtError(Exception):
    """A turn depends on what holds at its moment only."""


class _Unseen:
    """Stands where something is that holds for one moment, or for one caller."""

    def __getattr__(self, name: str) -> Never:
        raise LookedAtError(name)


ROSTER, PHONE = cast("Roster", _Unseen()), cast("Phone", _Unseen())


def _decide(flow: Flow, position: Position, heard: Heard) -> Turn | None:
    try:
        decision = step(flow, position, heard, ROSTER, PHONE)
    except LookedAtError:
        return None
    return decision if isinstance(decision, Turn) else None
