"""Scenario files: who answers which telephone, and what goes wrong, as a rehearsal begins.

[people.victim-services]
number = "+19055464904"
does = ["does not answer", "accepts after 5, talks 20"]   # call by call; the last one stays
[faults]                              # any switch of the network
duplicate = "/voice"
[faults.callbacks.call]
late = 3.0
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import msgspec

from ivr.simulator.control import set_faults
from ivr.simulator.people import read_person

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.simulator.exchange import Exchange


class Part(msgspec.Struct, forbid_unknown_fields=True):
    """One person of a scenario: a number, and a habit for each call."""

    number: str
    does: str | list[str] = "accepts"

    @property
    def habits(self) -> list[str]:
        """The habits, call by call."""
        return [self.does] if isinstance(self.does, str) else self.does


class Scenario(msgspec.Struct, forbid_unknown_fields=True):
    """Who is there, and what goes wrong."""

    people: dict[str, Part] = {}
    faults: dict[str, Any] = {}


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file."""
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Scenario)


def stage(scenario: Scenario, exchange: Exchange) -> None:
    """Put the people of a scenario at their telephones, and turn its switches."""
    for name, part in scenario.people.items():
        exchange.people.put(part.number, *[read_person(words) for words in part.habits], name=name)
    set_faults(exchange.faults, scenario.faults)
