"""How sure is sure: `phrases/thresholds.toml`, found by training on the phrases alone."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LETTERS_ALONE, MEANING = "letters", "meaning"  # The tables: what reads texts.
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


def read_thresholds(file: Path) -> dict[str, Thresholds]:
    """Read `phrases/thresholds.toml`."""
    return {way: Thresholds(**limits) for way, limits in tomllib.loads(file.read_text("utf-8")).items()}


def write_thresholds(file: Path, limits: Mapping[str, Thresholds]) -> None:
    """Write them back, below the comments that stand first."""
    head = [line for line in file.read_text("utf-8").splitlines() if line.startswith("#")]
    tables = (
        [f"\n[{way}]", *(f"{name} = {value}" for name, value in asdict(each).items())]
        for way, each in limits.items()
    )
    file.write_text("\n".join([*head, *(line for table in tables for line in table)]) + "\n", "utf-8")
