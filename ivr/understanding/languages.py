"""Which language a text is in: by its script, words that only one has, `eldc`, and what came before."""

from __future__ import annotations

import importlib
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import tomli

from ivr.understanding.text_cleaning import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

SURE, LIKELY = 2.0, 0.5  # How far ahead the best language must be, in points of words.
MOST_OF_LETTERS = 2.0  # Points that letters alone give: whoever heaps accents on English has many of them.
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
# Languages of other scripts that are typed in Latin letters too: letters alone take those for anything.
ROMANISED = ("ar", "fa", "hi", "pa", "ur")
SHARE_OF_ROMANISED = 0.35
SHARED_SCRIPTS = {"ar": ("ar", "fa", "ur")}  # Languages of one script, by the one that most write.


@dataclass(frozen=True)
class LanguageGuess:
    """A language ("" where nothing tells it), whether that is sure, and why."""

    language: str
    sure: bool
    why: str


@dataclass(frozen=True)
class LanguageWords:
    """What tells languages apart: words of each with their points, and letters that few of them have."""

    words: dict[str, dict[str, float]] = field(default_factory=dict)
    letters: dict[str, tuple[str, ...]] = field(default_factory=dict)


def read_language_words(file: Path) -> LanguageWords:
    """Read `phrases/languages.toml`."""
    found = tomli.loads(file.read_text("utf-8"))
    words: dict[str, dict[str, float]] = {}
    for language, entry in found["words"].items():
        for points, listed in ((1.0, entry["sure"]), (0.5, entry.get("likely", ""))):
            for word in listed.split():
                words.setdefault(fold(word), {}).setdefault(language, points)
    return LanguageWords(words, {each: tuple(of.split()) for each, of in found.get("letters", {}).items()})


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


def language_by_phrases(text: str, by_letters: str, shares: Mapping[str, float]) -> str:
    """Correct what `letter_detector` says by the line's own phrases; ``shares``: how likely each language is.

    It knows no Urdu in Latin letters, and guesses; it is better at other languages, and at other scripts.
    """
    best = max(shares, key=lambda each: shares[each], default="")
    romanised = best in ROMANISED and shares[best] >= SHARE_OF_ROMANISED and not _script(text)
    return best if romanised else by_letters


def detect_language(
    words: LanguageWords, text: str, before: str, line: Sequence[str], by_letters: str = ""
) -> LanguageGuess:
    """Tell the language of a cleaned text.

    ``before`` is the conversation's, ``line`` those we speak, ``by_letters`` what `letter_detector` says.
    """
    points = _points(words, text)
    if script := _script(text):
        return LanguageGuess(_of_script(script, points, before, by_letters), sure=True, why="script")
    ranked = sorted(points, key=lambda each: -points[each])
    best, second = [*ranked, "", ""][:2]
    lead = points.get(best, 0.0) - points.get(second, 0.0)
    romanised = by_letters if by_letters in ROMANISED and by_letters != best else ""
    if lead >= SURE or (lead >= LIKELY and before in ("", best) and not romanised):
        return LanguageGuess(best, sure=lead >= 1, why="words")
    letters = len(re.sub(r"[\W\d_]", "", text))
    guess = by_letters if letters >= SHORTEST_GUESS else ""
    if guess and guess == best:
        return LanguageGuess(best, sure=True, why="words and letters")
    if lead >= LIKELY and not (guess and romanised):
        return LanguageGuess(best, sure=lead >= 1, why="words")
    if before:
        return LanguageGuess(before, sure=False, why="the conversation")
    if guess in line:
        return LanguageGuess(guess, sure=letters >= 2 * SHORTEST_GUESS, why="letters")
    if guess and letters >= 2 * SHORTEST_GUESS and not best:
        return LanguageGuess(guess, sure=False, why="letters")
    return LanguageGuess(best, sure=False, why="words" if best else "nothing tells it")


def _script(text: str) -> str:
    """Give the language of a text most of whose letters are of another script than Latin."""
    letters = [c for c in text if c.isalpha()]
    counted: dict[str, int] = {}
    for c in letters:
        name = unicodedata.name(c, "").split(" ", 1)[0]
        if name in SCRIPTS:
            counted[SCRIPTS[name]] = counted.get(SCRIPTS[name], 0) + 1
    if not counted or 2 * sum(counted.values()) < len(letters):
        return ""
    return "ja" if "ja" in counted else max(counted, key=lambda each: counted[each])


def _of_script(script: str, points: dict[str, float], before: str, by_letters: str) -> str:
    """Tell the languages of one script apart: by words and letters of theirs, else by the conversation."""
    sharing = SHARED_SCRIPTS.get(script, (script,))
    if by_letters in sharing:
        points = points | {by_letters: points.get(by_letters, 0.0) + 1.0}
    most = max(points.get(each, 0.0) for each in sharing)
    best = [each for each in sharing if points.get(each, 0.0) == most]
    return before if before in best else best[0]


def _points(words: LanguageWords, text: str) -> dict[str, float]:
    points: dict[str, float] = {}
    for word in fold(text).split():
        for language, worth in words.words.get(word, {}).items():
            points[language] = points.get(language, 0.0) + worth
    lettered: dict[str, float] = {}
    small = text.casefold()
    for letter, languages in words.letters.items():
        for language in languages if letter in small else ():
            lettered[language] = lettered.get(language, 0.0) + (1.0 if language == languages[0] else 0.5)
    for language, worth in lettered.items():
        points[language] = points.get(language, 0.0) + min(worth, MOST_OF_LETTERS)
    return points
