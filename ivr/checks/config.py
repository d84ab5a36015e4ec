"""Languages: as many as there are keys for them, each with a voice of a possible pace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.flow.loader import LINE, Fault
from ivr.flow.models import Retention
from ivr.hours import HoursError, zone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow

MOST_LANGUAGES = 4
SLOWEST, FASTEST = 60, 300  # Words a minute.


def wrong_languages(flow: Flow) -> Iterator[Fault]:
    """Find a line that speaks no language, or more than a caller can hear offered."""
    count = len(flow.languages)
    if not count:
        yield Fault(LINE, "languages", "declares no language; declare at least one, such as [languages.en]")
    if count > MOST_LANGUAGES:
        yield Fault(LINE, "languages", f"declares {count} languages; keep {MOST_LANGUAGES}")


def wrong_voices(flow: Flow) -> Iterator[Fault]:
    """Find voices that are not named, or whose pace cannot be."""
    for language, voice in flow.line.languages.items():
        place = f"languages.{language}"
        if not SLOWEST <= voice.words_per_minute <= FASTEST:
            mend = f"is no pace of speech; write {SLOWEST} to {FASTEST} words a minute"
            yield Fault(LINE, f"{place}.words_per_minute", mend)
        for part in ("voice", "code"):
            if not getattr(voice, part).strip():
                yield Fault(
                    LINE, f"{place}.{part}", "is empty; write one of Twilio's, such as Polly.Joanna-Neural"
                )


# For how long the log may be kept: no longer than callers are told, and long enough to be of use.


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


def unknown_zone(flow: Flow) -> Iterator[Fault]:
    """Find a time zone that nobody knows."""
    try:
        zone(flow.line.zone)
    except HoursError as error:
        yield Fault(LINE, "zone", str(error))
