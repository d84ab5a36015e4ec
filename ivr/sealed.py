"""What is kept sealed under a secret of the environment, or under two while one replaces the other."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from contextlib import suppress
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

if TYPE_CHECKING:
    from collections.abc import Sequence

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
