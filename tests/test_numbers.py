"""Which numbers the line may ring."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.phone_numbers import dialable, why_not


@pytest.mark.parametrize("number", ["+19055550123", "+12125550123", "+18005550123", "+18335550123"])
def test_ordinary_and_toll_free_numbers_may_be_rung(number: str) -> None:
    assert dialable(number)


@pytest.mark.parametrize(
    "number",
    [
        "",
        "911",
        "+1911",
        "+1211",
        "+19059110123",
        "+19054110123",
        "+19005550123",
        "+19059760123",
        "+18765550123",
        "+12425550123",
        "+19050550123",
        "+442079460123",
        "+1905555012",
        "+190555501234",
        "9055550123",
        "+1 905 555 0123",
        "+1\u0669\u0660\u06655550123",
    ],
)
def test_numbers_that_cost_or_do_not_exist_are_refused(number: str) -> None:
    assert why_not(number)


@given(st.text(max_size=16) | st.from_regex(r"\+1[0-9]{10}", fullmatch=True))
def test_any_number_is_answered(number: str) -> None:
    assert dialable(number) == (why_not(number) == "")
