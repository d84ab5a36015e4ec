"""Learn heads and thresholds from the line's phrases, by folds of them; never from held-out texts."""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ivr.encryption import make_private_folder
from ivr.understanding.classifier import (
    LETTERS_SHARE,
    Head,
    Weights,
    classifier_of,
    fit_claim,
    fit_classes,
    learn_neighbours,
    softmax,
    write_weights,
)
from ivr.understanding.danger import read_danger
from ivr.understanding.encoders import Letters, installed_encoder
from ivr.understanding.evaluation import CheckFigures, check, count_checked, read_labels
from ivr.understanding.phrases import DANGER, OFF_TOPIC, SOUNDS, WISH, order_by_hash, read_added, read_phrases
from ivr.understanding.text_cleaning import clean
from ivr.understanding.thresholds import (
    LETTERS_ALONE,
    MEANING,
    MOST_POINTS,
    SMALLEST_SHARE,
    Thresholds,
    ThresholdTable,
    write_thresholds,
)
from ivr.understanding.understand import read_rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ivr.understanding.classifier import Classifier
    from ivr.understanding.encoders import Encoder, Vectors
    from ivr.understanding.evaluation import CheckedText
    from ivr.understanding.phrases import Phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ivr.understanding.encoders import Encoder
    from ivr.understanding.phrases import Phrase

    Rows = NDArray[np.float32]
    Floats = NDArray[np.float32] | NDArray[np.float64]

FOLDS = 4
NAME_PENALTY, DANGER_PENALTY = 2e-5, 5e-5
SOUNDS_COUNT = 2.0  # How much a text that only sounds like danger counts against a false alarm.
# The most false alarms of the first net: of all others, and of those that only sound like danger.
FIRST_ALARMS, FIRST_SOUNDS = 0.02, 0.1
SECOND_OTHERS = (
    0.29  # The second net may catch this share of all others: most is said about 911, no more than helps.
)
CLEAR_MISSED = 0.02  # An unsure answer to this share of texts in danger may go without 911.
SURE_WRONG = 0.015  # Phrases have one name each though neighbours would do: many of these are not wrong.
WISH_WRONG = 0.005
NOTHING = 0.2  # The share of texts that are about nothing the line knows: jokes, thanks, tests.
# How likely off-topic must be beside the first stop; less likely than that stop is not lost.
LOST = (1.5, 1.2, 1.0)


@dataclass(frozen=True)
class TrainingSet:
    """Phrases with their numbers: encoded, hashed, and read by the rules."""

    phrases: tuple[Phrase, ...]
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    languages: NDArray[np.str_]
    danger: NDArray[np.bool_]
    sounds: NDArray[np.bool_]
    rows: Rows | None
    runs: Rows
    topics: NDArray[np.int64]  # What a text that only sounds like danger is about; -1 where nobody can tell.
    points: Rows  # Two columns: for danger, and what calms.


@dataclass(frozen=True)
class Scores:
    """Log-odds of names and of danger, a row a phrase."""

    names: Rows
    danger: Rows


def train(folder: Path, encoder: Encoder | None, say: Callable[[str], None]) -> None:
    """Learn from `phrases/`, and write weights and thresholds into it: the same bytes each time."""
    known = prepare(folder, encoder)
    reader = encoder.name if encoder else LETTERS_ALONE
    say(f"{len(known.phrases)} phrases of {len(known.names)} names, read by {reader}")
    limits = dict(read_rules(folder).thresholds)
    for way, across in score_by_folds(known).items():
        limits[way] = find_thresholds(known, across, limits[way])
        say(f"{way}, by {FOLDS} folds:\n{describe(known, across, limits[way])}")
    for weights in fit(known, encoder, np.arange(len(known.phrases))):
        say(f"wrote {write_weights(folder, weights)}")
    write_thresholds(folder / "thresholds.toml", limits)


def prepare(folder: Path, encoder: Encoder | None, added: Sequence[Phrase] = ()) -> TrainingSet:
    """Read the phrases, with those ``added`` to the files, and turn them into numbers."""
    phrases = order_by_hash((*read_phrases(folder), *added))
    names = tuple(sorted({phrase.name for phrase in phrases}))
    texts = [clean(phrase.text) for phrase in phrases]
    rules = read_rules(folder)
    readings = [read_danger(rules.danger, text) for text in texts]
    points = [(min(r.points, MOST_POINTS), min(r.calm, MOST_POINTS)) for r in readings]
    return TrainingSet(
        phrases,
        names,
        np.array([names.index(phrase.name) for phrase in phrases]),
        np.array([phrase.language for phrase in phrases]),
        np.array([phrase.is_danger for phrase in phrases]),
        np.array([phrase.name == SOUNDS for phrase in phrases]),
        encoder.encode(texts) if encoder else None,
        Letters().encode(texts),
        np.array([names.index(phrase.topic) if phrase.topic else -1 for phrase in phrases]),
        np.array(points, np.float32),
    )


def fit(known: TrainingSet, encoder: Encoder | None, chosen: NDArray[np.int64]) -> tuple[Weights, ...]:
    """Fit the heads of letters and, where there is an encoder, of meaning, to the chosen phrases."""
    lessons = _lessons(known, chosen)
    languages = np.unique(known.languages[chosen])
    parts = [_fit_heads(known, known.runs, lessons.of(known.languages == each)) for each in languages]
    spoken = np.searchsorted(languages, known.languages[chosen])
    language_head = _level(
        known.runs[chosen],
        lambda level: fit_classes(level, spoken, np.ones(len(spoken)), NAME_PENALTY, len(languages)),
    )
    names, danger = (_stacked(each) for each in zip(*parts, strict=True))
    letters = Weights(
        "letters",
        known.names,
        names,
        danger,
        language_head=language_head,
        languages=tuple(languages.tolist()),
    )
    if known.rows is None:
        return (letters,)
    rows = known.rows
    near = learn_neighbours(rows[lessons.named], lessons.labels, lessons.shares)
    name = encoder.name if encoder else "meaning"
    return letters, Weights(name, known.names, *_fit_heads(known, rows, lessons), near)


@dataclass(frozen=True)
class Lessons:
    """Which phrases are learned from: as what, and how much each counts."""

    named: NDArray[np.int64]  # Numbers of phrases, whose names are
    labels: NDArray[np.int64]
    shares: NDArray[np.float64]
    claims: NDArray[np.int64]  # and of those that are in danger, or not.

    def of(self, kept: NDArray[np.bool_]) -> Lessons:
        """Give those of some phrases alone."""
        named = kept[self.named]
        return Lessons(
            self.named[named], self.labels[named], self.shares[named], self.claims[kept[self.claims]]
        )


def _lessons(known: TrainingSet, chosen: NDArray[np.int64]) -> Lessons:
    """Let a name of many phrases count less for each, and a phrase that only sounds like danger twice."""
    counts = np.bincount(known.labels, minlength=len(known.names))
    if (
        OFF_TOPIC in known.names
    ):  # As frequent as it stands in the phrases: many texts are about nothing we know.
        counts[known.names.index(OFF_TOPIC)] = np.median(counts)
    share = 1 / np.sqrt(counts[known.labels[chosen]])
    told = known.topics[chosen] >= 0  # These are learned twice: as what they sound like, and by topic.
    return Lessons(
        np.append(chosen, chosen[told]),
        np.append(known.labels[chosen], known.topics[chosen][told]),
        np.append(share, share[told]),
        chosen,
    )


def _fit_heads(known: TrainingSet, rows: Rows, lessons: Lessons) -> tuple[Head, Head]:
    count, claims = len(known.names), known.danger[lessons.claims]
    weight = np.where(known.sounds[lessons.claims], SOUNDS_COUNT, 1.0)
    return (
        _level(
            rows[lessons.named],
            lambda level: fit_classes(level, lessons.labels, lessons.shares, NAME_PENALTY, count),
        ),
        _level(rows[lessons.claims], lambda level: fit_claim(level, claims, weight, DANGER_PENALTY)),
    )


def _stacked(heads: Sequence[Head]) -> Head:
    return Head(np.vstack([each.weights for each in heads]), np.concatenate([each.bias for each in heads]))


def _level(rows: Rows, fitted: Callable[[Rows], Head]) -> Head:
    """Fit on columns of like size around nought, which is quicker; give a head for the rows as they are."""
    middle = rows.mean(axis=0)
    size = np.maximum(rows.std(axis=0), np.float32(1e-4)) * np.float32(np.sqrt(rows.shape[1]))
    head = fitted((rows - middle) / size)
    weights = head.weights / size
    return Head(weights, head.bias - weights @ middle)


def score_by_folds(known: TrainingSet) -> dict[str, Scores]:
    """Score each phrase by heads that have not seen it: by letters alone, and by meaning too."""
    count = len(known.phrases)
    turn = np.arange(count) % FOLDS
    parts = [(away, fit(known, None, np.flatnonzero(turn != fold))) for fold, away in _folds(turn)]
    ways = (LETTERS_ALONE, MEANING) if known.rows is not None else (LETTERS_ALONE,)
    found = {}
    for way in ways:
        names, danger = np.zeros((count, len(known.names)), np.float32), np.zeros(count, np.float32)
        for away, heads in parts:
            scores = score(known, heads, away, way)
            names[away], danger[away] = scores.names, scores.danger
        found[way] = Scores(names, danger)
    return found


def _folds(turn: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int64]]]:
    return [(fold, np.flatnonzero(turn == fold)) for fold in range(FOLDS)]


def find_thresholds(known: TrainingSet, across: Scores, before: ThresholdTable) -> ThresholdTable:
    """Find how rules and classifier add up to danger, and from where on an answer is sure, by language."""
    odds = _signs_of_danger(known, across)
    weight = np.where(known.sounds, SOUNDS_COUNT, 1.0)
    head = fit_claim(odds, known.danger, weight, 1e-4)
    meaning, named, sounds, points, calm = (float(each) for each in head.weights[0])
    summed = replace(
        before.other,
        danger_meaning=round(meaning, 3),
        danger_names=round(named, 3),
        danger_sounds=round(sounds, 3),
        danger_points=round(points, 3),
        danger_calm=round(calm, 3),
        danger_bias=round(float(head.bias[0]), 3),
    )
    languages = sorted({str(language) for language in known.languages})
    own = {language: _find_limits(*_of(known, across, language), summed) for language in languages}
    return ThresholdTable(_find_limits(known, across, summed), own)


def _of(known: TrainingSet, across: Scores, language: str) -> tuple[TrainingSet, Scores]:
    """Give the phrases of one language alone, and their scores."""
    kept = known.languages == language
    columns = ("labels", "languages", "danger", "sounds", "runs", "topics", "points")
    mine: dict[str, Any] = {name: getattr(known, name)[kept] for name in columns}
    phrases = tuple(phrase for phrase, mine in zip(known.phrases, kept, strict=True) if mine)
    return replace(known, phrases=phrases, rows=None, **mine), Scores(across.names[kept], across.danger[kept])


def _find_limits(known: TrainingSet, across: Scores, summed: Thresholds) -> Thresholds:
    """Find from where on danger is danger and an answer is sure; ``summed`` says what adds up to danger."""
    score = 1 / (1 + np.exp(-_danger_odds(known, across, summed)))
    plain = ~known.danger & ~known.sounds
    first = max(_top(score[plain], FIRST_ALARMS), _top(score[known.sounds], FIRST_SOUNDS))
    second = _top(score[plain], SECOND_OTHERS)
    clear = float(np.quantile(score[known.danger], CLEAR_MISSED)) if known.danger.any() else 0.0
    topics, wishes = _topics(known, across), _wishes(known, across)
    wish = _until_wrong(wishes[0], wishes[1], WISH_WRONG)
    sure = _until_wrong(topics[0], topics[1], SURE_WRONG)
    return replace(
        summed,
        danger_first=round(first, 3),
        danger_second=round(min(second, first), 4),
        wish=round(wish, 3),
        sure=round(sure, 3),
        lost=_best_lost(known, across),
        danger_clear=round(min(clear, second, first), 4),
    )


def describe(known: TrainingSet, across: Scores, table: ThresholdTable) -> str:
    """Tell in figures what the folds say: of all, then of each language by its own thresholds."""
    lines = [_figures("all", known, across, table.other)]
    lines += [_figures(each, *_of(known, across, each), limits) for each, limits in table.by_language.items()]
    return "\n".join(lines)


def _figures(name: str, known: TrainingSet, across: Scores, limits: Thresholds) -> str:
    right = across.names.argmax(axis=1) == known.labels
    three = (np.argsort(-across.names, axis=1)[:, :3] == known.labels[:, None]).any(axis=1)
    score = 1 / (1 + np.exp(-_danger_odds(known, across, limits)))
    plain = ~known.danger & ~known.sounds
    groups = {"danger": known.danger, "sounds": known.sounds, "others": plain}
    nets = {"first": limits.danger_first, "second": limits.danger_second}
    shares = (
        f"{word} net "
        + ", ".join(f"{(score[g] >= limit).mean():.3f} of {group}" for group, g in groups.items())
        for word, limit in nets.items()
    )
    return f"{name}: right {right.mean():.3f}, among three {three.mean():.3f}; {'; '.join(shares)}"


def _danger_odds(known: TrainingSet, across: Scores, limits: Thresholds) -> Floats:
    """Add up the signs of danger, as `understand.danger_score` does."""
    counts = [limits.danger_meaning, limits.danger_names, limits.danger_sounds]
    counts += [limits.danger_points, limits.danger_calm]
    return np.asarray(limits.danger_bias + _signs_of_danger(known, across) @ np.array(counts))


def score(known: TrainingSet, heads: Sequence[Weights], away: NDArray[np.int64], way: str) -> Scores:
    """Score the phrases that heads have not seen."""
    letters = heads[0]
    names, danger = letters.name_scores(known.runs[away]), letters.danger_scores(known.runs[away])
    if way == MEANING and known.rows is not None:
        meaning = heads[1]
        names = meaning.name_scores(known.rows[away]) + LETTERS_SHARE * names
        danger = meaning.danger_scores(known.rows[away]) + LETTERS_SHARE * danger
    return Scores(names, danger)


def _signs_of_danger(known: TrainingSet, across: Scores) -> Rows:
    """Give what adds up to danger, a row a phrase, as `understand.danger_score` adds it."""
    shares = softmax(across.names)
    kinds = [i for i, name in enumerate(known.names) if name.startswith(DANGER) and name != SOUNDS]
    named = np.asarray(shares[:, kinds].sum(axis=1), np.float32)
    sounds = np.asarray(shares[:, known.names.index(SOUNDS)], np.float32)
    columns = [across.danger, _odds(named), -_odds(sounds), known.points[:, 0], -known.points[:, 1]]
    return np.column_stack(columns).astype(np.float32)


def _odds(shares: Rows) -> Rows:
    kept = np.clip(shares, SMALLEST_SHARE, 1 - SMALLEST_SHARE)
    return np.asarray(np.log(kept / (1 - kept)), np.float32)


def _topics(known: TrainingSet, across: Scores) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Give how sure the first topic of each phrase that is about something is, and whether it is right."""
    columns = [i for i, name in enumerate(known.names) if not name.startswith(DANGER)]
    about = [i for i in range(len(columns)) if not known.names[columns[i]].startswith((WISH, OFF_TOPIC))]
    asked = ~np.array([name.startswith(DANGER) for name in known.names])[known.labels]
    shares = softmax(across.names[asked][:, columns])
    first = np.array(about)[shares[:, about].argmax(axis=1)]
    return shares[np.arange(len(first)), first], np.array(columns)[first] == known.labels[asked]


def _best_lost(known: TrainingSet, across: Scores) -> float:
    """Find from where on a text is about nothing, if one in five is."""
    columns = [i for i, name in enumerate(known.names) if not name.startswith((DANGER, WISH))]
    asked = np.isin(known.labels, columns)
    shares, labels = softmax(across.names[asked][:, columns]), known.labels[asked]
    aside = columns.index(known.names.index(OFF_TOPIC))
    nothing = labels == columns[aside]
    others = shares.copy()
    others[:, aside] = 0
    first = np.array(columns)[others.argmax(axis=1)] == labels

    def right(lost: float) -> float:
        taken = shares[:, aside] >= lost * others.max(axis=1)
        return NOTHING * float(taken[nothing].mean()) + (1 - NOTHING) * float(
            (first & ~taken)[~nothing].mean()
        )

    return max(LOST, key=right)


def _wishes(known: TrainingSet, across: Scores) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Give how sure the first wish of each phrase is, and whether it is right."""
    shares = softmax(across.names)
    columns = np.array([i for i, name in enumerate(known.names) if name.startswith(WISH)])
    first = columns[shares[:, columns].argmax(axis=1)]
    return shares[np.arange(len(first)), first], first == known.labels


def _top(scores: Floats, share: float) -> float:
    """Give the score that this share of them reaches."""
    return float(np.quantile(scores, 1 - share)) if len(scores) else 1.0


def _until_wrong(sure: NDArray[np.float32], right: NDArray[np.bool_], share: float) -> float:
    """Give the lowest confidence from which on at most a share of all is wrong."""
    order = np.argsort(-sure)
    wrong = np.cumsum(~right[order]) / len(order)
    within = np.flatnonzero(wrong <= share)
    return float(sure[order][within[-1]]) if len(within) else 1.0


# Learning from the files' phrases and those that operators added, and measuring it on the check set: in a
# process of its own, as a worker that did it would keep the encoders' memory, and callers would wait.

ONE_FOLDER = 2  # The program's own name, and the folder.
ADDED, OUTCOME = "added.json", "outcome.json"  # In the folder that it writes to: what it reads, and tells.
AT_ONCE = 1000  # Texts that are encoded before they are kept: whoever is interrupted goes on there.


@dataclass(frozen=True)
class Outcome:
    """What new weights come to beside those in force and those of the files, and what they read otherwise."""

    new: CheckFigures
    now: CheckFigures
    files: CheckFigures
    changes: tuple[tuple[str, str, str], ...] = ()  # A text, what is made of it now, and by the new weights.
    worse: tuple[str, ...] = ()  # Why the new ones are refused.


@dataclass
class EncodedTexts:
    """An encoder that keeps in a file what it has encoded: most phrases are the same the next time."""

    encoder: Encoder
    file: Path
    known: dict[bytes, Vectors] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read what was encoded before."""
        self.name, self.width = self.encoder.name, self.encoder.width
        try:
            with np.load(self.file, allow_pickle=False) as found:
                rows = dict(zip(map(bytes, found["marks"]), found["rows"], strict=True))
        except (OSError, ValueError, KeyError):
            return
        self.known = {mark: row for mark, row in rows.items() if row.shape == (self.width,)}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode all; those that are new are kept."""
        marks = [sha256(text.encode()).digest()[:16] for text in texts]
        new = {mark: text for mark, text in zip(marks, texts, strict=True) if mark not in self.known}
        for some in batched(new, AT_ONCE):
            rows = self.encoder.encode([new[mark] for mark in some])
            self.known |= dict(zip(some, rows, strict=True))
            self._keep()
        return np.stack([self.known[mark] for mark in marks]) if marks else self.encoder.encode(())

    def _keep(self) -> None:
        make_private_folder(self.file.parent)
        draft = self.file.with_suffix(f".{os.getpid()}.npz")
        marks = np.array([list(mark) for mark in self.known], np.uint8)
        np.savez(draft, marks=marks, rows=np.stack(list(self.known.values())))
        draft.replace(self.file)


def encoder_beside(published: Path) -> Encoder | None:
    """Load the encoders that are installed, with what they have encoded on this host."""
    found = installed_encoder()
    return EncodedTexts(found, published / f"encoded-{found.name}.npz") if found else None


def batched(marks: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    """Cut a row of marks in parts of a size."""
    rest = iter(marks)
    while part := list(islice(rest, size)):
        yield part


def learn(phrases: Path, added: Sequence[Phrase], encoder: Encoder | None, to: Path) -> Classifier:
    """Learn from all phrases, and write the weights into a folder; thresholds stay those of the files."""
    known = prepare(phrases, encoder, still_to_learn(phrases, added))
    for weights in fit(known, encoder, np.arange(len(known.phrases))):
        write_weights(to, weights)
    return classifier_of(encoder, to, phrases)


def still_to_learn(phrases: Path, added: Sequence[Phrase]) -> tuple[Phrase, ...]:
    """Leave out what stands in the files by now, and names that they have no more."""
    theirs = read_phrases(phrases)
    names = {phrase.name for phrase in theirs}
    texts = {(phrase.language, phrase.text.casefold()) for phrase in theirs}
    return tuple(
        each for each in added if each.name in names and (each.language, each.text.casefold()) not in texts
    )


def compare(phrases: Path, new: Classifier, now: Classifier, files: Classifier) -> Outcome:
    """Read the check set by each; the new weights may be worse than neither of the others."""
    rules = read_rules(phrases)
    labels = read_labels(phrases, rules.intents)
    read_new, read_now, read_files = (check(rules, labels, each.classify) for each in (new, now, files))
    figures = count_checked(read_new)
    worse = [
        f"{fault} ({than})"
        for than, before in (("in force", read_now), ("the files", read_files))
        for fault in figures.faults_beside(count_checked(before))
    ]
    return Outcome(
        figures, count_checked(read_now), count_checked(read_files), changes(read_now, read_new), tuple(worse)
    )


def changes(now: Sequence[CheckedText], new: Sequence[CheckedText]) -> tuple[tuple[str, str, str], ...]:
    """List the texts of which something else is made."""
    pairs = zip(now, new, strict=True)
    return tuple((a.label.text, a.summary, b.summary) for a, b in pairs if a.summary != b.summary)


def main() -> None:
    """Train on a folder of phrases: `python -m ivr.understanding.training PHRASES`.

    With PUBLISHED NOW TO NICENESS as well, learn from it and from what was added, and compare.
    """
    if len(sys.argv) == ONE_FOLDER:
        train(Path(sys.argv[1]), installed_encoder(), print)
        return
    phrases, published, now, to = map(Path, sys.argv[1:5])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(int(sys.argv[5]))
    encoder = encoder_beside(published)
    new = learn(phrases, read_added(to / ADDED), encoder, to)
    outcome = compare(phrases, new, classifier_of(encoder, now, phrases), classifier_of(encoder, phrases))
    (to / OUTCOME).write_text(json.dumps(asdict(outcome)), "utf-8")


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # Unbuffered: a buffer that a thread waits for ends Python in a fault.
    os._exit(1)


if __name__ == "__main__":
    main()
