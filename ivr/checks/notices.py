"""Notices: what must hold of a sentence before callers hear it, since nobody reviews it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.flow.readability import unkind
from ivr.flow.rendering import seconds
from ivr.flow.segments import segments
from ivr.flow.turn import Say
from ivr.number_detector import find_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ivr.flow.models import Flow

LONGEST_SECONDS = 12
LONGEST_DAYS = 90
MENDS = {
    "notice_empty": "write a sentence in one language at least",
    "notice_language": "the line does not speak this language",
    "notice_braces": "leave out { and }: nothing is put in here",
    "notice_number": "leave out the telephone number: callers hear those of agencies at their own keys",
    "notice_long": f"shorten it to {LONGEST_SECONDS} seconds of speech and one text",
    "notice_unkind": "leave out a word that nobody is to hear: see [style] in the prompts",
    "notice_ended": f"choose a time that is to come, within {LONGEST_DAYS} days",
}


def notice_faults(
    flow: Flow, words: Mapping[str, str], now: datetime, until: datetime
) -> Iterator[tuple[str, str]]:
    """Find what is wrong with a notice: the language, or none where it is the whole; and a key of `MENDS`."""
    if not words:
        yield "", "notice_empty"
    if not 0 < (until - now).total_seconds() <= LONGEST_DAYS * 86400:
        yield "", "notice_ended"
    for language, said in words.items():
        if language not in flow.languages:
            yield language, "notice_language"
        elif found := _fault(flow, language, said):
            yield language, found


def _fault(flow: Flow, language: str, said: str) -> str:
    if "{" in said or "}" in said:
        return "notice_braces"
    if find_numbers(said, language):
        return "notice_number"
    if unkind(said, flow.prompts[language].style):
        return "notice_unkind"
    long = seconds(flow, [Say(said, language)]) > LONGEST_SECONDS or segments(said) > 1
    return "notice_long" if long else ""
