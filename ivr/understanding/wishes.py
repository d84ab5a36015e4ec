"""Wishes of a texter in a sentence: to be left alone, forgotten, called, told who this is. Rules, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import tomli

from ivr.understanding.danger import GAP, RulesError
from ivr.understanding.text_cleaning import CHINESE, edged, fold, is_plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


# Wishes that come before an answer to what was asked, and those that come after it (design: "One text").
FIRST = ("stop", "exit", "erase", "start")
LATER = ("call", "person", "help", "who", "wrong_number", "seeking_someone")
WISHES = (*FIRST, *LATER)


@dataclass(frozen=True)
class WishRule:
    """A pattern of folded words, the wish it tells, and whether it must be all of the text."""

    wish: str
    source: str  # Of the pattern.

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The pattern, compiled when it is first needed."""
        return re.compile(self.source)


@dataclass(frozen=True)
class WishReading:
    """A wish ("" for none), how sure the reading is, and the words that told it."""

    wish: str = ""
    confidence: float = 0.0
    seen: str = ""


def read_wish_rules(folder: Path) -> tuple[WishRule, ...]:
    """Read `wishes.toml` of every language that has one."""
    return tuple(rule for file in sorted(folder.glob("*/wishes.toml")) for rule in _read(file))


def read_wish(rules: tuple[WishRule, ...], text: str, names: Mapping[str, float]) -> WishReading:
    """Find the wish of a cleaned text: by rule, else the classifier's likeliest wish with its probability."""
    folded = fold(text)
    for rule in rules:
        if match := rule.pattern.search(folded):
            return WishReading(rule.wish, 1.0, match[0])
    by_name = {
        name.removeprefix("wish-").replace("-", "_"): p
        for name, p in names.items()
        if name.startswith("wish-")
    }
    best = max(by_name, key=lambda each: by_name[each], default="")
    return WishReading(best, by_name.get(best, 0.0), "the classifier") if best else WishReading()


def _read(file: Path) -> Iterator[WishRule]:
    text = file.read_text("utf-8")
    chinese = bool(CHINESE.search(text))
    for wish, entry in tomli.loads(text).items():
        inside, whole = entry.get("inside", []), entry.get("whole", [])
        either = [edged(inside, chinese=chinese)] if inside else []
        either += [rf"^(?:{'|'.join(whole)})$"] if whole else []
        source = "|".join(either).replace(GAP, r" (?:\w+ ){0,3}")
        if not all(map(is_plain, (*inside, *whole))):
            try:
                re.compile(source)
            except re.error as error:
                raise RulesError(f"{file}: {wish}: {error}") from None
        yield WishRule(wish, source)


# Answers to what was just asked: a key, or yes and no as people type them.

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
