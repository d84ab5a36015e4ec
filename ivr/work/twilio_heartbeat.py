"""The last signs of Twilio: when it asked us, and how the sweep of its copies went.

Redis holds them, for a day: no one needs to know later at which minute the line was last called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from redis import RedisError

from ivr.circuit_breaker import PartUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

    from ivr.circuit_breaker import CircuitBreaker

HEARD, SWEPT, FAILED, LEFT = NAMES = ("twilio:heard", "twilio:swept", "twilio:not-swept", "twilio:left")
KEPT_SECONDS = 86_400


@dataclass(frozen=True)
class LastSigns:
    """When what was last seen of Twilio, in Unix seconds; None: not within a day."""

    known: bool = False  # Whether Redis could be asked.
    heard: float | None = None
    swept: float | None = None  # A sweep saw all that Twilio has of us.
    failed: float | None = None  # A sweep did not.
    left: int | None = None  # How many of Twilio's copies the last sweep had to leave.

    @property
    def sweeps(self) -> bool:
        """Whether the last sweep saw everything."""
        return self.swept is not None and (self.failed is None or self.failed <= self.swept)


class TwilioHeartbeat:
    """Notes signs of Twilio, and reads them."""

    def __init__(self, redis: Redis, breaker: CircuitBreaker, now: Callable[[], float]) -> None:
        self._redis = redis
        self._breaker = breaker
        self._now = now
        self._heard = self._told = 0.0

    def hear(self) -> None:
        """Note that Twilio asked us. Never waits: a caller does."""
        self._heard = self._now()

    def tell(self) -> None:
        """Tell the others what was heard, if anything was since the last time."""
        if self._heard > self._told and self._write(HEARD, self._heard):
            self._told = self._heard

    def swept(self, *, whole: bool) -> None:
        """Tell that a sweep is over, and whether it saw everything."""
        self._write(SWEPT if whole else FAILED, self._now())

    def leave(self, count: int) -> None:
        """Tell how many of Twilio's copies a sweep had to leave."""
        self._write(LEFT, count)

    def read(self) -> LastSigns:
        """Say what was last seen of Twilio."""
        try:
            with self._breaker.guard(RedisError, OSError):
                heard, swept, failed, left = (float(at) if at else None for at in self._redis.mget(NAMES))
        except PartUnavailable:
            return LastSigns()
        return LastSigns(known=True, heard=heard, swept=swept, failed=failed, left=_whole(left))

    def _write(self, name: str, at: float) -> bool:
        try:
            with self._breaker.guard(RedisError, OSError):
                self._redis.set(name, repr(at), ex=KEPT_SECONDS)
        except PartUnavailable:
            return False
        return True


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
