"""The worker: takes effects off the queues and performs them. Also tells which are alive and what they do."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from redis import RedisError
from rq import SimpleWorker, Worker
from rq.serializers import JSONSerializer

from ivr.circuit_breaker import PartUnavailable
from ivr.work.queue import connect_redis, queues

if TYPE_CHECKING:
    from redis import Redis

OVER = frozenset({"failed", "finished", "stopped", "canceled"})  # The states of a job in nobody's hands.
SECONDS = 2.0  # What Redis may take to tell of its workers.


def run_worker(url: str) -> None:
    """Work until told to stop."""
    make_worker(connect_redis(url, seconds=None)).work(with_scheduler=True, logging_level="WARNING")


def make_worker(redis: Redis) -> SimpleWorker:
    """Make a worker that performs effects in its own process, so that the line is put together only once."""
    return SimpleWorker(list(queues(redis).values()), connection=redis, serializer=JSONSerializer)


def count_workers(url: str) -> int:
    """Count the workers that gave a sign of life in the last minutes. PartUnavailable without Redis."""
    with closing(connect_redis(url, SECONDS)) as redis:
        try:
            return len(Worker.all(connection=redis, serializer=JSONSerializer))
        except (RedisError, OSError) as error:
            raise PartUnavailable(f"Redis does not answer: {type(error).__name__}") from None


def jobs_in_hand(redis: Redis) -> dict[str, str]:
    """Name the jobs that wait, that were begun, or are to be tried again. PartUnavailable without Redis."""
    try:
        names = [_text(name) for name in redis.keys("rq:job:*")]
        states = {name: _text(redis.hget(name, "status")) for name in names}
    except (RedisError, OSError) as error:
        raise PartUnavailable(f"Redis does not answer: {type(error).__name__}") from None
    return {name: state for name, state in states.items() if state and state not in OVER}


def _text(answer: bytes | str | None) -> str:
    return answer.decode() if isinstance(answer, bytes) else answer or ""
