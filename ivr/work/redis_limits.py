"""A rate limiter that counts in Redis for all processes, and in this process alone when Redis is gone."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from redis import RedisError

from ivr.circuit_breaker import PartUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

    from ivr.circuit_breaker import CircuitBreaker

MOST_KEPT = 10_000  # Counts that this process keeps when Redis is gone.


class RedisLimits:
    """Counts what happens under a name and a mark, in windows that begin with the first of it."""

    def __init__(
        self, redis: Redis, breaker: CircuitBreaker, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._breaker = breaker
        self._clock = clock
        self._local: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def allow(self, what: str, mark: str, most: int, seconds: int) -> bool:
        """Whether one more is within ``most`` in so many seconds. It is counted."""
        key = f"limit:{what}:{mark}"
        count = self._count_in_redis(key, seconds)
        return (self._count_locally(key, seconds) if count is None else count) <= most

    def _count_in_redis(self, key: str, seconds: int) -> int | None:
        """Count one more in Redis; None when it cannot be asked."""
        try:
            with self._breaker.guard(RedisError, OSError), self._redis.pipeline() as pipe:
                pipe.set(key, 0, ex=seconds, nx=True)
                pipe.incr(key)
                return int(pipe.execute()[1])
        except PartUnavailable:
            return None

    def _count_locally(self, key: str, seconds: int) -> int:
        now = self._clock()
        with self._lock:
            until, count = self._local.get(key, (0.0, 0))
            if until <= now:
                until, count = now + seconds, 0
            if len(self._local) >= MOST_KEPT:
                self._local = {name: kept for name, kept in self._local.items() if kept[0] > now}
            self._local[key] = (until, count + 1)
            return count + 1
