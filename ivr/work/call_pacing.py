"""Twilio starts one call a second for the whole account: whoever wants to ring takes the next free second."""

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
