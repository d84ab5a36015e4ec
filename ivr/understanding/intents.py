"""What a text is about: from the names the classifier knows to the stops that answer, with confidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import tomli

from ivr.understanding.phrases import OFF_TOPIC

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


MOST_CHOICES = 3


@dataclass(frozen=True)
class IntentTable:
    """Which stop answers each intent, and why some stops are no intent's."""

    stops: dict[str, str]
    without_intent: dict[str, str]


@dataclass(frozen=True)
class Likely:
    """A stop, and how sure we are of it (0 to 1)."""

    stop: str
    confidence: float


def read_intents(file: Path) -> IntentTable:
    """Read `phrases/intents.toml`."""
    found = tomli.loads(file.read_text("utf-8"))
    return IntentTable(dict(found["stops"]), dict(found.get("without_intent", {})))


def rank_stops(table: IntentTable, names: Mapping[str, float]) -> tuple[Likely, ...]:
    """Rank the stops that may answer, likeliest first; intents of one stop add up."""
    found: dict[str, float] = {}
    for name, share in names.items():
        if stop := table.stops.get(name):
            found[stop] = found.get(stop, 0.0) + share
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Likely(stop, round(share, 3)) for stop, share in ranked)


def off_topic(names: Mapping[str, float]) -> float:
    """How likely it is that a text is about nothing that the line answers."""
    return names.get(OFF_TOPIC, 0.0)


# What the classifier makes of a text. Apart from it, so that a web process never loads its numbers.


@dataclass(frozen=True)
class Meaning:
    """The likeliest names with their probability, log-odds of danger, what read the text, its language."""

    names: dict[str, float] = field(default_factory=dict)
    danger: float = 0.0
    by: str = ""
    language: str = ""  # By letters alone; empty where nothing tells it.
