"""What `ivr check` finds in the prompts of now, and in one that is tried: worked out once, and kept.

It takes seconds of one core. So it is done once for what is published, one at a time, however many ask.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from ivr.checks.runner import inspect
from ivr.flow.menu_measurements import weigh
from ivr.flow.placeholders import UNSENDABLE
from ivr.flow.prompts import put, word
from ivr.number_detector import holds_number
from ivr.records.prompts import basis, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from ivr.flow.loader import Fault
    from ivr.flow.menu_measurements import Weight
    from ivr.flow.models import Flow
    from ivr.flow.prompts import Worded
    from ivr.records.prompts import PromptVersion

Value = TypeVar("Value")

MOST_KEPT = 32  # Results; those that were asked for longest ago go first.


@dataclass(frozen=True)
class PublishedPrompts:
    """The flow as it is heard now, and the weight of each of its prompts by language and key."""

    worded: Worded
    weights: Mapping[str, Mapping[str, Weight]]


@dataclass(frozen=True)
class PromptTrial:
    """A prompt that is tried, and not saved: its measurements, and the faults that `ivr check` would find."""

    language: str
    text: str
    weight: Weight | None
    faults: tuple[Fault, ...]
    may_be_saved: bool = True  # A number that was typed by hand may be anybody's.


class PromptChecks:
    """Checks prompts over those of the files (``base``), and keeps what it found."""

    def __init__(self, base: Flow, check: Callable[[Flow], Iterable[Fault]] = inspect) -> None:
        self._base = base
        self._check = check
        self._kept: OrderedDict[Hashable, object] = OrderedDict()
        self._working = Lock()

    def published(self, versions: list[PromptVersion]) -> PublishedPrompts:
        """Put what is published over the files, and weigh it all."""

        def work() -> PublishedPrompts:
            worded = word(self._base, texts(versions))
            weights = {language: weigh(worded.flow, language) for language in self._base.prompts}
            return PublishedPrompts(worded, weights)

        return self._once(("published", basis(versions)), work)

    def faults(self, versions: list[PromptVersion]) -> tuple[Fault, ...]:
        """List the faults that `ivr check` finds in what is heard now."""
        key = ("faults", basis(versions))
        return self._once(key, lambda: self._faults(word(self._base, texts(versions)).flow))

    def trial(self, versions: list[PromptVersion], at: tuple[str, str], text: str) -> PromptTrial:
        """Try a text at (language, key) beside what is published, as `ivr check` would."""
        language, key = at

        def work() -> PromptTrial:
            flow = put(word(self._base, texts(versions)).flow, language, key, text)
            weight = weigh(flow, language).get(key)
            return PromptTrial(language, text, weight, self._faults(flow), may_be_kept(text, language))

        return self._once(("trial", basis(versions), at, text), work)

    def _faults(self, flow: Flow) -> tuple[Fault, ...]:
        return tuple(dict.fromkeys(self._check(flow)))

    def _once(self, key: Hashable, work: Callable[[], Value]) -> Value:
        """Give what was worked out before, or work it out while everybody else waits."""
        if (kept := self._kept.get(key)) is not None:
            return kept  # type: ignore[return-value]  # a key begins with what its value is
        with self._working:
            if (kept := self._kept.get(key)) is not None:
                return kept  # type: ignore[return-value]  # as above
            made = work()
            self._kept[key] = made
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return made


def may_be_kept(text: str, language: str) -> bool:
    """Whether a text may be kept at all: it says something, can be sent, and holds no number by hand."""
    return bool(text) and not holds_number(text, language) and not UNSENDABLE.search(text)
