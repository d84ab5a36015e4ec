"""Twilio starts one call a second for the whole account: whoever wants to ring takes the next free second."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from redis import RedisError

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

    from ivr.breaker import Breaker

KEY = "slots:next"
ROUNDED = 0.001  # Two seconds that differ by less are as near: Lua and floats round.
TAKE = """
local now, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
if at - now > most then return tostring(-1) end
redis.call('SET', KEYS[1], string.format('%.6f', at + tonumber(ARGV[3])), 'EX', 60)
return tostring(at - now)
"""


class Slots:
    """Hands out seconds, by way of Redis to all processes alike; without Redis, to this process alone."""

    def __init__(
        self, redis: Redis, breaker: Breaker, clock: Callable[[], float] = time.time, every: float = 1.0
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
        if self._breaker.closed:
            try:
                wait = float(self._redis.eval(TAKE, 1, KEY, repr(now), repr(most), repr(self._every)))
            except (RedisError, OSError):
                self._breaker.trip()
            else:
                return None if wait < 0 else wait
        return self._take_here(now, most)

    def near(self, most: float) -> bool:
        """Say, without taking it, whether a second is free soon."""
        now, most = self._clock(), most + ROUNDED
        if self._breaker.closed:
            try:
                at = float(self._redis.get(KEY) or 0)
            except (RedisError, OSError):
                self._breaker.trip()
            else:
                return at - now <= most
        with self._lock:
            return self._next - now <= most

    def _take_here(self, now: float, most: float) -> float | None:
        with self._lock:
            at = max(now, self._next)
            if at - now > most:
                return None
            self._next = at + self._every
            return at - now
