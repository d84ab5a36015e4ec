"""Who can be rung for a caller, as `config/agencies.toml` says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date  # noqa: TC003 - pydantic reads it at run time
from typing import Literal

from pydantic import StrictBool, StrictInt  # noqa: TC002 - pydantic reads it at run time


@dataclass(frozen=True, kw_only=True)
class Agency:
    """One agency: how it is rung, who runs it, when, in which languages, and when a person last checked."""

    number: str  # E.164: "+19055464904".
    run_by: str
    police: StrictBool
    languages: tuple[str, ...]
    source: str  # Where the number was read: an id of config/facts.toml.
    hours: dict[str, str] | Literal["always"] = "always"  # {"mon": "08:30-17:00", "tue-fri": "08:30-16:00"}
    zone: str = "America/Toronto"
    closed: tuple[date, ...] = ()  # Holidays.
    lines: StrictInt = 1
    extension: str = ""  # Digits sent after it answers; "w" waits half a second.
    accept: Literal["press", "answer"] = "press"  # "answer": a switchboard of its own; nobody can press 1.
    on: StrictBool = True
    last_dialled: str = ""  # "2026-11-30"; empty until a person has dialled it.
    last_dialled_by: str = ""  # Their initials.
    heard: str = ""  # What answered: "a person, named the service".
    rehearsed_on: str = ""  # The day on which its people were shown to press 1.
    transfer: StrictBool = True  # False: spoken and texted, never rung.
    enforcement: StrictBool = False  # Enforces a law: never named where callers speak of themselves.


@dataclass(frozen=True)
class Directory:
    """All agencies by name, and the orders in which they are rung."""

    agencies: dict[str, Agency] = field(default_factory=dict)
    orders: dict[str, tuple[str, ...]] = field(default_factory=dict)
