"""The parts of a line, played: they keep what they were given."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivr.effects import Effect, Entry


@dataclass
class NotedJournal:
    entries: list[Entry] = field(default_factory=list)

    def write(self, entry: Entry) -> None:
        self.entries.append(entry)


@dataclass
class SentTexts:
    texts: list[tuple[str, str]] = field(default_factory=list)

    def text(self, number: str, words: str) -> None:
        self.texts.append((number, words))


@dataclass
class KeptEffects:
    effects: list[Effect] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)

    def put(self, effect: Effect, number: str = "") -> None:
        self.effects.append(effect)
        self.numbers[effect.call] = number

    def take_number(self, call: str) -> str:
        return self.numbers.pop(call, "")


ENVIRONMENT = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "12345",
    "TWILIO_PHONE_NUMBER": "+12895550100",
    "PUBLIC_URL": "https://line.example",
    "SECRET_KEY": "a long secret that only the tests of this line know",
    "IVR_CONFIG": "config",
    "IVR_PROMPTS": "prompts",
    "PATH": os.environ.get("PATH", ""),
}
