"""Linear heads over numbers, and how they are fitted: logistic regression by L-BFGS, in numpy alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

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
