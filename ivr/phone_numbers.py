"""Telephone numbers: which are any, at which a person may be texted or rung, and at which an agency may.

Who somebody is, is another question than whether the line may reach them: a phone from anywhere keeps its
STOP, its DELETE, its block and its limits.
"""

from __future__ import annotations

import re

from phonenumbers import (
    NumberParseException,
    PhoneNumberType,
    is_valid_number,
    number_type,
    parse,
    region_code_for_number,
)

E164 = re.compile(r"\+[1-9][0-9]{6,14}")  # Not \d: a digit of another script is no digit on a keypad.
NORTH_AMERICAN = re.compile(r"\+1[0-9]{10}")
REGIONS = frozenset({"CA", "US"})  # Others with +1, such as Jamaica, are dear to call.
PERSONAL = frozenset(
    {PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
)
AGENCY = PERSONAL | {PhoneNumberType.TOLL_FREE}


def is_e164(number: str) -> bool:
    """Whether it is written as E.164 wants it, wherever in the world it is."""
    return bool(E164.fullmatch(number))


def may_reach(number: str, *, united_states: bool = False) -> bool:
    """Whether the line may text or ring whoever has this number, once they ask for it.

    An ordinary number of Canada, or of the United States where our number is registered there: none that
    costs, none that is free to call and so belongs to a company, none that follows a person around the world.
    """
    if _why_never(number) or number_type(parse(number)) not in PERSONAL:
        return False
    return united_states or region_code_for_number(parse(number)) == "CA"


def why_not(number: str) -> str:
    """Say why a number is none at which an agency may be rung; nothing when it is one."""
    if fault := _why_never(number):
        return fault
    return "" if number_type(parse(number)) in AGENCY else "is not an ordinary or toll-free number"


def _why_never(number: str) -> str:
    """Say why a number is never rung, whoever has it; nothing when it may be."""
    if not NORTH_AMERICAN.fullmatch(number):
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
    if region_code_for_number(parsed) not in REGIONS:
        return "is outside Canada and the United States, and dear to call"
    return ""
