"""How plain words are, by rules of spelling: reading grade, length of sentences, banned words."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from ivr.flow.models import every_prompt
from ivr.flow.rendering import PLACEHOLDER, fill_names
from ivr.understanding.text_cleaning import without_marks, words_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ivr.flow.models import Flow, Prompts, Style

END = re.compile(r"[.?!:]+(?:\s|$)")
WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
VOWELS = re.compile(r"[aeiouy]+")
SILENT = re.compile(
    r"(?<![^aeiouy]l)(?<=[^aeiouy])e$|(?<=[^aeiouytd])ed$|(?<=[^aeiouyscxzgh])es$|(?<=[aeiouy][^aeiouyl])e(?=ly$|ment)"
    r"|(?<=som)e(?=.)|(?<=saf)e(?=.)|(?<=hom)e(?=.)|(?<=lif)e(?=.)|(?<=wher)e(?=.)"
)
SPLIT = re.compile(r"(?<![ct])ia|io(?!u|n)|ual|eo(?!p)|uel|uat|iet|eing$|ism$|[aeo]y[aeio]")
IRREGULAR = {
    "anyone": 3,
    "area": 3,
    "business": 2,
    "centre": 2,
    "clothes": 1,
    "create": 2,
    "every": 2,
    "everyone": 3,
    "february": 4,
    "idea": 3,
    "serious": 3,
    "smuggled": 2,
    "suicide": 3,
}


@dataclass(frozen=True)
class Plainness:
    """How plain a prompt is."""

    grade: float  # Flesch-Kincaid: school years needed to read it.
    length: float  # Words a sentence, on average.


def sentences(words: str) -> list[str]:
    """Part words into sentences; numbers alone are none."""
    return [part for part in END.split(words) if WORD.search(part)]


@lru_cache(maxsize=2048)  # All prompts of a language, which are checked again whenever one is edited.
def plainness(words: str) -> Plainness:
    """Measure words of English."""
    parts = sentences(words)
    every = [word for part in parts for word in WORD.findall(part)]
    if not every:
        return Plainness(0, 0)
    length = len(every) / len(parts)
    grade = 0.39 * length + 11.8 * sum(map(syllables, every)) / len(every) - 15.59
    return Plainness(grade, length)


def plain_words(words: str) -> str:
    """Give words in small letters, without accents or punctuation: "L'arrêt !" becomes "l arret"."""
    kept = without_marks(unicodedata.normalize("NFKD", words)).casefold().replace("œ", "oe")
    return " ".join(words_in(kept))


def syllables(word: str) -> int:
    """Count the syllables of an English word as it is spelt: groups of vowels, less the silent e."""
    plain = re.sub(r"[^a-z]", "", plain_words(word))
    if word.isupper():
        return max(1, len(plain) if not VOWELS.search(plain) else len(VOWELS.findall(plain)))
    if plain in IRREGULAR:
        return IRREGULAR[plain]
    heard = SILENT.sub("", plain)
    return max(1, len(VOWELS.findall(heard)) + len(SPLIT.findall(heard)))


def exact_words(words: str) -> str:
    """Give words in small letters without punctuation, with accents: these can make another word."""
    return " ".join(words_in(unicodedata.normalize("NFC", words).casefold()))


@lru_cache(maxsize=16384)  # All prompts of all languages.
def unkind(words: str, style: Style) -> str:
    """Give the first banned word that stands in words, outside of names, which {agency.name} puts in.

    One that is banned with its accents is found with them alone.
    """
    said = PLACEHOLDER.sub(" ", words)
    for fold, names, banned in _bans(style):
        rest = fold(said)
        for name in names:
            rest = rest.replace(name, " ")
        if found := banned.search(rest):
            return found[0]
    return ""


class _Ban(NamedTuple):
    """Words that are banned as they are read in one way: with their accents, or without."""

    fold: Callable[[str], str]
    names: tuple[str, ...]
    banned: re.Pattern[str]


@lru_cache(maxsize=64)
def _bans(style: Style) -> tuple[_Ban, ...]:
    """Read a style once: it is asked about every prompt."""
    words: dict[Callable[[str], str], list[str]] = {plain_words: [], exact_words: []}
    for word in filter(plain_words, style.banned.split(",")):
        fold = plain_words if exact_words(word) == plain_words(word) else exact_words
        words[fold].append(re.escape(fold(word)) + (r"\S*" if "*" in word else r"(?!\S)"))
    return tuple(
        _Ban(
            fold,
            tuple(filter(None, map(fold, style.names.split(",")))),
            re.compile(rf"(?<!\S)(?:{'|'.join(each)})"),
        )
        for fold, each in words.items()
        if each
    )


# The words of the line as whole prompts, to be read for how plain and kind they are.


MEASURED = "en"  # The reading grade is one of English.
FEWEST_WORDS = 12  # A grade of fewer says nothing.


def whole_prompts(words: Prompts) -> Iterator[tuple[str, str]]:
    """Give each prompt that is read as prose, with its place; a checklist's questions are one."""
    for place, group in groupby(every_prompt(words), key=lambda prompt: _whole_place(prompt[0])):
        if place.startswith(("lines.", "stops.")) or place.endswith((".offer", ".who")):
            yield place, " ".join(text for _, text in group)


def _whole_place(place: str) -> str:
    """Give the place of the prompt that a text is part of."""
    return place.rpartition(".")[0] if ".questions." in place else place


def measured(flow: Flow) -> Iterator[tuple[str, Plainness]]:
    """Tell how plain each prompt of English is that is long enough to tell."""
    words = flow.prompts.get(MEASURED)
    for place, said in whole_prompts(words) if words else ():
        heard = _named(flow, words, said) if words else said
        if len(heard.split()) >= FEWEST_WORDS:
            yield place, plainness(heard)


def _named(flow: Flow, words: Prompts, said: str) -> str:
    """Put names into words, and nothing for numbers."""

    def unnumbered(match: re.Match[str]) -> str:
        known = match[1] in words.agencies or match[1] in flow.place.names
        return match[0] if known and match[2] == "name" else ""

    return fill_names(flow.place, words, MEASURED, PLACEHOLDER.sub(unnumbered, said))
