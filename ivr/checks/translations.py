"""Translations say what the English says: the same numbers, about as much, and in their own words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from ivr.flow.loader import Fault, prompts_file
from ivr.flow.models import every_prompt
from ivr.flow.placeholders import BLANK as TO_FILL_IN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ivr.flow.models import Flow

SOURCE = "en"
BLANK = re.compile(r"\{[^{}]*\}")
SPACED = re.compile(r"(?<=\d)(?:[ :-]|\s*点\s*)(?=\d)")  # "9 1 1" and "9-1-1" are one number.
ADDRESS = re.compile(r"\S+[./]\S+")  # Of a web page.
NUMBER = re.compile(r"\d+")
MAY_DIFFER = re.compile(
    r"(?:style|languages|agencies)\.|reviewed_|translator|lines\.language_name|.*\.label$"
)
LEAST_TO_COMPARE = 40  # Letters; shorter texts may be half or twice as long.
# How long a translation is beside the English: letters of Latin, Arabic or Indian scripts, and of Chinese.
SHORTEST, LONGEST = 0.45, 2.2
SHORTEST_HAN, LONGEST_HAN = 0.15, 0.9
# What things are called here: callers meet these words in court, and at their telephone company.
KEPT = frozenset({"relay", "restraining", "order"})
LATIN_WORD = re.compile(r"[A-Za-z]{4,}")


def strayed(flow: Flow) -> Iterator[Fault]:
    """Find translations whose numbers or length differ from the English, or that are English still.

    What is still blank has no translation yet: the check of another place names it.
    """
    if SOURCE not in flow.prompts:
        return
    english = _texts(flow, SOURCE)
    for language in flow.prompts:
        if not flow.prompts[language].draft:
            continue  # Whoever reviewed it may have had reasons.
        own = _texts(flow, language)
        for place in english.keys() & own.keys():
            if not MAY_DIFFER.match(place) and (mend := _strays(flow, language, english[place], own[place])):
                yield Fault(prompts_file(language), place, mend)


def _texts(flow: Flow, language: str) -> Mapping[str, str]:
    prompts = every_prompt(flow.prompts[language])
    return {place: text for place, text in prompts if text.strip() and not text.startswith(TO_FILL_IN)}


def _strays(flow: Flow, language: str, english: str, own: str) -> str:
    """Say how a translation differs; nothing where it does not."""
    due, there = _blanks(english), _blanks(own)
    if due != there:
        return f"has the blanks {_list(there)}, the English {_list(due)}; put in the same"
    wanted, found = _numbers(english), _numbers(own)
    if wanted != found:
        return f"has the numbers {_list(found)}, the English {_list(wanted)}; write the same"
    if len(english) >= LEAST_TO_COMPARE:
        if english == own:
            return "is English still; translate it"
        ratio = len(own) / len(english)
        han = _script_of(flow, language) == "CJK"
        least, most = (SHORTEST_HAN, LONGEST_HAN) if han else (SHORTEST, LONGEST)
        if not least <= ratio <= most:
            return f"is {ratio:.1f} times as long as the English; see whether something is missing or added"
    if _script_of(flow, language) != "LATIN" and (words := _english_words(flow, own)):
        return f"holds '{words[0]}' in Latin letters; translate it"
    return ""


def _blanks(text: str) -> Counter[str]:
    """Count what is filled in, but names: another language may say "they"."""
    return Counter(blank for blank in BLANK.findall(text) if not blank.endswith(".name}"))


def _numbers(text: str) -> Counter[str]:
    return Counter(NUMBER.findall(SPACED.sub("", BLANK.sub(" ", text))))


def _english_words(flow: Flow, own: str) -> list[str]:
    """Give the English words of a text in another script: small ones, as names and keywords may stand."""
    words = LATIN_WORD.findall(ADDRESS.sub(" ", BLANK.sub(" ", own)))
    return [word for word in words if word in _common_words(flow)]


@lru_cache(maxsize=4)
def _common_words(flow: Flow) -> frozenset[str]:
    """Give the words that English prompts write small: no names."""
    text = " ".join(BLANK.sub(" ", text) for text in _texts(flow, SOURCE).values())
    return frozenset(word for word in LATIN_WORD.findall(text) if word.islower()) - KEPT


@lru_cache(maxsize=32)
def _script_of(flow: Flow, language: str) -> str:
    """Name the script in which a language calls itself, as Unicode does: LATIN, ARABIC, CJK."""
    name = flow.prompts[language].lines.language_name
    return next((unicodedata.name(c, "").split(" ", 1)[0] for c in name if c.isalpha()), "")


def _list(items: Counter[str]) -> str:
    return ", ".join(sorted(items.elements())) or "none"
