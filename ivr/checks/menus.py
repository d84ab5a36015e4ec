"""Stops and keys: every one leads somewhere, every one can be reached, and nobody talks for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from ivr.flow.graph import by_text, by_voice, depths, keys, leads, named, offers, offers_by_text
from ivr.flow.loader import KEYWORDS, LINE, MENUS, Fault, prompts_file
from ivr.flow.models import (
    ChecklistStop,
    ConsentStop,
    GoodbyeStop,
    LanguageStop,
    MenuStop,
    MessageStop,
    Stop,
    TransferStop,
)
from ivr.flow.patched_flow import counts, is_count
from ivr.flow.rendering import SLOWER
from ivr.flow.turn import Wish
from ivr.position import NAME
from ivr.understanding.text_cleaning import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ivr.flow.models import Flow

KEYS = ("1", "2", "3", "4")
MOST_CHOICES, MOST_MENUS = 4, 3
KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "start": ((LanguageStop,), "must be a stop of kind 'language', where every call begins"),
    "home": ((MenuStop,), "must be a menu, which key 9 leads to"),
    "person": ((TransferStop,), "must be a transfer, which key 0 leads to"),
    "leave": ((GoodbyeStop,), "must be a goodbye, so that # ends the call"),
    "over": (
        (MenuStop, MessageStop),
        "must be a menu or message, so that a caller has a choice after a transfer",
    ),
    "unreached": (
        (MenuStop, MessageStop),
        "must be a menu or message, so that a caller has a choice when nobody answers",
    ),
}


def table(stop: Stop) -> str:
    """Name the table in which a stop declares its keys."""
    return "orders" if isinstance(stop, TransferStop) else "options"


def unknown_stops(flow: Flow) -> Iterator[Fault]:
    """Find what leads to a stop that is not declared."""
    doors = named(flow).items()
    steps = (
        (f"stops.{name}.{by}", to) for name, stop in flow.stops.items() for by, to in leads(stop).items()
    )
    for place, to in (*doors, *steps):
        if to not in flow.stops:
            yield Fault(MENUS, place, f"leads to '{to}', which is not declared; declare it or mend the name")
    for name in flow.menus.urgent:
        if name not in flow.stops:
            yield Fault(
                MENUS, "urgent", f"names '{name}', which is not declared; declare it or mend the name"
            )


def unnamed_slower(flow: Flow) -> Iterator[Fault]:
    """Find a key for slower speech that no menu names, or that is named in no words."""
    name = flow.menus.slower
    if name and not isinstance(flow.stops.get(name), MenuStop):
        yield Fault(MENUS, "slower", f"'{name}' is no menu; name the one that tells of the key")
    for language, prompts in flow.prompts.items() if name else ():
        if SLOWER not in prompts.lines.slower_key:
            mend = f"does not name key {SLOWER}; tell that it makes the line speak more slowly"
            yield Fault(prompts_file(language), "lines.slower_key", mend)


def wrong_kinds(flow: Flow) -> Iterator[Fault]:
    """Find stops that cannot do what the line needs of them."""
    for role, name in named(flow).items():
        kinds, why = KINDS[role]
        stop = flow.stops.get(name)
        if stop is not None and not isinstance(stop, kinds):
            yield Fault(MENUS, role, f"'{name}' {why}")


def unreachable_stops(flow: Flow) -> Iterator[Fault]:
    """Find stops that no caller can get to."""
    reached = by_voice(flow)
    for name in flow.stops:
        if name not in reached:
            yield Fault(
                MENUS, f"stops.{name}", "no caller can reach it; offer it at another stop, or remove it"
            )


def unasked(flow: Flow) -> Iterator[Fault]:
    """Find ways to a text that nobody was asked about."""
    for name, stop in flow.stops.items():
        for place, to in leads(stop).items() if not isinstance(stop, ConsentStop) else ():
            ahead = flow.stops.get(to)
            if isinstance(ahead, MessageStop) and ahead.does:
                mend = f"'{to}' sends a text that nobody was asked about; lead to a consent that leads there"
                yield Fault(MENUS, f"stops.{name}.{place}", mend)


def gaps(flow: Flow) -> Iterator[Fault]:
    """Find keys that a texter would miss: what only a call can do is not offered to them."""
    for name in sorted(by_text(flow)):
        read = offers_by_text(flow, flow.stops[name])
        hidden = sorted(set(offers(flow.stops[name])) - set(read))
        for key in sorted(read):
            if hidden and hidden[0] < key:
                mend = f"a texter sees no key {hidden[0]} before it; give the last keys to what needs a call"
                yield Fault(MENUS, f"stops.{name}.options.{key}", mend)


def bad_names(flow: Flow) -> Iterator[Fault]:
    """Find names that cannot stand in an address."""
    kinds = {
        (MENUS, "stops"): flow.stops,
        (LINE, "languages"): flow.line.languages,
        ("config/agencies.toml", "agencies"): flow.directory.agencies,
        ("config/agencies.toml", "orders"): flow.directory.orders,
    }
    for (file, where), names in kinds.items():
        for name in names:
            if not NAME.fullmatch(name):
                mend = "is not a name; use small letters a to z, digits and single hyphens only"
                yield Fault(file, f"{where}.{name}", mend)


def wrong_keys(flow: Flow) -> Iterator[Fault]:
    """Find keys that are the line's own or no keys, two that do the same, and too many."""
    for name, stop in flow.stops.items():
        led: dict[str, str] = {}
        place = f"stops.{name}.{table(stop)}"
        for key, to in keys(stop).items():
            if key not in KEYS:
                yield Fault(MENUS, f"{place}.{key}", f"'{key}' cannot be a choice's key; use 1, 2, 3 or 4")
            if to in led:
                mend = f"keys {led[to]} and {key} both lead to '{to}'; remove one of them"
                yield Fault(MENUS, f"{place}.{key}", mend)
            led.setdefault(to, key)
        if len(keys(stop)) > MOST_CHOICES:
            mend = f"has {len(keys(stop))} choices; keep {MOST_CHOICES}, and move the rest to another menu"
            yield Fault(MENUS, place, mend)


def dead_ends(flow: Flow) -> Iterator[Fault]:
    """Find stops from which a caller has no way on."""
    for name, stop in flow.stops.items():
        match stop:
            case MenuStop() | TransferStop() if not keys(stop):
                mend = "is a dead end: no key leads on from it; give it at least one"
                yield Fault(MENUS, f"stops.{name}.{table(stop)}", mend)
            case ChecklistStop():
                yield from _dead_results(flow, name, stop)


def _dead_results(flow: Flow, name: str, checklist: ChecklistStop) -> Iterator[Fault]:
    place = f"stops.{name}.results"
    if "0" not in checklist.results:
        mend = "is a dead end for who says yes to nothing; say where 0 leads"
        yield Fault(MENUS, place, mend)
    for least in checklist.results:
        if not is_count(least):
            mend = f"'{least}' is not a count of yes; write a whole number such as 0 or 3"
            yield Fault(MENUS, f"{place}.{least}", mend)
    asked = [len(p.stops[name].questions) for p in flow.prompts.values() if name in p.stops]
    for least in counts(checklist):
        if asked and int(least) > max(asked):
            mend = f"nobody can say yes {least} times to {max(asked)} questions; mend the count"
            yield Fault(MENUS, f"{place}.{least}", mend)


def endless_loops(flow: Flow) -> Iterator[Fault]:
    """Find stops that lead back to themselves without ever waiting for the caller or letting them on."""
    for name, stop in flow.stops.items():
        if isinstance(stop, LanguageStop) and isinstance(flow.stops.get(stop.next), LanguageStop):
            mend = (
                f"leads to '{stop.next}', which asks for the language again, for ever; lead to the main menu"
            )
            yield Fault(MENUS, f"stops.{name}.next", mend)
        if _talks_for_ever(flow, name):
            mend = "talks for ever without waiting for the caller; give its checklist questions"
            yield Fault(MENUS, f"stops.{name}", mend)


def _talks_for_ever(flow: Flow, name: str) -> bool:
    """Follow stops that do not wait, until one waits, or until this one comes round again."""
    passed: list[str] = []
    current = name
    while current not in passed:
        stop = flow.stops.get(current)
        if not isinstance(stop, ChecklistStop) or _asks(flow, current):
            return False
        passed.append(current)
        current = stop.results.get("0", "")
    return current == name


def _asks(flow: Flow, name: str) -> bool:
    return all(name in p.stops and p.stops[name].questions for p in flow.prompts.values())


def too_deep(flow: Flow) -> Iterator[Fault]:
    """Find menus that too many menus lie before."""
    for name, depth in depths(flow).items():
        if isinstance(flow.stops[name], MenuStop) and depth > MOST_MENUS:
            mend = f"is menu number {depth} on the way; offer it by {MOST_MENUS - 1} menus or fewer"
            yield Fault(MENUS, f"stops.{name}", mend)


# Keywords: each means one thing, and none is a word that the telephone network keeps for itself.


WISHES: tuple[str, ...] = get_args(Wish)
# Twilio answers these itself, whatever our files say.
STOP_WORDS = ("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "arret")
NETWORK: Mapping[str, tuple[str, ...]] = {
    "stop": STOP_WORDS,
    "start": ("start", "unstop"),
    "help": ("help", "info"),
}


def unknown_meanings(flow: Flow) -> Iterator[Fault]:
    """Find wishes, languages and stops that keywords lead to and that there are not."""
    keywords = flow.keywords
    for wish in keywords.wishes:
        if wish not in WISHES:
            mend = f"is not a wish that the line knows; only these are: {', '.join(WISHES)}"
            yield Fault(KEYWORDS, f"wishes.{wish}", mend)
    for language in (*keywords.languages, *keywords.stops):
        if language not in flow.line.languages:
            where = "languages" if language in keywords.languages else "stops"
            mend = "is not a language of config/line.toml; declare it there, or remove these words"
            yield Fault(KEYWORDS, f"{where}.{language}", mend)
    for language, stops in keywords.stops.items():
        for stop in stops:
            if stop not in flow.stops:
                mend = "leads to a stop that is not declared; declare it or mend the name"
                yield Fault(KEYWORDS, f"stops.{language}.{stop}", mend)


def missing_keywords(flow: Flow) -> Iterator[Fault]:
    """Find languages without words, and words of the telephone network that are not listed."""
    for language in flow.languages:
        if not flow.keywords.stops.get(language):
            yield Fault(KEYWORDS, f"stops.{language}", "has no keywords; give this language its own")
    for wish, words in NETWORK.items():
        given = {fold(word) for word in flow.keywords.wishes.get(wish, ())}
        for word in words:
            if word not in given:
                mend = f"lacks '{word}', which the telephone network obeys; add it"
                yield Fault(KEYWORDS, f"wishes.{wish}", mend)


def empty_keywords(flow: Flow) -> Iterator[Fault]:
    """Find keywords that no text can be: without a letter, or a digit, which is a key."""
    for place, word, _, _ in _words(flow):
        folded = fold(word)
        if not folded:
            mend = f"'{word}' holds no letter or digit; write a word that can be texted"
            yield Fault(KEYWORDS, place, mend)
        elif len(folded) == 1 and folded.isdecimal():
            yield Fault(KEYWORDS, place, f"'{word}' is a key, not a word; choose a word")


def ambiguous_keywords(flow: Flow) -> Iterator[Fault]:
    """Find keywords that mean two things."""
    meant: dict[str, tuple[str, str]] = {
        word: (wish, "the telephone network's own word") for wish, words in NETWORK.items() for word in words
    }
    for place, word, meaning, _ in _words(flow):
        folded = fold(word)
        first, where = meant.setdefault(folded, (meaning, place))
        if folded and first != meaning:
            mend = f"'{word}' also means '{first}' ({where}); keep it in one place"
            yield Fault(KEYWORDS, place, mend)


def _words(flow: Flow) -> Iterator[tuple[str, str, str, str]]:
    """Give each word with its place, what it means and its language; the line's own words first."""
    keywords = flow.keywords
    for wish, words in keywords.wishes.items():
        yield from ((f"wishes.{wish}", word, wish, "") for word in words)
    for language, words in keywords.languages.items():
        yield from ((f"languages.{language}", word, f"language {language}", language) for word in words)
    for language, stops in keywords.stops.items():
        for stop, words in stops.items():
            yield from ((f"stops.{language}.{stop}", word, f"stop {stop}", language) for word in words)
