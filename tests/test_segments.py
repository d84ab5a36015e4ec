"""How many parts a text is sent in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.segments import forced, segments


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("", 0),
        ("a", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("é" * 160, 1),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ê" * 70, 1),
        ("ê" * 71, 2),
        ("ê" * 134, 2),
        ("ê" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_parts_are_counted_as_the_network_does(words: str, parts: int) -> None:
    assert segments(words) == parts


def test_a_letter_of_two_places_is_never_parted() -> None:
    assert segments("a" * 152 + "€" + "a" * 152) == 3
    assert segments("ê" * 66 + "😀" + "ê" * 66) == 3


def test_letters_that_force_sixteen_bits_are_named_once() -> None:
    assert forced("Êtes-vous là? Bien sûr, être à l'hôtel: ç€") == "Êûêôç"


@given(st.text(max_size=500), st.text(max_size=50))
def test_more_words_are_never_fewer_parts(words: str, more: str) -> None:
    assert segments(words + more) >= segments(words)
