"""Whether Redis answers, and how many workers are alive behind it."""

from __future__ import annotations

from contextlib import closing

from redis import RedisError
from rq import Worker
from rq.serializers import JSONSerializer

from ivr.circuit_breaker import PartUnavailable
from ivr.work.queue import connect_redis

SECONDS = 2.0


def count_workers(url: str) -> int:
    """Count the workers that gave a sign of life in the last minutes. PartUnavailable without Redis."""
    with closing(connect_redis(url, SECONDS)) as redis:
        try:
            return len(Worker.all(connection=redis, serializer=JSONSerializer))
        except (RedisError, OSError) as error:
            raise PartUnavailable(f"Redis does not answer: {type(error).__name__}") from None
