# ruff: noqa: RUF001 - look-alike letters are what it is about
"""A telephone number is found however it is disguised, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ivr.phone_numbers import DIGITS, FEWEST_DIGITS, find_numbers, holds_number, mask_numbers
from ivr.web.console.query_params import mask

NUMBERS = [
    "905/555/1234",
    "905: 555: 0177",
    "905 – 555 – 0177",
    "905|555|0177",
    "(905) 555.0177",
    "[905] {555} 0177",
    "905…555…0177",
    "9 0 5\n5 5 5\n0 1 7 7",
    "9\u200b0\u200b5\u2060555\u00ad0177",
    "9\ufe0f\u20e30\ufe0f\u20e35\ufe0f\u20e35\ufe0f\u20e35\ufe0f\u20e35\ufe0f\u20e30\ufe0f\u20e3",
    "٩٠٥ ٥٥٥ ٠١٧٧",
    "９０５５５５０１７７",
    "𝟗𝟎𝟓 𝟓𝟓𝟓 𝟎𝟏𝟕𝟕",
    "⑨⓪⑤ ⑤⑤⑤ ⓪①⑦⑦",
    "⁹⁰⁵ ₅₅₅ ⁰¹⁷⁷",
    "9O5 555 O177",
    "9o5-SSS-Ol77",
    "9О5 555 О177",  # Cyrillic.
    "a905 555 0177x",
    "905a555b0177",
    "nine oh five, five five five, oh one seven seven",
    "Nine-Zero-Five FIVE five five one",
    "ninezerofivefivefivefiveone",
    "nine hundred five, five fifty-five, 0177",
    "905 five five five 0177",
    "neuf zéro cinq, cinq cinq cinq, zéro un sept sept",
    "neuf ze\u0301ro cinq, cinq cinq cinq, un",
    "neuf cent cinq, cinq cent cinquante-cinq, zéro un, soixante-dix-sept",
    "vingt et un, vingt et un, vingt et un, vingt et un",
    "🔟 🔟 🔟 🔟",
]
NONE = [
    "Call 911, or 9 8 8, or 211.",
    "9-1-1 or 9-8-8",
    "8h30-16h30, 7j/7",
    "24 heures sur 24, 7 jours sur 7",
    "Press 1, 2, 3, 4, 5, 6 or 7.",
    "One of six, and ten more; I am one of two.",
    "{chrysalis.number}: {hotline.number}",
    "Breathe in: one, two, three, four.",
    "Once, twice. SOS! SOS!",
    "½ ½ ½ ½ ½ ½ ½ ½",
]


@pytest.mark.parametrize("text", NUMBERS)
def test_a_disguised_number_is_found_and_none_of_it_stays(text: str) -> None:
    assert holds_number(text)
    assert not holds_number(f"call {text} now".replace(text, mask_numbers(text, "[number]")))
    assert "[number]" in mask(text)


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_number_is_left_alone(text: str) -> None:
    assert find_numbers(text) == []


def test_a_day_and_a_time_stay_in_a_note() -> None:
    assert mask("off since 2026-11-30 14:05, back at 16:30") == "off since 2026-11-30 14:05, back at 16:30"


def test_a_word_of_another_language_counts_in_its_own_prompts_alone() -> None:
    text = "nueve cero cinco, cinco cinco cinco, cero"

    assert (holds_number(text), holds_number(text, "es")) == (False, True)


@example(list("0000000"), ["", "", "", "", "", ":\u3374:", "", "", "", "", ""])  # The sign for "bar".
@example(list("0000000"), ["", "", "", "", "", " \u24d1 ", "", "", "", "", ""])  # A b in a circle.
@given(
    st.lists(st.sampled_from("0123456789"), min_size=7, max_size=11),
    st.lists(st.text(st.characters(categories=["P", "S", "Z", "Cf", "Cc", "Mn"]), max_size=4), min_size=11),
)
def test_nothing_that_is_no_word_hides_a_number(digits: list[str], between: list[str]) -> None:
    text = "".join(digit + apart for digit, apart in zip(digits, between, strict=False))

    assert holds_number(text)


@given(st.text())
def test_no_text_is_too_much_and_what_is_masked_is_gone(text: str) -> None:
    assert not holds_number(mask_numbers(text, "[number]"))


@pytest.mark.parametrize("language", sorted(DIGITS))
def test_digits_in_words_of_every_language_are_a_number_in_its_own_prompts(language: str) -> None:
    words = [*DIGITS[language].split(), *DIGITS[language].split()]

    for start in range(len(words) - FEWEST_DIGITS + 1):
        said = words[start : start + FEWEST_DIGITS]
        assert holds_number(" ".join(said), language), said
        assert holds_number(", ".join(said), language), said
    assert not holds_number(" ".join(words[: FEWEST_DIGITS - 1]), language)
