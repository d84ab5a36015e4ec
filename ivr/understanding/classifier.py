"""The classifier of meaning: encoders and heads, read from files of weights. Runs in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ivr.understanding.encoders import Letters, installed_encoder
from ivr.understanding.heads import Head, softmax
from ivr.understanding.languages import language_by_phrases, letter_detector
from ivr.understanding.meaning import Meaning
from ivr.understanding.neighbours import Neighbours
from ivr.understanding.text_cleaning import clean, sentences
from ivr.understanding.thresholds import SMALLEST_SHARE
from ivr.understanding.weights_in_force import basis_of, folder_in_force

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ivr.understanding.encoders import Encoder

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
