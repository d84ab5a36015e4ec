"""Effects that are performed later: by the worker through RQ, or by ourselves when Redis is gone."""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from contextlib import suppress
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from redis import Redis, RedisError
from rq import Queue, Retry
from rq.job import Job
from rq.serializers import JSONSerializer

from ivr.circuit_breaker import PartUnavailable
from ivr.effects import CallTexter, Effect, EndRing, Erase, OptIn, OptOut, Ring, TextNumbers
from ivr.long_running import start_threads
from ivr.work.network_clock import WALL
from ivr.work.secret_store import KEPT_SECONDS, SecretStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from ivr.circuit_breaker import CircuitBreaker
    from ivr.records.pending_wishes import PendingWishes
    from ivr.work.network_clock import Clock


# The only jobs that a worker runs: those of the project, by name, with plain words as arguments.

logger = logging.getLogger(__name__)

JOB = "ivr.jobs.perform"
NAMES = frozenset({JOB})
WORD = re.compile(r"[A-Za-z0-9_-]{0,200}")  # The kind of an effect, and the ids that it carries.


class JobRefused(Exception):  # noqa: N818 - what happened, not whose error it is
    """A job in Redis is none of ours. It is neither run nor tried again."""


class OwnJob(Job):
    """A job that runs if it is one of ours, and of which nothing else is obeyed."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Read and write JSON, whoever asks for the job: RQ's default would run what it reads."""
        super().__init__(*arguments, **named)
        self.serializer = JSONSerializer

    @property
    def func(self) -> Callable[..., Any]:
        """Give the function to run; JobRefused before anything is imported if it is none of ours."""
        if not self._is_ours():
            raise JobRefused("a job that is none of ours")
        function: Callable[..., Any] = super().func
        return function

    def restore(self, raw_data: Any) -> None:
        """Read a job, and drop the orders in it that none of ours has: callbacks, webhooks, repeats."""
        super().restore(raw_data)
        self._success_callback_name = self._failure_callback_name = self._stopped_callback_name = None
        self.webhooks = []
        self.repeats_left = None
        if not self._is_ours():
            logger.warning("a job in Redis is none of ours, and is refused; who can write there?")
            self.retries_left = None

    def _is_ours(self) -> bool:
        """Whether this is one of the project's jobs, with words and nothing else as arguments."""
        try:
            name, instance, arguments, named = self.serializer.loads(self.data)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not ours
            return False
        return (
            isinstance(name, str)
            and name in NAMES
            and instance is None
            and named == {}
            and isinstance(arguments, list)
            and all(isinstance(each, str) and WORD.fullmatch(each) for each in arguments)
        )


TRANSFERS, LINE = "transfers", "line"
QUEUES = (
    TRANSFERS,
    LINE,
)  # In the order in which the worker looks: a waiting caller comes before everything.
URGENT = (Ring, EndRing)  # Somebody waits.
# What reaches a caller or is counted; the others claim their row in SQL.
ONCE = frozenset({"TextNumbers", "CallTexter", "NoteDelivery"})
MOST_REMEMBERED = 1000
SECONDS = 0.1  # What Redis may take of our time.
THREADS = 16  # For what is put, and for what is performed here: a ring may take REST seconds.
TALKING = 4  # Of these talk to Redis at once: each has a connection, which is kept.
FAILED_SECONDS = 86_400
RETRIES = (1, 3)  # Seconds before an effect that failed is tried again.
RETRIES_OF_TEXTS = (1, 3, 10, 30, 60, 120)  # A promised text: as long as its number is kept.
# Somebody was told that it is done: it is, however long SQL is away. Where no file can be made of it, Redis
# or this process keeps it for a day; all alike, so that a later wish stays the later one.
WISHES = (Erase, OptOut, OptIn)
RETRIES_OF_WISHES = (15,) * (24 * 60 * 4)


def connect_redis(url: str, seconds: float | None = SECONDS) -> Redis:
    """Make a Redis client. It connects when first used, and gives up after some seconds if any are given."""
    return Redis.from_url(
        url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=None, health_check_interval=0
    )


def queues(redis: Redis) -> dict[str, Queue]:
    """Name the queues, the most urgent first."""
    return {
        name: Queue(name, connection=redis, serializer=JSONSerializer, job_class=OwnJob) for name in QUEUES
    }


def is_there(redis: Redis) -> bool:
    """Whether Redis answers, in the time that its client is given."""
    try:
        return bool(redis.ping())
    except (RedisError, OSError):
        return False


def queue_depths(redis: Redis) -> dict[str, int]:
    """Count the effects that wait in each queue; nothing while Redis does not answer."""
    try:
        return {name: queue.count for name, queue in queues(redis).items()}
    except (RedisError, OSError):
        return {}


class RedisQueue:
    """Queues effects in Redis, beside the secrets that they need. Threads of its own talk to Redis.

    What a texter wished of a list never goes to Redis, which may lose it: it is a file until SQL has it.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it is put together from
        self,
        redis: Redis,
        sealed: SecretStore,
        breaker: CircuitBreaker,
        clock: Clock = WALL,
        unhurried: Clock = WALL,
        wishes: PendingWishes | None = None,
    ) -> None:
        self._redis = redis
        self._queues = queues(redis)
        self._done: deque[Effect] = deque(maxlen=MOST_REMEMBERED)
        self._sealed = sealed
        self._breaker = breaker
        self._clock = clock  # It is told of each effect from when it is put until it is queued or done.
        self._unhurried = unhurried  # For what may take until SQL is back: nobody waits for it.
        self._wishes = wishes
        self._waiting: set[Effect] = set()  # What is to be performed here, and has not begun.
        self._perform: Callable[[Effect], None] = _nobody
        self._threads = start_threads(THREADS, "later")
        self._talking = threading.BoundedSemaphore(TALKING)

    def perform_with(self, perform: Callable[[Effect], None]) -> None:
        """Say who performs effects here when Redis is gone: the line, which is built around this queue."""
        self._perform = perform

    def put(self, effect: Effect, secret: str = "") -> None:
        """Queue an effect without making its caller wait; perform it here when Redis is gone."""
        if self._wishes and self._wishes.note(effect):
            with suppress(RuntimeError):  # This process ends: another performs it.
                self._begin(self._wishes.perform, self._perform)
            return
        self._begin(self._put, effect, secret)

    def put_here(self, effect: Effect) -> None:
        """Perform an effect in this process, without making its caller wait: nobody else took it up."""
        if effect in self._waiting:
            return  # Every fetch of a caller who waits asks for it again.
        self._waiting.add(effect)
        self._begin(self._begin_locally, effect)

    def keep(self, name: str, secret: str) -> None:
        """Keep a secret for some minutes."""
        self._sealed.keep(name, secret)

    def take(self, name: str) -> str:
        """Give a secret and forget it; empty when there is none any more."""
        return self._sealed.take(name)

    def lend(self, name: str) -> AbstractContextManager[str]:
        """Give a secret to one at a time, and forget it once that went well."""
        return self._sealed.lend(name)

    def close(self) -> None:
        """Finish what was begun."""
        self._threads.shutdown(wait=True)

    def _begin(self, do: Callable[..., None], *what: object) -> None:
        self._clock.take_in_hand()
        try:
            begun = self._threads.submit(do, *what)
        except RuntimeError:  # This process ends.
            self._clock.be_done()
            raise
        begun.add_done_callback(lambda _: self._clock.be_done())

    def _put(self, effect: Effect, secret: str) -> None:
        try:
            with self._talking:
                if secret and isinstance(effect, TextNumbers | CallTexter):
                    self._sealed.keep(f"number-{effect.call}", secret)
                with self._breaker.guard(RedisError, OSError):
                    self._enqueue(effect)
        except PartUnavailable:
            logger.warning("queue unavailable: performing %s now", type(effect).__name__)
            self._perform_locally(effect)

    def _enqueue(self, effect: Effect) -> None:
        kind, ids = type(effect).__name__, astuple(effect)
        name = "-".join((kind, *ids))
        if kind in ONCE and not self._redis.set(f"asked:{name}", 1, nx=True, ex=KEPT_SECONDS):
            return  # A webhook that came again, perhaps after the first was answered and done.
        self._queues[TRANSFERS if isinstance(effect, URGENT) else LINE].enqueue(
            JOB,
            kind,
            *ids,
            job_id=name,
            # Of equal intervals RQ needs one.
            retry=Retry(max=len(_retries(effect)), interval=list(dict.fromkeys(_retries(effect)))),
            result_ttl=0,
            failure_ttl=FAILED_SECONDS,
            description=kind,
        )

    def _begin_locally(self, effect: Effect) -> None:
        self._waiting.discard(effect)
        self._perform_locally(effect)

    def _perform_locally(self, effect: Effect) -> None:
        kind = type(effect).__name__
        if kind in ONCE and effect in self._done:
            return
        self._done.append(effect)
        self._try(effect, _retries(effect) if kind in ONCE or isinstance(effect, WISHES) else ())

    def _try(self, effect: Effect, retries: tuple[int, ...]) -> None:
        """Perform an effect here; where it fails, again after so many seconds each."""
        try:
            self._perform(effect)
        except Exception as error:  # noqa: BLE001 - a thread of the pool must not die of one effect
            kind = type(effect).__name__
            logger.error("%s was not performed: %s", kind, type(error).__name__)  # noqa: TRY400 - its traceback may quote a number
            if retries:
                self._waits(effect).take_in_hand()
                threading.Thread(target=self._try_again, args=(effect, retries), daemon=True).start()

    def _try_again(self, effect: Effect, retries: tuple[int, ...]) -> None:
        """Wait on a thread of its own: those of the pool are for callers who wait."""
        try:
            self._waits(effect).sleep(retries[0])
            self._begin(self._try, effect, retries[1:])
        except RuntimeError:
            logger.warning("%s is not tried again: this process ends", type(effect).__name__)
        finally:
            self._waits(effect).be_done()

    def _waits(self, effect: Effect) -> Clock:
        return self._unhurried if isinstance(effect, WISHES) else self._clock


def _retries(effect: Effect) -> tuple[int, ...]:
    if isinstance(effect, WISHES):
        return RETRIES_OF_WISHES
    return RETRIES_OF_TEXTS if isinstance(effect, TextNumbers) else RETRIES


def _nobody(effect: Effect) -> None:
    raise LookupError(f"nobody performs {type(effect).__name__} here")
