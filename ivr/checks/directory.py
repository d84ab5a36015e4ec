"""The directory: every agency is found by a caller, and none where it could frighten them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.flow.graph import asks, below, by_voice
from ivr.flow.loader import AGENCIES, MENUS, Fault, words_file
from ivr.flow.models import StopWords
from ivr.flow.rendering import numbers_in
from ivr.flow.repair import every_word
from ivr.flow.sms import numbers_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow


def unsaid_agencies(flow: Flow) -> Iterator[Fault]:
    """Find agencies that are neither rung nor told to anybody."""
    rung = {name for names in flow.directory.orders.values() for name in names}
    reached = by_voice(flow)
    told = {
        agency for name in reached for language in flow.prompts for agency in numbers(flow, language, name)
    }
    for name in flow.directory.agencies:
        if name not in rung | told:
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
                        yield Fault(words_file(language), f"stops.{name}", mend)


def untexted(flow: Flow) -> Iterator[Fault]:
    """Find numbers that are said where a text of them is offered, and that the text would lack."""
    for name, stop in flow.stops.items():
        for language in flow.prompts if asks(flow, stop) else ():
            said = flow.prompts[language].stops.get(name, StopWords()).say
            for agency in numbers_in(said):
                if agency not in numbers_in(numbers_text(flow, language, name)):
                    mend = f"lacks {{{agency}.number}}, which is said here and offered by text; write it too"
                    yield Fault(words_file(language), f"stops.{name}.text", mend)


def numbers(flow: Flow, language: str, stop: str) -> tuple[str, ...]:
    """Name the agencies whose numbers a stop gives."""
    words = flow.prompts[language].stops.get(stop, StopWords())
    return numbers_in("\n".join(every_word(words)))
