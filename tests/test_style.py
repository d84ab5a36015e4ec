"""Words are plain, kind, and end alike; numbers are heard twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ivr.flow.graph import by_voice
from ivr.flow.models import (
    ChecklistStop,
    ConsentStop,
    GoodbyeStop,
    LanguageStop,
    MenuStop,
    MessageStop,
    Style,
    TransferStop,
)
from ivr.flow.readability import plainness, syllables, unkind
from ivr.flow.rendering import choices, content, spoken_number
from ivr.position import Position

if TYPE_CHECKING:
    from ivr.flow.models import Flow, Stop

LAST = {  # Kind of stop -> the lines with which its instructions end, always in this order.
    MenuStop: ("leave_key",),
    TransferStop: ("leave_key",),
    MessageStop: ("after", "person_key"),
    ChecklistStop: ("yes_no",),
    ConsentStop: ("yes_no",),
    LanguageStop: ("person_key", "person_key"),
    GoodbyeStop: (),
}
SPOKEN = {
    "people": 2,
    "someone": 2,
    "threatens": 2,
    "immigration": 4,
    "languages": 3,
    "safety": 2,
    "used": 1,
    "tried": 1,
    "anyone": 3,
    "employer": 3,
    "trafficked": 2,
    "YMCA": 2,
    "every": 2,
    "serious": 3,
    "smuggled": 2,
    "suicide": 3,
    "centre": 2,
}


@pytest.mark.parametrize("word", SPOKEN)
def test_syllables_are_counted_as_they_are_spoken(word: str) -> None:
    assert syllables(word) == SPOKEN[word]


def test_a_hard_sentence_has_a_higher_grade_than_a_plain_one() -> None:
    plain = plainness("You can talk with a person. You can give no name.")
    hard = plainness(
        "Individuals experiencing exploitation may communicate confidentially with representatives."
    )

    assert plain.grade < 2
    assert hard.grade > 12
    assert plain.length == 5.5


def test_numbers_count_neither_as_words_nor_as_sentences() -> None:
    assert plainness("Call them now. 9 0 5, 5 4 6. Thank you.") == plainness("Call them now. Thank you.")


def test_a_banned_word_is_found_in_any_case_and_ending_but_not_in_a_name() -> None:
    style = Style(banned="rescu*, victim*, must", names="Victim Services")

    assert unkind("We RESCUED her", style) == "rescued"
    assert unkind("Victim Services can help", style) == ""
    assert unkind("You must. Victim Services", style) == "must"
    assert unkind("mustard", style) == ""


def test_every_language_bans_words(flow: Flow) -> None:
    assert all(words.style.banned.strip() for words in flow.prompts.values())


def test_instructions_end_with_the_same_words_everywhere(flow: Flow) -> None:
    for language in flow.voiced:
        for name in by_voice(flow):
            stop: Stop = flow.stops[name]
            said = [say.words for say in choices(flow, Position(name, language))]
            lines = flow.prompts[language].lines
            last = [getattr(lines, line) for line in LAST[type(stop)]]

            if not isinstance(stop, LanguageStop):
                assert said[len(said) - len(last) :] == last, name


def test_every_number_that_is_spoken_is_spoken_twice(flow: Flow) -> None:
    numbers = [spoken_number(agency.number) for agency in flow.directory.agencies.values()]
    for language in flow.voiced:
        for name in by_voice(flow):
            heard = " ".join(say.words for say in content(flow, Position(name, language)))
            for twice in numbers:
                once = twice.partition(". ")[0]

                assert heard.count(once) == 2 * heard.count(twice), name
