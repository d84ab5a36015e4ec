"""Wishes of a texter in a sentence: to be left alone, forgotten, called, told who this is. Rules, as data."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.understanding.text_cleaning import CHINESE, edged, fold

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
    pattern: re.Pattern[str]


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
    for wish, entry in tomllib.loads(text).items():
        inside, whole = entry.get("inside", []), entry.get("whole", [])
        either = [edged(inside, chinese=bool(CHINESE.search(text)))] if inside else []
        either += [rf"^(?:{'|'.join(whole)})$"] if whole else []
        yield WishRule(wish, re.compile("|".join(either).replace(" .. ", r" (?:\w+ ){0,3}")))
