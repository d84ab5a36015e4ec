"""What a stop sounds like: words chosen and filled in, in the order they are heard."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from ivr.flow.graph import asks, keys
from ivr.flow.language_choice import BOUND, OTHERS, bound_language, languages_by_key, next_page_key, pages
from ivr.flow.models import (
    TOPICS,
    ChecklistStop,
    ConsentStop,
    Flow,
    GoodbyeStop,
    LanguageStop,
    MenuStop,
    MessageStop,
    Place,
    Prompts,
    Stop,
    TransferStop,
)
from ivr.flow.turn import Say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ivr.position import Position

PLACEHOLDER = re.compile(r"\{([a-z0-9-]+)\.(name|number)\}")
HAN = re.compile(
    r"[\u3400-\u9fff\u3040-\u30ff]"
)  # Letters of Chinese and Japanese, without spaces between words.
HAN_A_WORD = 1.6  # As Chinese words are long on average.
MOST_TEASERS = 3  # Languages that call out the key behind which they are named.
SLOWER = "5"  # The key after which everything is said more slowly, and again at the usual rate.
SLOW_RATE = 0.8  # Of the usual.
BEGINS = re.compile(r"[.?!]\s+$|^$")  # Before the first word of a sentence.


def spoken_number(number: str) -> str:
    """Spell a North American number (E.164) digit by digit, in groups, twice: "9 0 5, 5 4 6, 4 9 0 4"."""
    digits = number.removeprefix("+1")
    toll_free = ("1",) if number.startswith("+18") else ()
    groups = (*toll_free, digits[:3], digits[3:6], digits[6:])
    once = ", ".join(" ".join(group) for group in groups)
    return f"{once}. {once}"


def written_number(number: str) -> str:
    """Write a North American number (E.164) as people do: 905-546-4904, 1-833-900-1010."""
    digits = number.removeprefix("+1")
    written = f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"
    return f"1-{written}" if number.startswith("+18") else written


def numbers_in(words: str) -> tuple[str, ...]:
    """Name the agencies whose numbers stand in words."""
    return tuple(dict.fromkeys(match[1] for match in PLACEHOLDER.finditer(words) if match[2] == "number"))


def fill(flow: Flow, language: str, words: str, *, spoken: bool = True) -> str:
    """Put names, and numbers of agencies, into words. KeyError: one that nobody declared."""
    write = spoken_number if spoken else written_number

    def number(match: re.Match[str]) -> str:
        return write(flow.directory.agencies[match[1]].number)

    return PLACEHOLDER.sub(number, fill_names(flow.place, flow.prompts[language], language, words))


def fill_names(
    place: Place, prompts: Prompts | None, language: str, words: str, *, begins: bool = True
) -> str:
    """Put names of the place and of agencies into words; numbers of agencies are still blanks.

    ``begins``: whether these words begin a sentence, as those inside another name do not.
    """

    def name(match: re.Match[str]) -> str:
        key, what = match.groups()
        if what == "number":
            return match[0]
        if key in place.names:
            found = place.name(key, language)
        elif not prompts:  # Agencies are not called by one another's names: a fault of their file.
            return match[0]
        else:  # It may be called by its place: "the desk of {police.name}".
            found = fill_names(place, None, language, prompts.agencies[key].name, begins=False)
        before = match.string[: match.start()]
        first = BEGINS.search(before) and (begins or before)
        return found[:1].upper() + found[1:] if first else found

    return PLACEHOLDER.sub(name, words)


def spell(flow: Flow, language: str, line: str, /, **values: str) -> Say:
    """Say one of the line's own sentences, its blanks filled."""
    words = fill(flow, language, _with(flow, language, line, values))
    return Say(words, language, f"lines.{line}" if not values else "")


def named(flow: Flow, language: str, agency: str) -> Say:
    """Say who is called now: its name, whether it is police, and whether a recording may answer."""
    words = flow.prompts[language].agencies[agency]
    line = "ringing_answer" if flow.directory.agencies[agency].accept == "answer" else "ringing"
    return _of(agency, spell(flow, language, line, agency=words.name, who=words.who), line)


def joined_with(flow: Flow, language: str, agency: str) -> Say:
    """Say who is there, to a caller who is joined with them in a moment."""
    words = flow.prompts[language].agencies[agency]
    return _of(agency, spell(flow, language, "joining", agency=words.name, who=words.who), "joining")


def options(flow: Flow, language: str, stop: Stop) -> Iterator[tuple[str, Say]]:
    """Say what each key of a stop leads to, in the order of the keys."""
    words = flow.prompts[language]
    for key, to in sorted(keys(stop).items()):
        if isinstance(stop, TransferStop):
            yield key, _choice(flow, language, f"orders.{to}.offer", words.orders[to].offer, key)
        else:
            yield key, _choice(flow, language, f"stops.{to}.offer", words.stops[to].offer, key)


def topics(flow: Flow, language: str) -> Iterator[Say]:
    """Offer to tell an agency what the call is about."""
    words = flow.prompts[language].lines
    for key in TOPICS:
        yield _choice(flow, language, f"lines.topic_{key}", getattr(words, f"topic_{key}"), key)


def _choice(flow: Flow, language: str, place: str, task: str, key: str) -> Say:
    """Say what a key is for. A recording of it is one of this task at this key."""
    said = spell(flow, language, "choice", task=task, key=key)
    return Say(said.words, language, f"{place}.{key}", pause=True)


def _of(value: str, said: Say, line: str) -> Say:
    """Name a sentence by what was put into it, so that a recording can replace it as well."""
    return Say(said.words, said.language, f"lines.{line}.{value}")


def write(flow: Flow, language: str, line: str, /, **values: str) -> Say:
    """Write one of the line's own sentences, its blanks filled."""
    return Say(fill(flow, language, _with(flow, language, line, values), spoken=False), language)


def _with(flow: Flow, language: str, line: str, values: dict[str, str]) -> str:
    template: str = getattr(flow.prompts[language].lines, line)
    for name, value in values.items():
        template = template.replace("{" + name + "}", value)
    return template


def speak(flow: Flow, position: Position) -> tuple[Say, ...]:
    """Say all that is heard on arriving at a stop, content and choices."""
    return (*content(flow, position), *choices(flow, position))


def choices(flow: Flow, position: Position) -> tuple[Say, ...]:
    """Say what can be pressed at a stop."""
    slow = position.slow and position.stop == flow.menus.slower
    if position.turn or position.attempt or position.slow != slow:  # What is heard depends on no more.
        position = replace(position, turn=0, attempt=0, slow=slow)
    return _choices(flow, position)


def content(flow: Flow, position: Position) -> tuple[Say, ...]:
    """Say the words of a stop, before its choices."""
    stop = flow.stops[position.stop]
    if isinstance(stop, LanguageStop | ConsentStop) or position.question or position.yes:
        return ()
    words = _words(flow, position)
    if isinstance(stop, MessageStop | GoodbyeStop):
        return (*words, *_not_rung(flow, position))
    return tuple(say for say in words if say.words)


@lru_cache(maxsize=512)
def _choices(flow: Flow, position: Position) -> tuple[Say, ...]:
    stop = flow.stops[position.stop]
    if isinstance(stop, LanguageStop):
        if bound := bound_language(flow, position):
            return tuple((_greet_in if bound in flow.voiced else _without_voice)(flow, bound, position))
        return _name_languages(flow, position) if position.question else _greet(flow, position)
    return tuple(
        say for language in spoken_languages(flow, position) for say in _offer(flow, language, stop, position)
    )


def notices(flow: Flow, language: str) -> tuple[Say, ...]:
    """Say what operators have said for a time; a language without its sentence hears none."""
    words = flow.notice.get(language, "")
    return (Say(words, language),) if words else ()


def seconds(flow: Flow, says: Iterable[Say]) -> float:
    """Give how many seconds words take to speak."""
    pace = flow.line.languages
    return sum(count_words(say.words) * 60 / pace[say.language].words_per_minute for say in says)


def count_words(words: str) -> float:
    """Count words as they are spoken, also where no space parts them."""
    han = len(HAN.findall(words))
    if not han:
        return len(words.split())
    return han / HAN_A_WORD + sum(any(map(str.isalnum, part)) for part in HAN.sub(" ", words).split())


def takes_speech(flow: Flow, position: Position) -> bool:
    """Whether a caller may say what they want here. Never in a checklist: an answer could be overheard."""
    voice = flow.line.languages.get(position.language)
    menu = isinstance(flow.stops.get(position.stop), MenuStop)
    return bool(flow.line.speech.on and menu and voice and voice.speech)


def spoken_languages(flow: Flow, position: Position) -> tuple[str, ...]:
    """Give the languages to speak in: the caller's, or the line's first while it is not known."""
    return flow.speaks(position.language)


def written_languages(flow: Flow, position: Position) -> tuple[str, ...]:
    """Give the languages to write in: the texter's, or the line's first while it is not known."""
    return (position.language,) if position.language else flow.first_languages


def _words(flow: Flow, position: Position) -> tuple[Say, ...]:
    key = f"stops.{position.stop}.say"
    return tuple(
        Say(fill(flow, language, flow.prompts[language].stops[position.stop].say), language, key)
        for language in spoken_languages(flow, position)
    )


def _not_rung(flow: Flow, position: Position) -> Iterator[Say]:
    """Say at a stop that offers its numbers by text that we ring none of them, where that is so."""
    rung = {name for names in flow.directory.orders.values() for name in names}
    for language in spoken_languages(flow, position) if asks(flow, flow.stops[position.stop]) else ():
        spoken = numbers_in(flow.prompts[language].stops[position.stop].say)
        if spoken and not rung.intersection(spoken):
            yield spell(flow, language, "not_rung")


def language_choices(flow: Flow, position: Position) -> tuple[tuple[str, Say], ...]:
    """Name the languages of a page, and the way to those not yet named, in the order they are heard."""
    page = position.question
    named = languages_by_key(flow, page).items()
    return (*((key, _name(flow, language, key)) for key, language in named), *_others(flow, page))


def _name(flow: Flow, language: str, key: str) -> Say:
    """Say the name of a language and its key: in its own voice, or in that which speaks for it."""
    if language in flow.voiced:
        return _by_key(flow, language, "choose_language", key)
    speaker = flow.speaks(language)[0]
    return Say(f"{language_name(flow, language, speaker)}: {key}.", speaker)


def language_name(flow: Flow, language: str, speaker: str) -> str:
    """Give what a speaker of one language calls another."""
    own = flow.prompts[language].lines.language_name
    return flow.prompts[speaker].languages.get(language, own)


def _others(flow: Flow, page: int) -> Iterator[tuple[str, Say]]:
    """Say behind which key other languages are named, in the line's first and in some of them."""
    if key := next_page_key(flow, page):
        behind = [language for language in pages(flow)[page] if language in flow.synthetic]
        for language in (*flow.first_languages[:1], *behind[:MOST_TEASERS]):
            yield key, _by_key(flow, language, "other_languages", key)


def _by_key(flow: Flow, language: str, line: str, key: str) -> Say:
    """Say a sentence about languages that names a key."""
    return _of(key, spell(flow, language, line, key=key), line)


def _greet(flow: Flow, position: Position) -> tuple[Say, ...]:
    """Greet in the first language, offer each, then greet in the others: the first key comes soonest so."""
    first, *others = _words(flow, replace(position, language=""))
    offers = (say for _, say in language_choices(flow, position))
    person = (spell(flow, language, "person_key") for language in flow.first_languages)
    return (first, *offers, *others, *person)


def _name_languages(flow: Flow, position: Position) -> tuple[Say, ...]:
    """Name the languages of a later page, then the way to a person and back."""
    offers = (say for _, say in language_choices(flow, position))
    first = flow.first_languages[:1]
    ways = (spell(flow, language, line) for language in first for line in ("person_key", "back_key"))
    return (*offers, *ways)


def _greet_in(flow: Flow, language: str, position: Position) -> Iterator[Say]:
    """Greet at a number bound to a language: in that one, with the way to the choice of all."""
    yield from _words(flow, position)
    yield _by_key(flow, language, "choose_language", BOUND)
    others = tuple(each for each in flow.first_languages if each != language)
    for each in (*others, language) if others else ():
        if flow.prompts[each].lines.other_languages:
            yield _by_key(flow, each, "other_languages", OTHERS)
    yield spell(flow, language, "person_key")


def _without_voice(flow: Flow, language: str, position: Position) -> Iterator[Say]:
    """Say to a caller of a language that the line only writes what there is for them.

    Whoever called its own number has heard nothing yet of whom to call in danger.
    """
    if not position.question:
        yield from _words(flow, position)
    for speaker in flow.speaks(language):
        yield spell(flow, speaker, "person_key")
        yield spell(flow, speaker, "no_voice", language=language_name(flow, language, speaker))
        yield spell(flow, speaker, "back_key")


def _offer(flow: Flow, language: str, stop: Stop, position: Position) -> Iterator[Say]:
    match stop:
        case MenuStop():
            if position.stop == flow.menus.home and takes_speech(flow, position):
                yield spell(flow, language, "say_or_press")
            yield spell(flow, language, "person_key")
            yield from (say for _, say in options(flow, language, stop))
            if position.stop == flow.menus.slower and not position.slow:
                yield spell(flow, language, "slower_key")
            yield spell(flow, language, "leave_key")
        case MessageStop():
            yield from (say for _, say in options(flow, language, stop))
            yield spell(flow, language, "after")
            yield spell(flow, language, "person_key")
        case ConsentStop():
            yield from _words(flow, replace(position, language=language))
            yield spell(flow, language, "yes_no")
        case ChecklistStop():
            yield _question(flow, language, flow.prompts[language], position)
            yield spell(flow, language, "yes_no")
        case TransferStop():
            yield from (say for _, say in options(flow, language, stop))
            yield spell(flow, language, "no_name")
            yield spell(flow, language, "leave_key")


def _question(flow: Flow, language: str, prompts: Prompts, position: Position) -> Say:
    questions = prompts.stops[position.stop].questions
    number = min(position.question, len(questions) - 1)
    key = f"stops.{position.stop}.questions.{number + 1}"
    return Say(fill(flow, language, questions[number]), language, key)
