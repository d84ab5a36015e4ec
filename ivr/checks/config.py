"""Languages: as many as there are keys for them, each with a voice of a possible pace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.flow.loader import LINE, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow

MOST_LANGUAGES = 4
SLOWEST, FASTEST = 60, 300  # Words a minute.


def wrong_languages(flow: Flow) -> Iterator[Fault]:
    """Find a line that speaks no language, or more than a caller can hear offered."""
    count = len(flow.languages)
    if not count:
        yield Fault(LINE, "languages", "declares no language; declare at least one, such as [languages.en]")
    if count > MOST_LANGUAGES:
        yield Fault(LINE, "languages", f"declares {count} languages; keep {MOST_LANGUAGES}")


def wrong_voices(flow: Flow) -> Iterator[Fault]:
    """Find voices that are not named, or whose pace cannot be."""
    for language, voice in flow.line.languages.items():
        place = f"languages.{language}"
        if not SLOWEST <= voice.words_per_minute <= FASTEST:
            mend = f"is no pace of speech; write {SLOWEST} to {FASTEST} words a minute"
            yield Fault(LINE, f"{place}.words_per_minute", mend)
        for part in ("voice", "code"):
            if not getattr(voice, part).strip():
                yield Fault(
                    LINE, f"{place}.{part}", "is empty; write one of Twilio's, such as Polly.Joanna-Neural"
                )
