"""What `config/line.toml` says: languages, time limits and their relations, retention, sweep, clock."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.flow.loader import LINE, Fault, prompts_file
from ivr.flow.models import MessageStop, Retention
from ivr.hours import HoursError, zone
from ivr.phone_numbers import why_not
from ivr.transfer.time_limits import GRACE, LONGEST_DOCUMENT, OFFER_SECONDS, RING_BUFFER, SHORTEST_RING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ivr.flow.models import Flow, LanguageSettings

SLOWEST, FASTEST = 60, 300  # Words a minute.
MOST_SEGMENTS = 3  # Of a text in any language.
VOICES_FILE = Path(__file__).with_name("twilio_voices.toml")


@cache
def twilio_names() -> Mapping[str, frozenset[str]]:
    """Read which voices and locales Twilio has: `voices`, `codes` of those, `speech` that it understands."""
    read = tomllib.loads(VOICES_FILE.read_text("utf-8"))
    return {kind: frozenset(names.split()) for kind, names in read.items()}


def wrong_languages(flow: Flow) -> Iterator[Fault]:
    """Find a line that speaks no language, or whose first ones have no voice."""
    if not flow.languages:
        yield Fault(LINE, "languages", "declares no language; declare at least one, such as [languages.en]")
    for language in flow.languages[:1]:
        if language not in flow.synthetic:
            mend = "has no voice, and is the first of the line; give it one, or put another first"
            yield Fault(LINE, f"languages.{language}.voice", mend)


def wrong_voices(flow: Flow) -> Iterator[Fault]:
    """Find voices that Twilio does not have, or whose pace cannot be, and wrong stand-ins."""
    for language, settings in flow.line.languages.items():
        place = f"languages.{language}"
        if not SLOWEST <= settings.words_per_minute <= FASTEST:
            mend = f"is no pace of speech; write {SLOWEST} to {FASTEST} words a minute"
            yield Fault(LINE, f"{place}.words_per_minute", mend)
        if not 1 <= settings.most_segments <= MOST_SEGMENTS:
            yield Fault(LINE, f"{place}.most_segments", f"is not 1 to {MOST_SEGMENTS}; a text stays short")
        if settings.stand_in and settings.stand_in not in flow.synthetic:
            mend = f"is '{settings.stand_in}', which has no voice here; name a language that has one"
            yield Fault(LINE, f"{place}.stand_in", mend)
        yield from _unknown_names(place, settings)


def _unknown_names(place: str, settings: LanguageSettings) -> Iterator[Fault]:
    known = twilio_names()
    if settings.voice and settings.voice not in known["voices"]:
        mend = f"'{settings.voice}' is no voice of Twilio's; write one such as Polly.Joanna-Neural"
        yield Fault(LINE, f"{place}.voice", mend)
    if settings.voice and settings.code not in known["codes"]:
        mend = f"'{settings.code}' is no locale of Twilio's voices; write one such as en-US"
        yield Fault(LINE, f"{place}.code", mend)
    if settings.speech and settings.speech not in known["speech"]:
        mend = f"'{settings.speech}' is no locale that Twilio understands; write one such as en-CA"
        yield Fault(LINE, f"{place}.speech", mend)


def wrong_names(flow: Flow) -> Iterator[Fault]:
    """Find languages that are called one thing here and another in their prompts."""
    for language, words in flow.prompts.items():
        here, there = flow.line.languages[language].name, words.lines.language_name
        if here and here.casefold() != there.casefold():
            mend = f"is '{here}', and its prompts say '{there}'; write one name in both"
            yield Fault(LINE, f"languages.{language}.name", mend)


def wrong_numbers(flow: Flow) -> Iterator[Fault]:
    """Find numbers of the line that are none, are bound twice, or to a language that it does not have."""
    bound: dict[str, str] = {}
    for language, number in flow.line.numbers.items():
        place = f"numbers.{language}"
        if language not in flow.line.languages:
            yield Fault(
                LINE, place, f"'{language}' is not a language of this file; declare [languages.{language}]"
            )
        elif language not in flow.languages:
            mend = "is bound to a language that is off: it would be answered as any number; take it out"
            yield Fault(LINE, place, mend)
        if why := why_not(number):
            yield Fault(LINE, place, f"'{number}' {why}; write it like +12895550123")
        elif (other := bound.setdefault(number, language)) != language:
            yield Fault(LINE, place, f"is bound to '{other}' already; a number begins in one language")
        elif number in (agency.number for agency in flow.directory.agencies.values()):
            yield Fault(LINE, place, "is the number of an agency; write one of the line's own")


def wrong_speech(flow: Flow) -> Iterator[Fault]:
    """Find a line that takes spoken words and lacks what that needs."""
    speech = flow.line.speech
    if not speech.on:
        return
    if not isinstance(flow.stops.get(speech.danger), MessageStop):
        yield Fault(LINE, "speech.danger", "is no message; name the stop that says whom to call in danger")
    spoken = [name for name, voice in flow.line.languages.items() if voice.speech]
    if not spoken:
        mend = "is true, and no language has a locale for it; write its speech, such as en-CA"
        yield Fault(LINE, "speech.on", mend)
    for language in spoken:
        if not flow.prompts[language].lines.say_or_press.strip():
            mend = "is empty, and spoken words are taken; tell callers that keys are more private"
            yield Fault(prompts_file(language), "lines.say_or_press", mend)


# How long the line waits for what: `[patience]`.


SHORTEST_WAIT = 8  # Seconds for a key.
LONGEST_RING = 20  # As it is heard: most voicemail answers later.
LONGEST_WHISPER = 30  # A person who took up the receiver has heard "press 1" twice by then.
LONGEST_CHOICE = 60  # Promised: within a minute of asking, a person or a choice.
LONGEST_SEARCH = 300  # A queue is no place to spend an evening.


def wrong_time_limits(flow: Flow) -> Iterator[Fault]:
    """Find a limit that is too short for a caller, or longer than what is promised to them."""
    limits = flow.line.patience
    if limits.key < SHORTEST_WAIT:
        yield Fault(LINE, "patience.key", f"is too short; wait at least {SHORTEST_WAIT} s for a key")
    if limits.cannot_press < 1:
        yield Fault(LINE, "patience.cannot_press", "leaves no time to hang up; write 6 or so")
    if limits.whisper < 1:
        yield Fault(LINE, "patience.whisper", "leaves no time to press a key; write 20 or so")
    if limits.whisper > LONGEST_WHISPER:
        yield Fault(LINE, "patience.whisper", f"is more than {LONGEST_WHISPER}; the caller waits meanwhile")
    if not SHORTEST_RING <= limits.ring <= LONGEST_RING - RING_BUFFER:
        mend = f"must be {SHORTEST_RING} to {LONGEST_RING - RING_BUFFER}: Twilio rings {RING_BUFFER} s more"
        yield Fault(LINE, "patience.ring", mend)
    if not 1 <= limits.reach <= LONGEST_CHOICE:
        mend = f"must be 1 to {LONGEST_CHOICE}: so long may all rings take together"
        yield Fault(LINE, "patience.reach", mend)
    if not 1 <= limits.choice <= LONGEST_CHOICE:
        mend = f"must be 1 to {LONGEST_CHOICE}: a caller is promised a person or a choice within a minute"
        yield Fault(LINE, "patience.choice", mend)
    if limits.end > LONGEST_SEARCH:
        yield Fault(LINE, "patience.end", f"is more than {LONGEST_SEARCH}; nobody waits for ever")


def unrelated_time_limits(flow: Flow) -> Iterator[Fault]:
    """Find limits that contradict one another: each may be right alone."""
    limits = flow.line.patience
    if limits.ring + RING_BUFFER > limits.reach:
        mend = f"is longer than all rings together (reach); write at most {limits.reach - RING_BUFFER}"
        yield Fault(LINE, "patience.ring", mend)
    if limits.reach + RING_BUFFER > limits.choice:
        mend = (
            f"ends after a choice is due; write at most {limits.choice - RING_BUFFER}, {RING_BUFFER} s less"
        )
        yield Fault(LINE, "patience.reach", f"{mend} than choice")
    if limits.choice <= LONGEST_DOCUMENT + OFFER_SECONDS:
        least = LONGEST_DOCUMENT + OFFER_SECONDS
        mend = f"must be more than {least}: so long may one sentence and the offer after it take"
        yield Fault(LINE, "patience.choice", mend)
    if limits.end < limits.choice + LONGEST_DOCUMENT:
        mend = f"leaves no time to answer the choice; write at least {limits.choice + LONGEST_DOCUMENT}"
        yield Fault(LINE, "patience.end", mend)
    if limits.choice + limits.whisper + GRACE > limits.end:
        mend = f"is cut short when a person answers last; write at most {limits.end - limits.choice - GRACE}"
        yield Fault(LINE, "patience.whisper", mend)


# For how long the log may be kept: no longer than callers are told, and long enough to be of use.


MOST_PERCENT = 100
LEAST = Retention(7, 1)  # The sweep asks the log about calls of the last 7 days: it must still know them.
PROMISED_DAYS = 30  # Callers hear "for a month", by the stop that says what the line keeps.


def wrong_retention(flow: Flow) -> Iterator[Fault]:
    """Find a log that is kept for longer than callers are told, or too short to be counted right."""
    days, months = flow.line.retention.rows_days, flow.line.retention.counts_months
    if not LEAST.rows_days <= days <= PROMISED_DAYS:
        yield Fault(
            LINE,
            "retention.rows_days",
            f"is {days}: from {LEAST.rows_days}, as the sweep asks about calls of a week, to {PROMISED_DAYS},"
            " as callers are told of a month",
        )
    if months < LEAST.counts_months:
        yield Fault(LINE, "retention.counts_months", f"is {months}; keep counts for a month at least")


# What the line keeps and counts: a sweep that is off says why, and the line's clock is one that exists.


def unexplained(flow: Flow) -> Iterator[Fault]:
    """Find a sweep that is off without a reason."""
    sweep = flow.line.sweep
    if not sweep.on and not sweep.why_off.strip():
        yield Fault(LINE, "sweep.why_off", "is empty, and the sweep is off; write why, or set on = true")


def unexplained_registration(flow: Flow) -> Iterator[Fault]:
    """Find a registration in the United States that nobody can look up."""
    there = flow.line.united_states
    if there.registered and not there.registration.strip():
        mend = (
            "is empty, and registered is true; write what carriers there know our number by, and since when"
        )
        yield Fault(LINE, "united_states.registration", mend)


def wrong_targets(flow: Flow) -> Iterator[Fault]:
    """Find a target that is no share of callers."""
    targets = {"reached": flow.line.targets.reached, "within_30": flow.line.targets.within_30}
    for name, percent in targets.items():
        if not 0 < percent <= MOST_PERCENT:
            yield Fault(LINE, f"targets.{name}", f"is {percent}; write percent of callers, from 1 to 100")


def unknown_zone(flow: Flow) -> Iterator[Fault]:
    """Find a time zone that nobody knows."""
    try:
        zone(flow.line.zone)
    except HoursError as error:
        yield Fault(LINE, "zone", str(error))
