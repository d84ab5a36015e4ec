"""Texts that run from right to left: numbers and Latin words in them keep their order on the screen.

By the rules of Unicode (UAX 9) the groups of 1-833-900-1010 change places after an Arabic letter, and a line
that begins with a Latin name is laid out from the left. One unseen mark before each mends it, and costs a
letter of the text; a mark stands only where its absence would be seen.
"""

from __future__ import annotations

import re
import unicodedata

LEFT_MARK, RIGHT_MARK = "\u200e", "\u200f"
GROUPED = re.compile(r"(?<![\w-])\+?\d+(?:[-/ ]\d+)+")  # A number in groups, or a span of ages.
RIGHT = frozenset({"R", "AL"})


def directed(words: str) -> str:
    """Put marks of direction into each line that needs them; text that runs from the left stays as it is."""
    if not any(map(_runs_left, words)):
        return words
    return "\n".join(map(_directed_line, words.split("\n")))


def _directed_line(line: str) -> str:
    if not any(map(_runs_left, line)):
        return line
    line = GROUPED.sub(lambda found: _marked(line, found), line)
    first = next((strong for c in line if (strong := unicodedata.bidirectional(c)) in {"L", *RIGHT}), "")
    return RIGHT_MARK + line if first == "L" else line


def _marked(line: str, found: re.Match[str]) -> str:
    """Mark a number where the last strong letter before it is Arabic: it alone turns groups round."""
    before = (unicodedata.bidirectional(c) for c in reversed(line[: found.start()]))
    last = next((strong for strong in before if strong in {"L", *RIGHT}), "")
    return LEFT_MARK + found[0] if last == "AL" else found[0]


def _runs_left(letter: str) -> bool:
    return letter > "\u0590" and unicodedata.bidirectional(letter) in RIGHT
