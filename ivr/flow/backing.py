"""What the words at a place rest on: the sources of a stop, or of an agency, and of each agency they name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.flow.models import Checklist, Message
from ivr.flow.prompts import every_prompt
from ivr.flow.rendering import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow
    from ivr.flow.sources import Fact


@dataclass(frozen=True)
class Backing:
    """The sources by their ids, the agencies that are named, or why there is no source."""

    facts: dict[str, Fact]
    dialled: dict[str, str]  # Agency -> the day on which a person last dialled it; empty: nobody has.
    why_none: str = ""


def backing(flow: Flow, place: str) -> Backing:
    """Find what the words at a place rest on, in whatever language they are."""
    kind, _, rest = place.partition(".")
    name = rest.partition(".")[0]
    agencies = dict.fromkeys((*([name] if kind == "agencies" else ()), *_named(flow, place)))
    known = {each: flow.directory.agencies[each] for each in agencies if each in flow.directory.agencies}
    stop = flow.stops.get(name) if kind == "stops" else None
    told = stop if isinstance(stop, Message | Checklist) else None
    ids = (*(told.facts if told else ()), *(agency.source for agency in known.values()))
    return Backing(
        facts={each: flow.facts.facts[each] for each in dict.fromkeys(ids) if each in flow.facts.facts},
        dialled={each: agency.last_dialled for each, agency in known.items()},
        why_none=told.no_facts if told else "",
    )


def _named(flow: Flow, place: str) -> Iterator[str]:
    for words in flow.prompts.values():
        said = dict(every_prompt(words)).get(place, "")
        yield from (match[1] for match in PLACEHOLDER.finditer(said))
