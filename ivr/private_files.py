"""Files and folders that nobody but this user may read, whatever the umask of whoever starts a process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FILE_MODE, FOLDER_MODE = 0o600, 0o700


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, as 0700; one that is there stays as it is."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        try:
            each.mkdir(mode=FOLDER_MODE)
        except FileExistsError:
            continue  # Another process was quicker; its folder is as private.
        each.chmod(FOLDER_MODE)  # A umask can only take away, even what we need ourselves.


def open_private(path: Path, flags: int) -> int:
    """Open a file by the flags of ``os.open``; when that makes it, it is 0600 from its first moment."""
    descriptor = os.open(path, flags, FILE_MODE)
    if flags & os.O_CREAT and os.fstat(descriptor).st_mode & 0o777 != FILE_MODE:
        os.fchmod(descriptor, FILE_MODE)
    return descriptor
