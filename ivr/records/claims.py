"""Whose a journal file is: its process holds a lock on it for as long as it lives."""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

SUFFIX = ".journal"


def claim_new(folder: Path) -> int:
    """Create a file that belongs to this process, and return its descriptor; OSError if it cannot be."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        name = f"{os.getpid()}-{secrets.token_hex(8)}{SUFFIX}"
        descriptor = os.open(folder / name, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        if _lock(descriptor):
            return descriptor
        # Between its birth and its lock a file looks like a dead process's, and somebody adopted it.
        os.close(descriptor)


def claim_dead(path: Path) -> int | None:
    """Take the file of a process that has died, or nothing if it lives or somebody else was first."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    except OSError as fault:
        logger.warning("a journal cannot be opened: %s: %s", path.name, fault)
        return None
    if _lock(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _lock(descriptor: int) -> bool:
    """Lock a file unless another holds it; a file that was removed meanwhile is nobody's any more."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return os.fstat(descriptor).st_nlink > 0
