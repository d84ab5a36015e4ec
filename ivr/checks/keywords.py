"""Keywords: each means one thing, and none is a word that the telephone network keeps for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from ivr.flow.loader import KEYWORDS, Fault
from ivr.flow.text_parser import fold
from ivr.flow.turn import Wish

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ivr.flow.models import Flow

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
        if language not in flow.languages:
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
        if not flow.keywords.languages.get(language):
            mend = "no word switches to this language; give at least one, such as its name"
            yield Fault(KEYWORDS, f"languages.{language}", mend)
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
