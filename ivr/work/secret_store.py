"""What must outlive a webhook for some minutes, and nobody may read: sealed in Redis, with an expiry."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from cryptography.fernet import InvalidToken
from redis import RedisError

from ivr.circuit_breaker import PartUnavailable
from ivr.encryption import fernet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from redis import Redis

    from ivr.circuit_breaker import CircuitBreaker

KEPT_SECONDS = 600
LENT_SECONDS = 15  # Longer than a request to Twilio takes: whoever died with a secret is not waited for.


class SecretStore:
    """Keeps secrets under names; each is of use once. Without Redis they stay in this process."""

    def __init__(
        self,
        redis: Redis,
        secret: str,
        breaker: CircuitBreaker,
        clock: Callable[[], float] = time.monotonic,
        *,
        old_secret: str = "",
    ) -> None:
        self._redis = redis
        self._seal = fernet((secret, old_secret), "seal")
        self._breaker = breaker
        self._clock = clock
        self._local: dict[str, tuple[float, bytes]] = {}
        self._lent: set[str] = set()  # Of those in this process.
        self._lock = threading.Lock()

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
        return self._open(sealed)

    @contextmanager
    def lend(self, name: str) -> Iterator[str]:
        """Give a secret to one at a time, and forget it once that went well: a retry still finds it.

        Empty when there is none any more, or while somebody else has it.
        """
        sealed = self._lent_here(name) or self._lent_by_redis(name)
        if not sealed:
            yield ""
            return
        try:
            yield self._open(sealed)
        except BaseException:
            self._return(name, forget=False)
            raise
        self._return(name, forget=True)

    def _lent_here(self, name: str) -> bytes:
        with self._lock:
            until, sealed = self._local.get(name, (0.0, b""))
            if until < self._clock() or name in self._lent:
                return b""
            self._lent.add(name)
            return sealed

    def _lent_by_redis(self, name: str) -> bytes:
        with suppress(PartUnavailable), self._breaker.guard(RedisError, OSError):
            if self._redis.set(f"lent:{name}", 1, nx=True, ex=LENT_SECONDS):
                return self._redis.get(f"sealed:{name}") or b""  # type: ignore[return-value]  # redis types every answer as anything
        return b""

    def _return(self, name: str, *, forget: bool) -> None:
        with self._lock:
            self._lent.discard(name)
            if forget:
                self._local.pop(name, None)
        names = [f"lent:{name}", f"sealed:{name}"][: 2 if forget else 1]
        with suppress(PartUnavailable), self._breaker.guard(RedisError, OSError):
            self._redis.delete(*names)

    def _open(self, sealed: bytes) -> str:
        try:
            return self._seal.decrypt(sealed).decode() if sealed else ""
        except InvalidToken:
            return ""

    def _forget(self) -> None:
        now = self._clock()
        for name in [name for name, (until, _) in self._local.items() if until < now]:
            self._local.pop(name, None)
