"""Which numbers the line may ring."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.phone_numbers import is_e164, may_reach, why_not


@pytest.mark.parametrize("number", ["+19055550123", "+12125550123", "+18005550123", "+18335550123"])
def test_ordinary_and_toll_free_numbers_may_be_rung(number: str) -> None:
    assert why_not(number) == ""


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
    assert isinstance(why_not(number), str)
    assert not may_reach(number, united_states=True) or why_not(number) == ""


@pytest.mark.parametrize("number", ["+19055550123", "+18675550123"])
def test_phones_of_canada_may_be_texted_and_rung(number: str) -> None:
    assert may_reach(number)


@pytest.mark.parametrize("number", ["+12125550123", "+17165550123"])
def test_phones_of_the_united_states_may_be_texted_and_rung_only_where_we_are_registered(number: str) -> None:
    assert may_reach(number, united_states=True)
    assert not may_reach(number)


@pytest.mark.parametrize(
    "number",
    [
        "",
        "+18765550123",  # Jamaica.
        "+17875550123",  # Puerto Rico.
        "+19005550123",
        "+19059760123",
        "+19059110123",
        "+18005550123",
        "+15005550123",  # Follows a person.
        "+442079460123",
        "+19051550123",
    ],
)
def test_no_other_number_is_texted_or_rung(number: str) -> None:
    assert not may_reach(number)
    assert not may_reach(number, united_states=True)


@pytest.mark.parametrize("number", ["+442079460123", "+18765550123", "+19055550123", "+525512345678"])
def test_a_number_from_anywhere_is_a_number(number: str) -> None:
    assert is_e164(number)


@pytest.mark.parametrize(
    "number", ["", "anonymous", "+0123456789", "911", "+911", "+4420794601234567", "+44 20"]
)
def test_what_is_not_in_e164_is_none(number: str) -> None:
    assert not is_e164(number)
