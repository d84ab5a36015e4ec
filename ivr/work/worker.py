"""The worker: takes effects off the queues and performs them, and lives on when Redis does not.

It shows that it is alive in SQL, every few seconds. Without Redis it goes on keeping house, and goes back to
its queues when Redis is back.
"""

from __future__ import annotations

import logging
import secrets
import signal
import threading
import time
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from redis import Redis, RedisError
from rq import SimpleWorker
from rq.exceptions import DequeueTimeout
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus

from ivr.circuit_breaker import PartUnavailable
from ivr.records.worker_heartbeats import BEAT_SECONDS, note_alive, note_ended
from ivr.work.queue import QUEUES, OwnJob, connect_redis, queues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from rq import Queue
    from rq.job import Job

    from ivr.records.database import Database

    class Works(Protocol):
        """Performs effects until it is told to stop, or cannot go on."""

        def work(self) -> object:
            """Perform effects."""


logger = logging.getLogger(__name__)

OVER = frozenset({"failed", "finished", "stopped", "canceled"})  # The states of a job in nobody's hands.
SECONDS = 2.0  # What Redis may take to answer at once.
LIVES = 30  # Seconds for which RQ believes in a worker that shows nothing, and a minute more.
STEP = 1  # Seconds that a worker waits for a job before it looks whether it is to stop.
HANGS = 4  # Seconds beyond these after which Redis counts as lost.
PAUSE = 1.0  # Seconds between two tries to reach Redis.
SCHEDULED_EVERY = 1.0  # Seconds between two looks for effects that are to be tried again.


class EffectWorker(SimpleWorker):
    """Performs effects in its own process, so that the line is put together only once.

    It stops between two jobs once it is told to. RQ's own worker raises an error from within the signal,
    wherever that meets it: a job that was just taken off its queue would be lost with it, and whoever catches
    every error would take the signal for a fault of the job. No orders that are left in Redis are obeyed.
    """

    def __init__(self, redis: Redis, stopping: threading.Event) -> None:
        """Prepare for the queues; a RedisError if Redis is not there."""
        super().__init__(
            list(queues(redis).values()),
            connection=redis,
            serializer=JSONSerializer,
            job_class=OwnJob,
            worker_ttl=LIVES,
        )
        self._stopping = stopping

    @property
    def dequeue_timeout(self) -> int:
        """Seconds to wait for a job."""
        return STEP

    @property
    def connection_timeout(self) -> int:
        """Seconds to wait for any answer of Redis."""
        return STEP + HANGS

    def work(self) -> bool:  # type: ignore[override]  # RQ's own choices are made here
        """Perform effects until told to stop, or until Redis is lost."""
        return bool(super().work(logging_level="WARNING"))

    def dequeue_job_and_maintain_ttl(
        self,
        timeout: int | None,
        max_idle_time: int | None = None,  # noqa: ARG002 - RQ's signature; no worker of ours ends for want of work
    ) -> tuple[Job, Queue] | None:
        """Wait for a job; None when told to stop, or when Redis is lost."""
        self.set_state(WorkerStatus.IDLE)
        while not self._stopping.is_set():
            try:
                self.heartbeat()
                if self.should_run_maintenance_tasks:
                    self.run_maintenance_tasks()  # type: ignore[no-untyped-call]  # RQ's, untyped
                return self._take_job(timeout)
            except DequeueTimeout:
                continue
            except (RedisError, OSError) as fault:
                self.log.warning("Redis was lost while waiting for work (%s)", type(fault).__name__)
                return None
        return None

    def _take_job(self, timeout: int | None) -> tuple[Job, Queue] | None:
        version = self.get_redis_server_version()  # type: ignore[no-untyped-call]  # Before a job is in hand.
        taken = self.queue_class.dequeue_any(
            self._ordered_queues,
            timeout,
            connection=self.connection,
            job_class=self.job_class,
            serializer=self.serializer,
            death_penalty_class=self.death_penalty_class,
        )
        if taken:
            taken[0].redis_server_version = version
        return taken

    def handle_exception(self, _job: Job, *exc_info: Any) -> None:
        """Say in one line that an effect was not performed: `ivr.jobs` reworded the fault."""
        self.log.error("not done, and tried again where it may be: %r", exc_info[1])

    def _install_signal_handlers(self) -> None:
        """Leave signals to `stop_signals`."""

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001 - RQ's signature
        """Go on: whoever could write to Redis could suspend every worker for good."""

    def subscribe(self) -> None:
        """Take no orders by way of Redis: whoever could write there could end the worker."""

    def unsubscribe(self) -> None:
        """Let go of nothing."""


def run_worker(url: str, database: Database) -> None:
    """Work until told to stop, with Redis and without."""
    with stop_signals() as stopping, heartbeats(database), _scheduling(url, stopping):
        keep_working(
            lambda: EffectWorker(Redis.from_url(url, socket_connect_timeout=SECONDS), stopping), stopping
        )


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Give what is set once the host wants this process to end; handlers are as before after this block.

    A thread sets it. The signal itself may meet the main thread within the event's own lock, and only puts
    something into a queue that allows that.
    """
    heard: SimpleQueue[int] = SimpleQueue()
    stopping = threading.Event()

    def listen() -> None:
        heard.get()
        stopping.set()

    before = {
        number: signal.signal(number, lambda number, _frame: heard.put(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    thread = threading.Thread(target=listen, name="signals", daemon=True)
    thread.start()
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        heard.put(0)
        thread.join()


def make_worker(redis: Redis) -> EffectWorker:
    """Make a worker; a RedisError if Redis is not there."""
    return EffectWorker(redis, threading.Event())


def keep_working(begin: Callable[[], Works], stopping: threading.Event, pause: float = PAUSE) -> None:
    """Work; begin anew whenever that has ended by itself, until somebody wants this process to end."""
    away = False
    while not stopping.is_set():
        try:
            worker = begin()
            if away:
                logger.warning("Redis is back, and effects are taken off its queues again")
            away = False
            worker.work()
        except (RedisError, OSError) as fault:
            if not away:
                logger.warning("no work without Redis (%s); housekeeping goes on", type(fault).__name__)
            away = True
        stopping.wait(pause)


@contextmanager
def heartbeats(
    database: Database, now: Callable[[], float] = time.time, every: float = BEAT_SECONDS
) -> Iterator[str]:
    """Show in SQL that this process is alive, for as long as this block lasts."""
    name, over = secrets.token_hex(8), threading.Event()

    def beat() -> None:
        while True:
            try:
                note_alive(database, name, now())
            except PartUnavailable as fault:
                logger.debug("no sign of life could be left: %s", fault)
            except Exception as fault:  # noqa: BLE001 - a worker is not dead for what its sign met
                logger.warning("no sign of life could be left: %s", type(fault).__name__)
            if over.wait(every):
                return

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield name
    finally:
        over.set()
        thread.join(every)
        with suppress(PartUnavailable):
            note_ended(database, name)


def jobs_in_hand(redis: Redis) -> dict[str, str]:
    """Name the jobs that wait, that were begun, or are to be tried again. PartUnavailable without Redis."""
    try:
        names = [_text(name) for name in redis.keys("rq:job:*")]
        states = {name: _text(redis.hget(name, "status")) for name in names}
    except (RedisError, OSError) as error:
        raise PartUnavailable(f"Redis does not answer: {type(error).__name__}") from None
    return {name: state for name, state in states.items() if state and state not in OVER}


def ask_redis(url: str) -> None:
    """Ask whether Redis is there. PartUnavailable if it is not."""
    try:
        with connect_redis(url, SECONDS) as redis:
            redis.ping()
    except (RedisError, OSError) as error:
        raise PartUnavailable(f"Redis does not answer: {type(error).__name__}") from None


@contextmanager
def _scheduling(url: str, stopping: threading.Event) -> Iterator[None]:
    """Put effects back onto their queues when they are to be tried again, in a thread.

    RQ's own scheduler is a process, which is left behind when its worker is killed.
    """
    over = threading.Event()

    def schedule() -> None:
        with connect_redis(url, SECONDS) as redis:
            scheduler = RQScheduler(QUEUES, redis, logging_level="WARNING", serializer=JSONSerializer)
            while not (over.wait(SCHEDULED_EVERY) or stopping.is_set()):
                with suppress(RedisError, OSError):
                    if scheduler.acquire_locks():
                        scheduler.enqueue_scheduled_jobs()
            with suppress(RedisError, OSError):
                scheduler.release_locks()

    thread = threading.Thread(target=schedule, name="scheduler", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(SECONDS)


def _text(answer: bytes | str | None) -> str:
    return answer.decode() if isinstance(answer, bytes) else answer or ""
