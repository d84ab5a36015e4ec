"""Answers to what was just asked: a key, or yes and no as people type them."""

from __future__ import annotations

import re
from typing import Literal

# As folded: small letters, no accents. Also of languages that the line does not speak.
YES = frozenset(
    {
        "y",
        "ye",
        "yes",
        "yea",
        "yeah",
        "yep",
        "yup",
        "ya",
        "yah",
        "yess",
        "ok",
        "okay",
        "k",
        "kk",
        "sure",
        "please",
    }
    | {
        "do",
        "fine",
        "alright",
        "oui",
        "ouais",
        "ui",
        "wi",
        "daccord",
        "dac",
        "ouaip",
        "si",
        "sim",
        "haan",
        "ji",
    }
    | {"opo", "oo", "tak", "da", "1", "yes please", "please do", "go ahead", "ok yes", "yes ok", "oui svp"}
    | {"oui stp", "cest bon", "allez y", "vas y", "bien sur"}
)
NO = frozenset(
    {"n", "no", "nope", "nah", "na", "non", "nan", "nao", "hindi", "nie", "nahi", "2", "not now", "no thanks"}
    | {"no thank you", "non merci", "pas maintenant", "dont", "pas la"}
)
THUMBS_UP, THUMBS_DOWN = "\U0001f44d", "\U0001f44e"
NUMBER_WORDS = {
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "zero": "0",
    "un": "1",
    "deux": "2",
    "trois": "3",
    "quatre": "4",
}


def read_answer(asked: Literal["", "key", "yes_no"], folded: str, cleaned: str) -> str:
    """Read an answer: "yes", "no", a digit, or "" for neither. After no question nothing is an answer."""
    if asked == "yes_no":
        if folded in YES or THUMBS_UP in cleaned:
            return "yes"
        if folded in NO or THUMBS_DOWN in cleaned:
            return "no"
    if not asked:
        return ""
    if found := re.fullmatch(r"(?:press |number |no |reply |numero |le |option )?([0-9])", folded):
        return found[1]
    return NUMBER_WORDS.get(folded, "") if asked == "key" else ""
