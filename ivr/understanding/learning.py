"""Learn from the files' phrases and those that operators added, and measure the result on the check set.

It is a program of its own: a worker that ran it would keep the encoders' memory, and callers would wait.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ivr.encryption import make_private_folder
from ivr.understanding.classifier import classifier_of, write_weights
from ivr.understanding.encoders import installed_encoder
from ivr.understanding.evaluation import CheckFigures, check, count_checked, read_labels
from ivr.understanding.phrases import read_added, read_phrases
from ivr.understanding.training import fit, prepare
from ivr.understanding.understand import read_rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ivr.understanding.classifier import Classifier
    from ivr.understanding.encoders import Encoder, Vectors
    from ivr.understanding.evaluation import CheckedText
    from ivr.understanding.phrases import Phrase

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
    """Learn: `python -m ivr.understanding.learning PHRASES PUBLISHED NOW TO NICENESS`."""
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
