"""How plain words are, by rules of spelling: reading grade, length of sentences, banned words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from msgspec import Struct

from ivr.flow.text_parser import fold

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


class Style(Struct, frozen=True, forbid_unknown_fields=True):
    """Words that nobody is to hear ("rescu*": any ending), and the names in which they may stand."""

    banned: str = ""
    names: str = ""


@dataclass(frozen=True)
class Plainness:
    """How plain a prompt is."""

    grade: float  # Flesch-Kincaid: school years needed to read it.
    length: float  # Words a sentence, on average.


def sentences(words: str) -> list[str]:
    """Part words into sentences; numbers alone are none."""
    return [part for part in END.split(words) if WORD.search(part)]


def plainness(words: str) -> Plainness:
    """Measure words of English."""
    parts = sentences(words)
    every = [word for part in parts for word in WORD.findall(part)]
    if not every:
        return Plainness(0, 0)
    length = len(every) / len(parts)
    grade = 0.39 * length + 11.8 * sum(map(syllables, every)) / len(every) - 15.59
    return Plainness(grade, length)


def syllables(word: str) -> int:
    """Count the syllables of an English word as it is spelt: groups of vowels, less the silent e."""
    plain = re.sub(r"[^a-z]", "", fold(word))
    if word.isupper():
        return max(1, len(plain) if not VOWELS.search(plain) else len(VOWELS.findall(plain)))
    if plain in IRREGULAR:
        return IRREGULAR[plain]
    heard = SILENT.sub("", plain)
    return max(1, len(VOWELS.findall(heard)) + len(SPLIT.findall(heard)))


def unkind(words: str, style: Style) -> str:
    """Give the first banned word that stands in words, outside of names."""
    rest = fold(words)
    for name in filter(None, map(fold, style.names.split(","))):
        rest = rest.replace(name, " ")
    for word in filter(fold, style.banned.split(",")):
        end = r"\w*" if "*" in word else r"\b"
        if found := re.search(rf"\b{fold(word)}{end}", rest):
            return found[0]
    return ""
