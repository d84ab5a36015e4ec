"""Reviews: whoever read the words of a language is named, with the day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.checks.agencies import is_date
from ivr.flow.loader import Fault, words_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow


def half_reviewed(flow: Flow) -> Iterator[Fault]:
    """Find reviews without a date, or without whoever made them."""
    for language, words in flow.prompts.items():
        file = words_file(language)
        if words.reviewed_on and not is_date(words.reviewed_on):
            mend = f"'{words.reviewed_on}' is not a date; write one such as 2026-11-30, or leave it empty"
            yield Fault(file, "reviewed_on", mend)
        if bool(words.reviewed_on) != bool(words.reviewed_by.strip()):
            missing = "reviewed_by" if words.reviewed_on else "reviewed_on"
            mend = "is empty, and its pair is not; write who read the words and when, or empty both"
            yield Fault(file, missing, mend)
