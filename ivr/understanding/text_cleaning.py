"""One form for what people type: no hidden marks, look-alike letters, shouting or endless repeats."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = (
    400  # An encoder's time grows with the square of the length; people say it in the first 400 letters.
)
MOST_SENTENCES = 6
SHORT_ENOUGH = 60  # A text of this many letters is understood as one.

# Letters of other scripts that look like Latin ones: a Cyrillic e in "help".
LOOK_ALIKES = str.maketrans(
    "аеіоорсухѕԁһӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧοАВЕКМНОРСТХ",  # noqa: RUF001 - that is the point
    "aeioopcyxsdhlABEZHIKMNOPTYXoABEKMHOPCTX",
)
# Letters that keyboards of several languages have for one, and Latin ones that do not come apart.
SAME_LETTERS = str.maketrans(
    "\u06cc\u0649\u06a9\u06c1\u06be\u0111\u0142\u0131", "\u064a\u064a\u0643\u0647\u0647dli"
)
# Signs of vowels in the scripts of India stand between letters and are none.
_WORD = re.compile(r"[\w\u0900-\u0963\u0971-\u0dff]+")
LATIN = re.compile(r"[A-Za-z]")
# Where a rule may begin and end: at the edge of a word, and at any sign of Chinese, which has no spaces.
EDGES = r"(?<!\w)", r"(?!\w)"
# These take a hundred times as long to compile: only the rules of a file with Chinese in it have them.
CHINESE_EDGES = r"(?<![^\W\u3400-\u9fff])", r"(?![^\W\u3400-\u9fff])"
CHINESE = re.compile(r"[\u3400-\u9fff]")
INVISIBLE = {"Cf", "Cc", "Co", "Cs", "Cn"}
SENTENCE = re.compile(r"(?<=[.!?…\n])\s+|\s*\n+\s*")
REPEATS = re.compile(r"(.)\1{2,}")
MARKS_KEPT = 2  # Zalgo heaps dozens of marks on a letter; no language of the line needs more than this.


def clean(text: str) -> str:
    """Cut a text and take out what is not seen: NUL, marks of direction, heaps of accents, look-alikes."""
    visible = _visible(unicodedata.normalize("NFKC", text[: 4 * LONGEST].replace("\0", " ")))
    if LATIN.search(visible):
        visible = _latin_words(visible)
    spaced = " ".join(visible.replace("\u2019", "'").replace("\u2018", "'").split(" "))
    return re.sub(r"[ \t]+", " ", spaced).strip()[:LONGEST]


def for_encoder(text: str) -> str:
    """Give a cleaned text as an encoder reads it best: shouting in small letters, "helppppp" as "helpp"."""
    letters = [c for c in text if c.isalpha()]
    shouted = len(letters) > 2 and sum(c.isupper() for c in letters) > 0.6 * len(letters)  # noqa: PLR2004 - two letters may be a name
    return REPEATS.sub(r"\1\1", text.casefold() if shouted else text)


def fold(text: str) -> str:
    """Fold to small letters without accents, apostrophes or punctuation: "J'ai peur !" becomes "jai peur"."""
    plain = unicodedata.normalize("NFKD", text.replace("\u2019", "'").replace("œ", "oe").replace("Œ", "oe"))
    bare = without_marks(plain).casefold().replace("'", "").replace("`", "")
    return REPEATS.sub(r"\1\1", " ".join(words_in(bare.translate(SAME_LETTERS))))


def without_marks(decomposed: str) -> str:
    """Take what combines with letters, such as accents, out of a text that was decomposed."""
    for mark in filter(unicodedata.combining, set(decomposed)):
        decomposed = decomposed.replace(mark, "")
    return decomposed


def words_in(text: str) -> list[str]:
    """Give the words of a text without punctuation."""
    return _WORD.findall(text.replace("_", " "))


def edged(patterns: Iterable[str], *, chinese: bool) -> str:
    """Join patterns into one that fits at the edges of words; Chinese ones, at any sign of Chinese too."""
    begins, ends = CHINESE_EDGES if chinese else EDGES
    return f"{begins}(?:{'|'.join(patterns)}){ends}"


# Patterns that are valid by how they are built, as nearly all in the files are: letters, groups, classes, a
# count of repeats after what can be repeated, a look back at as many letters each time.
_LITERAL = r"[^\\\[\](){}*+?^$|]"
_RANGES = r"0-9|a-z|\u0966-\u096f|\u06f0-\u06f9|\u0900-\u097f|\u3400-\u9fff"
_CLASS = rf"\[\^?(?:{_RANGES}|[^\\\[\]-]|\\[wdsWDS])+\]"
_REPEATS = r"(?:[?*+]|\{(?:[01],)?[1-9][0-9]?\}|\{[0-9],\})?"
_LOOK_BACK = rf"\(\?<[!=](?:{_LITERAL}|{_CLASS}|\\[wdsWDS])*\)"
_PLAIN = re.compile(
    rf"(?:(?:{_LITERAL}|{_CLASS}|\\[wdsWDS]|\)){_REPEATS}|{_LOOK_BACK}|\((?:\?[:=!])?|[|^$]|\\b)*"
)
_BRACKETS = re.compile(r"\\.|\[[^\]]*\]|([()])")


def is_plain(pattern: str) -> bool:
    """Whether a pattern surely compiles, by itself and as a part of others. To try it takes far longer."""
    if not _PLAIN.fullmatch(pattern):
        return False
    open_ = 0
    for bracket in _BRACKETS.finditer(pattern):
        open_ += {"(": 1, ")": -1}.get(bracket[1], 0)
        if open_ < 0:
            return False
    return open_ == 0


def sentences(text: str) -> tuple[str, ...]:
    """Split a cleaned text in its sentences, where it is long enough to hold more than one."""
    if len(text) <= SHORT_ENOUGH:
        return (text,)
    parts = tuple(part.strip() for part in SENTENCE.split(text) if len(part.strip()) > 1)
    return parts[:MOST_SENTENCES] or (text,)


def _visible(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for c in unicodedata.normalize("NFD", text):
        marks = marks + 1 if unicodedata.combining(c) else 0
        if marks > MARKS_KEPT:
            continue
        if c in "\n\t" or unicodedata.category(c) not in INVISIBLE or c == "\u200d":
            kept.append(c)
    return unicodedata.normalize("NFC", "".join(kept))


def _latin_words(text: str) -> str:
    """Change look-alikes inside words that also hold Latin letters; a word wholly in another script stays."""
    words = (word.translate(LOOK_ALIKES) if LATIN.search(word) else word for word in text.split(" "))
    return " ".join(words)
