"""Which language a text is in: by its script, words that only one has, `eldc`, and what came before."""

from __future__ import annotations

import importlib
import re
import tomllib
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ivr.understanding.text_cleaning import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SURE, LIKELY = 2.0, 0.5  # How far ahead the best language must be, in points of words.
SHORTEST_GUESS = 12  # Letters below which a guess by letters alone is chance.

# The first words of a letter's Unicode name -> the language that most of its writers here have.
SCRIPTS = {
    "ARABIC": "ar",
    "CYRILLIC": "uk",
    "GURMUKHI": "pa",
    "DEVANAGARI": "hi",
    "CJK": "zh",
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "THAI": "th",
    "TAMIL": "ta",
    "BENGALI": "bn",
    "GUJARATI": "gu",
    "ETHIOPIC": "am",
    "HEBREW": "he",
    "GREEK": "el",
}


# Letters of the Arabic script that one of its languages has and the others lack; Farsi and Urdu share some.
URDU_LETTERS = frozenset("ٹڈڑںےہۂۓ")
FARSI_LETTERS = frozenset("پچژگیک")
ARABIC_LETTERS = frozenset("ةيكىأإؤ")


@dataclass(frozen=True)
class LanguageGuess:
    """A language ("" where nothing tells it), whether that is sure, and why."""

    language: str
    sure: bool
    why: str


@dataclass(frozen=True)
class LanguageWords:
    """What tells languages apart: words of each with their points, and accents that only one of them has."""

    words: dict[str, dict[str, float]] = field(default_factory=dict)
    letters: dict[str, str] = field(default_factory=dict)


def read_language_words(file: Path) -> LanguageWords:
    """Read `phrases/languages.toml`."""
    found = tomllib.loads(file.read_text("utf-8"))
    words: dict[str, dict[str, float]] = {}
    for language, entry in found["words"].items():
        for points, listed in ((1.0, entry["sure"]), (0.5, entry.get("likely", ""))):
            for word in listed.split():
                words.setdefault(word, {})[language] = points
    return LanguageWords(words, dict(found.get("letters", {})))


def letter_detector() -> Callable[[str], str] | None:
    """Load `eldc`, which tells languages by their letters; None where it has no wheel.

    It holds 26 MB, so the classifier's process has it, and no web process.
    """
    try:
        eldc = importlib.import_module("eldc")
    except ImportError:
        return None
    eldc.init()

    def detect(text: str) -> str:
        found = str(eldc.detect(text) or "")
        return "fil" if found == "tl" else found  # Filipino is Tagalog as it is written today.

    return detect


def detect_language(
    words: LanguageWords, text: str, before: str, line: Sequence[str], by_letters: str = ""
) -> LanguageGuess:
    """Tell the language of a cleaned text.

    ``before`` is the conversation's, ``line`` those we speak, ``by_letters`` what `letter_detector` says.
    """
    if script := _script(text, before):
        return LanguageGuess(script, sure=True, why="script")
    points = _points(words, text)
    ranked = sorted(points, key=lambda each: -points[each])
    best, second = [*ranked, "", ""][:2]
    lead = points.get(best, 0.0) - points.get(second, 0.0)
    if lead >= SURE or (lead >= LIKELY and before in ("", best)):
        return LanguageGuess(best, sure=lead >= 1, why="words")
    letters = len(re.sub(r"[\W\d_]", "", text))
    guess = by_letters if letters >= SHORTEST_GUESS else ""
    if guess and guess == best:
        return LanguageGuess(best, sure=True, why="words and letters")
    if lead >= LIKELY:
        return LanguageGuess(best, sure=lead >= 1, why="words")
    if before:
        return LanguageGuess(before, sure=False, why="the conversation")
    if guess in line:
        return LanguageGuess(guess, sure=letters >= 2 * SHORTEST_GUESS, why="letters")
    if guess and letters >= 2 * SHORTEST_GUESS and not best:
        return LanguageGuess(guess, sure=False, why="letters")
    return LanguageGuess(best, sure=False, why="words" if best else "nothing tells it")


def _script(text: str, before: str) -> str:
    """Give the language of a text most of whose letters are of another script than Latin."""
    letters = [c for c in text if c.isalpha()]
    counted: dict[str, int] = {}
    for c in letters:
        name = unicodedata.name(c, "").split(" ", 1)[0]
        if name in SCRIPTS:
            counted[SCRIPTS[name]] = counted.get(SCRIPTS[name], 0) + 1
    if not counted or 2 * sum(counted.values()) < len(letters):
        return ""
    script = "ja" if "ja" in counted else max(counted, key=lambda each: counted[each])
    return _of_arabic_script(letters, before) if script == "ar" else script


def _of_arabic_script(letters: Sequence[str], before: str) -> str:
    """Tell Arabic, Farsi and Urdu apart by the letters that only some of them have."""
    urdu, farsi, arabic = (
        sum(letter in own for letter in letters) for own in (URDU_LETTERS, FARSI_LETTERS, ARABIC_LETTERS)
    )
    if urdu:
        return "ur"
    if farsi == arabic:
        return before if before in ("ar", "fa", "ur") else "ar"
    if farsi > arabic:
        return "ur" if before == "ur" else "fa"
    return "ar"


def _points(words: LanguageWords, text: str) -> dict[str, float]:
    points: dict[str, float] = {}
    for word in fold(text).split():
        for language, worth in words.words.get(word, {}).items():
            points[language] = points.get(language, 0.0) + worth
    for letter, language in words.letters.items():
        if letter in text.casefold():
            points[language] = points.get(language, 0.0) + 1
    return points
