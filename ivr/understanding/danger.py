"""Danger now, by rules that a person can read: `danger.toml` of every language, always of all at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import tomli

from ivr.understanding.text_cleaning import CHINESE, edged, fold, is_plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KINDS = ("violence", "held", "suicide", "overdose", "medical")
GROUP = re.compile(r"<(\w+)>")
GAP = " .. "  # Between two parts of a pattern: up to three words.
NEGATIONS = re.compile(
    r"\b(?:(?:not|no|never|isnt|wasnt|arent|werent|nobody|without|nor|neither|didnt|doesnt|dont|hasnt|havent|wouldnt)"
    r"(?: \w+){0,2}|(?:pas|jamais|aucun|aucune|sans|ni)(?: de)?) $"
)
NEGATED_AFTER = re.compile(r" (?:pas|jamais|plus|pus|pu) ?(?!de|d)\b")  # "il me frappe pas"


class RulesError(Exception):
    """A file of rules cannot be used; whoever edits phrases must mend it."""


@dataclass(frozen=True)
class DangerRule:
    """One entry of the file: a pattern, its kind ("" calms) and its points."""

    kind: str
    points: int
    source: str  # Of the pattern.
    language: str = ""  # Whose file it stands in.

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The pattern, compiled when it is first needed: whoever checks files reads no text by them."""
        return re.compile(self.source)


@dataclass(frozen=True)
class DangerReading:
    """What the rules make of a text: the likeliest kind, points for danger and for calm, words seen."""

    kind: str = ""
    points: int = 0
    calm: int = 0
    seen: tuple[str, ...] = ()

    @property
    def score(self) -> int:
        """Points for danger less what calms."""
        return self.points - self.calm


def read_danger_rules(folder: Path) -> tuple[DangerRule, ...]:
    """Read the rules of every language that has any. RulesError names the file and the place."""
    return tuple(rule for file in sorted(folder.glob("*/danger.toml")) for rule in _read(file))


def read_danger(rules: tuple[DangerRule, ...], text: str) -> DangerReading:
    """Score one cleaned text. Points of one kind add up; kinds do not."""
    hay = _haystack(text)
    points: dict[str, int] = {}
    seen: list[str] = []
    for rule in rules:
        match = next(_unnegated(rule.pattern, hay), None) if rule.kind else rule.pattern.search(hay)
        if match:
            points[rule.kind] = points.get(rule.kind, 0) + rule.points
            seen.append(match[0] if rule.kind else f"calm: {match[0]}")
    calm = points.pop("", 0)
    kind = max(points, key=lambda each: points[each], default="")
    return DangerReading(kind, points.get(kind, 0), calm, tuple(dict.fromkeys(seen)))


def _haystack(text: str) -> str:
    """Give the folded words, then the pictures that stand in the text."""
    pictures = (c for c in text if ord(c) > 0x2600 and not c.isalnum())  # noqa: PLR2004 - where they begin
    return f"{fold(text)} {' '.join(pictures)}".strip()


def _unnegated(pattern: re.Pattern[str], hay: str) -> Iterator[re.Match[str]]:
    for match in pattern.finditer(hay):
        if not NEGATIONS.search(hay[: match.start()]) and not NEGATED_AFTER.match(hay, match.end()):
            yield match


def _read(file: Path) -> Iterator[DangerRule]:
    text = file.read_text("utf-8")
    try:
        found = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise RulesError(f"{file}: {error}") from None
    groups = {name: f"(?:{words})" for name, words in found.get("groups", {}).items()}
    chinese = bool(CHINESE.search(text))
    plain = all(map(is_plain, groups.values()))
    for place in ("danger", "calm"):
        for number, entry in enumerate(found.get(place, []), 1):
            kind = entry.get("kind", "")
            if place == "danger" and kind not in KINDS:
                raise RulesError(f"{file}: danger {number}: kind {kind!r} is none of {', '.join(KINDS)}")
            each = _patterns(file, f"{place} {number}", entry["any"], groups)
            source = edged(each, chinese=chinese)
            # The names of groups stand for what was looked at above.
            if not plain or not all(map(is_plain, entry["any"])):
                _try(file, f"{place} {number}", source, each)
            yield DangerRule(kind, int(entry["points"]), source, file.parent.name)


def _patterns(file: Path, place: str, patterns: list[str], groups: dict[str, str]) -> list[str]:
    """Put groups and gaps into the patterns of an entry."""
    try:
        named = [GROUP.sub(lambda name: groups[name[1]], pattern) for pattern in patterns]
    except KeyError as error:
        raise RulesError(f"{file}: {place}: no group is called {error}") from None
    return [pattern.replace(GAP, r" (?:\w+ ){0,3}") for pattern in named]


def _try(file: Path, place: str, source: str, each: list[str]) -> None:
    """Compile the pattern of an entry that may be none."""
    try:
        re.compile(source)
    except re.error:
        raise RulesError(f"{file}: {place}: {_first_fault(each)}") from None


def _first_fault(patterns: list[str]) -> str:
    """Name the pattern that cannot be compiled: one by one only now, as it takes as long again."""
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            return f"{pattern!r}: {error}"
    return "the patterns cannot stand side by side"
