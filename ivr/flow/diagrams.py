"""Draw the stops and the keys between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.flow.graph import leads
from ivr.flow.models import Checklist, Consent, Goodbye, Language, Menu, Message, Stop, Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow


def diagram(flow: Flow) -> str:
    """Draw a Mermaid flowchart: a box for each stop, an arrow for each key or result."""
    drawn = {
        name: f"s{number}" for number, name in enumerate(flow.stops)
    }  # "end" and the like are Mermaid's words.
    boxes = (f"  {drawn[name]}{_box(name, stop)}" for name, stop in flow.stops.items())
    return "\n".join(("flowchart LR", *boxes, *_arrows(flow, drawn))) + "\n"


def _arrows(flow: Flow, drawn: dict[str, str]) -> Iterator[str]:
    for name, stop in flow.stops.items():
        for place, to in leads(stop).items():
            if to in drawn:
                yield f"  {drawn[name]} -->|{_label(stop, place)}| {drawn[to]}"


def _label(stop: Stop, place: str) -> str:
    key = place.rpartition(".")[2]
    match stop:
        case Language():
            return "language"
        case Checklist():
            return f"{key}+ yes"
        case _:
            return key


def _box(name: str, stop: Stop) -> str:
    match stop:
        case Language() | Menu():
            return f"([{name}])"
        case Checklist() | Consent():
            return f"{{{{{name}}}}}"
        case Transfer():
            return f"[[{name}]]"
        case Message() | Goodbye():
            return f"[{name}]"
