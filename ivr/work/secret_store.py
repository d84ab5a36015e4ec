"""What must outlive a webhook for some minutes, and nobody may read: sealed in Redis, with an expiry."""

from __future__ import annotations

import hashlib
import time
from base64 import urlsafe_b64encode
from contextlib import suppress
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken
from redis import RedisError

from ivr.circuit_breaker import PartUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

    from ivr.circuit_breaker import CircuitBreaker

KEPT_SECONDS = 600


class SecretStore:
    """Keeps secrets under names; each can be taken once. Without Redis they stay in this process."""

    def __init__(
        self, redis: Redis, secret: str, breaker: CircuitBreaker, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._seal = Fernet(urlsafe_b64encode(hashlib.sha256(f"seal:{secret}".encode()).digest()))
        self._breaker = breaker
        self._clock = clock
        self._local: dict[str, tuple[float, bytes]] = {}

    def keep(self, name: str, secret: str) -> None:
        """Keep a secret for some minutes."""
        sealed = self._seal.encrypt(secret.encode())
        try:
            with self._breaker.guard(RedisError, OSError):
                self._redis.set(f"sealed:{name}", sealed, ex=KEPT_SECONDS)
        except PartUnavailable:
            self._forget()
            self._local[name] = (self._clock() + KEPT_SECONDS, sealed)

    def take(self, name: str) -> str:
        """Give a secret and forget it; empty when there is none any more."""
        until, sealed = self._local.pop(name, (0.0, b""))
        if until < self._clock():
            sealed = b""
        if not sealed:
            with suppress(PartUnavailable), self._breaker.guard(RedisError, OSError):
                sealed = self._redis.getdel(f"sealed:{name}") or b""  # type: ignore[assignment]  # redis types every answer as anything
        try:
            return self._seal.decrypt(sealed).decode() if sealed else ""
        except InvalidToken:
            return ""

    def _forget(self) -> None:
        now = self._clock()
        for name in [name for name, (until, _) in self._local.items() if until < now]:
            self._local.pop(name, None)
