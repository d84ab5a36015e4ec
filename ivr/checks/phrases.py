"""Phrases: enough of each, no templates, and every stop a texter may want has an intent or says why not."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import astuple
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.flow.loader import Fault
from ivr.phone_numbers import holds_number
from ivr.understanding.danger import RulesError
from ivr.understanding.intents import read_intents
from ivr.understanding.phrases import DANGER, OFF_TOPIC, SOUNDS, WISH, read_check_set, read_phrases
from ivr.understanding.text_cleaning import LONGEST
from ivr.understanding.understand import read_rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ivr.flow.models import Flow
    from ivr.understanding.intents import IntentTable
    from ivr.understanding.phrases import Phrase

LEAST_OF_INTENT, LEAST_OFF_TOPIC = (
    60,
    300,
)  # Phrases, in each language of LANGUAGES, with those of the check set.
LANGUAGES = ("en", "fr")
FOLDER = "phrases"
INTENTS = "intents.toml"


def phrase_faults(flow: Flow, folder: Path) -> Iterator[Fault]:
    """Find every fault of a folder of phrases. Never raises, whatever it holds."""
    try:
        intents = read_intents(folder / INTENTS)
        read_rules(folder)
    except (OSError, KeyError, ValueError, RulesError) as error:
        yield Fault(f"{FOLDER}/{INTENTS}", "top of the file", str(error))
        return
    phrases, apart = read_phrases(folder), read_check_set(folder)
    yield from unknown_names(intents, phrases)
    yield from too_few(intents, (*phrases, *apart))
    yield from alike(phrases)
    yield from learned_and_checked(phrases, apart)
    yield from stops_without_intent(flow, intents)


def kept_phrase_faults(flow: Flow, folder: Path, kept: Path) -> tuple[Fault, ...]:
    """Give the faults that were found last time, if nothing has changed since; else find and keep them."""
    mark = _mark(flow, folder)
    try:
        before = json.loads(kept.read_text("utf-8"))
        if before["mark"] == mark:
            return tuple(Fault(*each) for each in before["faults"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # Nothing is kept yet, or nothing of use.
    faults = tuple(phrase_faults(flow, folder))
    with suppress(OSError):  # A folder that cannot be written to keeps nothing.
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_name(f"{kept.name}.{os.getpid()}")
        fresh.write_text(json.dumps({"mark": mark, "faults": [astuple(each) for each in faults]}), "utf-8")
        fresh.replace(kept)
    return faults


def _mark(flow: Flow, folder: Path) -> str:
    """Sum up all on which faults of phrases rest: the files, the stops, the rules and what reads them."""
    ours = Path(__file__).parents[1]
    code = (*ours.glob("checks/*.py"), *ours.glob("understanding/*.py"), ours / "phone_numbers.py")
    every = {str(path): path for path in (*code, *folder.glob("*.toml"), *folder.glob("*/*.*"))}
    mark = sha256(f"{sys.version}\0{sorted(flow.stops)}".encode())
    for name, path in sorted(every.items()):
        with suppress(OSError):
            held = path.read_bytes()
            mark.update(f"\0{name}\0{len(held)}\0".encode() + held)
    return mark.hexdigest()


def draft_faults(folder: Path, added: Sequence[Phrase], new: Sequence[Phrase]) -> Iterator[Fault]:
    """Find what is wrong with ``new`` phrases beside those of the files and those that were ``added``."""
    files, apart = read_phrases(folder), read_check_set(folder)
    names = {(phrase.language, phrase.name) for phrase in files}
    known = {(each.language, each.text.casefold()): each.name for each in (*files, *added)}
    for phrase in new:
        place = f"{phrase.language}/{phrase.name}.txt"
        if (phrase.language, phrase.name) not in names:
            theirs = ", ".join(sorted(name for language, name in names if language == phrase.language))
            yield _fault(
                place, "its name", f"is no file of phrases; {phrase.language} has: {theirs or 'none'}"
            )
        elif fault := _text_fault(phrase):
            yield _fault(place, repr(phrase.text), fault)
        elif other := known.get((phrase.language, phrase.text.casefold())):
            yield _fault(place, repr(phrase.text), f"stands already in {phrase.language}/{other}.txt")
    ours = {repr(phrase.text) for phrase in new}
    beside = [p for p in (*files, *added) if (p.language, p.name) in {(n.language, n.name) for n in new}]
    fresh = [p for p in new if (p.language, p.text.casefold()) not in known]
    yield from (fault for fault in alike((*beside, *fresh)) if fault.place in ours)
    yield from alike_to_check_set(fresh, apart)


def _text_fault(phrase: Phrase) -> str:
    """Tell why a text cannot be a phrase, whatever it means."""
    text = phrase.text
    if not text.strip() or text != text.strip() or not text.isprintable() or text.startswith("#"):
        return "is no single line of words; write it as somebody would text it"
    if len(text) > LONGEST:
        return f"has more than {LONGEST} letters; what comes after them is not read"
    if holds_number(text, phrase.language):
        return "holds what looks like a telephone number; leave it out, it may be somebody's"
    return ""


def stops_without_intent(flow: Flow, intents: IntentTable) -> Iterator[Fault]:
    """Find stops that no intent leads to, and intents that lead nowhere."""
    led = set(intents.stops.values())
    for intent, stop in intents.stops.items():
        if stop not in flow.stops:
            yield _fault(
                INTENTS, f"stops.{intent}", f"leads to {stop!r}, which is no stop of config/menus.toml"
            )
    for stop in intents.without_intent:
        if stop not in flow.stops:
            yield _fault(
                INTENTS, f"without_intent.{stop}", "is no stop of config/menus.toml; remove the line"
            )
    for stop in flow.stops:
        if stop not in led and stop not in intents.without_intent:
            mend = f"no intent leads to {stop!r}; write phrases for it, or why not under [without_intent]"
            yield _fault(INTENTS, "stops", mend)


def unknown_names(intents: IntentTable, phrases: Iterable[Phrase]) -> Iterator[Fault]:
    """Find files of phrases that mean nothing: no intent, danger, wish or off-topic."""
    known = {*intents.stops, OFF_TOPIC}
    for language, name in sorted({(p.language, p.name) for p in phrases}):
        if name not in known and not name.startswith((DANGER, WISH)):
            yield _fault(f"{language}/{name}.txt", "its name", f"is no intent of {INTENTS}; add it there")
    for phrase in phrases:
        if phrase.topic and phrase.topic not in known:
            yield _fault(
                f"{phrase.language}/{phrase.name}.txt", phrase.text, f"{phrase.topic!r} is no intent"
            )


def too_few(intents: IntentTable, phrases: Iterable[Phrase]) -> Iterator[Fault]:
    """Find intents with too few phrases to be learned."""
    counted = Counter((phrase.language, phrase.name) for phrase in phrases)
    for language in LANGUAGES:
        for name in (*intents.stops, OFF_TOPIC, SOUNDS):
            least = LEAST_OFF_TOPIC if name == OFF_TOPIC else LEAST_OF_INTENT
            if (count := counted[language, name]) < least:
                yield _fault(f"{language}/{name}.txt", "its phrases", f"are {count}; write {least} at least")


def alike(phrases: Iterable[Phrase]) -> Iterator[Fault]:
    """Find phrases of one file that share two thirds of their words: the same again, or a template."""
    by_file: dict[tuple[str, str], list[Phrase]] = {}
    for phrase in phrases:
        by_file.setdefault((phrase.language, phrase.name), []).append(phrase)
    for theirs in by_file.values():
        before = TextsByWord([phrase.text for phrase in theirs])
        for phrase in theirs:
            if like := before.first_alike(phrase.text, add=True):
                yield _like(phrase, like)


def alike_to_check_set(phrases: Iterable[Phrase], apart: Iterable[Phrase]) -> Iterator[Fault]:
    """Find phrases that are nearly in the check set: learned from, it would say nothing any more."""
    theirs, ours = _by_language(apart), _by_language(phrases)
    for language in theirs.keys() & ours.keys():
        known = TextsByWord([phrase.text for phrase in (*theirs[language], *ours[language])])
        for each in theirs[language]:
            known.first_alike(each.text, add=True)
        for phrase in ours[language]:
            if like := known.first_alike(phrase.text):
                yield _like(phrase, f"{like} of the check set")


def _by_language(phrases: Iterable[Phrase]) -> dict[str, list[Phrase]]:
    found: dict[str, list[Phrase]] = {}
    for phrase in phrases:
        found.setdefault(phrase.language, []).append(phrase)
    return found


WORDS = re.compile(r"[\w'#$]+")


def _words(text: str) -> list[str]:
    """Give the words of a text; one that comes again is another word, so that none is in it twice."""
    words = WORDS.findall(text.casefold()) or [text]
    if len(set(words)) == len(words):
        return words
    counted: dict[str, int] = {}
    for at, word in enumerate(words):
        before = counted[word] = counted.get(word, -1) + 1
        if before:
            words[at] = f"{word} {before}"
    return words


class TextsByWord:
    """Texts found by their rarest words: most share none of them with a text, and are never compared.

    Two texts that share two thirds of the words of each share one of the rarest third of each, and one word
    more, by whatever count of the words. Whoever has fewer words in common with all others is like none.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        """Count the words of all texts that are to be added, or to be looked for."""
        self._words = {text: _words(text) for text in texts}
        often = Counter(chain.from_iterable(map(self._words.__getitem__, texts)))
        common = sorted((word for word, count in often.items() if count > 1), key=often.__getitem__)
        self._order = {word: at for at, word in enumerate(common, 1)}  # A word of several texts -> its place.
        self._texts: list[tuple[str, int, frozenset[int]]] = []
        self._having: dict[int, list[int]] = {}  # Word -> the texts that have it among their rarest.

    def first_alike(self, text: str, *, add: bool = False) -> str:
        """Give the first text that shares two thirds of its words with this, quoted; "" for none.

        ``add``: also add the text, after it was looked for.
        """
        places = list(map(self._order.get, self._words[text]))
        length, lone = len(places), places.count(None)
        if 3 * lone > length:
            return ""
        common = sorted(filter(None, places))
        rarest = common[: length // 3 + 1 - lone]
        every, found, having = frozenset(common), set[int](), self._having
        for word in rarest:
            if word in having:
                found.update(having[word])
        like = ""
        for at in sorted(found):
            other, theirs, shared = self._texts[at]
            longest = max(length, theirs)
            if 3 * min(length, theirs) >= 2 * longest and 3 * len(every & shared) >= 2 * longest:
                like = repr(other)
                break
        if add:
            for word in rarest:
                having.setdefault(word, []).append(len(self._texts))
            self._texts.append((text, length, every))
        return like


def _like(phrase: Phrase, like: str) -> Fault:
    place = f"{phrase.language}/{phrase.name}.txt"
    return _fault(place, repr(phrase.text), f"is too much like {like}; write one that differs")


def learned_and_checked(phrases: Iterable[Phrase], apart: Iterable[Phrase]) -> Iterator[Fault]:
    """Find phrases of the check set that are also learned from."""
    learned = {phrase.text.casefold() for phrase in phrases}
    for phrase in apart:
        if phrase.text.casefold() in learned:
            yield _fault(
                f"check/{phrase.language}.tsv", repr(phrase.text), "is learned from too; remove it there"
            )


def _fault(file: str, place: str, mend: str) -> Fault:
    return Fault(f"{FOLDER}/{file}", place, mend)
