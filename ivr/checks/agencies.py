"""Agencies: each can be rung as its file says, callers hear of it, and it is named nowhere that frightens."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from ivr.flow.graph import asks, below, by_voice
from ivr.flow.loader import AGENCIES, BLANK, MENUS, Fault, prompts_file
from ivr.flow.models import StopWords, TransferStop, every_prompt
from ivr.flow.rendering import numbers_in
from ivr.flow.sms import numbers_text
from ivr.hours import HoursError, parse, zone
from ivr.phone_numbers import why_not
from ivr.position import LONGEST_PATH, Position

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow


def wrong_numbers(flow: Flow) -> Iterator[Fault]:
    """Find numbers that nobody in Canada may be rung at, and agencies without a line."""
    for name, agency in flow.directory.agencies.items():
        if BLANK not in agency.number and (why := why_not(agency.number)):
            mend = f"'{agency.number}' {why}; write an ordinary or toll-free number, such as +19055550123"
            yield Fault(AGENCIES, f"agencies.{name}.number", mend)
        if agency.lines < 1:
            yield Fault(
                AGENCIES,
                f"agencies.{name}.lines",
                "is less than 1; write how many calls they can take at once",
            )


def wrong_hours(flow: Flow) -> Iterator[Fault]:
    """Find hours and time zones that cannot be read."""
    for name, agency in flow.directory.agencies.items():
        try:
            parse(agency.hours)
        except HoursError as error:
            yield Fault(AGENCIES, f"agencies.{name}.hours", str(error))
        try:
            zone(agency.zone)
        except HoursError as error:
            yield Fault(AGENCIES, f"agencies.{name}.zone", str(error))


def wrong_dates(flow: Flow) -> Iterator[Fault]:
    """Find dates that are none."""
    for name, agency in flow.directory.agencies.items():
        for part in ("last_dialled", "rehearsed_on"):
            day: str = getattr(agency, part)
            if day and not is_date(day):
                mend = f"'{day}' is not a date; write one such as 2026-11-30, or leave it empty"
                yield Fault(AGENCIES, f"agencies.{name}.{part}", mend)


def is_date(day: str) -> bool:
    """Whether a text is a day, written as 2026-11-30."""
    try:
        return date.fromisoformat(day).isoformat() == day
    except ValueError:
        return False


def wrong_orders(flow: Flow) -> Iterator[Fault]:
    """Find orders in which somebody cannot be rung, is rung twice, or is rung in the wrong place."""
    for order, names in flow.directory.orders.items():
        place = f"orders.{order}"
        if not names:
            yield Fault(AGENCIES, place, "rings nobody; name at least one agency")
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                yield Fault(AGENCIES, place, f"rings '{name}' twice; name each agency once")
        for number, name in enumerate(names, 1):
            if mend := _cannot_ring(flow, name, last=number == len(names)):
                yield Fault(AGENCIES, place, mend)


def _cannot_ring(flow: Flow, name: str, *, last: bool) -> str:
    agency = flow.directory.agencies.get(name)
    if agency is None:
        return f"rings '{name}', which is not declared; declare it or mend the name"
    if not agency.transfer:
        return f"rings '{name}', which has transfer = false; take it out of the order"
    if agency.accept == "answer" and not last:
        return f"rings others after '{name}', which answers by itself, so they would never ring; put it last"
    return ""


def unknown_orders(flow: Flow) -> Iterator[Fault]:
    """Find orders that are asked for and not declared, or declared and never asked for."""
    offered: set[str] = set()
    for name, stop in flow.stops.items():
        for key, order in stop.orders.items() if isinstance(stop, TransferStop) else ():
            offered.add(order)
            if order not in flow.directory.orders:
                mend = f"rings the order '{order}', which is not in {AGENCIES}; declare it or mend the name"
                yield Fault(MENUS, f"stops.{name}.orders.{key}", mend)
    for order in flow.directory.orders:
        if order not in offered:
            yield Fault(AGENCIES, f"orders.{order}", "no transfer stop offers it; offer it or remove it")


def only_police(flow: Flow) -> Iterator[Fault]:
    """Find transfers that offer police and nothing else: a caller may mistrust them."""
    for name, stop in flow.stops.items():
        if (
            isinstance(stop, TransferStop)
            and stop.orders
            and all(_police(flow, o) for o in stop.orders.values())
        ):
            mend = "offers no order without police; offer one beside it that rings no police agency"
            yield Fault(MENUS, f"stops.{name}.orders", mend)


def _police(flow: Flow, order: str) -> bool:
    agencies = flow.directory.agencies
    return any(name in agencies and agencies[name].police for name in flow.directory.orders.get(order, ()))


def too_long_names(flow: Flow) -> Iterator[Fault]:
    """Find orders whose names do not fit into the address that carries them from ring to ring."""
    stop = max(
        (name for name, kind in flow.stops.items() if isinstance(kind, TransferStop)), key=len, default=""
    )
    language = max(flow.languages, key=len, default="")
    for order, names in flow.directory.orders.items():
        longest = Position(
            stop, language, turn=9999, attempt=9, order=order, asked=10**9, tried=names, month="2026-11"
        )
        if len(longest.path()) > LONGEST_PATH:
            yield Fault(
                AGENCIES, f"orders.{order}", "its names are too long together; shorten them or ring fewer"
            )


# The directory: every agency is found by a caller, and none where it could frighten them.


def unsaid_agencies(flow: Flow) -> Iterator[Fault]:
    """Find agencies that are neither rung nor told to anybody."""
    rung = {name for names in flow.directory.orders.values() for name in names}
    reached = by_voice(flow)
    spoken = {
        agency for name in reached for language in flow.prompts for agency in numbers(flow, language, name)
    }
    for name in flow.directory.agencies:
        if name not in rung | spoken:
            mend = f"no order rings it and no stop says {{{name}.number}}; say it at a stop, or remove it"
            yield Fault(AGENCIES, f"agencies.{name}", mend)


def enforcers(flow: Flow) -> Iterator[Fault]:
    """Find whoever enforces a law, named where callers speak of themselves."""
    for door in flow.menus.private:
        if door not in flow.stops:
            mend = f"names '{door}', which is not declared; declare it or mend the name"
            yield Fault(MENUS, "private", mend)
        for name in sorted(below(flow, door)):
            for language in flow.prompts:
                for agency in numbers(flow, language, name):
                    known = flow.directory.agencies.get(agency)
                    if known and known.enforcement:
                        mend = (
                            f"gives the number of '{agency}', which enforces a law, below '{door}'; move it"
                        )
                        yield Fault(prompts_file(language), f"stops.{name}", mend)


def untexted(flow: Flow) -> Iterator[Fault]:
    """Find numbers that are said where a text of them is offered, and that the text would lack."""
    for name, stop in flow.stops.items():
        for language in flow.prompts if asks(flow, stop) else ():
            said = flow.prompts[language].stops.get(name, StopWords()).say
            for agency in numbers_in(said):
                if agency not in numbers_in(numbers_text(flow, language, name)):
                    mend = f"lacks {{{agency}.number}}, which is said here and offered by text; write it too"
                    yield Fault(prompts_file(language), f"stops.{name}.text", mend)


def numbers(flow: Flow, language: str, stop: str) -> tuple[str, ...]:
    """Name the agencies whose numbers a stop gives."""
    words = flow.prompts[language].stops.get(stop, StopWords())
    return numbers_in("\n".join(text for _, text in every_prompt(words)))
