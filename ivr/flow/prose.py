"""The words of the line as whole prompts, to be read for how plain and kind they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ivr.flow.readability import Plainness, plainness
from ivr.flow.rendering import PLACEHOLDER

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from ivr.flow.models import Flow, Prompts

MEASURED = "en"  # The reading grade is one of English.
FEWEST_WORDS = 12  # A grade of fewer says nothing.


def prompts(words: Prompts) -> Iterator[tuple[str, str]]:
    """Give each prompt of a language with its place; the questions of a checklist are one."""
    yield from ((f"lines.{line}", said) for line, said in msgspec.structs.asdict(words.lines).items())
    for name, stop in words.stops.items():
        for part in ("say", "text", "offer", "label"):
            yield f"stops.{name}.{part}", getattr(stop, part)
        yield f"stops.{name}.questions", " ".join(stop.questions)
    yield from ((f"orders.{name}.offer", order.offer) for name, order in words.orders.items())
    yield from ((f"agencies.{name}.who", agency.who) for name, agency in words.agencies.items())


def measured(flow: Flow) -> Iterator[tuple[str, Plainness]]:
    """Tell how plain each prompt of English is that is long enough to tell."""
    words = flow.prompts.get(MEASURED)
    for place, said in prompts(words) if words else ():
        heard = _named(words, said) if words else said
        if len(heard.split()) >= FEWEST_WORDS:
            yield place, plainness(heard)


def _named(words: Prompts, said: str) -> str:
    """Put agencies' names into words, and nothing for their numbers."""

    def name(match: re.Match[str]) -> str:
        known = words.agencies.get(match[1])
        return known.name if known and match[2] == "name" else ""

    return PLACEHOLDER.sub(name, said)
