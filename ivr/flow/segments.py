"""In how many parts a text is sent, and which letters make it dear."""

from __future__ import annotations

import re
import unicodedata

# 3GPP TS 23.038, the default alphabet: a letter of seven bits each.
PLAIN = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPED = frozenset("\f^{}\\[~]|€")  # Each takes the place of two letters, which are never parted.
SEVEN_BITS = PLAIN | ESCAPED
PLAIN_ALONE, PLAIN_PART = 160, 153
WIDE_ALONE, WIDE_PART = 70, 67
BARE = str.maketrans("łŁđĐ\u2018\u2019\u201c\u201d\u2013\u2014", "lLdD''\"\"--")  # That do not come apart.
LAST_NARROW = 0xFFFF  # Letters beyond take two places of 16 bits.


def segments(words: str) -> int:
    """Count the parts in which a text is sent; none for no words."""
    if not words:
        return 0
    letters = set(words)
    wide = not letters <= SEVEN_BITS
    alone, part = (WIDE_ALONE, WIDE_PART) if wide else (PLAIN_ALONE, PLAIN_PART)
    double = {letter for letter in letters if (ord(letter) > LAST_NARROW if wide else letter in ESCAPED)}
    if not double:
        return 1 if len(words) <= alone else -(-len(words) // part)
    places = [2 if letter in double else 1 for letter in words]
    return 1 if sum(places) <= alone else _parts(places, part)


def forced(words: str) -> str:
    """Give the letters that force a text into 16 bits a letter, each once."""
    return "".join(sorted(set(words) - SEVEN_BITS, key=words.index))


def plainer(words: str) -> str:
    """Write Latin letters without accents where that saves room: "mas", for "más"."""
    return "".join(letter if letter in SEVEN_BITS else _bare(letter) for letter in words)


def _bare(letter: str) -> str:
    apart = unicodedata.normalize("NFKD", letter.translate(BARE))
    bare = "".join(c for c in apart if not unicodedata.combining(c))
    return bare if all(c in PLAIN for c in bare) else letter


def _parts(places: list[int], part: int) -> int:
    """Fill part after part; a letter of two places that does not fit moves on whole."""
    count, used = 1, 0
    for place in places:
        if used + place > part:
            count, used = count + 1, 0
        used += place
    return count


# Texts that run from right to left: numbers and Latin words in them keep their order on the screen.

LEFT_MARK, RIGHT_MARK = "\u200e", "\u200f"
GROUPED = re.compile(r"(?<![\w-])\+?\d+(?:[-/ ]\d+)+")  # A number in groups, or a span of ages.
RIGHT = frozenset({"R", "AL"})
LAST_BEFORE_HEBREW = "\u0590"  # No letter up to here is written from the right.


def directed(words: str) -> str:
    """Put marks of direction into each line that needs them; text that runs from the left stays as it is."""
    if max(words, default="") <= LAST_BEFORE_HEBREW or not any(map(_runs_left, words)):
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
    return letter > LAST_BEFORE_HEBREW and unicodedata.bidirectional(letter) in RIGHT
