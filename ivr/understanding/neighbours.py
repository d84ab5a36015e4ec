"""What lies near a text: the phrases themselves, as points of few columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
