"""The public page: every stop of the line as text, at an address of its own. It keeps nothing of anybody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from flask import Blueprint, abort, current_app, render_template, request

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
from ivr.flow.rendering import PLACEHOLDER, fill, fill_names, written_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ivr.flow.loader import PageWords
    from ivr.flow.models import Flow


# Words that were written to be spoken, as they are read: "9 1 1" is 911, and a number can be dialled.

SHORT_CODE = 6  # Digits of a number that can only be texted.
SENTENCES = 3  # A paragraph's; short ones are read to the end.
_DIGITS = re.compile(r"\b[0-9](?: [0-9])+\b")
_LETTERS = re.compile(r"\b[A-Z](?: [A-Z])+\b")
_TIME = re.compile(r"(?<![0-9] )\b(1?[0-9]|2[0-3]) ([0-5][0-9])\b(?! [0-9])")
_FIRST = re.compile(r"(^|[.?!] )([^\W\d_])")
HAN_ENDS = "\u3002\uff1f\uff01"  # End a Chinese sentence; no space follows.
_END = re.compile(rf"(?<=[.?!\u0964\u06d4\u061f]) |(?<=[{HAN_ENDS}])")
# Three digits that a telephone dials, and six to which one texts.
_SHORT = re.compile(r"(?<![0-9])([2-9]11|988|[0-9]{6})(?![0-9])")


@dataclass(frozen=True)
class Piece:
    """A run of words; one with something to dial is a link."""

    words: str
    dial: str = ""

    @property
    def address(self) -> str:
        """The address that calls it, or writes a text to it where it is a code for texts."""
        return f"{'sms' if len(self.dial) == SHORT_CODE else 'tel'}:{self.dial}"


Paragraph = tuple[Piece, ...]


def number(dial: str) -> Piece:
    """Write a number so that it can be dialled."""
    return Piece(written_number(dial), dial)


def title(words: str) -> str:
    """Begin with a capital letter, and leave the others as they are."""
    return words[:1].upper() + words[1:]


def line(flow: Flow, language: str, words: str) -> Paragraph:
    """Write words as one paragraph."""
    return tuple(_pieces(flow, _readable(flow, language, words)))


def paragraphs(flow: Flow, language: str, words: str) -> tuple[Paragraph, ...]:
    """Write words in short paragraphs. A number ends the one that tells whose it is."""
    blocks: list[list[str]] = [[]]
    for sentence in filter(None, _END.split(_readable(flow, language, words))):
        own = PLACEHOLDER.match(sentence)
        ended = blocks[-1] and PLACEHOLDER.search(blocks[-1][-1])
        if blocks[-1] and not own and (ended or len(blocks[-1]) >= SENTENCES):
            blocks.append([])
        blocks[-1].append(sentence)
    return tuple(tuple(_pieces(flow, _joined(block))) for block in blocks if block)


def _joined(sentences: list[str]) -> str:
    """Put sentences behind each other as their script does."""
    return "".join(each if each[-1] in HAN_ENDS else f"{each} " for each in sentences).rstrip()


def _readable(flow: Flow, language: str, words: str) -> str:
    """Put names in, and write as one what is spelled for the ear. Numbers of agencies are still blanks."""
    named = fill_names(flow.place, flow.prompts[language], language, words)
    for spelled in (_DIGITS, _LETTERS):
        named = spelled.sub(lambda m: m[0].replace(" ", ""), named)
    return _FIRST.sub(lambda m: m[1] + m[2].upper(), _TIME.sub(r"\1:\2", named))


def _pieces(flow: Flow, words: str) -> Iterator[Piece]:
    at = 0
    for blank in PLACEHOLDER.finditer(words):
        yield from _short(words[at : blank.start()])
        yield number(flow.directory.agencies[blank[1]].number)
        at = blank.end()
    yield from _short(words[at:])


def _short(words: str) -> Iterator[Piece]:
    for n, part in enumerate(_SHORT.split(words)):
        if part:
            yield Piece(part, part if n % 2 else "")


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


# The pages and their addresses.

NAME = "ivr-public"
blueprint = Blueprint(
    "public", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
)
blueprint.add_app_template_global(number, "written")


@dataclass(frozen=True)
class PublicContext:
    """Everything that the public page is made of."""

    flow: Flow
    words: Mapping[str, PageWords]
    number: str  # The line's own.
    off: Callable[[], frozenset[str]] = frozenset  # The agencies that operators have switched off, now.

    def text_to(self, language: str) -> str:
        """Give the address that opens a text to the line, its first word written."""
        return f"sms:{self.number}?body={quote(self.words[language].materials.word)}"


def public_context() -> PublicContext:
    """Give what the page of this request is made of."""
    return cast("PublicContext", current_app.extensions[NAME])


def known_language(language: str) -> str:
    """Give a language back, or the page that says there is nothing here."""
    return language if language in public_context().words else abort(404)


def languages() -> tuple[str, ...]:
    """Give the languages of the line, first the one that the visitor's browser asks for."""
    all_of_them = tuple(public_context().words)
    asked = request.accept_languages.best_match(all_of_them, all_of_them[0])
    return tuple(sorted(all_of_them, key=lambda language: language != asked))


def render_page(template: str, language: str, **values: object) -> str:
    """Draw a page in a language."""
    context = public_context()
    return render_template(
        f"public/{template}.html",
        language=language,
        words=context.words[language],
        prompts=context.flow.prompts,
        tongues=context.flow.line.languages,
        every=context.words,
        number=context.number,
        menus=context.flow.menus,
        **values,
    )


@blueprint.get("/", endpoint="languages")
def choose_language() -> str:
    """Show every language by its own name, and the topics in the visitor's own."""
    order = languages()
    return render_page("languages", order[0], order=order, homes=_home_links(order[0]))


@blueprint.get("/<language>/", endpoint="home")
def show_home(language: str) -> str:
    """Show all topics."""
    return render_page("home", known_language(language), homes=_home_links(language))


@blueprint.get("/<language>/<stop>", endpoint="stop")
def show_stop(language: str, stop: str) -> str:
    """Show one stop."""
    context = public_context()
    if stop not in readable(context.flow) or stop == context.flow.menus.home:
        abort(404)
    return render_page(
        "stop",
        known_language(language),
        page=compose(context.flow, language, stop, context.words[language], context.off()),
    )


@blueprint.app_template_global("danger")
def danger(language: str) -> object:
    """Give the line's first words."""
    flow = public_context().flow
    return line(flow, language, flow.prompts[language].stops[flow.menus.start].text)


@blueprint.app_errorhandler(404)
def show_not_found(_: Exception) -> tuple[str, int]:
    """Show a kind page where there is none."""
    return _apology("lost"), 404


@blueprint.app_errorhandler(500)
def show_error(_: Exception) -> tuple[str, int]:
    """Show the numbers when our own code fails."""
    return _apology("broken"), 500


def _apology(why: str) -> str:
    first = request.path.strip("/").partition("/")[0]
    language = first if first in public_context().words else languages()[0]
    return render_page("error", language, why=why)


def _home_links(language: str) -> object:
    context = public_context()
    return links(context.flow, language, context.flow.menus.home, context.words[language])
