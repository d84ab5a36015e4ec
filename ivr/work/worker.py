"""The worker: takes effects off the queues and performs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rq import SimpleWorker
from rq.serializers import JSONSerializer

from ivr.work.queue import connect_redis, queues

if TYPE_CHECKING:
    from redis import Redis


def make_worker(redis: Redis) -> SimpleWorker:
    """Make a worker that performs effects in its own process, so that the line is put together only once."""
    return SimpleWorker(list(queues(redis).values()), connection=redis, serializer=JSONSerializer)


def work(url: str) -> None:
    """Work until told to stop."""
    make_worker(connect_redis(url, seconds=None)).work(with_scheduler=True, logging_level="WARNING")
