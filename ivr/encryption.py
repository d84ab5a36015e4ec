"""What is kept sealed under a secret of the environment, or under two while one replaces the other."""

from __future__ import annotations

import hashlib
import os
from base64 import urlsafe_b64encode
from contextlib import suppress
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


SEALED = b"sealed:"


def fernet(secrets: Sequence[str], purpose: str) -> MultiFernet:
    """Give what seals under the first of some secrets, and opens what any of them sealed."""
    return MultiFernet([Fernet(_key(f"{purpose}:{secret}")) for secret in secrets if secret])


def seal(secret: str, words: bytes) -> bytes:
    """Seal for good, under one secret."""
    return SEALED + fernet((secret,), "kept").encrypt(words)


def unseal(secrets: Sequence[str], kept: bytes) -> bytes:
    """Open what one of these secrets sealed; nothing when it is not sealed, or by another."""
    if kept.startswith(SEALED):
        with suppress(InvalidToken):
            return fernet(secrets, "kept").decrypt(kept.removeprefix(SEALED))
    return b""


def reseal(secrets: Sequence[str], kept: bytes) -> bytes:
    """Seal under the first of some secrets what any of them sealed; what none did stays as it is."""
    opened = unseal(secrets, kept)
    return seal(secrets[0], opened) if opened else kept


def _key(secret: str) -> bytes:
    return urlsafe_b64encode(hashlib.sha256(secret.encode()).digest())


# Files and folders that nobody but this user may read, whatever the umask of whoever starts a process.

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
