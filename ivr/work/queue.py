"""Effects that are performed later: by the worker through RQ, or by ourselves when Redis is gone."""

from __future__ import annotations

import hashlib
import logging
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken
from redis import Redis, RedisError
from rq import Queue
from rq.serializers import JSONSerializer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.effects import Effect
    from ivr.work.limits import Breaker

logger = logging.getLogger(__name__)

JOB = "ivr.jobs.perform"
QUEUE = "line"
SECONDS = 0.1  # What Redis may take of our time.
SEALED_SECONDS = 600
FAILED_SECONDS = 86_400


def connect_redis(url: str, seconds: float | None = SECONDS) -> Redis:
    """Make a Redis client. It connects when first used, and gives up after some seconds if any are given."""
    return Redis.from_url(
        url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=None, health_check_interval=0
    )


class RedisLater:
    """Queues effects in Redis and seals the numbers that they need. A thread of its own talks to Redis."""

    def __init__(self, redis: Redis, secret: str, breaker: Breaker) -> None:
        self._redis = redis
        self._queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
        self._seal = Fernet(urlsafe_b64encode(hashlib.sha256(f"seal:{secret}".encode()).digest()))
        self._perform: Callable[[Effect], None] = _nobody
        self._breaker = breaker
        self._numbers: dict[str, str] = {}  # Only while Redis is gone, only until the effect is performed.
        self._thread = ThreadPoolExecutor(max_workers=2, thread_name_prefix="later")

    def perform_with(self, perform: Callable[[Effect], None]) -> None:
        """Say who performs effects here when Redis is gone: the line, which is built around this queue."""
        self._perform = perform

    def put(self, effect: Effect, number: str = "") -> None:
        """Queue an effect without making its caller wait; perform it here when Redis is gone."""
        self._thread.submit(self._put, effect, number)

    def take_number(self, call: str) -> str:
        """Give the number that was sealed for a call, and forget it."""
        if call in self._numbers:
            return self._numbers.pop(call)
        try:
            sealed = self._redis.getdel(f"number:{call}")
            return self._seal.decrypt(sealed).decode() if sealed else ""
        except (RedisError, InvalidToken):
            return ""

    def close(self) -> None:
        """Finish what was begun."""
        self._thread.shutdown(wait=True)

    def _put(self, effect: Effect, number: str) -> None:
        if self._breaker.closed:
            try:
                self._enqueue(effect, number)
            except RedisError:
                self._breaker.trip()
            else:
                return
        logger.warning("queue unavailable: performing %s now", type(effect).__name__)
        self._perform_here(effect, number)

    def _enqueue(self, effect: Effect, number: str) -> None:
        if number:
            self._redis.set(f"number:{effect.call}", self._seal.encrypt(number.encode()), ex=SEALED_SECONDS)
        self._queue.enqueue(
            JOB,
            type(effect).__name__,
            effect.call,
            effect.language,
            job_id=f"{type(effect).__name__}-{effect.call}",
            result_ttl=0,
            failure_ttl=FAILED_SECONDS,
            description=type(effect).__name__,
        )

    def _perform_here(self, effect: Effect, number: str) -> None:
        self._numbers[effect.call] = number
        try:
            self._perform(effect)
        except Exception as error:  # noqa: BLE001 - a thread of the pool must not die of one effect
            logger.error("%s was not performed: %s", type(effect).__name__, type(error).__name__)  # noqa: TRY400 - its traceback may quote a number
        finally:
            self._numbers.pop(effect.call, None)


def _nobody(effect: Effect) -> None:
    raise LookupError(f"nobody performs {type(effect).__name__} here")
