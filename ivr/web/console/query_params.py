"""What an operator typed into an address or a form, read. Whatever cannot be read changes nothing."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import request

from ivr.logs import KEPT, MASK, OneLine
from ivr.phone_numbers import mask_numbers
from ivr.records.call_log import PERSONS, RINGS, CallFilter
from ivr.reports.document import FIRST_DAY
from ivr.web.console.context import console

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("channel", "language", "agency", "audience")
CHOICES = {"ring": RINGS, "person": PERSONS}  # Name -> what it may be.
NUMBERS = {"hour": 23, "seconds_from": 86_400, "seconds_to": 86_400}  # Name -> the largest.
FILTERS = (
    *NAMES,
    *CHOICES,
    *NUMBERS,
    "outcome",
    "since",
    "until",
    "stop",
)  # All that an address may filter by.
MOST_DIGITS = 9  # What SQL holds.
LONGEST_TEXT = 500
MOST_HOURS = 24 * 90  # Of a switch or a block.


def call_filter(query: Mapping[str, str]) -> tuple[CallFilter, list[str]]:
    """Read a filter of the call log, with the names of what could not be read."""
    values: dict[str, Any] = {name: query[name] for name in NAMES if query.get(name)}
    values |= {name: query[name] for name, known in CHOICES.items() if query.get(name) in known}
    faults = [name for name in CHOICES if query.get(name) and name not in values]
    for name, largest in NUMBERS.items():
        if given := query.get(name):
            if given.isdecimal() and len(given) <= MOST_DIGITS and int(given) <= largest:
                values[name] = int(given)
            else:
                faults.append(name)
    for name in ("since", "until"):
        if given := query.get(name):
            try:
                values[name] = date.fromisoformat(given)
            except ValueError:
                faults.append(name)
    if values.get("since", date.min) > values.get("until", date.max):  # Typed the wrong way round.
        values["since"], values["until"] = values["until"], values["since"]
    if query.get("stop"):
        values["stops"] = (query["stop"],)
    return CallFilter(**values), faults


def day_range(query: Mapping[str, str], today: date) -> tuple[date, date, list[str]]:
    """Read a range of days, with the names of what could not be read; without one, the last thirty."""
    wanted, faults = call_filter({name: query.get(name, "") for name in ("since", "until")})
    until = max(wanted.until or today, FIRST_DAY)
    return max(wanted.since or until - timedelta(days=29), FIRST_DAY), until, faults


def day_presets(today: date) -> dict[str, tuple[date, date]]:
    """Give the ranges of days that people ask for most, by the names of the translations."""
    first = today.replace(day=1)
    saturday = today - timedelta(days=(today.weekday() + 2) % 7)
    before = first - timedelta(days=1)
    return {
        "today": (today, today),
        "yesterday": (today - timedelta(days=1),) * 2,
        "weekend": (saturday, min(saturday + timedelta(days=1), today)),
        "last_7": (today - timedelta(days=6), today),
        "last_30": (today - timedelta(days=29), today),
        "this_month": (first, today),
        "last_month": (before.replace(day=1), before),
    }


def whole_number(given: str) -> int:
    """Read a whole number of up to nine digits; anything else is 0."""
    return int(given) if given.isdecimal() and len(given) <= MOST_DIGITS else 0


def free_text(name: str) -> str:
    """Read what an operator wrote; whatever looks like a telephone number is masked, for it is kept."""
    return mask(request.form.get(name, "").strip()[:LONGEST_TEXT])


def names_number(text: str) -> bool:
    """Whether anything in a text can be read as a telephone number, days and times left aside."""
    return mask(text) != text


def mask(text: str) -> str:
    """Mask whatever can be read as a telephone number, but for days and times."""
    parts, end = [], 0
    for kept in KEPT.finditer(text):
        parts += [mask_numbers(text[end : kept.start()], MASK), kept[0]]
        end = kept.end()
    return OneLine().mask("".join((*parts, mask_numbers(text[end:], MASK))))


def hours_from_now(hours: int) -> datetime | None:
    """Give the moment after some hours; None for no hours."""
    return console().moment + timedelta(hours=min(hours, MOST_HOURS)) if hours else None
