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


# Twilio starts one call a second for the whole account: whoever wants to ring takes the next free second.

KEY = "slots:next"
ROUNDED = 0.001  # Two seconds that differ by less are as near: Lua and floats round.
TAKE = """
local now, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
if at - now > most then return tostring(-1) end
redis.call('SET', KEYS[1], string.format('%.6f', at + tonumber(ARGV[3])), 'EX', 60)
return tostring(at - now)
"""


class CallPacing:
    """Hands out seconds, by way of Redis to all processes alike; without Redis, to this process alone."""

    def __init__(
        self,
        redis: Redis,
        breaker: CircuitBreaker,
        clock: Callable[[], float] = time.time,
        every: float = 1.0,
    ) -> None:
        self._redis = redis
        self._breaker = breaker
        self._clock = clock
        self._every = every
        self._next = 0.0
        self._lock = threading.Lock()

    def take(self, most: float) -> float | None:
        """Take the next free second; say how long it is until then, or nothing if longer than ``most``."""
        now, most = self._clock(), most + ROUNDED
        try:
            with self._breaker.guard(RedisError, OSError):
                wait = float(self._redis.eval(TAKE, 1, KEY, repr(now), repr(most), repr(self._every)))
        except PartUnavailable:
            return self._take_locally(now, most)
        return None if wait < 0 else wait

    def near(self, most: float) -> bool:
        """Whether a second is free within ``most`` seconds. It is not taken."""
        now, most = self._clock(), most + ROUNDED
        try:
            with self._breaker.guard(RedisError, OSError):
                at = float(self._redis.get(KEY) or 0)
        except PartUnavailable:
            with self._lock:
                at = self._next
        return at - now <= most

    def _take_locally(self, now: float, most: float) -> float | None:
        with self._lock:
            at = max(now, self._next)
            if at - now > most:
                return None
            self._next = at + self._every
            return at - now
