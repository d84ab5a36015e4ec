"""Prompts: all that is heard or read is there in every language, plain and kind, and nothing else is."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import MISSING, fields
from functools import lru_cache
from typing import TYPE_CHECKING

from ivr.checks.agencies import is_date
from ivr.flow.graph import by_text, offers, offers_by_text
from ivr.flow.loader import BLANK as TO_FILL_IN
from ivr.flow.loader import Fault, prompts_file
from ivr.flow.models import (
    AgencyWords,
    ChecklistStop,
    ConsentStop,
    GoodbyeStop,
    LanguageStop,
    Lines,
    MessageStop,
    OrderWords,
    StopWords,
    TransferStop,
    every_prompt,
)
from ivr.flow.readability import MEASURED, measured, unkind, whole_prompts
from ivr.flow.recordings import ScriptLine, script
from ivr.flow.rendering import PLACEHOLDER, seconds
from ivr.flow.segments import segments
from ivr.flow.turn import Say
from ivr.phone_numbers import FEWEST_DIGITS, NUMBER_WORDS, find_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from ivr.flow.models import Flow, Prompts


NO_WORDS = StopWords()


def needs(flow: Flow, name: str) -> frozenset[str]:
    """Name which of a stop's words a caller or texter comes across."""
    stop = flow.stops[name]
    texted = by_text(flow)
    spoken = {"say"} if isinstance(stop, MessageStop | GoodbyeStop | LanguageStop | ConsentStop) else set()
    asked = {"questions"} if isinstance(stop, ChecklistStop) else set()
    read = {"text"} if name in texted and not isinstance(stop, LanguageStop | GoodbyeStop) else set()
    offered = {"offer"} if name in _offered(flow) else set()
    labelled = {"label"} if name in _labelled(flow) else set()
    return frozenset(spoken | asked | read | offered | labelled)


@lru_cache(maxsize=4)
def _offered(flow: Flow) -> frozenset[str]:
    """Name the stops that a key leads to."""
    return frozenset(to for stop in flow.stops.values() for to in offers(stop).values())


@lru_cache(maxsize=4)
def _labelled(flow: Flow) -> frozenset[str]:
    """Name the stops that a texter is offered."""
    return frozenset(to for by in by_text(flow) for to in offers_by_text(flow, flow.stops[by]).values())


def allows(flow: Flow, name: str) -> frozenset[str]:
    """Name which of a stop's words may be there without being needed."""
    stop = flow.stops[name]
    texted = {"text"} if name in by_text(flow) else set()
    return frozenset({"say"} | texted) if not isinstance(stop, MessageStop) else frozenset(texted)


def missing_words(flow: Flow) -> Iterator[Fault]:
    """Find stops that lack words in a language."""
    for name in flow.stops:
        needed = sorted(needs(flow, name))
        for language, prompts in flow.prompts.items():
            words = prompts.stops.get(name, NO_WORDS)
            for part in needed:
                if not any(text.strip() for _, text in every_prompt(getattr(words, part))):
                    mend = f"has no words in '{language}'; write them"
                    yield Fault(prompts_file(language), f"stops.{name}.{part}", mend)


def missing_lines(flow: Flow) -> Iterator[Fault]:
    """Find sentences of the line itself that are empty; one that may be left out, in some languages only."""
    optional = {part.name for part in fields(Lines) if part.default is not MISSING}
    used = {name for p in flow.prompts.values() for name in optional if getattr(p.lines, name).strip()}
    for language, prompts in flow.prompts.items():
        for line, words in every_prompt(prompts.lines):
            if not words.strip() and (line in used or line not in optional):
                yield Fault(
                    prompts_file(language), f"lines.{line}", f"has no words in '{language}'; write them"
                )


def missing_names(flow: Flow) -> Iterator[Fault]:
    """Find orders without an offer, and agencies without a name or without who runs them."""
    offered = {o: None for s in flow.stops.values() if isinstance(s, TransferStop) for o in s.orders.values()}
    rung = {name: None for names in flow.directory.orders.values() for name in names}
    for language, prompts in flow.prompts.items():
        file = prompts_file(language)
        mend = f"has no words in '{language}'; write them"
        for order in offered:
            if not prompts.orders.get(order, OrderWords("")).offer.strip():
                yield Fault(file, f"orders.{order}.offer", mend)
        for agency in rung:
            words = prompts.agencies.get(agency, AgencyWords("", ""))
            for part in ("name", "who"):
                if not getattr(words, part).strip():
                    yield Fault(file, f"agencies.{agency}.{part}", mend)
        for agency in _quoted(prompts):
            if agency not in flow.place.names and agency not in rung and agency not in prompts.agencies:
                yield Fault(file, f"agencies.{agency}.name", mend)


def _quoted(prompts: Prompts) -> dict[str, None]:
    """Name the agencies whose names stand in other words as {agency.name}."""
    found = (match for _, text in every_prompt(prompts) for match in PLACEHOLDER.finditer(text))
    return {match[1]: None for match in found if match[2] == "name"}


def uneven_questions(flow: Flow) -> Iterator[Fault]:
    """Find checklists that ask more in one language than in another, or ask nothing somewhere."""
    for name, stop in flow.stops.items():
        if not isinstance(stop, ChecklistStop):
            continue
        asked = {language: p.stops.get(name, NO_WORDS).questions for language, p in flow.prompts.items()}
        most = max(map(len, asked.values()), default=0)
        for language, questions in asked.items():
            if questions and len(questions) != most:
                mend = (
                    f"has {len(questions)} questions where another language has {most}; ask the same in each"
                )
                yield Fault(prompts_file(language), f"stops.{name}.questions", mend)
            for number, question in enumerate(questions, 1):
                if not question.strip():
                    yield Fault(
                        prompts_file(language), f"stops.{name}.questions.{number}", "is empty; write it"
                    )


def unused_words(flow: Flow) -> Iterator[Fault]:
    """Find words that nobody will ever hear or read."""
    for language, prompts in flow.prompts.items():
        file = prompts_file(language)
        known: dict[str, tuple[Mapping[str, object], Mapping[str, object], str]] = {
            "stops": (prompts.stops, flow.stops, "config/menus.toml"),
            "orders": (prompts.orders, flow.directory.orders, "config/agencies.toml"),
            "agencies": (prompts.agencies, flow.directory.agencies, "config/agencies.toml"),
        }
        for kind, (written, declared, where) in known.items():
            for name in written:
                if name not in declared:
                    mend = f"is not declared in {where}; remove these words, or declare it there"
                    yield Fault(file, f"{kind}.{name}", mend)


def unused_parts(flow: Flow) -> Iterator[Fault]:
    """Find parts of a stop's words that its kind, or its place in the menus, never uses."""
    for name in flow.stops:
        used = needs(flow, name) | allows(flow, name)
        for language, prompts in flow.prompts.items():
            words = prompts.stops.get(name, NO_WORDS)
            for part in (each.name for each in fields(words)):
                if getattr(words, part) and part not in used:
                    mend = "is never heard or read; remove it, or offer the stop where it would be"
                    yield Fault(prompts_file(language), f"stops.{name}.{part}", mend)


def same_offers(flow: Flow) -> Iterator[Fault]:
    """Find two choices of one stop that sound or read the same."""
    for name, stop in flow.stops.items():
        for language, prompts in flow.prompts.items():
            for part in ("offer", "label"):
                heard: dict[str, str] = {}
                for key, to in offers(stop).items():
                    words = getattr(prompts.stops.get(to, NO_WORDS), part).strip().casefold()
                    if words and heard.setdefault(words, to) != to:
                        mend = (
                            f"is also that of '{heard[words]}', beside it at '{name}' (key {key}); reword one"
                        )
                        yield Fault(prompts_file(language), f"stops.{to}.{part}", mend)


# Reviews: whoever read the words of a language is named, with the day.


def half_reviewed(flow: Flow) -> Iterator[Fault]:
    """Find reviews without a date, or without whoever made them."""
    for language, words in flow.prompts.items():
        file = prompts_file(language)
        if words.reviewed_on and not is_date(words.reviewed_on):
            mend = f"'{words.reviewed_on}' is not a date; write one such as 2026-11-30, or leave it empty"
            yield Fault(file, "reviewed_on", mend)
        if bool(words.reviewed_on) != bool(words.reviewed_by.strip()):
            missing = "reviewed_by" if words.reviewed_on else "reviewed_on"
            mend = "is empty, and its pair is not; write who read the words and when, or empty both"
            yield Fault(file, missing, mend)


# Style: plain, kind, and no number written out by hand.


HAN_AMOUNTS = frozenset("十百千万亿")  # Of Chinese: no telephone number is written with them.
NEXT = " \u01c2 "  # Between prompts that are read at once: a letter that no language here has.
HIGHEST_GRADE, LONGEST_SENTENCE = 6, 12  # School years; words, on average.


def hard_words(flow: Flow) -> Iterator[Fault]:
    """Find English prompts that need more school, or more breath, than a caller may have."""
    for place, found in measured(flow):
        if found.grade > HIGHEST_GRADE:
            mend = f"needs grade {found.grade:.1f} to read; write shorter words, to grade {HIGHEST_GRADE}"
            yield Fault(prompts_file(MEASURED), place, mend)
        if found.length > LONGEST_SENTENCE:
            mend = f"has {found.length:.1f} words a sentence; part them, to {LONGEST_SENTENCE}"
            yield Fault(prompts_file(MEASURED), place, mend)


def banned_words(flow: Flow) -> Iterator[Fault]:
    """Find words that a language bans: they blame, promise, command or frighten."""
    for language, words in flow.prompts.items():
        prompts = tuple(whole_prompts(words))
        if not unkind(NEXT.join(said for _, said in prompts), words.style):
            continue  # All of them at once take a third of the time.
        for place, said in prompts:
            if word := unkind(said, words.style):
                mend = f"says '{word}', which this file bans in [style]; reword it"
                yield Fault(prompts_file(language), place, mend)


def numbers_by_hand(flow: Flow) -> Iterator[Fault]:
    """Find telephone numbers that stand in words: they would be said once, and be anybody's, or wrong."""
    for language, words in flow.prompts.items():
        named = ((place, said) for place, said in every_prompt(words) if place.startswith("agencies."))
        said_at = dict(whole_prompts(words)) | dict(named)
        for place, said in said_at.items():
            if language not in NUMBER_WORDS and sum(map(str.isnumeric, said)) < FEWEST_DIGITS:
                continue
            for number in _numbers_in(said, language):
                mend = f"holds the number {number}; write {{agency.number}}, which is said twice"
                yield Fault(prompts_file(language), place, mend)


@lru_cache(maxsize=16384)  # All prompts of all languages, which are checked again whenever one is edited.
def _numbers_in(said: str, language: str) -> tuple[str, ...]:
    found = (said[start:end] for start, end in find_numbers(said, language))
    return tuple(number for number in found if HAN_AMOUNTS.isdisjoint(number))


def key_first(flow: Flow) -> Iterator[Fault]:
    """Find choices that name the key before what it does: a caller would have to keep it in mind."""
    for language, prompts in flow.prompts.items():
        task, _, rest = prompts.lines.choice.partition("{task}")
        if "{key}" in task and rest:
            yield Fault(
                prompts_file(language), "lines.choice", "names the key first; put {task} first and {key} last"
            )


# Recordings say what the prompts say: of a prompt that is there, and about as long as its words.

# How long a recording may be beside what a voice takes for its words: people read at half the pace, or twice.
SHORTEST_RECORDING, LONGEST_RECORDING = 0.5, 2.0
PAUSE = 1.0  # Seconds of silence around a short sentence that say nothing of its words.


def wrong_recordings(flow: Flow, prompts: Path) -> Iterator[Fault]:
    """Find recordings that replace nothing, cannot be played, or are not as long as their words."""
    lines: dict[str, dict[str, ScriptLine]] = {}
    for path in sorted((prompts / "audio").glob("*/*.mp3")):
        language, place = path.parent.name, path.stem
        if language not in flow.line.languages:
            mend = f"'{language}' is not a language of config/line.toml; mend the name of the folder"
            yield Fault(str(path), place, mend)
        elif language in flow.prompts:
            if language not in lines:
                lines[language] = {line.place: line for line in script(flow, language)}
            if mend := _wrong(lines[language].get(place), path):
                yield Fault(str(path), place, mend)


def _wrong(line: ScriptLine | None, path: Path) -> str:
    """Say what is wrong with one recording of a line; nothing where it fits."""
    if line is None:
        return "replaces no prompt that can be recorded; `ivr prompts record-list` names those that can"
    length = length_of(path)
    if not length:
        return "cannot be played; record it as MP3"
    if not line.seconds * SHORTEST_RECORDING - PAUSE <= length <= line.seconds * LONGEST_RECORDING + PAUSE:
        return f"takes {length:.1f} s, its words about {line.seconds:.1f} s; does it say them, and no more?"
    return ""


def length_of(path: Path) -> float:
    """Give how many seconds a recording takes; nothing where it is no MP3."""
    from mutagen import MutagenError  # noqa: PLC0415 - most lines have no recording, and it is slow to load
    from mutagen.mp3 import MP3  # noqa: PLC0415

    try:
        read = MP3(path).info
    except (MutagenError, OSError):
        return 0.0
    return float(read.length) if read else 0.0


# Translations say what the English says: the same numbers, about as much, and in their own words.

SOURCE = "en"
BLANK = re.compile(r"\{[^{}]*\}")
SPACED = re.compile(r"(?<=\d)(?:[ :-]|\s*点\s*)(?=\d)")  # "9 1 1" and "9-1-1" are one number.
ADDRESS = re.compile(r"\S+[./]\S+")  # Of a web page.
NUMBER = re.compile(r"\d+")
MAY_DIFFER = re.compile(
    r"(?:style|languages|agencies)\.|reviewed_|translator|lines\.language_name|.*\.label$"
)
LEAST_TO_COMPARE = 40  # Letters; shorter texts may be half or twice as long.
# How long a translation is beside the English: letters of Latin, Arabic or Indian scripts, and of Chinese.
SHORTEST_TRANSLATION, LONGEST_TRANSLATION = 0.45, 2.2
SHORTEST_HAN, LONGEST_HAN = 0.15, 0.9
# What things are called here: callers meet these words in court, and at their telephone company.
KEPT = frozenset({"relay", "restraining", "order"})
LATIN_WORD = re.compile(r"[A-Za-z]{4,}")


def strayed(flow: Flow) -> Iterator[Fault]:
    """Find translations whose numbers or length differ from the English, or that are English still.

    What is still blank has no translation yet: the check of another place names it.
    """
    if SOURCE not in flow.prompts:
        return
    english = _texts(flow, SOURCE)
    for language in flow.prompts:
        if not flow.prompts[language].draft:
            continue  # Whoever reviewed it may have had reasons.
        own = _texts(flow, language)
        for place in english.keys() & own.keys():
            if not MAY_DIFFER.match(place) and (mend := _strays(flow, language, english[place], own[place])):
                yield Fault(prompts_file(language), place, mend)


def _texts(flow: Flow, language: str) -> Mapping[str, str]:
    prompts = every_prompt(flow.prompts[language])
    return {place: text for place, text in prompts if text.strip() and not text.startswith(TO_FILL_IN)}


def _strays(flow: Flow, language: str, english: str, own: str) -> str:
    """Say how a translation differs; nothing where it does not."""
    due, there = _blanks(english), _blanks(own)
    if due != there:
        return f"has the blanks {_list(there)}, the English {_list(due)}; put in the same"
    wanted, found = _numbers(english), _numbers(own)
    if wanted != found:
        return f"has the numbers {_list(found)}, the English {_list(wanted)}; write the same"
    if len(english) >= LEAST_TO_COMPARE:
        if english == own:
            return "is English still; translate it"
        ratio = len(own) / len(english)
        han = _script_of(flow, language) == "CJK"
        least, most = (SHORTEST_HAN, LONGEST_HAN) if han else (SHORTEST_TRANSLATION, LONGEST_TRANSLATION)
        if not least <= ratio <= most:
            return f"is {ratio:.1f} times as long as the English; see whether something is missing or added"
    if _script_of(flow, language) != "LATIN" and (words := _english_words(flow, own)):
        return f"holds '{words[0]}' in Latin letters; translate it"
    return ""


@lru_cache(maxsize=16384)  # The English ones are compared with every language.
def _blanks(text: str) -> list[str]:
    """Give what is filled in, but names: another language may say "they"."""
    return sorted(blank for blank in BLANK.findall(text) if not blank.endswith(".name}"))


@lru_cache(maxsize=16384)
def _numbers(text: str) -> list[str]:
    return sorted(NUMBER.findall(SPACED.sub("", BLANK.sub(" ", text))))


def _english_words(flow: Flow, own: str) -> list[str]:
    """Give the English words of a text in another script: small ones, as names and keywords may stand."""
    words = LATIN_WORD.findall(ADDRESS.sub(" ", BLANK.sub(" ", own)))
    return [word for word in words if word in _common_words(flow)]


@lru_cache(maxsize=4)
def _common_words(flow: Flow) -> frozenset[str]:
    """Give the words that English prompts write small: no names."""
    text = " ".join(BLANK.sub(" ", text) for text in _texts(flow, SOURCE).values())
    return frozenset(word for word in LATIN_WORD.findall(text) if word.islower()) - KEPT


@lru_cache(maxsize=32)
def _script_of(flow: Flow, language: str) -> str:
    """Name the script in which a language calls itself, as Unicode does: LATIN, ARABIC, CJK."""
    name = flow.prompts[language].lines.language_name
    return next((unicodedata.name(c, "").split(" ", 1)[0] for c in name if c.isalpha()), "")


def _list(items: list[str]) -> str:
    return ", ".join(items) or "none"


# Notices: what must hold of a sentence before callers hear it, since nobody reviews it.

LONGEST_SECONDS = 12
LONGEST_DAYS = 90
MENDS = {
    "notice_empty": "write a sentence in one language at least",
    "notice_language": "the line does not speak this language",
    "notice_braces": "leave out { and }: nothing is put in here",
    "notice_number": "leave out the telephone number: callers hear those of agencies at their own keys",
    "notice_long": f"shorten it to {LONGEST_SECONDS} seconds of speech and one text",
    "notice_unkind": "leave out a word that nobody is to hear: see [style] in the prompts",
    "notice_ended": f"choose a time that is to come, within {LONGEST_DAYS} days",
}


def notice_faults(
    flow: Flow, words: Mapping[str, str], now: datetime, until: datetime
) -> Iterator[tuple[str, str]]:
    """Find what is wrong with a notice: the language, or none where it is the whole; and a key of `MENDS`."""
    if not words:
        yield "", "notice_empty"
    if not 0 < (until - now).total_seconds() <= LONGEST_DAYS * 86400:
        yield "", "notice_ended"
    for language, said in words.items():
        if language not in flow.languages:
            yield language, "notice_language"
        elif found := _fault(flow, language, said):
            yield language, found


def _fault(flow: Flow, language: str, said: str) -> str:
    if "{" in said or "}" in said:
        return "notice_braces"
    if find_numbers(said, language):
        return "notice_number"
    if unkind(said, flow.prompts[language].style):
        return "notice_unkind"
    long = seconds(flow, [Say(said, language)]) > LONGEST_SECONDS or segments(said) > 1
    return "notice_long" if long else ""
