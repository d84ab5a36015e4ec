"""Patch a faulty flow so that it can be walked and all its faults found at once. Nobody ever hears it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from ivr.agencies import Agency, Directory
from ivr.flow.graph import leads, named
from ivr.flow.models import (
    AgencyWords,
    ChecklistStop,
    Flow,
    GoodbyeStop,
    OrderWords,
    Prompts,
    StopWords,
    TransferStop,
    every_prompt,
)
from ivr.flow.rendering import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ivr.flow.models import LineFile, Menus, Stop

USUAL_PACE = 150  # Words a minute.
NOBODY = Agency(number="+1", run_by="", police=False, languages=(), source="")


@lru_cache(maxsize=4)  # Each rule that walks a flow wants it whole.
def patched(flow: Flow) -> Flow:
    """Give a flow in which every name leads somewhere and every word is there, if only empty."""
    menus = _menus(flow)
    directory = _directory(flow, menus)
    prompts = {language: _prompts(words, menus, directory) for language, words in flow.prompts.items()}
    return replace(flow, menus=menus, directory=directory, prompts=prompts, line=_line(flow.line))


def counts(checklist: ChecklistStop) -> dict[str, str]:
    """Give the results of a checklist that are written as plain counts."""
    return {least: stop for least, stop in checklist.results.items() if is_count(least)}


def is_count(text: str) -> bool:
    """Whether a text is a small whole number, written as Python would write it."""
    return text.isascii() and text.isdecimal() and (text == "0" or text[0] != "0") and len(text) < 4  # noqa: PLR2004 - no checklist asks a thousand questions


def _menus(flow: Flow) -> Menus:
    stops: dict[str, Stop] = {name: _stop(flow, stop) for name, stop in flow.stops.items()}
    onward = [after for stop in stops.values() for after in leads(stop).values()]
    missing = dict.fromkeys((*named(flow).values(), *onward))
    return replace(flow.menus, stops={name: GoodbyeStop() for name in missing} | stops)


def _stop(flow: Flow, stop: Stop) -> Stop:
    if isinstance(stop, ChecklistStop):
        return replace(stop, results={"0": flow.menus.home} | counts(stop))
    return stop


def _directory(flow: Flow, menus: Menus) -> Directory:
    asked = [
        order
        for stop in menus.stops.values()
        if isinstance(stop, TransferStop)
        for order in stop.orders.values()
    ]
    orders: dict[str, tuple[str, ...]] = dict.fromkeys(("", *asked), ()) | flow.directory.orders
    rung = [name for names in orders.values() for name in names]
    quoted = [
        match[1]
        for words in flow.prompts.values()
        for _, text in every_prompt(words)
        for match in PLACEHOLDER.finditer(text)
        if match[1] not in flow.place.names or match[2] == "number"
    ]
    agencies = dict.fromkeys((*rung, *quoted), NOBODY) | flow.directory.agencies
    return Directory(agencies, orders)


def _prompts(words: Prompts, menus: Menus, directory: Directory) -> Prompts:
    stops = {name: _words(stop, words.stops.get(name, StopWords())) for name, stop in menus.stops.items()}
    orders: Mapping[str, OrderWords] = {name: OrderWords("") for name in directory.orders}
    agencies: Mapping[str, AgencyWords] = {name: AgencyWords("", "") for name in directory.agencies}
    return replace(
        words, stops=stops, orders={**orders, **words.orders}, agencies={**agencies, **words.agencies}
    )


def _words(stop: Stop, words: StopWords) -> StopWords:
    if isinstance(stop, ChecklistStop) and not words.questions:
        return replace(words, questions=("",))
    return words


def _line(line: LineFile) -> LineFile:
    """Give every language a pace, and the first that is on a voice."""
    languages = {
        name: replace(
            each, words_per_minute=each.words_per_minute if each.words_per_minute > 0 else USUAL_PACE
        )
        for name, each in line.languages.items()
    }
    first = next(name for name, each in languages.items() if each.on)
    languages[first] = replace(languages[first], voice=languages[first].voice or "any")
    return replace(line, languages=languages)
