"""The classifier of meaning: encoders and heads, read from files of weights. Runs in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ivr.understanding.encoders import Letters, installed_encoder
from ivr.understanding.intents import Meaning
from ivr.understanding.languages import language_by_phrases, letter_detector
from ivr.understanding.text_cleaning import clean, sentences
from ivr.understanding.thresholds import SMALLEST_SHARE
from ivr.understanding.weights_in_force import basis_of, folder_in_force

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ivr.understanding.encoders import Encoder


# Linear heads over numbers, and how they are fitted: logistic regression by L-BFGS, in numpy alone.

if TYPE_CHECKING:
    Floats = NDArray[np.float64]

STEPS = 60  # More change nothing that folds can see.
MEMORY = 10  # Steps that L-BFGS remembers.


@dataclass(frozen=True)
class Head:
    """Weights (names x width) and a bias each: the log-odds of each name."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def scores(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give log-odds, one row a text."""
        return rows @ self.weights.T + self.bias


def softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn log-odds into probabilities that add up to one a row."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def fit_classes(
    rows: NDArray[np.float32], labels: NDArray[np.int64], weights: Floats, penalty: float, count: int
) -> Head:
    """Fit one head that tells ``count`` names apart; ``weights`` says how much each text counts."""
    width = rows.shape[1]
    aim = np.zeros((len(labels), count))
    aim[np.arange(len(labels)), labels] = 1.0
    share = (weights / weights.sum())[:, None]

    def cost(flat: Floats) -> tuple[float, Floats]:
        matrix = flat.reshape(count, width + 1)
        scores = rows @ matrix[:, :width].T.astype(np.float32) + matrix[:, width].astype(np.float32)
        top = scores.max(axis=1, keepdims=True)
        logs = scores - top - np.log(np.exp(scores - top).sum(axis=1, keepdims=True))
        off = (np.exp(logs) - aim) * share
        slope = np.hstack([off.T.astype(np.float32) @ rows, off.sum(axis=0)[:, None]])
        slope[:, :width] += penalty * matrix[:, :width]
        loss = -float((aim * logs * share).sum()) + penalty / 2 * float((matrix[:, :width] ** 2).sum())
        return loss, slope.ravel().astype(np.float64)

    best = minimise(cost, np.zeros(count * (width + 1))).reshape(count, width + 1)
    return Head(best[:, :width].astype(np.float32), best[:, width].astype(np.float32))


def fit_claim(rows: NDArray[np.float32], claims: NDArray[np.bool_], weights: Floats, penalty: float) -> Head:
    """Fit a head of one name: whether a claim holds."""
    sign = np.where(claims, 1.0, -1.0)
    share = weights / weights.sum()
    width = rows.shape[1]

    def cost(flat: Floats) -> tuple[float, Floats]:
        margin = sign * (rows @ flat[:width].astype(np.float32) + flat[width])
        loss = float((share * np.logaddexp(0, -margin)).sum()) + penalty / 2 * float(
            flat[:width] @ flat[:width]
        )
        off = -share * sign / (1 + np.exp(np.clip(margin, -60, 60)))
        slope = np.append(rows.T @ off.astype(np.float32) + penalty * flat[:width], off.sum())
        return loss, slope.astype(np.float64)

    best = minimise(cost, np.zeros(width + 1))
    return Head(best[None, :width].astype(np.float32), best[width:].astype(np.float32))


def minimise(cost: Callable[[Floats], tuple[float, Floats]], start: Floats) -> Floats:
    """Walk downhill by L-BFGS with halving steps. The same start ends at the same place."""
    at, (loss, slope) = start, cost(start)
    moves: list[tuple[Floats, Floats, float]] = []
    for _ in range(STEPS):
        way = _direction(slope, moves)
        stride, descent = (
            (1.0 if moves else min(1.0, 1.0 / float(np.abs(slope).sum() + 1e-12))),
            float(slope @ way),
        )
        while stride > 1e-10:  # noqa: PLR2004 - no step is left
            there = at + stride * way
            new_loss, new_slope = cost(there)
            if new_loss <= loss + 1e-4 * stride * descent:
                break
            stride /= 2
        else:
            break
        move, bend = there - at, new_slope - slope
        if (curve := float(move @ bend)) > 1e-12:  # noqa: PLR2004 - flat: nothing to learn
            moves = [*moves[-MEMORY + 1 :], (move, bend, 1 / curve)]
        done = loss - new_loss < 1e-7 * max(1.0, abs(loss))
        at, loss, slope = there, new_loss, new_slope
        if done:
            break
    return at


def _direction(slope: Floats, moves: list[tuple[Floats, Floats, float]]) -> Floats:
    way, shares = -slope, []
    for move, bend, curve in reversed(moves):
        share = curve * float(move @ way)
        way = way - share * bend
        shares.append(share)
    if moves:
        move, bend, curve = moves[-1]
        way = way / (curve * float(bend @ bend))
    for (move, bend, curve), share in zip(moves, reversed(shares), strict=True):
        way = way + (share - curve * float(bend @ way)) * move
    return way


# What lies near a text: the phrases themselves, as points of few columns.

if TYPE_CHECKING:
    Rows = NDArray[np.float32]

COLUMNS = 160  # Of 896: with 256 a name is no oftener right by folds.
SHARPNESS = 20.0  # How quickly a phrase counts less as it lies farther away.
FLOOR = 1e-3  # What every name has of the mean, so that a name without a near phrase is not impossible.
WHOLE = 127


@dataclass(frozen=True)
class Neighbours:
    """Phrases as points on a ball: ``middle`` and ``turn`` put a row of the encoder there."""

    middle: Rows
    turn: Rows  # Width x columns.
    points: NDArray[np.int8]  # A row a phrase, in eighths of a byte.
    labels: NDArray[np.int16]
    shares: Rows  # How much each phrase counts: less where its name has many.

    def scores(self, rows: Rows, count: int) -> Rows:
        """Give the log of how thickly the phrases of each of ``count`` names lie around each row."""
        near = _turned(rows, self.middle, self.turn) @ self._columns
        weights = np.exp(SHARPNESS * (near - 1)) * self.shares
        thick = np.stack([np.bincount(self.labels, each, count) for each in weights])
        return np.asarray(np.log(thick + FLOOR * weights.mean(axis=1, keepdims=True)), np.float32)

    @cached_property
    def _columns(self) -> Rows:
        return np.asarray(self.points.T, np.float32) / np.float32(WHOLE)


def learn_neighbours(rows: Rows, labels: NDArray[np.int64], shares: NDArray[np.floating]) -> Neighbours:
    """Keep the directions in which the phrases differ most, once all columns differ alike."""
    middle = rows.mean(axis=0)
    size = np.maximum(rows.std(axis=0), np.float32(1e-4))
    spread = (rows - middle) / size
    turn = np.linalg.eigh(spread.T @ spread)[1][:, ::-1][:, :COLUMNS].astype(np.float32) / size[:, None]
    points = np.rint(_turned(rows, middle, turn) * WHOLE).astype(np.int8)
    return Neighbours(middle, turn, points, labels.astype(np.int16), np.asarray(shares, np.float32))


def _turned(rows: Rows, middle: Rows, turn: Rows) -> Rows:
    points = (rows - middle) @ turn
    return np.asarray(points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9), np.float32)


FILE = "weights-{}.npz"
NEAR = ("middle", "turn", "points", "labels", "shares")  # What a file keeps of neighbours.
WHOLE_SHARE = 0.6  # How much the whole text counts beside its last sentence.
# How much its head, phrases that lie near and letters count where there is a sentence encoder, in log-odds:
# by folds, names are then about as often right as they are likely.
HEAD_SHARE, NEIGHBOURS_SHARE, LETTERS_SHARE = 0.6, 0.6, 0.36


@dataclass(frozen=True)
class Weights:
    """The heads for one encoder: which name, and whether it is danger.

    Letters mean something else in each language: where there is a ``language_head``, both other heads have
    a part for each of its languages, one below the other, and count as much as a text is likely to be in it.
    """

    encoder: str
    names: tuple[str, ...]
    name_head: Head
    danger_head: Head
    neighbours: Neighbours | None = None  # Of a sentence encoder; runs of letters lie near to nothing.
    language_head: Head | None = None
    languages: tuple[str, ...] = ()

    def language_shares(self, rows: NDArray[np.float32]) -> list[dict[str, float]]:
        """Tell how likely each language is that phrases were learned of, a mapping a text."""
        if self.language_head is None:
            return [{} for _ in rows]
        shares = softmax(self.language_head.scores(rows))
        return [dict(zip(self.languages, map(float, each), strict=True)) for each in shares]

    def name_scores(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give log-odds of each name, one row a text."""
        scores = self._over_languages(rows, self.name_head.scores(rows))
        if self.neighbours:
            scores = HEAD_SHARE * scores + NEIGHBOURS_SHARE * self.neighbours.scores(rows, len(self.names))
        return scores

    def danger_scores(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the log-odds of danger, one a text."""
        return self._over_languages(rows, self.danger_head.scores(rows))[:, 0]

    def _over_languages(self, rows: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.language_head is None:
            return scores
        shares = softmax(self.language_head.scores(rows))
        parts = scores.reshape(*shares.shape, -1)
        return np.asarray((shares[:, :, None] * parts).sum(axis=1), np.float32)


class Classifier:
    """Reads texts with what is installed: sentence encoders and letters, or letters alone."""

    def __init__(self, letters: Weights, meaning: Weights | None, encoder: Encoder | None) -> None:
        """Take the heads of letters, and those of a sentence encoder where there is one."""
        self._letters, self._meaning, self._encoder = letters, meaning, encoder
        self._runs = Letters()
        self._detect = letter_detector()

    @property
    def by(self) -> str:
        """Name what reads texts."""
        return f"{self._encoder.name}+letters" if self._encoder and self._meaning else "letters"

    def classify(self, text: str) -> Meaning:
        """Classify one text: names by the whole of it, danger by its most dangerous sentence."""
        cleaned = clean(text)
        parts = sentences(cleaned)
        texts = [cleaned] if parts == (cleaned,) else [cleaned, *parts]
        names, danger = self.score(texts)
        about = WHOLE_SHARE * names[:1] + (1 - WHOLE_SHARE) * names[-1:]  # The question mostly stands last.
        shares = softmax(about)[0]
        found = {
            n: round(float(p), 4)
            for n, p in zip(self._letters.names, shares, strict=True)
            if p >= SMALLEST_SHARE
        }
        return Meaning(found, float(max(danger[0], *(danger - 0.5))), self.by, self._language(cleaned))

    def _language(self, cleaned: str) -> str:
        by_letters = self._detect(cleaned) if self._detect else ""
        shares = self._letters.language_shares(self._runs.encode([cleaned]))[0]
        return language_by_phrases(cleaned, by_letters, shares)

    def score(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Score cleaned texts: log-odds of each name, and of danger, a row a text."""
        runs = self._runs.encode(texts)
        names, danger = self._letters.name_scores(runs), self._letters.danger_scores(runs)
        if self._meaning and self._encoder:
            rows = self._encoder.encode(texts)
            names = self._meaning.name_scores(rows) + LETTERS_SHARE * names
            danger = self._meaning.danger_scores(rows) + LETTERS_SHARE * danger
        return names, danger


def load_classifier(folder: Path) -> Classifier:
    """Load the weights that fit the encoders installed here. Without any, letters alone."""
    return classifier_of(installed_encoder(), folder)


def classifier_of(encoder: Encoder | None, *folders: Path) -> Classifier:
    """Load the weights that fit an encoder, each from the first folder that has it."""

    def find(name: str) -> Weights | None:
        files = (folder / FILE.format(name) for folder in folders)
        return next((read_weights(file) for file in files if file.exists()), None)

    letters, meaning = find("letters"), find(encoder.name) if encoder else None
    if letters is None:
        raise FileNotFoundError(f"no weights of letters in {', '.join(map(str, folders))}")
    return Classifier(letters, meaning, encoder if meaning else None)


class ClassifierInForce:
    """Reads each text by the weights that are in force: the encoders stay, their heads are exchanged."""

    def __init__(self, phrases: Path, published: Path, encoder: Encoder | None) -> None:
        """Load what is in force now."""
        self._phrases, self._published, self._encoder = phrases, published, encoder
        self._basis = basis_of(phrases)
        self._files = self._now = classifier_of(encoder, phrases)
        self._folder: Path | None = None

    @property
    def by(self) -> str:
        """Name what reads texts."""
        return self._now.by

    def classify(self, text: str) -> Meaning:
        """Classify one text."""
        folder = folder_in_force(self._published, self._basis)
        if folder != self._folder:
            self._folder = folder
            self._now = self._load(folder) if folder else self._files
        return self._now.classify(text)

    def _load(self, folder: Path) -> Classifier:
        try:
            return classifier_of(self._encoder, folder, self._phrases)
        except Exception:  # noqa: BLE001 - whatever spoilt the file, the weights of the files are good
            return self._files


def letters_alone(folder: Path) -> Classifier:
    """Load what works without any sentence encoder."""
    return Classifier(read_weights(folder / FILE.format("letters")), None, None)


def write_weights(folder: Path, weights: Weights) -> Path:
    """Write heads as eighths of a byte each: a row is whole numbers from -127 to 127 and one scale."""
    arrays: dict[str, NDArray[np.generic]] = {"names": np.array(weights.names)}
    if weights.languages:
        arrays["languages"] = np.array(weights.languages)
    heads = {"name": weights.name_head, "danger": weights.danger_head, "language": weights.language_head}
    for name, head in heads.items():
        if head is None:
            continue
        scale = np.maximum(np.abs(head.weights).max(axis=1, keepdims=True), 1e-9).astype(np.float32) / 127
        arrays[f"{name}_weights"] = np.rint(head.weights / scale).astype(np.int8)
        arrays[f"{name}_scale"] = scale
        arrays[f"{name}_bias"] = head.bias.astype(np.float32)
    if near := weights.neighbours:
        arrays |= {f"near_{name}": getattr(near, name) for name in NEAR}
    path = folder / FILE.format(weights.encoder)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]  # Its stub takes a keyword of its own for one.
    return path


def read_weights(file: Path) -> Weights:
    """Read what `write_weights` wrote."""
    with np.load(file, allow_pickle=False) as found:
        heads = {
            name: Head(
                found[f"{name}_weights"].astype(np.float32) * found[f"{name}_scale"], found[f"{name}_bias"]
            )
            for name in ("name", "danger", "language")
            if f"{name}_weights" in found
        }
        names = tuple(str(name) for name in found["names"])
        near = Neighbours(*(found[f"near_{name}"] for name in NEAR)) if "near_points" in found else None
        languages = tuple(map(str, found["languages"])) if "languages" in found else ()
    encoder = file.stem.removeprefix("weights-")
    return Weights(encoder, names, heads["name"], heads["danger"], near, heads.get("language"), languages)
