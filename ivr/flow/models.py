"""What a flow is made of, as the files in `config/` and `prompts/` declare it: stops, prompts, time limits.

Each class is a table of a file, and `flow.loader` validates the file against it: an unknown field is a fault,
a field without a default must be there. Numbers and booleans are strict: "8" is not 8.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from ivr.transfer.time_limits import TimeLimits  # noqa: TC001 - pydantic reads it at run time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ivr.agencies import Directory


YES, NO = "1", "2"


# `config/line.toml`: languages, time limits, retention.


@dataclass(frozen=True)
class LanguageSettings:
    """How a language is spoken and written: `[languages.xx]`."""

    voice: str = ""  # One of Twilio's; without one the language is there for texts alone.
    code: str = ""  # The locale in which Twilio's voice speaks.
    words_per_minute: StrictInt = 150
    name: str = ""  # What its speakers call it.
    speech: str = ""  # The locale in which spoken words are made out; none: keys alone.
    direction: Literal["ltr", "rtl"] = "ltr"
    stand_in: str = ""  # Of a language without a voice: the one in which its callers are spoken to meanwhile.
    most_segments: StrictInt = 3  # Of one text.
    plain_letters: StrictBool = False  # Whether a text that is too long is sent without accents.
    on: StrictBool = True  # Whether callers and texters are offered it.


@dataclass(frozen=True)
class Retention:
    """How long the log is kept."""

    rows_days: StrictInt
    counts_months: StrictInt


@dataclass(frozen=True)
class SweepSettings:
    """Whether Twilio's own records of calls and texts are deleted, and if not, why."""

    on: StrictBool = True
    why_off: str = ""


@dataclass(frozen=True)
class SpeechInput:
    """Whether callers may say what they want, beside pressing a key."""

    on: StrictBool = False
    danger: str = ""  # The stop that whoever speaks of danger hears at once.


@dataclass(frozen=True)
class UnitedStates:
    """Whether carriers there know our number: without that they block its texts."""

    registered: StrictBool = False
    registration: str = ""  # By what, and since when.


@dataclass(frozen=True)
class ServiceTargets:
    """What whoever runs the line wants to reach, in percent of all who asked for a person."""

    reached: StrictInt = 80  # Reached one.
    within_30: StrictInt = 80  # Reached one within half a minute of asking.


@dataclass(frozen=True, kw_only=True)
class PublishingRules:
    """Who may publish prompts and phrases on the console."""

    second_approver: StrictBool = False  # Whether it must be another than who wrote them.


@dataclass(frozen=True)
class LineFile:
    """`config/line.toml`."""

    name: str
    languages: dict[str, LanguageSettings]
    patience: TimeLimits
    retention: Retention
    sweep: SweepSettings = SweepSettings()
    united_states: UnitedStates = UnitedStates()
    speech: SpeechInput = SpeechInput()
    targets: ServiceTargets = ServiceTargets()
    publishing: PublishingRules = PublishingRules()
    zone: str = "America/Toronto"  # Where days and hours are counted.
    numbers: dict[str, str] = field(default_factory=dict)  # Language -> the number that begins in it.


# Where each fact was read and who checked it, and which stop carries what the line was asked to carry.


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One source: what it supports, where it is, how good it is, and when a person last read it."""

    supports: str
    address: str
    seen: str  # The date that the page shows, or "undated".
    confidence: Literal["H", "M", "L", "U"]
    checked_on: str = ""  # "2026-11-30"; empty until a person has read it and agreed.
    checked_by: str = ""  # Initials.
    city: str = ""  # Whose services it tells of; empty: it holds in the whole province or country.


@dataclass(frozen=True)
class Facts:
    """`config/facts.toml`: every source by its id."""

    facts: dict[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Covered:
    """One thing that the line was asked to say: the stops that carry it, or why none does."""

    what: str
    stops: tuple[str, ...] = ()
    why: str = ""
    heard: dict[str, str] = field(
        default_factory=dict
    )  # Language -> words of the sentence, at the first stop.


@dataclass(frozen=True)
class Coverage:
    """`config/coverage.toml`: each paper that the line was built from, and where its parts are heard."""

    papers: dict[str, tuple[Covered, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """`config/place.toml`: what the place and its services are called, by a short name, then by language."""

    names: dict[str, dict[str, str]] = field(default_factory=dict)
    anywhere: tuple[str, ...] = ()  # Names, and agencies, that are the same for a line of any city.
    roles: tuple[str, ...] = ()  # Names and agencies that every city has, each its own.
    elsewhere: tuple[str, ...] = ()  # Words of another place, which no longer may stand anywhere.

    def name(self, key: str, language: str) -> str:
        """Give a name in a language, or in the first in which it was written. KeyError: there is none."""
        written = self.names[key]
        return written.get(language) or next(iter(written.values()), "")


NO_FACTS, NO_COVERAGE, NO_PLACE = Facts(), Coverage(), Place()


TOPICS = ("1", "2", "3")  # What a waiting caller may let us tell the agency, if they agree to.


@dataclass(frozen=True, kw_only=True)
class LanguageStop:
    """The caller chooses a language, by its key: see `language_choice`."""

    kind: Literal["language"] = "language"
    next: str
    first: StrictInt = 2  # How many languages the first words are in; the next key leads to all others.


@dataclass(frozen=True, kw_only=True)
class MenuStop:
    """The caller chooses where to go."""

    kind: Literal["menu"] = "menu"
    options: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class MessageStop:
    """The caller is told something, then chooses where to go."""

    kind: Literal["message"] = "message"
    options: dict[str, str] = field(default_factory=dict)
    held: StrictBool = False  # A texter is asked whether it is safe to read, before it is sent.
    facts: tuple[str, ...] = ()
    no_facts: str = ""  # Why there are none.
    does: Literal["", "text-numbers"] = ""


@dataclass(frozen=True, kw_only=True)
class ChecklistStop:
    """Questions answered yes or no, one by one; counted in the position and nowhere else."""

    kind: Literal["checklist"] = "checklist"
    options: dict[str, str] = field(default_factory=dict)  # For texters, who read all questions at once.
    results: dict[str, str]  # From how many yes on -> stop.
    facts: tuple[str, ...] = ()
    no_facts: str = ""  # Why there are none.

    def result(self, yes: int) -> str:
        """Name the stop that a number of yes leads to."""
        reached = [int(least) for least in self.results if int(least) <= yes]
        return self.results[str(max(reached, default=min(map(int, self.results))))]


@dataclass(frozen=True, kw_only=True)
class ConsentStop:
    """The caller is asked whether a text is safe. Without a yes they are back where they came from."""

    kind: Literal["consent"] = "consent"
    yes: str


@dataclass(frozen=True, kw_only=True)
class TransferStop:
    """The caller consents to an order in which agencies are rung."""

    kind: Literal["transfer"] = "transfer"
    orders: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class GoodbyeStop:
    """Words, and the call is over."""

    kind: Literal["goodbye"] = "goodbye"


Stop = Annotated[
    LanguageStop | MenuStop | MessageStop | ChecklistStop | ConsentStop | TransferStop | GoodbyeStop,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, kw_only=True)
class Menus:
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
    slower: str = ""  # The menu that names the key for slower speech.
    urgent: tuple[str, ...] = ()  # A text that asks for one of these is answered however many came before.


@dataclass(frozen=True, kw_only=True)
class Lines:
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
    whisper_accepted_unknown: str  # Of a caller who has chosen no language.
    whisper_declined: str
    taken: str
    gone: str
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
    topic_unknown: str
    topic_thanks: str
    call_ask: str
    call_rings: str
    call_continue: str
    call_cannot: str
    erased: str
    text_911: str
    text_danger: str
    text_suicide: str
    text_overdose: str
    text_medical: str
    text_unsure: str
    text_lost: str
    text_who: str
    text_wrong_number: str
    text_nobody: str
    text_ring: str
    text_no_ring: str
    text_interpreters: str
    say_or_press: str = ""  # Only where the line takes spoken words.
    slower_key: str = ""  # Only where a menu names the key for slower speech.
    # Only a line with more languages than its first words name needs these.
    other_languages: str = ""
    back_key: str = ""
    no_voice: str = ""
    text_languages: str = ""


@dataclass(frozen=True)
class StopWords:
    """The words of one stop."""

    say: str = ""
    text: str = ""
    offer: str = ""
    label: str = ""
    questions: tuple[str, ...] = ()


@dataclass(frozen=True)
class OrderWords:
    """How an order of agencies is offered."""

    offer: str
    label: str = ""


@dataclass(frozen=True)
class AgencyWords:
    """What an agency is called, and who runs it."""

    name: str
    who: str = ""  # Said before it is rung.


@dataclass(frozen=True)
class Style:
    """Words that nobody is to hear ("rescu*": any ending), and the names in which they may stand."""

    banned: str = ""
    names: str = ""


@dataclass(frozen=True)
class Prompts:
    """`prompts/<language>.toml`."""

    lines: Lines
    stops: dict[str, StopWords]
    orders: dict[str, OrderWords]
    agencies: dict[str, AgencyWords]
    languages: dict[str, str] = field(default_factory=dict)  # What this language calls each of the line's.
    style: Style = Style()
    reviewed_by: str = ""  # Who read it all as one who speaks it; empty until somebody has.
    reviewed_on: str = ""
    draft: StrictBool = False  # Until somebody who speaks the language has reviewed it.
    translator: str = ""  # Who put it into this language.
    tested_with: StrictInt = 0  # How many people who speak it have tried the line in it.

    @cached_property
    def by_place(self) -> tuple[tuple[str, str], ...]:
        """Each text with its place, as `every_prompt` gives them: many rules go through all of them."""
        return tuple(_every_prompt(self, ""))


def every_prompt(part: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Give each text of a prompts file, or of a part of it, with its place, as in `stops.law.say`.

    The only walk over prompts: in the order of the classes above, empty texts included.
    """
    return iter(part.by_place) if isinstance(part, Prompts) and not place else _every_prompt(part, place)


def _every_prompt(part: object, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(part, str):
        yield place, part
        return
    above = f"{place}." if place else ""
    for name, value in _parts(part):
        here = f"{above}{name}".strip(".")
        if isinstance(value, str):
            yield here, value
        else:
            yield from _every_prompt(value, here)


def _parts(part: object) -> Iterable[tuple[object, object]]:
    match part:
        case dict():
            return part.items()
        case tuple():
            return enumerate(part, 1)
        case _ if is_dataclass(part):
            return ((each.name, getattr(part, each.name)) for each in fields(part))
        case _:
            return ()


@dataclass(frozen=True)
class Keywords:
    """`config/keywords.toml`: words of a text -> what they mean."""

    wishes: dict[str, tuple[str, ...]]
    stops: dict[str, dict[str, tuple[str, ...]]]
    languages: dict[str, tuple[str, ...]]
    tongues: dict[str, tuple[str, ...]] = field(default_factory=dict)  # Language -> wishes that are in it.
    yes: tuple[str, ...] = ()  # Words that answer "1" to what was just asked, and only then.


@dataclass(frozen=True, kw_only=True)
class Interpreters:
    """`config/interpreters.toml`: one sentence in languages that the line does not speak."""

    words: dict[str, str] = field(default_factory=dict)


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
    place: Place = NO_PLACE
    interpreters: Mapping[str, str] = field(default_factory=dict)  # By a language that the line lacks.
    notice: Mapping[str, str] = field(
        default_factory=dict
    )  # Language -> what operators have said for a time.
    recordings: frozenset[tuple[str, str]] = frozenset()  # (language, place): each is played for its words.
    recorded: frozenset[str] = frozenset()  # Languages without a voice of which nothing is left to record.

    @property
    def stops(self) -> Mapping[str, Stop]:
        """Every stop by name."""
        return self.menus.stops

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The languages of the line that are switched on, in the order of their keys."""
        return tuple(language for language, each in self.line.languages.items() if each.on)

    @cached_property
    def synthetic(self) -> tuple[str, ...]:
        """Those of its languages that Twilio has a voice for: any words can be said in them."""
        return tuple(language for language in self.languages if self.line.languages[language].voice)

    @cached_property
    def voiced(self) -> tuple[str, ...]:
        """Those of its languages that callers are spoken to in: by a voice, or by recordings alone."""
        by_recordings = self.recorded
        return tuple(each for each in self.languages if each in self.synthetic or each in by_recordings)

    def language_of(self, number: str) -> str:
        """Name the language that a number of the line is bound to; empty where it is bound to none."""
        bound = (language for language, own in self.line.numbers.items() if own == number)
        return next((language for language in bound if language in self.languages), "")

    @cached_property
    def first_languages(self) -> tuple[str, ...]:
        """Those in which a caller or texter is spoken to before theirs is known.

        All of a line with one more than its first words are meant to hold: a key for one other is no shorter.
        Each has a voice, which also says what no recording can: that a part of the line is gone.
        """
        start = self.menus.stops.get(self.menus.start)
        most = start.first if isinstance(start, LanguageStop) else 1
        spoken = self.synthetic
        return spoken if spoken == self.languages[: most + 1] == self.languages else spoken[:most]

    def speaks(self, language: str) -> tuple[str, ...]:
        """Give the languages in which a caller of a language is spoken to: their own, if it can be."""
        return (language,) if language in self.voiced else self.stands_in(language)

    def stands_in(self, language: str) -> tuple[str, ...]:
        """Give the languages whose voice says to a caller of a language what was written a moment ago."""
        if language in self.synthetic:
            return (language,)
        known = self.line.languages.get(language)
        return (known.stand_in,) if known and known.stand_in in self.synthetic else self.first_languages
