"""Where each fact was read and who checked it, and which stop carries what the line was asked to carry."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field


class Fact(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One source: what it supports, where it is, how good it is, and when a person last read it."""

    supports: str
    address: str
    seen: str  # The date that the page shows, or "undated".
    confidence: Literal["H", "M", "L", "U"]
    checked_on: str = ""  # "2026-11-30"; empty until a person has read it and agreed.
    checked_by: str = ""  # Initials.


class Facts(Struct, frozen=True, forbid_unknown_fields=True):
    """`config/facts.toml`: every source by its id."""

    facts: dict[str, Fact] = field(default_factory=dict)


class Covered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that the line was asked to say: the stops that carry it, or why none does."""

    what: str
    stops: tuple[str, ...] = ()
    why: str = ""


class Coverage(Struct, frozen=True, forbid_unknown_fields=True):
    """`config/coverage.toml`: each paper that the line was built from, and where its parts are heard."""

    papers: dict[str, tuple[Covered, ...]] = field(default_factory=dict)


NO_FACTS, NO_COVERAGE = Facts(), Coverage()
