"""Which prompts a recording can replace, and what a voice actor is to say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.flow.menu_measurements import is_heard
from ivr.flow.prompts import spoken_prompts
from ivr.flow.rendering import fill, seconds
from ivr.flow.turn import Say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow

# Whole sentences of stops, and of the line. All else stands inside one, such as "For {task}, press {key}".
RECORDED = re.compile(r"stops\.[^.]+\.(?:say|questions\.\d+)|lines\.\w+")
INSIDE_OTHERS = re.compile(r"lines\.(?:language_name|topic_\d|topic_unknown)")


@dataclass(frozen=True)
class ScriptLine:
    """One prompt to record: its place, its words as they are said, and how long a voice takes for them."""

    place: str
    words: str
    seconds: float


def script(flow: Flow, language: str) -> Iterator[ScriptLine]:
    """Give each prompt that can be recorded whole, names and numbers filled in."""
    for place, words in spoken_prompts(flow.prompts[language]):
        if is_heard(place) and RECORDED.fullmatch(place) and not INSIDE_OTHERS.fullmatch(place):
            said = fill(flow, language, words)
            if "{" not in said:  # What is filled in anew each time cannot be recorded whole.
                yield ScriptLine(place, said, seconds(flow, (Say(said, language),)))


def always_synthetic(flow: Flow, language: str) -> tuple[str, ...]:
    """Name the sentences of the line that are filled in anew each time: a voice must say those."""
    recorded = {line.place for line in script(flow, language)}
    return tuple(
        place
        for place, words in spoken_prompts(flow.prompts[language])
        if place.startswith("lines.") and is_heard(place) and "{" in words and place not in recorded
    )
