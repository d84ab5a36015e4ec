"""What a person at an agency hears, in a language that the agency speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.flow.models import TOPICS
from ivr.flow.rendering import spell

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ivr.flow.models import Flow
    from ivr.flow.turn import Say

SHORTEST = 5


def whisper_words(flow: Flow, agency: str, language: str) -> tuple[Say, ...]:
    """Say what the call is and which key takes it; nothing about the caller but their language."""
    tongue = _tongue(flow, agency)
    spoken = _language_name(flow, language, tongue)
    return (
        spell(flow, tongue, "whisper"),
        spell(flow, tongue, "whisper_more", language=spoken),
        spell(flow, tongue, "whisper"),
    )


def accepted_words(flow: Flow, agency: str, language: str, topic: str = "") -> tuple[Say, ...]:
    """Thank the person who took the call; name the caller's language, and what they agreed to say."""
    tongue = _tongue(flow, agency)
    thanks = spell(flow, tongue, "whisper_accepted", language=_language_name(flow, language, tongue))
    if topic not in TOPICS:
        return (thanks,)
    about = getattr(flow.prompts[tongue].lines, f"topic_{topic}")
    return (spell(flow, tongue, "whisper_topic", topic=about), thanks)


def declined_words(flow: Flow, agency: str) -> tuple[Say, ...]:
    """Thank a person who does not take the call."""
    return (spell(flow, _tongue(flow, agency), "whisper_declined"),)


def taken_words(flow: Flow, agency: str) -> tuple[Say, ...]:
    """Thank an agency that came after another, or after the caller was gone."""
    return (spell(flow, _tongue(flow, agency), "taken"),)


def seconds_left(flow: Flow, says: Iterable[Say]) -> int:
    """Give the seconds to wait for a key after the words, so that silence declines in the time agreed."""
    spoken = sum(
        len(say.words.split()) * 60 / flow.line.languages[say.language].words_per_minute for say in says
    )
    return max(SHORTEST, round(flow.line.patience.whisper - spoken))


def _tongue(flow: Flow, agency: str) -> str:
    """Choose the language to speak with an agency: the first of theirs that is ours."""
    known = flow.directory.agencies.get(agency)
    theirs = [language for language in (known.languages if known else ()) if language in flow.prompts]
    return (theirs or list(flow.languages))[0]


def _language_name(flow: Flow, language: str, tongue: str) -> str:
    """Name the caller's language; while it is not known, name all of the line's."""
    if language in flow.prompts:
        return flow.prompts[language].lines.language_name
    return " / ".join(flow.prompts[each].lines.language_name for each in flow.languages) if tongue else ""
