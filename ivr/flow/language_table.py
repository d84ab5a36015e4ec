"""The table of languages that `ivr check` prints: how soon each is chosen, how far a person is, and more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ivr.flow.menu_measurements import HeardFigures

HEADS = (
    "language",
    "to choose it",
    "then to a ring",
    "longest instructions",
    "texts by parts",
    "behind",
    "state",
)
TEXT_ALONE = "texts alone"


def language_table(languages: Mapping[str, HeardFigures]) -> Iterator[str]:
    """Write the table, a line for each language, in columns."""
    rows = [HEADS, *(_row(language, heard) for language, heard in languages.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(language: str, heard: HeardFigures) -> tuple[str, ...]:
    way = heard.journey
    chosen = f"{way.chosen:.1f} s ({' '.join(way.choosing)})" if way else "-"
    ring = f"{way.seconds - way.chosen:.1f} s, {way.announcing:.1f} s" if way else "-"
    longest = (
        f"{heard.instructions.amount:.1f} s ({heard.instructions.place})" if heard.voiced else TEXT_ALONE
    )
    texts = ", ".join(f"{count} of {parts}" for parts, count in sorted(heard.texts.items()))
    behind = "-" if heard.behind is None else str(heard.behind)
    state = "draft" if heard.draft else "reviewed" * heard.reviewed
    return language, chosen, ring, longest, texts, behind, state
