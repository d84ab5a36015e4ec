"""Text with parts of it marked: what somebody searched for, and what differs between two versions."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ivr.understanding.text_cleaning import SAME_LETTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

MATCH, ADDED, REMOVED = "match", "added", "removed"
APOSTROPHES = frozenset("'\u2018\u2019`")
ACCENTS = 200  # From this combining class on, a mark stands above or below its letter, and can be forgiven.
ARABIC_VOWELS = range(27, 36)
SENTENCE_END = re.compile(r"(?<=[.!?…:।۔؟])\s+|(?<=[。！？])|\n+")  # noqa: RUF001 - ends of sentences in Chinese
SHORTEST_EXCERPT = 60  # Letters; a shorter sentence says too little of where it stands.
# What is compared as one: a blank, a sign of Chinese (which has no spaces), a word with what touches it.
TOKEN = re.compile(r"\{[^{}]*\}|[\u3400-\u9fff\u3000-\u303f\uff00-\uffef]|\s+|[^\s\u3400-\u9fff{]+|\{")


class Piece(NamedTuple):
    """Some words, and what they are marked as; plain where that is empty."""

    words: str
    kind: str = ""


class Match(NamedTuple):
    """Where a search fits: the better, the lower its rank; and the sentence around it, marked."""

    rank: int
    excerpt: tuple[Piece, ...]


def find(text: str, query: str) -> Match | None:
    """Find words in a text, whatever their accents, case and punctuation: as they stand, or each of them."""
    wanted, known = folded(query).strip(), folded(text)
    if not wanted:
        return None
    if f" {wanted}" in f" {known}":
        return Match(0, _excerpt(text, (f" {wanted}",)))
    if wanted in known:
        return Match(1, _excerpt(text, (wanted,)))
    words = tuple(f" {word}" for word in dict.fromkeys(wanted.split()))
    if len(words) > 1 and all(word in f" {known}" for word in words):
        return Match(2, _excerpt(text, words))
    return None


def word_diff(before: str, after: str) -> tuple[Piece, ...]:
    """Compare two texts word by word: what both have is plain, what only one has is marked."""
    old, new = TOKEN.findall(before), TOKEN.findall(after)
    pieces: list[Piece] = []
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(Piece("".join(new[k:m])))
            continue
        pieces += [Piece("".join(old[i:j]), REMOVED), Piece("".join(new[k:m]), ADDED)]
    return tuple(piece for piece in pieces if piece.words)


@lru_cache(maxsize=65_536)  # Every prompt of fifteen languages, which are searched again and again.
def folded(text: str) -> str:
    """Fold a text for searching; digits that are said one by one stand together."""
    return "".join(letter for letter, _ in _letters(text))


def _letters(text: str) -> list[tuple[str, int]]:
    """Give the folded letters of a text, each with the place at which it stands there."""
    found: list[tuple[str, int]] = []
    for at, sign in enumerate(text):
        for letter in _fold(sign):
            if letter == " " and (not found or found[-1][0] == " "):
                continue
            if letter.isdigit() and len(found) > 1 and found[-1][0] == " " and found[-2][0].isdigit():
                found.pop()
            found.append((letter, at))
    return found


@cache
def _fold(sign: str) -> str:
    if sign in APOSTROPHES:
        return ""
    plain = unicodedata.normalize("NFKD", sign).translate(SAME_LETTERS)
    kept = "".join(letter for letter in plain if not _is_accent(letter))
    folded_sign = kept.casefold().replace("œ", "oe").replace("æ", "ae")
    return "".join(letter if unicodedata.category(letter)[0] in "LNM" else " " for letter in folded_sign)


def _is_accent(letter: str) -> bool:
    """Whether a mark can be forgiven: signs of vowels in the scripts of India are no accents."""
    place = unicodedata.combining(letter)
    return place >= ACCENTS or place in ARABIC_VOWELS


def _excerpt(text: str, wanted: tuple[str, ...]) -> tuple[Piece, ...]:
    """Give the sentence in which the first match stands, with every match in it marked."""
    spans = sorted(_spans(text, wanted))
    first, last = _sentence(text, spans[0])
    pieces, at = [Piece("… ")] if first else [], first
    for start, end in spans:
        if at <= start and end <= last:
            pieces += [Piece(text[at:start]), Piece(text[start:end], MATCH)]
            at = end
    ends = Piece(" …") if text[last:].strip() else Piece("")
    return tuple(piece for piece in (*pieces, Piece(text[at:last].rstrip()), ends) if piece.words)


def _spans(text: str, wanted: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Give where words stand in a text: from their first sign to behind their last one."""
    letters = [(" ", 0), *_letters(text)]  # Whatever begins a text begins a word.
    known = "".join(letter for letter, _ in letters)
    for words in wanted:
        begins_word = words.startswith(" ")
        at = known.find(words)
        while at >= 0:
            last = letters[at + len(words) - 1][1]
            yield letters[at + begins_word][1], _with_accents(text, last + 1)
            at = known.find(words, at + len(words) - 1 if begins_word else at + len(words))


def _with_accents(text: str, end: int) -> int:
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return end


def _sentence(text: str, span: tuple[int, int]) -> tuple[int, int]:
    """Give where the sentence around a match begins and ends; a short one takes its neighbours too."""
    cuts = [0, *(found.end() for found in SENTENCE_END.finditer(text)), len(text)]
    first = max(cut for cut in cuts if cut <= span[0])
    last = min(cut for cut in cuts if cut >= span[1])
    for cut in cuts:
        if last - first < SHORTEST_EXCERPT and cut > last:
            last = cut
    for cut in reversed(cuts):
        if last - first < SHORTEST_EXCERPT and cut < first:
            first = cut
    return first, last
