"""Documents written once and kept: the same words before the same key differ only in where they lead.

They are kept by their words, so that none can be older than what it says, whoever publishes what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

MOST = 2048  # Documents kept, of some kilobytes each.
SLOT = "where-the-caller-is-after-this"  # Stands in a document for the path of a position, until one is kept.


class KeptDocuments:
    """Holds documents as the pieces between which a path is put."""

    def __init__(self) -> None:
        self._pieces: dict[Hashable, list[str]] = {}

    def __len__(self) -> int:
        """Count the documents that are kept."""
        return len(self._pieces)

    def fill(self, key: Hashable, path: str, write: Callable[[str], str]) -> str:
        """Give a document with a path of a position in it; ``write`` writes one anew.

        Such a path is of letters that XML takes as they are: see `position`.
        """
        pieces = self._pieces.get(key)
        if pieces is None:
            if len(self._pieces) >= MOST:
                self._pieces.clear()
            pieces = self._pieces[key] = write(SLOT).split(SLOT)
        return path.join(pieces)
