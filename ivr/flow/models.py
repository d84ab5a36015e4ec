"""What a flow is made of, as the files in `config/` and `prompts/` declare it: stops, words, patience."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ivr.agencies import Directory


YES, NO = "1", "2"
# What the line is: its languages, its patience, how long it keeps what, as `config/line.toml` says it.


class VoiceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How a language is spoken."""

    voice: str
    code: str
    words_per_minute: int


class TimeLimits(Struct, frozen=True, forbid_unknown_fields=True):
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


class SweepSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether Twilio's own records of calls and texts are deleted, and if not, why."""

    on: bool = True
    why_off: str = ""


class LineFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`config/line.toml`."""

    name: str
    languages: dict[str, VoiceSettings]
    patience: TimeLimits
    retention: Retention
    sweep: SweepSettings = SweepSettings()
    zone: str = "America/Toronto"  # Where days and hours are counted.


# Where each fact was read and who checked it, and which stop carries what the line was asked to carry.


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


TOPICS = ("1", "2", "3")  # What a waiting caller may let us tell the agency, if they agree to.


class LanguageStop(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="language", kw_only=True
):
    """The caller chooses a language: key 1 for the first of the line, 2 for the second…."""

    next: str


class MenuStop(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="menu", kw_only=True):
    """The caller chooses where to go."""

    options: dict[str, str]


class MessageStop(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="message", kw_only=True
):
    """The caller is told something, then chooses where to go."""

    options: dict[str, str] = field(default_factory=dict)
    held: bool = False  # A texter is asked whether it is safe to read, before it is sent.
    facts: tuple[str, ...] = ()
    no_facts: str = ""  # Why there are none.
    does: Literal["", "text-numbers"] = ""


class ChecklistStop(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="checklist", kw_only=True
):
    """Questions answered yes or no, one by one; counted in the position and nowhere else."""

    results: dict[str, str]  # From how many yes on -> stop.
    facts: tuple[str, ...] = ()
    no_facts: str = ""  # Why there are none.

    def result(self, yes: int) -> str:
        """Name the stop that a number of yes leads to."""
        reached = [int(least) for least in self.results if int(least) <= yes]
        return self.results[str(max(reached, default=min(map(int, self.results))))]


class ConsentStop(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="consent", kw_only=True
):
    """The caller is asked whether a text is safe. Without a yes they are back where they came from."""

    yes: str


class TransferStop(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="transfer", kw_only=True
):
    """The caller consents to an order in which agencies are rung."""

    orders: dict[str, str]


class GoodbyeStop(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="goodbye", kw_only=True
):
    """Words, and the call is over."""


Stop = LanguageStop | MenuStop | MessageStop | ChecklistStop | ConsentStop | TransferStop | GoodbyeStop


class Menus(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`config/menus.toml`."""

    start: str
    home: str
    person: str
    leave: str
    over: str
    unreached: str
    stops: dict[str, Stop]
    private: tuple[
        str, ...
    ] = ()  # Where callers speak of themselves: nobody who enforces is named from here on.


class Lines(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[lines]` of a prompts file: words that belong to no single stop."""

    choose_language: str
    choice: str
    person_key: str
    leave_key: str
    after: str
    not_understood: str
    nothing_heard: str
    cannot_press: str
    yes_no: str
    no_name: str
    ringing: str
    ringing_answer: str
    next_line: str
    whisper: str
    whisper_more: str
    whisper_accepted: str
    whisper_declined: str
    taken: str
    language_name: str
    safe_to_read: str
    text_choice: str
    text_keys: str
    help: str
    numbers_text: str
    not_rung: str
    not_texted: str
    cannot_text: str
    fixed_sorry: str
    fixed_numbers: str
    fixed_press: str
    fixed_wait: str
    fixed_thanks: str
    fixed_text: str
    wait_first: str
    wait_on: str
    wait_briefing: str
    wait_offer: str
    wait_offer_briefing: str
    joining: str
    topic_ask: str
    topic_1: str
    topic_2: str
    topic_3: str
    whisper_topic: str
    call_ask: str
    call_rings: str
    call_continue: str
    call_cannot: str
    erased: str


class StopWords(Struct, frozen=True, forbid_unknown_fields=True):
    """The words of one stop."""

    say: str = ""
    text: str = ""
    offer: str = ""
    label: str = ""
    questions: tuple[str, ...] = ()


class OrderWords(Struct, frozen=True, forbid_unknown_fields=True):
    """How an order of agencies is offered."""

    offer: str
    label: str = ""


class AgencyWords(Struct, frozen=True, forbid_unknown_fields=True):
    """What an agency is called, and who runs it."""

    name: str
    who: str = ""  # Said before it is rung.


class Style(Struct, frozen=True, forbid_unknown_fields=True):
    """Words that nobody is to hear ("rescu*": any ending), and the names in which they may stand."""

    banned: str = ""
    names: str = ""


class Prompts(Struct, frozen=True, forbid_unknown_fields=True):
    """`prompts/<language>.toml`."""

    lines: Lines
    stops: dict[str, StopWords]
    orders: dict[str, OrderWords]
    agencies: dict[str, AgencyWords]
    style: Style = Style()
    reviewed_by: str = ""  # Who read it all as one who speaks it; empty until somebody has.
    reviewed_on: str = ""


class Keywords(Struct, frozen=True, forbid_unknown_fields=True):
    """`config/keywords.toml`: words of a text -> what they mean."""

    wishes: dict[str, tuple[str, ...]]
    stops: dict[str, dict[str, tuple[str, ...]]]
    languages: dict[str, tuple[str, ...]]
    tongues: dict[str, tuple[str, ...]] = field(default_factory=dict)  # Language -> wishes that are in it.


@dataclass(frozen=True, eq=False)  # Compared by identity, so that what is drawn from it can be kept.
class Flow:
    """Everything that decides what is heard next."""

    menus: Menus
    prompts: Mapping[str, Prompts]
    line: LineFile
    directory: Directory
    keywords: Keywords
    facts: Facts = NO_FACTS
    coverage: Coverage = NO_COVERAGE

    @property
    def stops(self) -> Mapping[str, Stop]:
        """Every stop by name."""
        return self.menus.stops

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the line, in the order of their keys."""
        return tuple(self.line.languages)
