"""Answer one text: the same stops as by voice, written, and nothing that gives its reader away unasked."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from ivr.effects import CallTexter, Erase, OptIn, OptOut
from ivr.flow.graph import offers_by_text
from ivr.flow.language_choice import BOUND, bound_language, languages_by_key, pages
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
from ivr.flow.rendering import fill, notices, numbers_in, write, written_languages
from ivr.flow.segments import directed, plainer, segments
from ivr.flow.turn import (
    ANY_PHONE,
    Asked,
    HangUp,
    Heard,
    Phone,
    Pressed,
    Say,
    Texted,
    Turn,
    Unclear,
    Wish,
    Wished,
)
from ivr.flow.voice import mend
from ivr.position import Position
from ivr.understanding.text_cleaning import fold
from ivr.understanding.understand import Context, Keywords

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ivr.effects import Effect
    from ivr.understanding.understand import Understanding


# What a text asks of the line, from what was understood of it; and what is known before it is read.

CALL = "call"  # As the order of a position: the texter was told that their phone can ring.
CALL_SECONDS = 300  # How long a yes to that counts.
OBEYED: Mapping[str, Wish] = {  # What a wish is called where it is understood -> where it is obeyed.
    "stop": "stop",
    "start": "start",
    "exit": "leave",
    "erase": "erase",
    "help": "help",
    "call": "call",
}


def context_of(flow: Flow, position: Position, now: float) -> Context:
    """Give what a text is read with: the line's languages and words, and what was just asked."""
    yes_or_no = position.held or offers_ring(position, now)
    return Context(
        languages=flow.languages,
        language=position.language,
        home=flow.menus.home,
        asked="yes_no" if yes_or_no else "key" if position.stop else "",
        keywords=_keywords(flow),
    )


def offers_ring(position: Position, now: float) -> bool:
    """Whether a texter was asked, not long ago, if their phone can ring."""
    return position.order == CALL and 0 <= now - position.asked <= CALL_SECONDS


def request_in(flow: Flow, heard: Heard) -> Heard:
    """Give the plain request that a text is; a text that is none, such as one about danger, stays itself."""
    if not isinstance(heard, Texted):
        return heard
    found = heard.meaning
    language = found.language if found.language in flow.languages else ""
    match found.answer:
        case "key":
            return Pressed(found.key)
        case "yes" | "no":
            return Pressed("1" if found.answer == "yes" else "2")
        case "wish" if wish := OBEYED.get(found.wish):
            return Wished(wish, language=language)
        case _ if found.foreign:
            return heard
        case "wish" if found.wish == "person":
            return Asked(flow.menus.person, language)
        case "wish" if found.wish == "language":
            return Asked(flow.menus.home, language)
        case "sure" if found.intents[0].stop in flow.stops:
            return Asked(found.intents[0].stop, language)
        case "lost" if found.greeted:
            return Asked(flow.menus.home, language) if language else Unclear()
    return heard


@lru_cache(maxsize=8)
def _keywords(flow: Flow) -> Keywords:
    return keywords_of(flow)


def keywords_of(flow: Flow) -> Keywords:
    """Give the line's own words: those of the file, and what its languages are called in each of them."""
    words = flow.keywords
    named = {
        language: [*words.languages.get(language, ()), *_names(flow, language)] for language in flow.languages
    }
    return Keywords.of(words.wishes, named, words.stops, words.yes, words.tongues)


def _names(flow: Flow, language: str) -> tuple[str, ...]:
    own = (flow.line.languages[language].name, flow.prompts[language].lines.language_name)
    others = (prompts.languages.get(language, "") for prompts in flow.prompts.values())
    return tuple(filter(None, (*own, *others)))


WEB_ADDRESS = re.compile(r"\w\.[a-z]{2,}/\w")
DANGERS = {"suicide": "text_suicide", "overdose": "text_overdose", "medical": "text_medical"}
NEUTRAL = {"who": "text_who", "wrong_number": "text_wrong_number", "seeking_someone": "text_nobody"}
NAMES_911 = 40  # A text that has 911 in its first so many letters begins with it.
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
    meaning = heard.meaning if isinstance(heard, Texted) else None
    heard = request_in(flow, heard)
    if (isinstance(heard, Pressed) and not position.stop) or _says_hello(flow, position, meaning):
        heard = Unclear()  # Whoever holds the phone now: a digit without what it answers means nothing.
    asking = position.order or position.asked or position.tried
    start = mend(flow, replace(position, order="", asked=0, tried=()) if asking else position)
    if is_about_phone(heard):
        turn = replace(_answer(flow, start, heard), effects=_remembers(heard, phone))
    elif phone.opted_out and heard_wish(heard) != "help":
        turn = _quiet(start)  # No word until START.
    elif phone.turned_away:
        turn = _answer(flow, start, Wished("help"))
    elif confirms_ring(position, heard, now):
        turn = _ring(flow, start, phone)
    elif offers_ring(position, now) and heard == Pressed("2"):
        turn = Turn(start, (_own(flow, start, "text_no_ring"),), HangUp())
    elif isinstance(heard, Wished) and heard.wish == "call":
        turn = _ask_to_ring(flow, start, heard, now)
    else:
        turn = _answer(flow, start, heard)
        if turn.position.stop == flow.menus.person and not isinstance(heard, Texted):
            turn = replace(turn, position=replace(turn.position, order=CALL, asked=int(now)))
    turn = _with_notice(flow, start, turn)
    if meaning and meaning.safety:
        turn = _name_911(flow, turn)
    says = as_sent(flow, turn.says)
    position = turn.position
    return replace(turn, says=says, position=position.at(position.turn + 1, position.month))


def _says_hello(flow: Flow, position: Position, meaning: Understanding | None) -> bool:
    """Whether a texter greets a number bound to a language: they are greeted, and told of the others."""
    bound = bound_language(flow, mend(flow, position))
    return bool(bound and meaning and meaning.greeted and meaning.language in ("", bound))


def as_sent(flow: Flow, says: tuple[Say, ...]) -> tuple[Say, ...]:
    """Give words as they are sent: in order on any screen, without accents that make them too long."""
    ordered = ((say, directed(say.words)) for say in says)
    directed_says = tuple(say if say.words == words else replace(say, words=words) for say, words in ordered)
    whole = "\n".join(say.words for say in directed_says)
    own = flow.line.languages[says[0].language] if says else None
    if own is None or not own.plain_letters or segments(whole) <= own.most_segments:
        return directed_says
    return tuple(replace(say, words=plainer(say.words)) for say in directed_says)


def _with_notice(flow: Flow, start: Position, turn: Turn) -> Turn:
    """Begin the first menu of a conversation with what operators have said for a time."""
    known = start.language and not bound_language(flow, start)
    if known or turn.position.stop != flow.menus.home or not turn.says:
        return turn
    return replace(turn, says=(*notices(flow, turn.position.language), *turn.says))


def is_echo(flow: Flow, text: str) -> bool:
    """Whether a text is one of our answers to danger, sent back: a machine would be answered without end."""
    said = fold(text)
    return any(own in said for own in _answers_to_danger(flow))


@lru_cache(maxsize=4)
def _answers_to_danger(flow: Flow) -> frozenset[str]:
    lines = {"text_danger", *DANGERS.values()}
    says = (write(flow, language, line) for language in flow.languages for line in lines)
    return frozenset(fold(sent.words) for say in says for sent in as_sent(flow, (say,)))


def heard_wish(heard: Heard) -> Wish | None:
    """Name the wish that was heard, if one was."""
    return heard.wish if isinstance(heard, Wished) else None


def is_about_phone(heard: Heard) -> bool:
    """Whether a text is about every text of its phone, not about this conversation."""
    return heard_wish(heard) in {"stop", "start", "erase"}


def is_urgent(flow: Flow, heard: Heard) -> bool:
    """Whether a text is answered however many came before it."""
    in_danger = isinstance(heard, Texted) and heard.meaning.answer == "danger"
    return in_danger or (isinstance(heard, Asked) and heard.stop in flow.menus.urgent)


def confirms_ring(position: Position, heard: Heard, now: float) -> bool:
    """Whether a texter says yes to being rung: they were asked, not long ago."""
    return offers_ring(position, now) and heard == Pressed("1")


def _remembers(heard: Heard, phone: Phone) -> tuple[Effect, ...]:
    """Name what the line remembers or forgets of a phone, as it asks."""
    match heard_wish(heard):
        case "stop":
            return tuple(map(OptOut, phone.opt_out_marks[:1]))
        case "start":
            return tuple(map(OptIn, phone.opt_out_marks))
        case "erase":
            return tuple(map(Erase, phone.marks))
    return ()


def numbers_of(flow: Flow, language: str, stop: str) -> str:
    """Write the numbers or web address of a stop that a caller asked for by text, as texters read them."""
    says = (Say(fill(flow, language, numbers_text(flow, language, stop), spoken=False), language),)
    return as_sent(flow, says)[0].words


def numbers_text(flow: Flow, language: str, stop: str) -> str:
    """Give the text that holds a stop's numbers or web address; without either, the numbers that we ring."""
    prompts = flow.prompts[language]
    own = prompts.stops.get(stop, StopWords()).text
    return own if numbers_in(own) or WEB_ADDRESS.search(own) else prompts.lines.numbers_text


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
            tongue = language or written_languages(flow, position)[0]
            return Turn(position.move(""), (write(flow, tongue, "erased"),), HangUp(), sign="erased")
        case Wished(wish="help", language=language):
            tongue = language or written_languages(flow, position)[0]
            return Turn(position, (write(flow, tongue, "help"),), HangUp())
        case Asked(stop, language) if stop in flow.stops:
            return visit(flow, replace(position, language=language or position.language).move(stop))
        case Pressed(key):
            return _press(flow, position, key)
        case Texted(meaning):
            return _understood(flow, position, meaning)
        case _ if bound_language(flow, position):
            return visit(flow, position)
        case _:
            return visit(flow, position.move(_top(flow, position)))


def _understood(flow: Flow, position: Position, meaning: Understanding) -> Turn:
    """Answer a text that is no plain request: danger, a question about the line, or not understood."""
    if meaning.language in flow.languages:
        position = replace(position, language=meaning.language)
    match meaning.answer, meaning.wish:
        case "danger", _:
            return _in_danger(flow, position, meaning)
        case _, wish if line := NEUTRAL.get(wish):
            nowhere = Position(turn=position.turn)  # Somebody else may hold this phone now.
            return Turn(nowhere, (_own(flow, position, line),), HangUp())
        case _ if meaning.foreign:
            return _in_another_language(flow, position, meaning.language)
        case "choices", _ if offered := [each.stop for each in meaning.intents if each.stop in flow.stops]:
            return _offer(flow, position, tuple(offered))
        case _ if not position.language:
            return visit(flow, position.move(flow.menus.start))
        case _:
            return _lost(flow, position.move(flow.menus.home))


def _in_danger(flow: Flow, position: Position, meaning: Understanding) -> Turn:
    """Name 911, or 9-8-8, and a person: at once, in the texter's language, whatever they were reading."""
    words = _own(flow, position, DANGERS.get(meaning.danger, "text_danger"))
    native = _native(flow, meaning.language)
    others = () if position.language or native else flow.first_languages[1:]
    also = (native, *(write(flow, language, "text_911").words for language in others))
    said = "\n".join(line for line in (words.words, *also) if line)
    return Turn(position.move(flow.menus.person), (replace(words, words=said),), HangUp(), sign="informed")


def _in_another_language(flow: Flow, position: Position, language: str) -> Turn:
    """Lead to a person who has interpreters: in the texter's language where we can."""
    words = _own(flow, position, "text_interpreters")
    said = "\n".join(line for line in (_native(flow, language), words.words) if line)
    return Turn(position.move(flow.menus.person), (replace(words, words=said),), HangUp(), sign="informed")


def _native(flow: Flow, language: str) -> str:
    """Name 911 and the hotline in a language that the line lacks, where somebody wrote that sentence."""
    words = "" if language in flow.languages else flow.interpreters.get(language, "")
    return fill(flow, flow.languages[0], words, spoken=False)


def _offer(flow: Flow, position: Position, stops: tuple[str, ...]) -> Turn:
    """Say that it is not sure what was meant, and give the nearest stops as numbers."""
    home = replace(position.move(flow.menus.home), choices=stops)
    language = position.language or flow.languages[0]
    labels = (flow.prompts[language].stops[stop].label for stop in stops)
    offered = (_choice(flow, language, str(key), label) for key, label in enumerate(labels, 1))
    lines = (_own(flow, position, "text_unsure").words, *offered, flow.prompts[language].lines.text_keys)
    return Turn(home, (Say("\n".join(lines), language),), HangUp())


def _lost(flow: Flow, position: Position) -> Turn:
    language = position.language
    lines = (_own(flow, position, "text_lost").words, *_choices(flow, position, language))
    return Turn(position, (Say("\n".join(lines), language),), HangUp())


def _own(flow: Flow, position: Position, line: str) -> Say:
    """Write one of the line's own sentences, in the texter's language."""
    return write(flow, position.language or flow.languages[0], line)


def _name_911(flow: Flow, turn: Turn) -> Turn:
    """Begin an answer with 911, unless it does: what was not understood may be danger."""
    if not turn.says or "911" in turn.says[0].words[:NAMES_911] or "9-8-8" in turn.says[0].words[:NAMES_911]:
        return turn
    return replace(turn, says=(_own(flow, turn.position, "text_911"), *turn.says))


def _top(flow: Flow, position: Position) -> str:
    return flow.menus.home if position.language else flow.menus.start


def _press(flow: Flow, position: Position, key: str) -> Turn:
    stop = flow.stops[position.stop]
    if key == "9":
        return visit(flow, position.move(_top(flow, position)))
    if key == "0":
        return visit(flow, position.move(flow.menus.person))
    if position.choices:
        meant = dict(enumerate(position.choices, 1)).get(int(key) if key.isdecimal() else 0, "")
        return visit(flow, position.move(meant if meant in flow.stops else flow.menus.home))
    if position.held:
        return (
            _reveal(flow, replace(position, held=False))
            if key == "1"
            else visit(flow, position.move(_top(flow, position)))
        )
    if isinstance(stop, LanguageStop) and (chosen := _languages_by_number(flow, position).get(key)):
        return visit(flow, replace(position, language=chosen).move(stop.next))
    if to := offers_by_text(flow, stop).get(key):
        return visit(flow, position.move(to))
    return visit(flow, position)


def _languages_by_number(flow: Flow, position: Position) -> Mapping[str, str]:
    """Tell which number stands for which language: at a number bound to one, 1 for that one."""
    bound = bound_language(flow, position)
    return {BOUND: bound} if bound else languages_by_key(flow, 0)


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
    languages = written_languages(flow, position)
    words = (
        fill(flow, each, flow.prompts[each].stops[position.stop].text, spoken=False) for each in languages
    )
    ring = (write(flow, language, "text_ring").words,) if position.stop == flow.menus.person else ()
    lines = [line for line in (*words, *ring, *_choices(flow, position, language)) if line]
    says = (Say("\n".join(lines), language),) if lines else ()
    informed = isinstance(stop, MessageStop | ChecklistStop) and bool(stop.facts)
    return Turn(position, says, HangUp(), sign="informed" if informed else "")


def _choices(flow: Flow, position: Position, language: str) -> tuple[str, ...]:
    """Write the choices of a stop, one a line."""
    prompts = flow.prompts
    match flow.stops[position.stop]:
        case LanguageStop():
            named = (
                (key, prompts[each].lines.language_name)
                for key, each in _languages_by_number(flow, position).items()
            )
            bound = bound_language(flow, position)
            tongues = [each for each in flow.first_languages if bound and each != bound]
            asked = [language, *tongues] if bound or pages(flow) else []
            others = [prompts[each].lines.text_languages for each in asked]
            return (*(_choice(flow, language, key, label) for key, label in named), *others)
        case MenuStop() | MessageStop() | ChecklistStop() as stop:
            ahead = sorted(offers_by_text(flow, stop).items())
            labels = ((key, prompts[language].stops[to].label) for key, to in ahead)
            offered = tuple(_choice(flow, language, key, label) for key, label in labels)
            return (*offered, prompts[language].lines.text_keys)
        case GoodbyeStop():
            return ()
        case ConsentStop() | TransferStop():
            return (prompts[language].lines.text_keys,)


def _choice(flow: Flow, language: str, key: str, label: str) -> str:
    return write(flow, language, "text_choice", key=key, label=label).words


def _quiet(position: Position, sign: str = "") -> Turn:
    return Turn(position, (), HangUp(), sign=sign)
