"""The worker: takes effects off the queue and performs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from ivr.work.queue import QUEUE, connect_redis

if TYPE_CHECKING:
    from redis import Redis


def make_worker(redis: Redis) -> SimpleWorker:
    """Make a worker that performs effects in its own process, so that the line is put together only once."""
    queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
    return SimpleWorker([queue], connection=redis, serializer=JSONSerializer)


def work(url: str) -> None:
    """Work until told to stop."""
    make_worker(connect_redis(url, seconds=None)).work(with_scheduler=False, logging_level="WARNING")
