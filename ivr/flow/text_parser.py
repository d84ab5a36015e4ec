"""Make out what a texter meant. What they wrote goes no further than this file."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from rapidfuzz import fuzz, process

from ivr.flow.models import YES
from ivr.flow.turn import Asked, Heard, Pressed, Unclear, Wish, Wished

if TYPE_CHECKING:
    from ivr.flow.models import Flow

LONGEST = 1600  # Twilio's own limit for a text.
ALIKE = 86  # Of 100: "traffiking" is alike to "trafficking", "police" is not to "polite".
SHORTEST_ALIKE = 5  # Short words are too near to each other to guess.


def fold(words: str) -> str:
    """Fold to lower case without accents or punctuation: "Arrêt !" becomes "arret"."""
    plain = unicodedata.normalize("NFKD", words[:LONGEST])
    kept = "".join(c for c in plain if not unicodedata.combining(c)).casefold().replace("œ", "oe")
    return " ".join(re.findall(r"[^\W_]+", kept))


def understand(flow: Flow, body: str, language: str, *, asked: bool = False) -> Heard:
    """Turn a text into something heard: a digit, a word of the line, a stop's keyword, or nothing we know.

    ``asked``: the texter was just asked for a 1 or a yes. A yes is START to the network at any other time.
    """
    folded = fold(body)
    if re.fullmatch(r"[0-9]", folded):
        return Pressed(folded)
    if asked and folded in map(fold, flow.keywords.yes):
        return Pressed(YES)
    if wish := _wishes(flow).get(folded):
        return Wished(cast("Wish", wish), language=_tongues(flow).get(folded, ""))
    if tongue := _languages(flow).get(folded):
        return Asked(flow.menus.home, tongue)
    return _keyword(flow, folded, language)


def _keyword(flow: Flow, folded: str, language: str) -> Heard:
    """Look for a keyword: the whole text, then any word or run of words, then a word that is nearly one."""
    for tongue in dict.fromkeys((language or flow.languages[0], *flow.languages)):
        if stop := _stops(flow, tongue).get(folded):
            return Asked(stop, tongue)
    found = [_within(flow, tongue, folded) for tongue in flow.languages]
    best = max(found, key=lambda hit: hit[0], default=(0, "", ""))
    return Asked(best[1], best[2]) if best[0] else Unclear()


def _within(flow: Flow, language: str, folded: str) -> tuple[float, str, str]:
    """Give how sure we are, the stop and the language of the best keyword inside a text."""
    known = _stops(flow, language)
    padded = f" {folded} "
    exact = [word for word in known if f" {word} " in padded]
    if exact:
        longest = max(exact, key=len)
        return (100 + len(longest), known[longest], language)
    words = [word for word in folded.split() if len(word) >= SHORTEST_ALIKE]
    best: tuple[float, str, str] = (0, "", "")
    for word in words:
        hit = process.extractOne(word, known.keys(), scorer=fuzz.ratio, score_cutoff=max(ALIKE, best[0]))
        best = (hit[1], known[hit[0]], language) if hit else best
    return best


@lru_cache(maxsize=8)
def _wishes(flow: Flow) -> dict[str, str]:
    return {fold(word): wish for wish, words in flow.keywords.wishes.items() for word in words}


@lru_cache(maxsize=8)
def _languages(flow: Flow) -> dict[str, str]:
    return {fold(word): tongue for tongue, words in flow.keywords.languages.items() for word in words}


@lru_cache(maxsize=8)
def _tongues(flow: Flow) -> dict[str, str]:
    return {fold(word): tongue for tongue, words in flow.keywords.tongues.items() for word in words}


@lru_cache(maxsize=32)
def _stops(flow: Flow, language: str) -> dict[str, str]:
    stops = flow.keywords.stops.get(language, {})
    return {fold(word): stop for stop, words in stops.items() for word in words}
