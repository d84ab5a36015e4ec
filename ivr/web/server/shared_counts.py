"""The folder in which all processes of one server keep their counts, so that they add up."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import tempfile
from pathlib import Path

logger = logging.getLogger(__name__)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # The library reads it when it is imported, in each process.
MEMORY = Path("/dev/shm")  # noqa: S108 - memory: no disk can make an answer late


def share_counts(port: int, *, goes_on: bool, under: Path | None = None) -> Path:
    """Make or find the folder of the server on a port; it goes on with an older version's counts, or anew."""
    memory = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    folder = (under or memory) / f"ivr-counts-{os.geteuid()}-{port}"
    if not goes_on and _is_ours(folder):
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if not _is_ours(folder):
        logger.warning("%s belongs to somebody else: the counts of this server begin anew", folder)
        folder = Path(tempfile.mkdtemp(prefix="ivr-counts-"))
    os.environ[FOLDER] = str(folder)
    return folder


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    return private and found.st_uid == os.geteuid()
