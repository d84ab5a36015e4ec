"""What people have yet to do before real callers may be told all this: read sources again, dial numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from ivr.checks.agencies import is_date
from ivr.flow.loader import AGENCIES, FACTS, Fault, prompts_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ivr.flow.models import Flow

READER, DIALLER, TRANSLATOR = "whoever checks facts", "whoever dials agencies", "whoever speaks it"
FACTS_LAST, DIALS_LAST = timedelta(days=365), timedelta(days=90)


@dataclass(frozen=True)
class Duty:
    """One thing that somebody has to do before the line goes live, or stays so."""

    who: str
    fault: Fault

    def __str__(self) -> str:
        """Write the duty on one line: who, where, what."""
        return f"{self.who}: {self.fault}"


def duties(flow: Flow, today: date) -> Iterator[Duty]:
    """List what people have to do, as of a day."""
    yield from (Duty(READER, fault) for fault in unread(flow, today))
    yield from (Duty(DIALLER, fault) for fault in undialled(flow, today))
    yield from (Duty(TRANSLATOR, fault) for fault in drafts(flow))


def drafts(flow: Flow) -> Iterator[Fault]:
    """Find languages that callers are offered and that nobody who speaks them has reviewed."""
    for language, words in flow.prompts.items():
        if words.draft:
            mend = "is a draft; review it and write who and when, or set on = false in config/line.toml"
            yield Fault(prompts_file(language), "draft", mend)


def left_when_off(flow: Flow, phrases: Path) -> Iterator[str]:
    """Say what each language that is a draft, or off, gives whoever texts in it, also when it is off."""
    for language in flow.line.languages:
        words = flow.prompts.get(language)
        if words is None or words.draft:
            rules = phrases / language / "danger.toml"
            danger = "its rules tell danger" if rules.exists() else "it has no rules that tell danger"
            person = "the hotline's interpreters are offered"
            also = " in its own words" if language in flow.interpreters else ""
            state = "is off" if words is None else "is a draft; switched off"
            yield f"{language} {state}: {danger}, {person}{also}"


def unread(flow: Flow, today: date) -> Iterator[Fault]:
    """Find sources that are weak, or that nobody has read for a year."""
    for name, fact in flow.facts.facts.items():
        if fact.confidence in {"L", "U"}:
            mend = f"is {fact.confidence}: not for callers; find a better source, or drop what rests on it"
            yield Fault(FACTS, f"facts.{name}.confidence", mend)
        if why := _stale(fact.checked_on, today, FACTS_LAST):
            mend = f"{why}; read {fact.address}, and if it still says so, write the date and your initials"
            yield Fault(FACTS, f"facts.{name}.checked_on", mend)


def undialled(flow: Flow, today: date) -> Iterator[Fault]:
    """Find agencies that nobody has dialled for 90 days, rung or only told."""
    for name, agency in flow.directory.agencies.items():
        if agency.on and (why := _stale(agency.last_dialled, today, DIALS_LAST)):
            command = f'ivr agencies dialled {name} --on DATE --by INITIALS --heard "…"'
            mend = f"{why}; dial {agency.number}, then: {command}"
            yield Fault(AGENCIES, f"agencies.{name}.last_dialled", mend)


def _stale(day: str, today: date, lasts: timedelta) -> str:
    """Say why a date does not count; nothing when it does."""
    if not is_date(day):
        return "no person has done it yet"
    if date.fromisoformat(day) > today:
        return f"{day} is still to come"
    return f"{day} is more than {lasts.days} days ago" if date.fromisoformat(day) < today - lasts else ""
