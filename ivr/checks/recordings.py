"""Recordings say what the prompts say: of a prompt that is there, and about as long as its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mutagen import MutagenError
from mutagen.mp3 import MP3

from ivr.flow.loader import Fault
from ivr.flow.recordings import script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ivr.flow.models import Flow

# How long a recording may be beside what a voice takes for its words: people read at half the pace, or twice.
SHORTEST, LONGEST = 0.5, 2.0
PAUSE = 1.0  # Seconds of silence around a short sentence that say nothing of its words.


def wrong_recordings(flow: Flow, prompts: Path) -> Iterator[Fault]:
    """Find recordings that replace nothing, cannot be played, or are not as long as their words."""
    for path in sorted((prompts / "audio").glob("*/*.mp3")):
        language, place = path.parent.name, path.stem
        if language not in flow.line.languages:
            mend = f"'{language}' is not a language of config/line.toml; mend the name of the folder"
            yield Fault(str(path), place, mend)
        elif language in flow.prompts and (mend := _wrong(flow, language, path)):
            yield Fault(str(path), place, mend)


def _wrong(flow: Flow, language: str, path: Path) -> str:
    """Say what is wrong with one recording; nothing where it fits."""
    line = next((line for line in script(flow, language) if line.place == path.stem), None)
    if line is None:
        return "replaces no prompt that can be recorded; `ivr prompts record-list` names those that can"
    length = length_of(path)
    if not length:
        return "cannot be played; record it as MP3"
    if not line.seconds * SHORTEST - PAUSE <= length <= line.seconds * LONGEST + PAUSE:
        return f"takes {length:.1f} s, its words about {line.seconds:.1f} s; does it say them, and no more?"
    return ""


def length_of(path: Path) -> float:
    """Give how many seconds a recording takes; nothing where it is no MP3."""
    try:
        read = MP3(path).info
    except (MutagenError, OSError):
        return 0.0
    return float(read.length) if read else 0.0
