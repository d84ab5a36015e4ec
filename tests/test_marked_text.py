"""Text with parts marked: found whatever its accents and case, and compared word by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sizes import examples

from ivr.web.console.marked_text import ADDED, MATCH, REMOVED, find, word_diff

SIGNS = st.sampled_from("aé œ1 2.,'{k}\u0301\u064e如您मद\n")
TEXTS = st.text(SIGNS, max_size=40)


def marked(text: str, query: str) -> list[str]:
    match = find(text, query)
    return [piece.words for piece in match.excerpt if piece.kind == MATCH] if match else []


@pytest.mark.parametrize(
    ("text", "query", "found"),
    [
        ("Bonjour. Êtes-vous en danger ? Raccrochez.", "etes vous EN DANGER", ["Êtes-vous en danger"]),
        ("Hang up and call 9 1 1.", "911", ["9 1 1"]),
        ("1 8 3 3, 9 0 0, 1 0 1 0.", "1-833-900-1010", ["1 8 3 3, 9 0 0, 1 0 1 0"]),
        ("We don\u2019t need your name", "dont need", ["don\u2019t need"]),
        ("Zadzwoń, jeśli łatwiej", "zadzwon jesli latwiej", ["Zadzwoń, jeśli łatwiej"]),
        ("आपकी मदद के लिए", "मदद", ["मदद"]),
        ("مرحبًا. إذا كنتم", "مرحبا اذا", ["مرحبًا. إذا"]),
        ("如果您有危险。", "危险", ["危险"]),
        ("To talk with a person, press 0.", "person talk", ["talk", "person"]),
        ("Shelters for women", "men shelters", []),
        ("Shelters for women", "  ", []),
        ("मदद", "मादद", []),
    ],
)
def test_words_are_found_whatever_their_accents_case_and_punctuation(
    text: str, query: str, found: list[str]
) -> None:
    assert marked(text, query) == found


def test_words_as_they_stand_come_before_parts_of_words_and_scattered_words() -> None:
    ranks = [find(text, "a bed") for text in ("Find a bed.", "Try a bedsit. Via bed", "The bed is a bunk.")]

    assert [match.rank for match in ranks if match] == [0, 0, 2]
    scattered = find("The area bedevils", "a bed")
    assert scattered
    assert scattered.rank == 1


def test_a_long_prompt_is_shown_by_the_sentence_that_was_found() -> None:
    long = "This sentence is about something that nobody asked for at all, we think. " * 3
    match = find(f"{long}Press 2 for a lawyer, who is free and need not know your name. {long}", "lawyer")

    assert match
    assert "".join(piece.words for piece in match.excerpt) == (
        "… Press 2 for a lawyer, who is free and need not know your name. …"
    )


@examples(100)
@given(TEXTS, TEXTS)
def test_a_search_never_fails_and_shows_only_what_stands_there(text: str, query: str) -> None:
    match = find(text, query)

    shown = "".join(piece.words for piece in match.excerpt) if match else ""
    assert shown.removeprefix("… ").removesuffix(" …").rstrip() in text
    assert not match or any(piece.kind == MATCH for piece in match.excerpt)


@examples(100)
@given(TEXTS, TEXTS)
def test_a_diff_holds_both_texts_whole(before: str, after: str) -> None:
    pieces = word_diff(before, after)

    assert "".join(piece.words for piece in pieces if piece.kind != ADDED) == before
    assert "".join(piece.words for piece in pieces if piece.kind != REMOVED) == after


def test_a_diff_marks_words_blanks_and_single_chinese_signs() -> None:
    changes = [
        [(p.words, p.kind) for p in word_diff(*pair) if p.kind]
        for pair in (
            ("Press 1, or {a.number}.", "Press 2, or {b.number}."),
            ("如果您有危险", "如果你有危险"),
            ("मदद के लिए", "मदद के साथ"),
        )
    ]

    assert changes == [
        [("1,", REMOVED), ("2,", ADDED), ("{a.number}", REMOVED), ("{b.number}", ADDED)],
        [("您", REMOVED), ("你", ADDED)],
        [("लिए", REMOVED), ("साथ", ADDED)],
    ]
