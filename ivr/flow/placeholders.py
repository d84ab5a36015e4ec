"""What must hold of a prompt before it can be said: its blanks are known, its letters can be sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ivr.flow.loader import AGENCIES, Fault, prompts_file
from ivr.flow.models import every_prompt
from ivr.flow.rendering import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ivr.flow.models import Flow


BLANK = "FILL IN"  # Begins what `ivr new` leaves to be written.
BRACES = re.compile(r"\{([^{}]*)\}|[{}]")
NEEDED: Mapping[str, tuple[str, ...]] = {
    "choose_language": ("key",),
    "choice": ("task", "key"),
    "ringing": ("agency", "who"),
    "text_choice": ("key", "label"),
    "other_languages": ("key",),
    "no_voice": ("language",),
}
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "ringing_answer": ("agency", "who"),
    "whisper_accepted": ("topic", "language"),
    "whisper_accepted_unknown": ("topic",),
    "joining": ("agency", "who"),
    "wait_on": ("agency", "who"),
}
PLAIN = {"lines.language_name"}  # Stands inside other words, and is not filled itself.
AGENCY_NAME = re.compile(r"agencies\..*\.name")  # Stands inside other words; it may hold names of the place.


def unknown_blanks(flow: Flow) -> Iterator[Fault]:
    """Find blanks that nothing fills."""
    for language, prompts in flow.prompts.items():
        for place, words in every_prompt(prompts):
            line = place.removeprefix("lines.")
            known = (*NEEDED.get(line, ()), *ALLOWED.get(line, ())) if place.startswith("lines.") else ()
            plain = place in PLAIN or AGENCY_NAME.fullmatch(place) is not None
            for match in BRACES.finditer(words):
                if mend := _mend(flow, match, known, plain=plain):
                    yield Fault(prompts_file(language), place, mend)


def missing_blanks(flow: Flow) -> Iterator[Fault]:
    """Find sentences that lack a blank they cannot do without."""
    for language, prompts in flow.prompts.items():
        for line, blanks in NEEDED.items():
            words: str = getattr(prompts.lines, line)
            for blank in blanks:
                if "{" + blank + "}" not in words and words.strip():
                    mend = f"lacks {{{blank}}}; write it where it is to be heard"
                    yield Fault(prompts_file(language), f"lines.{line}", mend)


def _mend(flow: Flow, match: re.Match[str], known: tuple[str, ...], *, plain: bool) -> str:
    """Say what is wrong with one pair of braces; nothing when it is a blank that is filled."""
    blank = match[1]
    if blank is None:
        return f"has a '{match[0]}' without its pair; remove it, or close the blank"
    quoted = PLACEHOLDER.fullmatch(match[0])
    if blank in known or (quoted and _is_filled(flow, quoted[1], quoted[2], plain=plain)):
        return ""
    if quoted and quoted[1] in flow.place.names and quoted[2] == "number":
        return f"asks for the number of '{quoted[1]}', which has none; give it one in {AGENCIES}"
    if quoted and not plain:
        return f"names the agency '{quoted[1]}', which is not declared; declare it or mend the name"
    choices = ", ".join(
        "{" + name + "}" for name in (*known, *(() if plain else ("agency.name", "agency.number")))
    )
    return f"has the unknown blank {match[0]}; only these are filled here: {choices or 'none'}"


def _is_filled(flow: Flow, key: str, what: str, *, plain: bool) -> bool:
    """Whether the place has that name, or the directory that agency."""
    return (key in flow.place.names and what == "name") or (not plain and key in flow.directory.agencies)


# What no document of the telephone network can carry: XML 1.0 has no such letters.
UNSENDABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def unsendable(flow: Flow) -> Iterator[Fault]:
    """Find letters that cannot be sent: a caller would hear that an error occurred."""
    for language, words in flow.prompts.items():
        for place, said in every_prompt(words):
            if found := UNSENDABLE.search(said):
                mend = f"holds U+{ord(found[0]):04X}, which no document can carry; remove it"
                yield Fault(prompts_file(language), place, mend)
