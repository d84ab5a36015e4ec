from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivr.records.counts import HIDDEN, parts_shown, ranked_parts_shown, shown


def test_small_counts_are_never_shown() -> None:
    assert [shown(count) for count in (0, 1, 4, 5, 12)] == ["0", HIDDEN, HIDDEN, "5", "12"]


def test_small_count_cannot_be_worked_out_from_the_others() -> None:
    assert parts_shown({"connected": 2, "informed": 9, "left": 30, "abandoned": 7}) == {
        "connected": HIDDEN,
        "abandoned": HIDDEN,  # The next smallest: the two are at least five together.
        "informed": "9",
        "left": "30",
    }


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_what_is_hidden_is_never_few_unless_all_is_hidden(counts: list[int]) -> None:
    cells = list(parts_shown(dict(enumerate(counts))).values())

    hidden = [count for count, cell in zip(counts, cells, strict=True) if not cell.isdigit()]
    assert sum(hidden) == 0 or sum(hidden) >= 5 or len(hidden) == len([c for c in counts if c])
    assert all(cell == str(c) for c, cell in zip(counts, cells, strict=True) if cell.isdigit())


def test_neither_its_label_nor_its_place_tells_a_small_count_from_the_one_that_hides_it() -> None:
    one = ranked_parts_shown({"en": 40, "fr": 5, "xx": 1, "zz": 0})
    other = ranked_parts_shown({"en": 40, "xx": 5, "fr": 1, "zz": 0})

    assert list(one.items()) == list(other.items())
    assert list(one.items()) == [("en", "40"), ("fr", HIDDEN), ("xx", HIDDEN), ("zz", "0")]
