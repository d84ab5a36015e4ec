"""What the line is: its languages, its patience, how long it keeps what, as `config/line.toml` says it."""

from __future__ import annotations

from msgspec import Struct


class Voice(Struct, frozen=True, forbid_unknown_fields=True):
    """How a language is spoken."""

    voice: str
    code: str
    words_per_minute: int


class Patience(Struct, frozen=True, forbid_unknown_fields=True):
    """How long, in seconds, the line waits for what."""

    key: int
    cannot_press: int
    ring: int
    whisper: int
    reach: int


class Retention(Struct, frozen=True, forbid_unknown_fields=True):
    """How long the log is kept."""

    rows_days: int
    counts_months: int


class Sweep(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether Twilio's own records of calls and texts are deleted, and if not, why."""

    on: bool = True
    why_off: str = ""


class LineFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`config/line.toml`."""

    name: str
    languages: dict[str, Voice]
    patience: Patience
    retention: Retention
    sweep: Sweep = Sweep()
    zone: str = "America/Toronto"  # Where days and hours are counted.
