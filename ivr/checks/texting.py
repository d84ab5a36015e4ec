"""What is read: short. This rule needs a flow that can be walked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.flow.loader import Fault, words_file
from ivr.flow.measuring import texts
from ivr.flow.segments import forced, segments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow

MOST_SEGMENTS = 2


def long_texts(flow: Flow) -> Iterator[Fault]:
    """Find texts that are sent in too many parts, choices included."""
    for language in flow.languages:
        for place, words in texts(flow, language):
            count, wide = segments(words), forced(words)
            if count > MOST_SEGMENTS:
                why = f", as {' '.join(wide)} need 16 bits a letter" if wide else ""
                mend = f"with its choices makes {count} segments{why}; shorten it to {MOST_SEGMENTS}"
                yield Fault(words_file(language), place, mend)
