"""A stop as it is read: what can be read at all, and what stands on each page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from ivr.flow.graph import by_voice, offers
from ivr.flow.models import (
    ChecklistStop,
    ConsentStop,
    GoodbyeStop,
    LanguageStop,
    MenuStop,
    MessageStop,
    Stop,
    TransferStop,
)
from ivr.flow.rendering import fill
from ivr.web.public.text import Paragraph, Piece, line, number, paragraphs, title

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow
    from ivr.flow.public_page import PageWords


@dataclass(frozen=True)
class Link:
    """The way to another stop, and what lies below it where that is a menu."""

    stop: str
    words: str
    below: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Result:
    """What a number of yes can mean."""

    yes: str
    words: tuple[Paragraph, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True)
class OfferedAgency:
    """One agency that can be called."""

    name: str
    who: str
    number: Piece
    off: bool = False  # Whether an operator has switched it off.


@dataclass(frozen=True)
class OfferedOrder:
    """Whom a caller can ask for, and who that is."""

    words: str
    agencies: tuple[OfferedAgency, ...]


@dataclass(frozen=True)
class StopPage:
    """One stop, in one language."""

    stop: str
    heading: str
    words: tuple[Paragraph, ...]
    questions: tuple[Paragraph, ...]
    results: tuple[Result, ...]
    orders: tuple[OfferedOrder, ...]
    links: tuple[Link, ...]
    keyword: str  # What a text says to get this; empty when no word leads here.


@lru_cache(maxsize=8)
def readable(flow: Flow) -> frozenset[str]:
    """Name the stops that have a page: all but those that only a telephone can mean."""
    menus = flow.menus
    spoken = {menus.start, menus.leave, menus.over, menus.unreached}
    return by_voice(flow) - spoken - {name for name, stop in flow.stops.items() if _acts(stop)}


def _acts(stop: Stop) -> bool:
    """Whether a stop does something, or only asks before it is done."""
    return isinstance(stop, ConsentStop | LanguageStop | GoodbyeStop) or (
        isinstance(stop, MessageStop) and bool(stop.does)
    )


def compose(
    flow: Flow, language: str, stop: str, words: PageWords, off: frozenset[str] = frozenset()
) -> StopPage:
    """Put the page of one stop together; agencies that are off come last."""
    current, own = flow.stops[stop], flow.prompts[language].stops[stop]
    asked = own.questions if isinstance(current, ChecklistStop) else ()
    return StopPage(
        stop=stop,
        heading=_heading(flow, language, stop, words),
        words=paragraphs(flow, language, own.say),
        questions=tuple(line(flow, language, question) for question in asked),
        results=tuple(_results(flow, language, current, words)),
        orders=tuple(sorted(_orders(flow, language, current, off), key=_nobody_there)),
        links=links(flow, language, stop, words),
        keyword=next(iter(flow.keywords.stops.get(language, {}).get(stop, ())), "").upper(),
    )


def links(flow: Flow, language: str, stop: str, words: PageWords, *, deep: bool = True) -> tuple[Link, ...]:
    """Give the ways on from a stop, in the order of their keys; deep: with those below each menu."""
    known = readable(flow)
    ahead = [name for _, name in sorted(offers(flow.stops[stop]).items()) if name in known]
    menus = [name for name in ahead if deep and isinstance(flow.stops[name], MenuStop)]
    below = {name: links(flow, language, name, words, deep=False) for name in menus}
    return tuple(Link(name, _heading(flow, language, name, words), below.get(name, ())) for name in ahead)


def _heading(flow: Flow, language: str, stop: str, words: PageWords) -> str:
    current, own = flow.stops[stop], flow.prompts[language].stops[stop]
    if stop == flow.menus.home:
        return words.name
    if stop == flow.menus.person:
        return words.person
    first, second = (own.label, own.offer) if isinstance(current, MenuStop) else (own.offer, own.label)
    return title("".join(p.words for p in line(flow, language, first or second or words.after_questions)))


def _results(flow: Flow, language: str, stop: Stop, words: PageWords) -> Iterator[Result]:
    if not isinstance(stop, ChecklistStop):
        return
    steps = sorted(map(int, stop.results))
    for least, following in zip(steps, [*steps[1:], None], strict=True):
        name = stop.results[str(least)]
        said = paragraphs(flow, language, flow.prompts[language].stops[name].say)
        yield Result(_yes(words, least, following), said, links(flow, language, name, words, deep=False))


def _yes(words: PageWords, least: int, following: int | None) -> str:
    """Say in words how many yes a result is for."""
    if following is None:
        return words.yes_from.replace("{count}", str(least))
    most = following - 1
    if most == 0:
        return words.yes_none
    return words.yes_some.replace("{count}", str(least) if least == most else f"{least}\N{EN DASH}{most}")


def _orders(flow: Flow, language: str, stop: Stop, off: frozenset[str]) -> Iterator[OfferedOrder]:
    prompts, agencies = flow.prompts[language], flow.directory.agencies
    for _, order in sorted(stop.orders.items()) if isinstance(stop, TransferStop) else ():
        rung = sorted(filter(lambda n: agencies[n].on, flow.directory.orders[order]), key=lambda n: n in off)
        named = partial(fill, flow, language)
        people = tuple(
            OfferedAgency(title(named(own.name)), named(own.who), number(agencies[name].number), name in off)
            for name in rung
            for own in (prompts.agencies[name],)
        )
        yield OfferedOrder(title(named(prompts.orders[order].offer)), people)


def _nobody_there(order: OfferedOrder) -> bool:
    """Whether all of an order are off."""
    return all(each.off for each in order.agencies)
