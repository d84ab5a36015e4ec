"""A small folder of phrases, quickly learned: some names of the line's own, and the first lines of each."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ivr.understanding.classifier import write_weights
from ivr.understanding.training import fit, prepare

if TYPE_CHECKING:
    from ivr.understanding.encoders import Encoder

PHRASES = Path(__file__).parent.parent / "phrases"
NAMES = ("shelter", "law", "money", "off-topic", "danger-violence", "danger-sounds", "wish-stop")
LINES = 8


def small_phrases(
    folder: Path, encoder: Encoder | None = None, lines: int = LINES, checked: int | None = None
) -> Path:
    """Make the folder, with what is learned from it; of each name so many lines, and so many to check by."""
    for language in ("en", "fr"):
        (folder / language).mkdir(parents=True)
        for name in NAMES:
            first = (PHRASES / language / f"{name}.txt").read_text("utf-8").splitlines()[:lines]
            texts = [line.partition("\t")[0] for line in first]  # A topic may be none of these names.
            (folder / language / f"{name}.txt").write_text("\n".join(texts) + "\n", "utf-8")
        for file in ("danger.toml", "wishes.toml"):
            shutil.copy(PHRASES / language / file, folder / language)
    (folder / "check").mkdir()
    for language in ("en", "fr"):
        every = (PHRASES / "check" / f"{language}.tsv").read_text("utf-8").splitlines()
        kept = [
            line
            for name in NAMES
            for line in [each for each in every if each.startswith(f"{name}\t")][:checked]
        ]
        (folder / "check" / f"{language}.tsv").write_text("\n".join(kept) + "\n", "utf-8")
    for file in ("intents.toml", "languages.toml", "thresholds.toml"):
        shutil.copy(PHRASES / file, folder)
    known = prepare(folder, encoder)
    for weights in fit(known, encoder, np.arange(len(known.phrases))):
        write_weights(folder, weights)
    return folder
