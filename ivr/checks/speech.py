"""What is heard: short, and innocent to whoever listens in. These rules walk the flow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ivr.flow.graph import by_voice, stops_with_facts
from ivr.flow.loader import LINE, MENUS, Fault, prompts_file
from ivr.flow.menu_measurements import choosing, first_sentence, instructions, texts, to_a_person, to_facts
from ivr.flow.models import LanguageStop
from ivr.flow.readability import plain_words
from ivr.flow.rendering import content, seconds, spell
from ivr.flow.segments import forced, segments
from ivr.position import Position

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.menu_measurements import Journey
    from ivr.flow.models import Flow

LONGEST_INSTRUCTIONS, LONGEST_FIRST, LONGEST_WAY, LONGEST_WHISPER = 20, 8, 15, 5  # Seconds.
LONGEST_CHOICE_OF_MOST, LONGEST_CHOICE, LONGEST_WAY_FROM_CHOICE = 17, 27, 7  # Seconds, of other languages.
MOST_SPOKEN = 4  # Of the other languages: so many are named soonest.
LONGEST_GREETING = 25  # In the languages that the first words are in, one after another.
ALLOWANCE = 1.5
MOST_KEYS = 3
MOST_KEYS_TO_A_FACT, LONGEST_WAY_TO_A_FACT = 4, 60
LONGEST_SAY = 3000  # Characters: Twilio's own limit.
# Beginnings of words, folded, that tell who listens in what the line is about.
LOADED = re.compile(
    r"\b(traffick|exploit|victim|police|polici|abus|slave|esclav|sex|prostitu|proxenet|rescue|violen|crim"
    r"|traites?\b|brothel|pimp|immigra|deport)"
)


def long_instructions(flow: Flow) -> Iterator[Fault]:
    """Find stops whose choices take too long to say."""
    for language in flow.voiced:
        for name, length in instructions(flow, language):
            greets = isinstance(flow.stops[name], LanguageStop)
            longest = (LONGEST_GREETING if greets else LONGEST_INSTRUCTIONS) * _allowance(flow, language)
            if length > longest:
                mend = f"instructions take {length:.1f} s; shorten them to {longest:.0f} s"
                yield Fault(prompts_file(language), f"stops.{name}", mend)


def _allowance(flow: Flow, language: str) -> float:
    """Give how much longer than in the line's first languages the same may take: some need more syllables."""
    return 1.0 if language in flow.first_languages else ALLOWANCE


def first_words(flow: Flow) -> Iterator[Fault]:
    """Find a first sentence that is long, or does not say whom to call in danger."""
    for language in flow.voiced:
        first, place = first_sentence(flow, language), f"stops.{flow.menus.start}.say"
        length = seconds(flow, (first,))
        if length > LONGEST_FIRST:
            mend = f"the first sentence takes {length:.1f} s; shorten it to {LONGEST_FIRST} s"
            yield Fault(prompts_file(language), place, mend)
        if "9 1 1" not in first.words:
            mend = "the first sentence does not say '9 1 1' (with spaces); say whom to call in danger"
            yield Fault(prompts_file(language), place, mend)


def overheard(flow: Flow) -> Iterator[Fault]:
    """Find words that would tell who listens in, or reads over a shoulder, what the line is about."""
    start, home, leave = flow.menus.start, flow.menus.home, flow.menus.leave
    for language in flow.languages:
        words = flow.prompts[language]
        heard = {
            f"stops.{start}.say": words.stops[start].say,
            f"stops.{start}.text": words.stops[start].text,
            f"stops.{home}.text": words.stops[home].text,
            f"stops.{leave}.say": words.stops[leave].say,
            "lines.choose_language": words.lines.choose_language,
            "lines.language_name": words.lines.language_name,
            "lines.person_key": words.lines.person_key,
            "lines.safe_to_read": words.lines.safe_to_read,
        }
        for place, said in heard.items():
            if loaded := LOADED.search(plain_words(said)):
                mend = f"'{loaded[0]}…' tells an eavesdropper what the line is about; reword it"
                yield Fault(prompts_file(language), place, mend)


def slow_choices(flow: Flow) -> Iterator[Fault]:
    """Find languages that are named too late; those that most people speak are named soonest."""
    ways = choosing(flow)
    for place, language in enumerate(each for each in flow.languages if each not in flow.first_languages):
        limit = LONGEST_CHOICE_OF_MOST if place < MOST_SPOKEN else LONGEST_CHOICE
        if language not in ways:
            yield Fault(LINE, f"languages.{language}", "is named nowhere to callers; put it further up")
        elif ways[language][0].seconds > limit:
            mend = f"takes {ways[language][0].seconds:.1f} s to choose by ear; shorten names to {limit} s"
            yield Fault(LINE, f"languages.{language}", mend)


def slow_ways(flow: Flow) -> Iterator[Fault]:
    """Find languages in which a person is too many keys or too much speech away.

    Those of the first words are measured from pick-up, others from their choice.
    """
    journeys = to_a_person(flow)
    for language in flow.voiced:
        journey = journeys.get(language)
        if journey is None:
            yield Fault(
                prompts_file(language),
                "lines.person_key",
                "no way leads to a ringing agency; let 0 lead to one",
            )
            continue
        keys, length, longest = len(journey.keys), journey.seconds, LONGEST_WAY
        if language not in flow.first_languages:
            keys += 1 - len(journey.choosing)
            length, longest = length - journey.chosen, LONGEST_WAY_FROM_CHOICE
        if keys > MOST_KEYS:
            mend = f"it takes {keys} keys to a ringing agency; let {MOST_KEYS} be enough"
            yield Fault(prompts_file(language), "lines.person_key", mend)
        if length > longest:
            mend = f"{length:.1f} s of speech to a ringing agency; shorten it to {longest} s"
            yield Fault(prompts_file(language), "lines.person_key", mend)


def far_facts(flow: Flow) -> Iterator[Fault]:
    """Find facts that are too many keys or too much speech away, from the choice of the language on."""
    ways, most = to_facts(flow), MOST_KEYS_TO_A_FACT
    for name in sorted(stops_with_facts(flow)):
        for language in flow.voiced:
            way = ways.get(language, {}).get(name)
            if way is None or len(way.keys) - len(way.choosing) >= most:
                mend = (
                    f"is more than {most} keys from the first word; offer it by a menu nearer to the main one"
                )
                yield Fault(MENUS, f"stops.{name}", mend)
                continue
            longest, first = (
                LONGEST_WAY_TO_A_FACT * _allowance(flow, language),
                _since_choice(flow, language, way),
            )
            if first > longest:
                mend = f"{first:.1f} s of speech come first; offer it within {longest:.0f} s"
                yield Fault(prompts_file(language), f"stops.{name}", mend)


def _since_choice(flow: Flow, language: str, way: Journey) -> float:
    """Give the seconds to a stop: from pick-up in the line's first languages, else from the choice."""
    return way.seconds - (0 if language in flow.first_languages else way.chosen)


def long_whispers(flow: Flow) -> Iterator[Fault]:
    """Find a whisper that does not soon tell a person at an agency which key to press."""
    theirs = {language for agency in flow.directory.agencies.values() for language in agency.languages}
    for language in (each for each in flow.synthetic if each in theirs or each in flow.first_languages):
        whisper = spell(flow, language, "whisper")
        length = seconds(flow, (whisper,))
        if length > LONGEST_WHISPER:
            mend = f"takes {length:.1f} s; shorten it to {LONGEST_WHISPER} s, before they hang up"
            yield Fault(prompts_file(language), "lines.whisper", mend)
        if "1" not in whisper.words.replace(".", " ").replace(",", " ").split():
            yield Fault(
                prompts_file(language), "lines.whisper", "does not say which key takes the call; name key 1"
            )


def too_long_to_say(flow: Flow) -> Iterator[Fault]:
    """Find words longer than Twilio says at once."""
    for language in flow.voiced:
        for name in sorted(by_voice(flow)):
            for say in content(flow, Position(name, language)):
                if len(say.words) > LONGEST_SAY:
                    mend = f"has {len(say.words)} characters; at most {LONGEST_SAY} can be said at once"
                    yield Fault(prompts_file(language), f"stops.{name}.say", mend)


# What is read: short. This rule needs a flow that can be walked.


def long_texts(flow: Flow) -> Iterator[Fault]:
    """Find texts that are sent in too many parts, choices included."""
    for language in flow.languages:
        for place, words in texts(flow, language):
            count, wide = segments(words), forced(words)
            most = flow.line.languages[language].most_segments
            if count > most:
                why = f", as {' '.join(wide)} need 16 bits a letter" if wide else ""
                mend = f"with its choices makes {count} segments{why}; shorten it to {most}"
                yield Fault(prompts_file(language), place, mend)
