"""What a text means, decided once, in order: bare words, danger, wishes, answers, keyword, topic."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field, replace
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Literal

from rapidfuzz import fuzz, process

from ivr.understanding.danger import DangerReading, DangerRule, read_danger, read_danger_rules
from ivr.understanding.intents import MOST_CHOICES, IntentTable, Likely, off_topic, rank_stops, read_intents
from ivr.understanding.languages import (
    LanguageGuess,
    LanguageWords,
    detect_language,
    read_language_words,
)
from ivr.understanding.phrases import DANGER, SOUNDS
from ivr.understanding.text_cleaning import clean, fold
from ivr.understanding.thresholds import (
    LETTERS_ALONE,
    MEANING,
    MOST_POINTS,
    SMALLEST_SHARE,
    Thresholds,
    ThresholdTable,
    read_thresholds,
)
from ivr.understanding.wishes import FIRST, WishReading, WishRule, read_answer, read_wish, read_wish_rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ivr.understanding.intents import Meaning

Answer = Literal["danger", "wish", "key", "yes", "no", "sure", "choices", "lost"]
BARE = frozenset({"stop", "start", "exit", "erase"})
WITHOUT_911 = frozenset(
    {"language", "stop", "exit", "start"}
)  # Of these wishes: no reply, or a menu with it.
NEUTRAL = frozenset({"who", "wrong_number", "seeking_someone"})  # By rule they come before any keyword.
ALIKE = 86  # Of 100: "traffiking" is alike to "trafficking", "police" is not to "polite".
SHORTEST_INSIDE = 4  # Letters of a keyword, or the name of a language, that counts inside a sentence.
WISH_NAMES = {"leave": "exit"}  # What config/keywords.toml calls a wish -> what it is called here.


@dataclass(frozen=True)
class Keywords:
    """The line's own words, folded: of wishes, of languages, and of stops by language."""

    wishes: Mapping[str, str] = field(default_factory=dict)
    languages: Mapping[str, str] = field(default_factory=dict)
    stops: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    yes: frozenset[str] = frozenset()  # More words for yes, after a question.
    tongues: Mapping[str, str] = field(default_factory=dict)  # Words of wishes that tell their language.

    def has(self, folded: str) -> bool:
        """Whether a whole text is one of the line's own words, in any language."""
        return (
            folded in self.wishes
            or folded in self.languages
            or any(folded in stops for stops in self.stops.values())
        )

    @classmethod
    def of(
        cls,
        wishes: Mapping[str, Sequence[str]],
        languages: Mapping[str, Sequence[str]],
        stops: Mapping[str, Mapping[str, Sequence[str]]],
        yes: Sequence[str] = (),
        tongues: Mapping[str, Sequence[str]] | None = None,
    ) -> Keywords:
        """Fold the words as they stand in `config/keywords.toml`."""
        return cls(
            {fold(word): WISH_NAMES.get(wish, wish) for wish, words in wishes.items() for word in words},
            {fold(word): language for language, words in languages.items() for word in words},
            {
                language: {fold(word): stop for stop, words in each.items() for word in words}
                for language, each in stops.items()
            },
            frozenset(map(fold, yes)),
            {fold(word): language for language, words in (tongues or {}).items() for word in words},
        )


@dataclass(frozen=True)
class Context:
    """What is known before a text is read: what the line speaks, and what the conversation was about."""

    languages: tuple[str, ...] = ("en", "fr")
    language: str = ""  # Of the conversation so far.
    home: str = "main"  # The stop of the menu, where a text that is about nothing leads.
    asked: Literal["", "key", "yes_no"] = ""  # What the last answer asked for.
    keywords: Keywords = field(default_factory=Keywords)


@dataclass(frozen=True)
class Rules:
    """All that is read from `phrases/` to understand a text without the classifier."""

    danger: tuple[DangerRule, ...]
    wishes: tuple[WishRule, ...]
    words: LanguageWords
    intents: IntentTable
    thresholds: Mapping[str, ThresholdTable]  # By what reads texts: meaning, or letters alone.
    # Of these languages phrases were learned. Of others a low score rules nothing out, and their own rules of
    # danger count alone.
    learned: frozenset[str] = frozenset()

    def compile(self) -> None:
        """Compile every pattern before the first text needs it, which would wait for a second."""
        deque(map(attrgetter("pattern"), (*self.danger, *self.wishes)), maxlen=0)


@dataclass(frozen=True)
class TextRead:
    """A text as the steps read it: cleaned, folded, its language, and the names by the classifier."""

    cleaned: str
    folded: str
    language: str
    names: Mapping[str, float]


@dataclass(frozen=True)
class Understanding:
    """What was made of one text, and why. ``safety`` tells whether the reply begins with 911."""

    language: str
    danger: str = ""
    danger_score: float = 0.0
    safety: bool = False
    wish: str = ""
    intents: tuple[Likely, ...] = ()
    answer: Answer = "lost"
    key: str = ""
    greeted: bool = False  # Nothing was misunderstood: they said hello, or asked for the menu.
    exact: bool = False  # The whole text is a word of the line's.
    foreign: bool = False  # In a language that the line lacks.
    why: tuple[str, ...] = ()


def read_rules(folder: Path) -> Rules:
    """Read all rules of `phrases/`. What has not changed is not read again: its patterns take a second."""
    files = sorted((*folder.glob("*.toml"), *folder.glob("*/*.toml")))
    stamps = tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    return _read_rules(folder.absolute(), stamps)


@lru_cache(maxsize=2)
def _read_rules(folder: Path, _stamps: tuple[tuple[str, int, int], ...]) -> Rules:
    return Rules(
        danger=read_danger_rules(folder),
        wishes=read_wish_rules(folder),
        words=read_language_words(folder / "languages.toml"),
        intents=read_intents(folder / "intents.toml"),
        thresholds=read_thresholds(folder / "thresholds.toml"),
        learned=frozenset(file.parent.name for file in folder.glob("*/*.txt")),
    )


def understand(rules: Rules, text: str, context: Context, meaning: Meaning | None) -> Understanding:
    """Understand one text. Total and pure; ``meaning`` is the classifier's word, None where it gave none."""
    cleaned = clean(text)
    if not any(map(str.isalnum, cleaned)):
        meaning = None  # The classifier learned words: of pictures alone it can only guess.
    by_letters = meaning.language if meaning else ""
    guess = detect_language(rules.words, cleaned, context.language, context.languages, by_letters)
    folded = fold(cleaned)
    language = context.keywords.tongues.get(folded) or guess.language or context.language
    read = TextRead(cleaned, folded, language, meaning.names if meaning else {})
    bare = context.keywords.wishes.get(read.folded, "")
    foreign = _is_foreign(guess, context)
    if bare in BARE and not _answer(context, read):
        return Understanding(read.language, wish=bare, answer="wish", why=(f"bare word: {read.folded}",))
    reading = read_danger(rules.danger, cleaned)
    way = LETTERS_ALONE if meaning and meaning.by == LETTERS_ALONE else MEANING
    limits = rules.thresholds[way].of(read.language)
    score = danger_score(limits, reading, meaning)
    learned = meaning is not None and (read.language in rules.learned or not read.language)
    first, second = _nets(limits, reading, score, meaning)
    if not learned:
        own = tuple(rule for rule in rules.danger if rule.language == read.language)
        first = first or read_danger(own, cleaned).score >= limits.points_first
    why = _reasons(guess, reading, score)
    if first:
        kind = _danger_kind(reading, read.names)
        return Understanding(
            read.language, kind, score, safety=True, answer="danger", foreign=foreign, why=why
        )
    found = _after_danger(rules, limits, read, context)
    if not read.names and found.answer == "lost" and not found.greeted:
        found = _keywords_inside(context, read) or found
    clear = learned and score < limits.danger_clear
    safety = _begins_with_911(found, second=second, clear=clear)
    foreign = found.foreign or (foreign and found.answer in ("sure", "choices", "lost") and not found.exact)
    return replace(found, danger_score=score, safety=safety, foreign=foreign, why=(*why, *found.why))


def _begins_with_911(found: Understanding, *, second: bool, clear: bool) -> bool:
    """Whether an answer that is not about danger names 911 first: what was not understood may be danger.

    ``clear`` tells that hardly any text in danger scores so low; the rules alone never say so.
    """
    if found.greeted or found.answer in ("key", "yes", "no") or found.wish in WITHOUT_911:
        return False
    return second or (found.answer in ("choices", "lost") and not clear)


def _is_foreign(guess: LanguageGuess, context: Context) -> bool:
    """Whether a text is in a language that the line lacks; in a conversation a mere guess is not enough."""
    return (
        bool(guess.language)
        and guess.language not in context.languages
        and (guess.sure or not context.language)
    )


def danger_score(limits: Thresholds, reading: DangerReading, meaning: Meaning | None) -> float:
    """Add the rules' points to the classifier's log-odds; the probability of danger now."""
    if meaning is None:
        return round(1 / (1 + math.exp(-(reading.score - limits.points_first + 0.5))), 3)
    points = min(reading.points, MOST_POINTS) * limits.danger_points
    calm = min(reading.calm, MOST_POINTS) * limits.danger_calm
    kinds = sum(share for name, share in meaning.names.items() if name.startswith(DANGER) and name != SOUNDS)
    named = limits.danger_names * _odds(kinds) - limits.danger_sounds * _odds(meaning.names.get(SOUNDS, 0.0))
    odds = limits.danger_bias + limits.danger_meaning * meaning.danger + named + points - calm
    return round(1 / (1 + math.exp(-max(-30.0, min(30.0, odds)))), 4)


def _odds(share: float) -> float:
    kept = min(1 - SMALLEST_SHARE, max(SMALLEST_SHARE, share))
    return math.log(kept / (1 - kept))


def _nets(
    limits: Thresholds, reading: DangerReading, score: float, meaning: Meaning | None
) -> tuple[bool, bool]:
    if meaning is None:
        return reading.score >= limits.points_first, reading.score >= limits.points_second
    return score >= limits.danger_first, score >= limits.danger_second


def _danger_kind(reading: DangerReading, names: Mapping[str, float]) -> str:
    """Name the kind by rules and classifier together: what to say differs, 9-8-8 for suicide."""
    shares = {
        name.removeprefix(DANGER): share
        for name, share in names.items()
        if name.startswith(DANGER) and name != SOUNDS
    }
    if reading.kind:
        shares[reading.kind] = shares.get(reading.kind, 0.0) + 0.3 * reading.points
    return max(shares, key=lambda kind: shares[kind], default="violence")


def _after_danger(rules: Rules, limits: Thresholds, read: TextRead, context: Context) -> Understanding:
    wish = read_wish(rules.wishes, read.cleaned, read.names)
    wanted = wish.wish if wish.confidence >= limits.wish else ""
    if wanted in FIRST and wish.confidence == 1:  # By rule: words that can hardly mean anything else.
        return _wished(read.language, wish)
    if key := _answer(context, read):
        answer: Answer = "yes" if key == "yes" else "no" if key == "no" else "key"
        return Understanding(read.language, answer=answer, key=key, why=(f"answers what was asked: {key}",))
    if wanted in NEUTRAL and wish.confidence == 1:
        return _wished(read.language, wish)
    if named := context.keywords.languages.get(read.folded):
        return Understanding(named, wish="language", answer="wish", why=("names a language",))
    if bare := context.keywords.wishes.get(read.folded, ""):
        return _wished(read.language, WishReading(bare, 1.0, read.folded))
    if stop := _keyword(context, read):
        return _asked_for(context, read, stop)
    if wanted == "language":
        named = _language_named(context, read.folded)
        return replace(_wished(named or read.language, wish), foreign=not named)
    if wanted:
        return _wished(read.language, wish)
    return _about(rules.intents, limits, read)


def _answer(context: Context, read: TextRead) -> str:
    """Read an answer to what was just asked; "" for none."""
    if context.asked == "yes_no" and read.folded in context.keywords.yes:
        return "yes"
    return read_answer(context.asked, read.folded, read.cleaned)


def _wished(language: str, wish: WishReading) -> Understanding:
    return Understanding(
        language, wish=wish.wish, answer="wish", why=(f"wish: {wish.seen} {wish.confidence:.2f}",)
    )


def _keyword(context: Context, read: TextRead) -> tuple[str, str] | None:
    """Find the stop whose keyword the whole text is, and in which language: "" where several have it."""
    stops = context.keywords.stops
    having = [each for each in context.languages if read.folded in stops.get(each, {})]
    if not having:
        return None
    known = [each for each in (read.language, context.language) if each in having]
    language = known[0] if known else having[0]
    return stops[language][read.folded], language if known or len(having) == 1 else context.language


def _keywords_inside(context: Context, read: TextRead) -> Understanding | None:
    """Offer the stops whose keywords stand in a text, or nearly do: all there is without a classifier."""
    language = read.language if read.language in context.languages else context.language
    known = context.keywords.stops.get(language or context.languages[0], {})
    padded = f" {read.folded} "
    words = [word for word in known if len(word) >= SHORTEST_INSIDE and f" {word} " in padded]
    for written in read.folded.split():
        if not words and len(written) > SHORTEST_INSIDE:
            near = process.extractOne(written, known.keys(), scorer=fuzz.ratio, score_cutoff=ALIKE)
            words += [near[0]] if near else []
    stops = dict.fromkeys(known[word] for word in sorted(words, key=len, reverse=True))
    offered = tuple(Likely(stop, 0.3) for stop in stops if stop != context.home)[:MOST_CHOICES]
    why = (f"keywords in it: {', '.join(words)}",)
    return Understanding(read.language, intents=offered, answer="choices", why=why) if offered else None


def _language_named(context: Context, folded: str) -> str:
    """Give the language of the line that a sentence names, such as "can you write in french"."""
    words = [word for word in folded.split() if len(word) >= SHORTEST_INSIDE]
    named = context.keywords.languages
    return next((named[word] for word in words if word in named), "")


def _asked_for(context: Context, read: TextRead, keyword: tuple[str, str]) -> Understanding:
    """Answer a keyword that is the whole text; the word of the menu leads to the menu."""
    stop, language = keyword
    why = (f"keyword: {read.folded}",)
    if stop == context.home:
        return Understanding(language, greeted=True, exact=True, why=why)
    return Understanding(language, intents=(Likely(stop, 1.0),), answer="sure", exact=True, why=why)


def _about(intents: IntentTable, limits: Thresholds, read: TextRead) -> Understanding:
    """Decide between sure, choices and lost by what is neither danger nor a wish."""
    topics = {name: share for name, share in read.names.items() if not name.startswith(DANGER)}
    whole = sum(topics.values())
    shares = {name: share / whole for name, share in topics.items()} if whole else {}
    ranked = rank_stops(intents, shares)
    aside = off_topic(shares)
    why = (*(f"{each.stop} {each.confidence:.2f}" for each in ranked[:3]), f"off-topic {aside:.2f}")
    offered = tuple(each for each in ranked[:3] if each.confidence >= limits.choice)
    if not offered or aside >= limits.lost * offered[0].confidence:
        return Understanding(read.language, intents=ranked[:3], answer="lost", why=why)
    answer: Answer = "sure" if offered[0].confidence >= limits.sure else "choices"
    return Understanding(read.language, intents=offered, answer=answer, why=why)


def _reasons(guess: LanguageGuess, reading: DangerReading, score: float) -> tuple[str, ...]:
    seen = f": {'; '.join(reading.seen)}" if reading.seen else ""
    language = f"{guess.language or 'no language'} by {guess.why}"
    return (language, f"danger {score:.2f} ({reading.points} points, {reading.calm} calm{seen})")
