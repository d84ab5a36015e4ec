"""What a text asks of the line, from what was understood of it; and what is known before it is read."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ivr.flow.turn import Asked, Heard, Pressed, Texted, Unclear, Wish, Wished
from ivr.understanding.understand import Context, Keywords

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ivr.flow.models import Flow
    from ivr.position import Position

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
