"""Words that were written to be spoken, as they are read: "9 1 1" is 911, and a number can be dialled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.flow.rendering import PLACEHOLDER, fill_names, written_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow

SHORT_CODE = 6  # Digits of a number that can only be texted.
SENTENCES = 3  # A paragraph's; short ones are read to the end.
_DIGITS = re.compile(r"\b[0-9](?: [0-9])+\b")
_LETTERS = re.compile(r"\b[A-Z](?: [A-Z])+\b")
_TIME = re.compile(r"(?<![0-9] )\b(1?[0-9]|2[0-3]) ([0-5][0-9])\b(?! [0-9])")
_FIRST = re.compile(r"(^|[.?!] )([^\W\d_])")
HAN_ENDS = "\u3002\uff1f\uff01"  # End a Chinese sentence; no space follows.
_END = re.compile(rf"(?<=[.?!\u0964\u06d4\u061f]) |(?<=[{HAN_ENDS}])")
# Three digits that a telephone dials, and six to which one texts.
_SHORT = re.compile(r"(?<![0-9])([2-9]11|988|[0-9]{6})(?![0-9])")


@dataclass(frozen=True)
class Piece:
    """A run of words; one with something to dial is a link."""

    words: str
    dial: str = ""

    @property
    def address(self) -> str:
        """The address that calls it, or writes a text to it where it is a code for texts."""
        return f"{'sms' if len(self.dial) == SHORT_CODE else 'tel'}:{self.dial}"


Paragraph = tuple[Piece, ...]


def number(dial: str) -> Piece:
    """Write a number so that it can be dialled."""
    return Piece(written_number(dial), dial)


def title(words: str) -> str:
    """Begin with a capital letter, and leave the others as they are."""
    return words[:1].upper() + words[1:]


def line(flow: Flow, language: str, words: str) -> Paragraph:
    """Write words as one paragraph."""
    return tuple(_pieces(flow, _readable(flow, language, words)))


def paragraphs(flow: Flow, language: str, words: str) -> tuple[Paragraph, ...]:
    """Write words in short paragraphs. A number ends the one that tells whose it is."""
    blocks: list[list[str]] = [[]]
    for sentence in filter(None, _END.split(_readable(flow, language, words))):
        own = PLACEHOLDER.match(sentence)
        ended = blocks[-1] and PLACEHOLDER.search(blocks[-1][-1])
        if blocks[-1] and not own and (ended or len(blocks[-1]) >= SENTENCES):
            blocks.append([])
        blocks[-1].append(sentence)
    return tuple(tuple(_pieces(flow, _joined(block))) for block in blocks if block)


def _joined(sentences: list[str]) -> str:
    """Put sentences behind each other as their script does."""
    return "".join(each if each[-1] in HAN_ENDS else f"{each} " for each in sentences).rstrip()


def _readable(flow: Flow, language: str, words: str) -> str:
    """Put names in, and write as one what is spelled for the ear. Numbers of agencies are still blanks."""
    named = fill_names(flow.place, flow.prompts[language], language, words)
    for spelled in (_DIGITS, _LETTERS):
        named = spelled.sub(lambda m: m[0].replace(" ", ""), named)
    return _FIRST.sub(lambda m: m[1] + m[2].upper(), _TIME.sub(r"\1:\2", named))


def _pieces(flow: Flow, words: str) -> Iterator[Piece]:
    at = 0
    for blank in PLACEHOLDER.finditer(words):
        yield from _short(words[at : blank.start()])
        yield number(flow.directory.agencies[blank[1]].number)
        at = blank.end()
    yield from _short(words[at:])


def _short(words: str) -> Iterator[Piece]:
    for n, part in enumerate(_SHORT.split(words)):
        if part:
            yield Piece(part, part if n % 2 else "")
