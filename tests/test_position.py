from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ivr.position import Position

NAMES = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)?", fullmatch=True).filter(lambda name: len(name) < 20)
POSITIONS = st.builds(
    Position,
    stop=NAMES | st.just(""),
    language=st.sampled_from(["", "en", "fr"]),
    turn=st.integers(0, 9999),
    attempt=st.integers(0, 9),
    question=st.integers(0, 20),
    yes=st.integers(0, 20),
    held=st.booleans(),
    about=NAMES | st.just(""),
    order=st.just(""),
    choices=st.lists(NAMES, max_size=3).map(tuple),
    month=st.sampled_from(["", "2026-11"]),
    slow=st.booleans(),
) | st.builds(
    Position,
    stop=NAMES,
    language=st.sampled_from(["", "en", "fr"]),
    turn=st.integers(0, 9999),
    order=NAMES,
    asked=st.integers(0, 2_000_000_000),
    tried=st.lists(NAMES, max_size=5).map(tuple),
    month=st.sampled_from(["", "2026-11"]),
    slow=st.booleans(),
)


@given(POSITIONS)
def test_a_position_reads_back_as_it_was_written(position: Position) -> None:
    assert Position.parse(position.path()) == position


@given(POSITIONS)
def test_a_path_has_only_characters_that_no_proxy_rewrites(position: Position) -> None:
    assert re.fullmatch(r"[a-z0-9/-]+", position.path())


@given(st.text(max_size=500))
def test_any_path_at_all_reads_as_some_position(path: str) -> None:
    assert isinstance(Position.parse(path), Position)


def test_going_to_another_stop_leaves_the_checklist_behind() -> None:
    here = Position("check-me", "en", 4, 1, question=3, yes=2)

    there = here.move("check-some")

    assert (there.question, there.yes, there.attempt, there.turn) == (0, 0, 0, 4)
