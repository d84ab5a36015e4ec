"""What the classifier makes of a text. Apart from it, so that a web process never loads its numbers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Meaning:
    """The likeliest names with their probability, log-odds of danger, what read the text, its language."""

    names: dict[str, float] = field(default_factory=dict)
    danger: float = 0.0
    by: str = ""
    language: str = ""  # By letters alone; empty where nothing tells it.
