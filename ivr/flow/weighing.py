"""What each prompt takes of whoever hears or reads it: seconds, segments, years of school."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ivr.flow.measuring import texts
from ivr.flow.menu_measurements import seconds
from ivr.flow.placeholders import BRACES
from ivr.flow.prompts import every_prompt
from ivr.flow.prose import MEASURED, measured
from ivr.flow.readability import unkind
from ivr.flow.rendering import fill
from ivr.flow.repair import patched
from ivr.flow.segments import segments
from ivr.flow.turn import Say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ivr.flow.models import Flow

# Lines that are texted, and never said.
TEXTED = frozenset(
    f"lines.{line}"
    for line in (
        *("safe_to_read", "text_choice", "text_keys", "help", "numbers_text", "fixed_text"),
        *("call_ask", "call_rings", "call_cannot", "erased"),
    )
)
BOTH = ("lines.language_name", "agencies.")


@dataclass(frozen=True)
class Weight:
    """What one prompt takes, as it is now."""

    words: str
    heard: str  # As it is said, names and numbers filled in; empty when it is only read.
    sent: str  # The text that is sent, choices included; empty when it is only heard.
    seconds: float | None  # Of speech; nothing when it is only read.
    segments: int | None  # Of that text; nothing when it is only heard.
    grade: float | None  # Years of school; nothing where there is too little to tell, or it is not English.
    blanks: tuple[str, ...]
    banned: str  # The first banned word in it.


@lru_cache(maxsize=8)
def weigh(flow: Flow, language: str) -> Mapping[str, Weight]:
    """Weigh every prompt of a language, by its place."""
    walked = patched(flow)  # What is only tried may lack something.
    sent = dict(texts(walked, language))
    grades = {place: plain.grade for place, plain in measured(flow)} if language == MEASURED else {}
    style = flow.prompts[language].style

    def one(place: str, words: str) -> Weight:
        said = fill(walked, language, words) if is_heard(place) else ""
        written = sent.get(place) or fill(walked, language, words, spoken=False) if is_read(place) else ""
        return Weight(
            words,
            heard=said,
            sent=written,
            seconds=seconds(walked, (Say(said, language),)) if said else None,
            segments=segments(written) if written else None,
            grade=grades.get(_whole(place)),
            blanks=tuple(dict.fromkeys(match[0] for match in BRACES.finditer(words))),
            banned=unkind(words, style),
        )

    return {place: one(place, words) for place, words in every_prompt(flow.prompts[language])}


def is_read(place: str) -> bool:
    """Tell whether the words at a place are texted."""
    return place.endswith((".text", ".label")) or place in TEXTED or place.startswith(BOTH)


def is_heard(place: str) -> bool:
    """Tell whether the words at a place are said."""
    return place.startswith(BOTH) or not is_read(place)


def _whole(place: str) -> str:
    """Name what is graded: of a checklist all questions are, as one."""
    return place.rpartition(".")[0] if ".questions." in place else place
