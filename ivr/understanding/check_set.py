"""How well weights read the check set, and whether new ones are worse: then they are not taken."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ivr.understanding.evaluation import HOME, Labelled, is_sure_and_wrong, is_useful
from ivr.understanding.phrases import DANGER, OFF_TOPIC, SOUNDS, WISH, read_check_set
from ivr.understanding.understand import Context, understand

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ivr.understanding.intents import IntentTable
    from ivr.understanding.meaning import Meaning
    from ivr.understanding.phrases import Phrase
    from ivr.understanding.understand import Rules, Understanding

MORE = ("useful", "danger_found")  # Figures of which more is better,
FEWER = ("sure_and_wrong", "false_alarms")  # and fewer.


@dataclass(frozen=True)
class CheckFigures:
    """What weights come to on the check set, in texts."""

    texts: int = 0
    useful: int = 0  # Of all but those that only sound like danger, whose answer nobody has labelled.
    sure_and_wrong: int = 0
    in_danger: int = 0
    danger_found: int = 0  # By the first net.
    false_alarms: int = 0

    def faults_beside(self, before: CheckFigures) -> tuple[str, ...]:
        """Name each figure that is worse than it was before."""
        pairs = {name: (getattr(self, name), getattr(before, name)) for name in (*MORE, *FEWER)}
        worse = [name for name, (now, then) in pairs.items() if (now < then if name in MORE else now > then)]
        return tuple(f"{name.replace('_', ' ')}: {pairs[name][0]}, not {pairs[name][1]}" for name in worse)

    def __str__(self) -> str:
        """Write the figures on one line."""
        told = asdict(self)
        return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in told.items())


@dataclass(frozen=True)
class CheckedText:
    """A text of the check set, what it is, and what was made of it."""

    label: Labelled
    found: Understanding

    @property
    def summary(self) -> str:
        """What was made of it, in a word or two."""
        return summary_of(self.found)


def read_labels(phrases: Path, intents: IntentTable) -> tuple[Labelled, ...]:
    """Read the check set as labelled texts: each file's name says what a text of it means."""
    return tuple(_label(phrase, intents) for phrase in read_check_set(phrases))


def check(
    rules: Rules, labels: Sequence[Labelled], meaning: Callable[[str], Meaning | None]
) -> tuple[CheckedText, ...]:
    """Read the whole check set, each text as the first of somebody new."""
    context = Context(tuple(dict.fromkeys(label.language for label in labels)), home=HOME)
    return tuple(
        CheckedText(label, understand(rules, label.text, context, meaning(label.text))) for label in labels
    )


def count_checked(checked: Sequence[CheckedText]) -> CheckFigures:
    """Count what was right and what was wrong."""
    danger = [each for each in checked if each.label.danger]
    return CheckFigures(
        texts=len(checked),
        useful=sum(is_useful(each.label, each.found) for each in checked if not each.label.sounds),
        sure_and_wrong=sum(is_sure_and_wrong(each.label, each.found) for each in checked),
        in_danger=len(danger),
        danger_found=sum(each.found.answer == "danger" for each in danger),
        false_alarms=sum(each.found.answer == "danger" for each in checked if not each.label.danger),
    )


def summary_of(found: Understanding) -> str:
    """Say in a word or two what was made of a text."""
    what = found.danger or found.wish or "/".join(each.stop for each in found.intents)
    return f"{found.answer} {what}".strip()


def _label(phrase: Phrase, intents: IntentTable) -> Labelled:
    name, danger, wish = phrase.name, "", ""
    stops: tuple[str, ...] = ()
    if name == OFF_TOPIC:
        stops = (HOME,)
    elif name.startswith(WISH):
        wish = name.removeprefix(WISH).replace("-", "_")
    elif name.startswith(DANGER) and name != SOUNDS:
        danger = name.removeprefix(DANGER)
    elif name in intents.stops:
        stops = (intents.stops[name],)
    return Labelled(phrase.text, phrase.language, danger, name == SOUNDS, wish, stops)
