"""How sure is sure: `phrases/thresholds.toml`, found by training on the phrases alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import tomli

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LETTERS_ALONE, MEANING = "letters", "meaning"  # The tables: what reads texts.
# How sure is sure differs by language: some have many phrases, and encoders know some better.
OF_A_LANGUAGE = ("danger_first", "danger_second", "danger_clear", "wish", "sure", "lost")
MOST_POINTS = 6  # More points of the rules than this say nothing more.
SMALLEST_SHARE = 0.005  # The classifier does not tell names that are less likely.


@dataclass(frozen=True)
class Thresholds:
    """How sure is sure: `phrases/thresholds.toml`, found by training on the phrases alone."""

    danger_meaning: float  # How much the classifier's log-odds of danger count,
    danger_names: float  # those of all kinds of danger together,
    danger_sounds: float  # those of only sounding like it (less),
    danger_points: float  # a point of the rules,
    danger_calm: float  # a point that calms,
    danger_bias: float  # and what is added.
    danger_first: float  # From this probability on the answer is 911 at once,
    danger_second: float  # and from this on it begins with a sentence that names 911.
    points_first: int  # The same for the rules alone, where the classifier does not answer.
    points_second: int
    wish: float
    sure: float
    choice: float  # A stop that is less likely is not offered.
    lost: float  # Off-topic that is so many times as likely as the first stop is lost.
    danger_clear: float = 0.0  # An unsure or lost answer names 911 first, but for a text below this.


@dataclass(frozen=True)
class ThresholdTable:
    """The thresholds of one way to read texts: those of each language that has its own, and of any other."""

    other: Thresholds
    by_language: Mapping[str, Thresholds]

    def of(self, language: str) -> Thresholds:
        """Give those for a text in a language; "" where nothing tells it."""
        return self.by_language.get(language, self.other)


def read_thresholds(file: Path) -> dict[str, ThresholdTable]:
    """Read `phrases/thresholds.toml`."""
    tables = tomli.loads(file.read_text("utf-8"))
    return {way: _read_table(table) for way, table in tables.items()}


def write_thresholds(file: Path, limits: Mapping[str, ThresholdTable]) -> None:
    """Write them back, below the comments that stand first."""
    lines = [line for line in file.read_text("utf-8").splitlines() if line.startswith("#")]
    for way, table in limits.items():
        lines += _table_lines(way, asdict(table.other))
        for language, own in table.by_language.items():
            lines += _table_lines(f"{way}.{language}", {name: getattr(own, name) for name in OF_A_LANGUAGE})
    file.write_text("\n".join(lines) + "\n", "utf-8")


def _read_table(table: Mapping[str, Any]) -> ThresholdTable:
    other = Thresholds(**{name: value for name, value in table.items() if not isinstance(value, dict)})
    own = {language: value for language, value in table.items() if isinstance(value, dict)}
    return ThresholdTable(other, {language: replace(other, **values) for language, values in own.items()})


def _table_lines(name: str, values: Mapping[str, float]) -> list[str]:
    return ["", f"[{name}]", *(f"{key} = {value}" for key, value in values.items())]
