"""Who can be rung for a caller, as `config/agencies.toml` says it."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - msgspec reads it at run time
from typing import Literal

from msgspec import Struct, field


class Agency(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One agency: how it is rung, who runs it, when, in which languages, and when a person last checked."""

    number: str  # E.164: "+19055464904".
    run_by: str
    police: bool
    languages: tuple[str, ...]
    source: str  # Where the number was read: an id of config/facts.toml.
    hours: dict[str, str] | Literal["always"] = "always"  # {"mon": "08:30-17:00", "tue-fri": "08:30-16:00"}
    zone: str = "America/Toronto"
    closed: tuple[date, ...] = ()  # Holidays.
    lines: int = 1
    extension: str = ""  # Digits sent after it answers; "w" waits half a second.
    accept: Literal["press", "answer"] = "press"  # "answer": a switchboard of its own; nobody can press 1.
    on: bool = True
    last_dialled: str = ""  # "2026-11-30"; empty until a person has dialled it.
    last_dialled_by: str = ""  # Their initials.
    heard: str = ""  # What answered: "a person, named the service".
    rehearsed_on: str = ""  # The day on which its people were shown to press 1.
    transfer: bool = True  # False: spoken and texted, never rung.
    enforcement: bool = False  # Enforces a law: never named where callers speak of themselves.


class Directory(Struct, frozen=True, forbid_unknown_fields=True):
    """All agencies by name, and the orders in which they are rung."""

    agencies: dict[str, Agency] = field(default_factory=dict)
    orders: dict[str, tuple[str, ...]] = field(default_factory=dict)
