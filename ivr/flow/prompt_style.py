"""Style: plain, kind, and no number written out by hand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ivr.flow.loader import Fault, words_file
from ivr.flow.placeholders import places
from ivr.flow.prose import MEASURED, measured, prompts
from ivr.flow.readability import unkind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow

HIGHEST_GRADE, LONGEST_SENTENCE = 6, 12  # School years; words, on average.
# What no document of the telephone network can carry: XML 1.0 has no such letters.
UNSENDABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
BY_HAND = re.compile(r"\d(?:[ .,-]{0,2}\d){6,}")  # Seven digits or more: a telephone number.


def hard_words(flow: Flow) -> Iterator[Fault]:
    """Find English prompts that need more school, or more breath, than a caller may have."""
    for place, found in measured(flow):
        if found.grade > HIGHEST_GRADE:
            mend = f"needs grade {found.grade:.1f} to read; write shorter words, to grade {HIGHEST_GRADE}"
            yield Fault(words_file(MEASURED), place, mend)
        if found.length > LONGEST_SENTENCE:
            mend = f"has {found.length:.1f} words a sentence; part them, to {LONGEST_SENTENCE}"
            yield Fault(words_file(MEASURED), place, mend)


def banned_words(flow: Flow) -> Iterator[Fault]:
    """Find words that a language bans: they blame, promise, command or frighten."""
    for language, words in flow.prompts.items():
        for place, said in prompts(words):
            if word := unkind(said, words.style):
                mend = f"says '{word}', which this file bans in [style]; reword it"
                yield Fault(words_file(language), place, mend)


def numbers_by_hand(flow: Flow) -> Iterator[Fault]:
    """Find telephone numbers that stand in words as digits: they would be said once, and be wrong one day."""
    for language, words in flow.prompts.items():
        for place, said in prompts(words):
            if found := BY_HAND.search(said):
                mend = f"holds the number {found[0]}; write {{agency.number}}, which is said twice"
                yield Fault(words_file(language), place, mend)


def unsendable(flow: Flow) -> Iterator[Fault]:
    """Find letters that cannot be sent: a caller would hear that an error occurred."""
    for language, words in flow.prompts.items():
        for place, said in places(words):
            if found := UNSENDABLE.search(said):
                mend = f"holds U+{ord(found[0]):04X}, which no document can carry; remove it"
                yield Fault(words_file(language), place, mend)
