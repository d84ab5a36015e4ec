"""Choosing a language by ear: which key stands for which language, page by page.

The first words name the languages that most people speak here, and a key for all others. Behind it every
language is its bare name and a digit, in its own voice: one needs only to hear one's own, so a page holds
seven. The page rides in the position.

A number may be bound to a language: its first words are in that one alone, and its second key leads to the
first words of all. Whoever is there has a language already, and still stands at the choice.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ivr.flow.models import LanguageStop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ivr.flow.models import Flow
    from ivr.position import Position

ON_A_PAGE = 7
NEXT, BACK = "8", "9"
BOUND, OTHERS = "1", "2"  # At a number bound to a language: that one, and all others.


def pages(flow: Flow) -> tuple[tuple[str, ...], ...]:
    """Give the languages that the first words do not name, in pages."""
    others = tuple(language for language in flow.languages if language not in flow.first_languages)
    return tuple(others[start : start + ON_A_PAGE] for start in range(0, len(others), ON_A_PAGE))


def languages_by_key(flow: Flow, page: int) -> Mapping[str, str]:
    """Tell which key stands for which language; page 0 are the first words."""
    behind = pages(flow)
    named = flow.first_languages if page == 0 else behind[page - 1] if page <= len(behind) else ()
    return {str(number): language for number, language in enumerate(named, 1)}


def next_page_key(flow: Flow, page: int) -> str:
    """Name the key that leads to the languages not yet named; none where all are."""
    if page == 0:
        return str(len(flow.first_languages) + 1) if pages(flow) else ""
    return NEXT if page < len(pages(flow)) else ""


def bound_language(flow: Flow, position: Position) -> str:
    """Name the language of the number that was called, at its first words; empty anywhere else."""
    at_choice = isinstance(flow.stops.get(position.stop), LanguageStop)
    return position.language if at_choice and position.language in flow.languages else ""


def after_key(flow: Flow, position: Position, key: str) -> Position | None:
    """Follow a key of a language stop; None where it has none.

    One without a voice is chosen without leaving the page: whoever speaks it hears what there is for them.
    """
    stop, page = flow.stops[position.stop], position.question
    if not isinstance(stop, LanguageStop):
        return None
    bound = bound_language(flow, position)
    if bound in flow.voiced:
        if key == BOUND:
            return position.move(stop.next)
        return replace(position.move(position.stop), language="") if key in (OTHERS, BACK) else None
    if bound:
        return replace(position, language="", attempt=0) if key == BACK else None
    if language := languages_by_key(flow, page).get(key):
        chosen = replace(position, language=language, attempt=0)
        return chosen.move(stop.next) if language in flow.voiced else chosen
    if key == next_page_key(flow, page):
        return replace(position, question=page + 1, attempt=0)
    if page and key in (NEXT, BACK):  # After the last page the first comes round again.
        return replace(position, question=page - 1 if key == BACK else 1, attempt=0)
    return None
