"""How well texts are understood: figures against labelled texts, with 95 % intervals."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import sqrt
from typing import TYPE_CHECKING

from ivr.understanding.phrases import DANGER, OFF_TOPIC, SOUNDS, WISH, read_check_set
from ivr.understanding.understand import Context, understand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ivr.understanding.intents import IntentTable, Meaning
    from ivr.understanding.phrases import Phrase
    from ivr.understanding.understand import Rules, Understanding


Z = 1.96
SHORTEST_FOR_LANGUAGE = 8  # Letters below which a text's language is anybody's guess.
HOME = "main"  # The label of a text that is best answered with the greeting and its menu.
ANY = "-"


@dataclass(frozen=True)
class Labelled:
    """A text and what two people said of it."""

    text: str
    language: str
    danger: str
    sounds: bool
    wish: str
    stops: tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """A share of texts, and what was hoped for: "≥ 0.85" or "≤ 0.03"."""

    name: str
    hits: int
    count: int
    wanted: str

    @property
    def share(self) -> float:
        """The share, 0 of none."""
        return self.hits / self.count if self.count else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        return wilson(self.hits, self.count)


def read_labelled(file: Path, moved: Mapping[str, str] | None = None) -> tuple[Labelled, ...]:
    """Read a file of columns text, language, danger, sounds, wish, stops; "-" is none.

    ``moved`` are the stops of intents: a label that names an intent means also the stop that answers it now.
    """
    head, *lines = file.read_text("utf-8").splitlines()
    columns = head.split("\t")
    rows = [dict(zip(columns, line.split("\t"), strict=True)) for line in lines if line]
    return tuple(
        Labelled(
            row["text"],
            row["language"],
            row["danger"].replace(ANY, ""),
            row["sounds"] == "yes",
            "" if row["wish"] == ANY else row["wish"],
            () if row["stops"] == ANY else _stops(row["stops"], moved or {}),
        )
        for row in rows
    )


def _stops(labels: str, moved: Mapping[str, str]) -> tuple[str, ...]:
    named = labels.split(",")
    return tuple(dict.fromkeys([*named, *(moved[label] for label in named if label in moved)]))


def measure(texts: Sequence[Labelled], understood: Callable[[str], Understanding]) -> tuple[Figure, ...]:
    """Measure all that is wanted of understanding."""
    pairs = [(each, understood(each.text)) for each in texts]
    quiet = [(t, u) for t, u in pairs if not t.danger]
    danger = [(t, u) for t, u in pairs if t.danger]
    sounds = [(t, u) for t, u in quiet if t.sounds]
    named = [(t, u) for t, u in pairs if sum(c.isalpha() for c in t.text) >= SHORTEST_FOR_LANGUAGE]
    return (
        _figure("useful", "≥ 0.85", (is_useful(t, u) for t, u in pairs)),
        _figure("right by danger, wish or sure", "≥ 0.70", (is_right(t, u) for t, u in pairs)),
        _figure("the same, of those not in danger", "≥ 0.65", (is_right(t, u) for t, u in quiet)),
        _figure("offered (first or among the choices)", "≥ 0.95", (is_offered(t, u) for t, u in pairs)),
        _figure("sure and wrong", "≤ 0.03", (is_sure_and_wrong(t, u) for t, u in pairs)),
        _figure("danger: 911 first, either net", "≥ 0.98", (u.safety for _, u in danger)),
        _figure("danger: by the first net", "≥ 0.90", (u.answer == "danger" for _, u in danger)),
        _figure(
            "danger: the right kind, of those",
            "",
            (u.danger == t.danger for t, u in danger if u.answer == "danger"),
        ),
        _figure(
            "first net's false alarms, of all others", "≤ 0.03", (u.answer == "danger" for _, u in quiet)
        ),
        _figure("the same, of those that sound like it", "≤ 0.10", (u.answer == "danger" for _, u in sounds)),
        _figure("second net, of all others", "≤ 0.30", (u.safety and u.answer != "danger" for _, u in quiet)),
        _figure("language right", "≥ 0.97", (_language_right(t, u) for t, u in named)),
    )


def is_useful(text: Labelled, found: Understanding) -> bool:
    """Whether the first answer helps: right by danger, wish or sure, or first of the choices."""
    if is_right(text, found):
        return True
    return not text.danger and found.answer == "choices" and _first(found) in text.stops


def is_right(text: Labelled, found: Understanding) -> bool:
    """Whether the line answered without asking back, and rightly."""
    if text.danger:
        return found.answer == "danger"
    if found.answer == "danger":
        return False
    if text.wish and found.wish == text.wish:
        return True
    if found.answer == "sure":
        return _first(found) in text.stops
    return HOME in text.stops and found.answer == "lost"


def is_offered(text: Labelled, found: Understanding) -> bool:
    """Whether the right answer was given, or is one of the choices."""
    if is_useful(text, found):
        return True
    offered = {each.stop for each in found.intents} if found.answer in ("sure", "choices") else set()
    return not text.danger and bool(offered & set(text.stops))


def is_sure_and_wrong(text: Labelled, found: Understanding) -> bool:
    """Whether the line answered something else as if it were sure."""
    if text.danger:
        return found.answer in ("sure", "wish")
    return found.answer in ("danger", "sure", "wish") and not is_right(text, found)


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Give Wilson's 95 % interval of a share."""
    if not count:
        return 0.0, 1.0
    share = hits / count
    middle = share + Z * Z / (2 * count)
    spread = Z * sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    low, high = ((middle + sign * spread) / (1 + Z * Z / count) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


def report_lines(sides: dict[str, tuple[Figure, ...]]) -> Iterator[str]:
    """Write figures side by side, one a line: what was wanted, then each way of understanding."""
    yield f"{'':40} {'wanted':>7}  " + "  ".join(f"{name:^22}" for name in sides)
    for row in zip(*sides.values(), strict=True):
        cells = (f"{f.share:.3f} [{f.interval[0]:.3f} {f.interval[1]:.3f}]" for f in row)
        yield (
            f"{row[0].name:40} {row[0].wanted:>7}  "
            + "  ".join(f"{cell:^22}" for cell in cells)
            + f"  of {row[0].count}"
        )


def _figure(name: str, wanted: str, claims: Iterable[bool]) -> Figure:
    kept = list(claims)
    return Figure(name, sum(kept), len(kept), wanted)


def _first(found: Understanding) -> str:
    return found.intents[0].stop if found.intents else ""


def _language_right(text: Labelled, found: Understanding) -> bool:
    return found.language == text.language or (
        text.language == "other" and found.language not in ("", "en", "fr")
    )


# How well weights read the check set, and whether new ones are worse: then they are not taken.

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
