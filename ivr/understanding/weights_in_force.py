"""Which weights read texts on this host: those of the files, or those published over them.

Published weights are kept in a folder beside the journal, a folder a version, and a small file there names
the version in force. The classifier's process looks at it before each text: nothing is started anew.
"""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from ivr.encryption import make_private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

logger = logging.getLogger(__name__)

FOLDER = "weights"  # Beside the journal.
POINTER = "in-force"
BASIS = "basis"  # Beside a version's weights: over which files' weights they were published.
WEIGHTS = "weights-*.npz"
FILES = 0  # In place of a version's number: the weights of the files.
MOST_KEPT = 3  # Versions on this host; SQL keeps all.


@dataclass(frozen=True)
class PublishedWeights:
    """The weights of one version: a file's name and its bytes each."""

    version: int
    basis: str
    files: Mapping[str, bytes]


def basis_of(phrases: Path) -> str:
    """Name what the files have learned: published weights count only over the same."""
    mark = sha256()
    for file in sorted(phrases.glob(WEIGHTS)):
        mark.update(file.name.encode() + b"\0" + file.read_bytes())
    return mark.hexdigest()[:32]


def folder_in_force(published: Path, basis: str) -> Path | None:
    """Give the folder of the weights in force; None where those of the files are. Never raises."""
    try:
        version = int((published / POINTER).read_text("ascii"))
        folder = published / str(version)
        return folder if version != FILES and (folder / BASIS).read_text("ascii") == basis else None
    except (OSError, ValueError):
        return None


def keep_weights(published: Path, weights: PublishedWeights) -> None:
    """Write a version's weights beside the others; half a version is never seen."""
    folder = published / str(weights.version)
    if (folder / BASIS).exists():
        return
    make_private_folder(published)
    draft = published / f"{weights.version}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    for name, content in weights.files.items():
        (draft / name).write_bytes(content)
    (draft / BASIS).write_text(weights.basis, "ascii")
    try:
        draft.rename(folder)
    except OSError:  # Another process of this host was first.
        shutil.rmtree(draft, ignore_errors=True)
        if not (folder / BASIS).exists():
            raise


def put_in_force(published: Path, version: int) -> None:
    """Name the version in force on this host, and forget the oldest that are kept."""
    make_private_folder(published)
    draft = published / f"{POINTER}.{os.getpid()}"
    draft.write_text(f"{version}\n", "ascii")
    draft.replace(published / POINTER)
    kept = sorted((int(each.name), each) for each in published.iterdir() if each.name.isdecimal())
    for number, folder in kept[:-MOST_KEPT]:
        if number != version:
            shutil.rmtree(folder, ignore_errors=True)


class WeightsOfHost:
    """Brings the version in force from SQL to this host. Each web process has one: the first writes."""

    def __init__(
        self,
        published: Path,
        version: Callable[[], int],
        read: Callable[[int], PublishedWeights | None],
    ) -> None:
        """Take the folder, what tells the version in force, and what reads a version's weights."""
        self._published, self._version, self._read = published, version, read
        self._taken_up: int | None = None

    def refresh(self) -> bool:
        """Take up what is in force; whether that changed. What cannot be read or written is tried again."""
        version = self._version()
        if version == self._taken_up:
            return False
        try:
            if version != FILES:
                weights = self._read(version)
                if weights is None:
                    return False
                keep_weights(self._published, weights)
            put_in_force(self._published, version)
        except OSError as fault:
            logger.warning("published weights cannot be written, the last ones read texts: %s", fault)
            return False
        self._taken_up = version
        return True
