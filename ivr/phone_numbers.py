"""Which telephone numbers the line may ring or say."""

from __future__ import annotations

import re

from phonenumbers import NumberParseException, PhoneNumberType, is_valid_number, number_type, parse
from phonenumbers import region_code_for_number as region

E164 = re.compile(r"\+1[0-9]{10}")  # Not \d: a digit of another script is no digit on a keypad.
ORDINARY = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.TOLL_FREE,
}


def why_not(number: str) -> str:
    """Say why a number is not one that anybody in Canada may be rung at; nothing when it is."""
    if not E164.fullmatch(number):
        return "is not +1 and ten digits"
    exchange = number[5:8]
    if exchange.endswith("11"):
        return f"has the exchange {exchange}, which is kept for short numbers such as 911"
    if exchange == "976" or number.startswith("+1900"):
        return "is charged to whoever calls it"
    try:
        parsed = parse(number)
    except NumberParseException:
        return "is not a telephone number"
    if not is_valid_number(parsed):
        return "is not a number that exists in Canada or the United States"
    if region(parsed) not in {"CA", "US"}:
        return "is outside Canada and the United States, and dear to call"
    return "" if number_type(parsed) in ORDINARY else "is not an ordinary or toll-free number"


def dialable(number: str) -> bool:
    """Tell whether a number is an ordinary or toll-free one of Canada or the United States."""
    return not why_not(number)
