"""Which prompts are heard, what a voice actor is to say, and which languages speak by recordings alone.

A recording replaces a whole sentence. What is filled into one is known beforehand: keys, what they are for,
agencies. So there is a recording for each value, and a language without a voice of Twilio's is one of voice
once nothing is left to record. What agencies hear, and what is said when a part of the line is gone, is said
in languages that have a voice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ivr.flow.language_choice import pages
from ivr.flow.models import every_prompt
from ivr.flow.patched_flow import patched
from ivr.flow.rendering import fill, joined_with, language_choices, named, options, seconds, speak, topics
from ivr.flow.turn import Say
from ivr.position import Position

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ivr.flow.models import Flow

OWN_TEXTS = (  # Lines that answer texts in people's own words.
    *("text_danger", "text_suicide", "text_overdose", "text_medical", "text_who", "text_wrong_number"),
    *("text_nobody", "text_no_ring", "text_interpreters"),
)
# Lines that are texted, and never said.
TEXTED = frozenset(
    f"lines.{line}"
    for line in (
        *("safe_to_read", "text_choice", "text_keys", "help", "numbers_text", "fixed_text"),
        *("call_ask", "call_rings", "call_cannot", "erased", "text_languages"),
        *("text_911", "text_unsure", "text_lost", "text_ring", *OWN_TEXTS),
    )
)
BOTH = ("lines.language_name", "agencies.")
WHOLE = re.compile(r"stops\.[^.]+\.(?:say|questions\.\d+)|lines\.\w+")
INSIDE_OTHERS = re.compile(r"lines\.(?:language_name|topic_\d|topic_unknown)")
SPEECH_INPUT = "lines.say_or_press"
# Said to agencies, to callers whose language is not known, or of other languages: by a voice alone.
BY_VOICE_ALONE = re.compile(
    r"lines\.(?:whisper\w*|taken|gone|fixed_(?:sorry|numbers|press|thanks)|back_key|other_languages)"
)


def is_read(place: str) -> bool:
    """Whether the words at a place are texted."""
    return place.endswith((".text", ".label")) or place in TEXTED or place.startswith(BOTH)


def is_heard(place: str) -> bool:
    """Whether the words at a place are said."""
    return place.startswith(BOTH) or not is_read(place)


@dataclass(frozen=True)
class ScriptLine:
    """One sentence to record: its place, its words as they are said, and how long a voice takes for them."""

    place: str
    words: str
    seconds: float


def script(flow: Flow, language: str) -> Iterator[ScriptLine]:
    """Give each sentence that can be recorded, once, names and numbers filled in. It may have any faults."""
    for say in _sentences(patched(flow), language).values():
        yield ScriptLine(say.key, say.words, seconds(flow, (say,)))


def missing(flow: Flow, language: str) -> tuple[str, ...]:
    """Name what is left to record before a language needs no voice; of a flow that can be walked."""
    return tuple(place for place in _sentences(flow, language) if (language, place) not in flow.recordings)


def list_recordings(audio: Path) -> frozenset[tuple[str, str]]:
    """List the recordings of a folder: (language, place)."""
    return frozenset((path.parent.name, path.stem) for path in audio.glob("*/*.mp3"))


def with_recordings(flow: Flow, found: frozenset[tuple[str, str]]) -> Flow:
    """Have recordings played, and find the languages in which nothing is left to a voice."""
    heard = replace(flow, recordings=found, recorded=frozenset())
    candidates = {language for language, _ in found} & set(flow.languages) - set(flow.synthetic)
    if candidates:
        walked = patched(heard)
        complete = frozenset(language for language in candidates if not missing(walked, language))
        return replace(heard, recorded=complete)
    return heard


def still_said(base: Flow, flow: Flow) -> frozenset[tuple[str, str]]:
    """Keep the recordings of a flow's base whose words the flow still says, names and numbers and all."""
    kept: set[tuple[str, str]] = set()
    for language in {language for language, _ in base.recordings} & set(flow.languages):
        before, now = (_sentences(patched(each), language) for each in (base, flow))
        kept |= {(language, place) for place, say in now.items() if before.get(place) == say}
    return base.recordings & kept


def _sentences(flow: Flow, language: str) -> dict[str, Say]:
    """Give each sentence that a caller may hear in a language, by the place of its recording."""
    flow = replace(flow, recorded=flow.recorded | {language})  # As if it could be chosen by ear already.
    return {say.key: say for say in (*_whole(flow, language), *_filled(flow, language)) if say.words.strip()}


def _whole(flow: Flow, language: str) -> Iterator[Say]:
    """Give the prompts in which nothing is put that changes from call to call."""
    for place, words in every_prompt(flow.prompts[language]):
        if not (WHOLE.fullmatch(place) and is_heard(place)) or INSIDE_OTHERS.fullmatch(place):
            continue
        if language not in flow.synthetic and BY_VOICE_ALONE.fullmatch(place):
            continue
        said = fill(flow, language, words)
        if "{" not in said and (place != SPEECH_INPUT or flow.line.speech.on):
            yield Say(said, language, place)


def _filled(flow: Flow, language: str) -> Iterator[Say]:
    """Give the sentences that are filled in, once for each of their values."""
    for stop in flow.stops.values():
        yield from (say for _, say in options(flow, language, stop))
    yield from topics(flow, language)
    for agency in dict.fromkeys(name for names in flow.directory.orders.values() for name in names):
        yield named(flow, language, agency)
        if flow.directory.agencies[agency].accept == "press":
            yield joined_with(flow, language, agency)
    start = flow.menus.start
    places = [Position(start, question=page) for page in range(len(pages(flow)) + 1)]
    heard = [say for place in places for _, say in language_choices(flow, place)]
    at_own_number = speak(flow, Position(start, language))
    yield from (say for say in (*heard, *at_own_number) if say.language == language and say.key)
