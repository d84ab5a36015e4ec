"""What is done later: secrets stay sealed, seconds are shared, effects are performed by whatever is alive."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from postgres import put_tables
from redis import Redis, RedisError
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from ivr.circuit_breaker import REST_SECONDS, CircuitBreaker, PartUnavailable
from ivr.effects import (
    Alarm,
    CallTexter,
    EndRing,
    Erase,
    NoteDelivery,
    OptIn,
    OptOut,
    Ring,
    TextNumbers,
)
from ivr.operations.local_stack import find_redis, free_port
from ivr.records.database import connect
from ivr.records.pending_wishes import PendingWishes
from ivr.records.worker_heartbeats import BEAT_SECONDS, DEAD_SECONDS, note_alive, seconds_since_signs
from ivr.work.network_clock import WallClock
from ivr.work.queue import JOB, QUEUES, TALKING, OwnJob, RedisQueue, connect_redis, queues
from ivr.work.redis_limits import CallPacing, RedisLimits
from ivr.work.secret_store import KEPT_SECONDS, LENT_SECONDS, SecretStore
from ivr.work.twilio_heartbeat import LastSigns, TwilioHeartbeat
from ivr.work.worker import EffectWorker, heartbeats, keep_working, make_worker, stop_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ivr.effects import Effect

GET = "redis-server is not on this machine: apt-get install redis-server"
SECRET = "a long secret that only these tests know"
NUMBER = "+19055550123"
SOON = 60.0  # Seconds that a thread may take: the machine may be busy.


@dataclass
class Clock:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a Redis of our own; without one skip at home, and fail where everything must be shown."""
    server = find_redis()
    if not server:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(GET)
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    keep_nothing = ["--save", "", "--appendonly", "no", "--dir", str(folder)]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(
            [server, "--port", str(port), "--bind", "127.0.0.1", *keep_nothing], stdout=log
        )
    try:
        yield reach(f"redis://127.0.0.1:{port}/0")
    finally:
        running.terminate()
        running.wait()


def reach(url: str) -> str:
    """Wait until a Redis answers."""
    deadline = time.monotonic() + SOON
    with Redis.from_url(url) as redis:
        while time.monotonic() < deadline:
            with suppress(RedisError):
                redis.ping()
                return url
            threading.Event().wait(0.02)
    raise TimeoutError(url)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with connect_redis(redis_url, seconds=2) as client:
        client.flushall()
        yield client


@pytest.fixture
def dead() -> Iterator[Redis]:
    """Give a way to a Redis at which nobody listens."""
    with connect_redis(f"redis://127.0.0.1:{free_port()}/0") as client:
        yield client


@pytest.fixture
def hanging() -> Iterator[Redis]:
    """Give a way to a Redis that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = connect_redis(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        yield client
        client.close()


@dataclass
class Performed:
    """Keeps the effects that were performed here."""

    effects: list[Effect] = field(default_factory=list)
    fault: Exception | None = None

    def __call__(self, effect: Effect) -> None:
        self.effects.append(effect)
        if self.fault:
            raise self.fault


def fail(breaker: CircuitBreaker) -> None:
    with suppress(PartUnavailable), breaker.guard(OSError):
        raise OSError


def later_on(redis: Redis, perform: Callable[[Effect], None]) -> RedisQueue:
    breaker = CircuitBreaker()
    later = RedisQueue(redis, SecretStore(redis, SECRET, breaker), breaker)
    later.perform_with(perform)
    return later


def in_redis(redis: Redis) -> str:
    """Give everything that Redis holds, as whoever steals it would read it."""
    kept = [redis.dump(key) or b"" for key in redis.keys("*")]
    hashes = [redis.hgetall(key) for key in redis.keys("*") if redis.type(key) == b"hash"]
    return repr(kept) + repr(hashes) + repr(redis.keys("*"))


def test_a_secret_is_given_once(redis: Redis) -> None:
    sealed = SecretStore(redis, SECRET, CircuitBreaker())
    sealed.keep("number-c1", NUMBER)

    taken = [SecretStore(redis, SECRET, CircuitBreaker()).take("number-c1"), sealed.take("number-c1")]

    assert taken == [NUMBER, ""]


def test_a_secret_cannot_be_read_in_redis_and_does_not_stay(redis: Redis) -> None:
    SecretStore(redis, SECRET, CircuitBreaker()).keep("number-c1", NUMBER)

    assert NUMBER.strip("+") not in in_redis(redis)
    assert 0 < int(redis.ttl("sealed:number-c1")) <= KEPT_SECONDS  # type: ignore[arg-type]


def test_a_secret_sealed_under_another_key_is_no_secret_of_ours(redis: Redis) -> None:
    SecretStore(redis, "the key of last month, long enough", CircuitBreaker()).keep("number-c1", NUMBER)

    assert SecretStore(redis, SECRET, CircuitBreaker()).take("number-c1") == ""


def test_without_redis_a_secret_stays_here_and_is_given_once(dead: Redis) -> None:
    sealed = SecretStore(dead, SECRET, CircuitBreaker())
    sealed.keep("number-c1", NUMBER)

    assert [sealed.take("number-c1"), sealed.take("number-c1")] == [NUMBER, ""]


def test_without_redis_an_old_secret_is_forgotten_when_the_next_is_kept(dead: Redis) -> None:
    clock = Clock()
    sealed = SecretStore(dead, SECRET, CircuitBreaker(), clock)
    sealed.keep("number-c1", NUMBER)
    clock.seconds += KEPT_SECONDS + 1
    sealed.keep("number-c2", NUMBER)

    assert [sealed.take("number-c1"), sealed.take("number-c2")] == ["", NUMBER]


def test_a_secret_kept_while_redis_was_gone_is_given_when_it_is_back(redis: Redis) -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock)
    fail(breaker)
    sealed = SecretStore(redis, SECRET, breaker)
    sealed.keep("number-c1", NUMBER)
    clock.seconds += REST_SECONDS

    assert breaker.closed
    assert sealed.take("number-c1") == NUMBER


def spend(sealed: SecretStore, fault: Exception | None = None) -> str:
    """Use a secret for something that goes well, or does not; tell what it was."""
    seen = []
    with suppress(OSError), sealed.lend("number-c1") as lent:
        seen.append(lent)
        if fault:
            raise fault
    return seen[0]


@pytest.mark.parametrize("server", ["redis", "dead"])
def test_a_secret_is_forgotten_once_what_it_was_for_is_done_and_not_before(
    server: str, request: pytest.FixtureRequest
) -> None:
    sealed = SecretStore(request.getfixturevalue(server), SECRET, CircuitBreaker())
    sealed.keep("number-c1", NUMBER)

    spent = [spend(sealed, OSError()), spend(sealed, OSError()), spend(sealed), spend(sealed)]

    assert spent == [NUMBER, NUMBER, NUMBER, ""]


def test_a_secret_that_nobody_could_use_goes_after_ten_minutes(redis: Redis) -> None:
    sealed = SecretStore(redis, SECRET, CircuitBreaker())
    sealed.keep("number-c1", NUMBER)
    spend(sealed, OSError())

    assert 0 < int(redis.ttl("sealed:number-c1")) <= KEPT_SECONDS == 600  # type: ignore[arg-type]
    assert redis.keys("lent:*") == []


@pytest.mark.parametrize("server", ["redis", "dead"])
def test_a_secret_is_lent_to_one_at_a_time(server: str, request: pytest.FixtureRequest) -> None:
    sealed = SecretStore(request.getfixturevalue(server), SECRET, CircuitBreaker())
    sealed.keep("number-c1", NUMBER)

    with sealed.lend("number-c1") as first:
        second = spend(sealed)
        third = spend(sealed)

    assert (first, second, third, spend(sealed)) == (NUMBER, "", "", "")


def test_whoever_died_with_a_secret_is_not_waited_for(redis: Redis) -> None:
    sealed = SecretStore(redis, SECRET, CircuitBreaker())
    sealed.keep("number-c1", NUMBER)
    died = sealed.lend("number-c1")
    died.__enter__()

    assert 0 < int(redis.ttl("lent:number-c1")) <= LENT_SECONDS  # type: ignore[arg-type]
    assert redis.get("sealed:number-c1")


def slots(redis: Redis, clock: Clock) -> CallPacing:
    return CallPacing(redis, CircuitBreaker(), clock)


@pytest.mark.parametrize("fraction", [0.0, 0.499999, 0.50006, 0.123456, 0.98765])
def test_a_second_that_is_just_as_far_as_may_be_is_near_however_it_is_rounded(
    redis: Redis, clock: Clock, fraction: float
) -> None:
    clock.seconds = 1_795_662_706 + fraction
    here = slots(redis, clock)

    waits = [here.take(2) for _ in range(2)]

    assert here.near(2)
    assert [round(wait or 0, 3) for wait in [*waits, here.take(2)]] == [0, 1, 2]
    assert here.take(2) is None


def test_two_processes_share_one_second_after_another(redis: Redis) -> None:
    clock = Clock()
    first, second = slots(redis, clock), slots(redis, clock)

    waits = [each.take(10) for each in (first, second, first, second)]

    assert waits == [0, 1, 2, 3]


def test_a_second_too_far_away_is_not_taken(redis: Redis) -> None:
    clock = Clock()
    here = slots(redis, clock)
    taken = [here.take(2) for _ in range(5)]
    clock.seconds += 1

    assert taken == [0, 1, 2, None, None]
    assert here.take(2) == 2


def test_looking_for_a_second_does_not_take_it(redis: Redis) -> None:
    clock = Clock()
    here = slots(redis, clock)

    seen = [here.near(2), here.near(2), here.take(2), here.take(2), here.take(2), here.near(2)]

    assert seen == [True, True, 0, 1, 2, False]


def test_without_redis_a_process_keeps_the_seconds_apart_by_itself(dead: Redis) -> None:
    clock = Clock()
    here = slots(dead, clock)

    waits = [here.take(2) for _ in range(4)]

    assert waits == [0, 1, 2, None]
    assert not here.near(2)


def test_a_hanging_redis_costs_one_try_and_no_more() -> None:
    clock = Clock()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with connect_redis(f"redis://127.0.0.1:{silent.getsockname()[1]}/0") as hanging:
            here = CallPacing(hanging, CircuitBreaker(clock), clock)

            waits = [here.take(10_000) for _ in range(20)]

        assert waits == [*range(20)]
        assert connections(silent) == 1


def connections(listening: socket.socket) -> int:
    """Count who connected to a socket that has taken nobody in."""
    listening.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            listening.accept()[0].close()
            count += 1
    return count


def test_many_threads_never_share_a_second(redis_url: str) -> None:
    clock = Clock()
    waits: list[float | None] = []

    def take() -> None:
        with connect_redis(redis_url, seconds=2) as own:
            waits.append(slots(own, clock).take(100))

    with connect_redis(redis_url, seconds=2) as client:
        client.flushall()
    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(wait for wait in waits if wait is not None) == list(range(8))


@pytest.mark.parametrize("which", ["redis", "dead"])
def test_what_happens_too_often_is_refused_with_and_without_redis(
    which: str, request: pytest.FixtureRequest
) -> None:
    limits = RedisLimits(request.getfixturevalue(which), CircuitBreaker())

    allowed = [limits.allow("call", "mark", 3, 3600) for _ in range(5)]

    assert allowed == [True, True, True, False, False]
    assert limits.allow("call", "another", 3, 3600)


def test_without_redis_a_limit_begins_anew_after_its_time(dead: Redis) -> None:
    clock = Clock()
    limits = RedisLimits(dead, CircuitBreaker(), clock)
    before = [limits.allow("call", "mark", 1, 60) for _ in range(2)]
    clock.seconds += 60

    assert (before, limits.allow("call", "mark", 1, 60)) == ([True, False], True)


EFFECTS = [
    TextNumbers("c0ffee", "en", "sexual-assault"),
    CallTexter("c0ffee", "fr"),
    Ring("beef", "1"),
    EndRing("beef", "2"),
    Alarm("unreached"),
]


def test_a_queued_effect_carries_ids_and_nothing_else(redis: Redis) -> None:
    later = later_on(redis, Performed())
    for effect in EFFECTS:
        later.put(effect, NUMBER)
    later.close()

    jobs = [job for queue in queues(redis).values() for job in queue.get_jobs()]

    assert {job.func_name for job in jobs} == {JOB}
    assert all(re.fullmatch(r"[A-Za-z0-9-]+", str(each)) for job in jobs for each in (*job.args, job.id))
    assert [job.kwargs for job in jobs] == [{}] * len(EFFECTS)
    assert "9055550123" not in in_redis(redis)


def test_an_effect_put_twice_is_one_job(redis: Redis) -> None:
    later = later_on(redis, Performed())
    for _ in range(2):
        later.put(Ring("beef", "1"))
    later.close()

    ids = {job.id for queue in queues(redis).values() for job in queue.get_jobs()}

    assert ids == {"Ring-beef-1"}


def test_a_waiting_caller_comes_before_every_other_work(redis: Redis) -> None:
    later = later_on(redis, Performed())
    for effect in EFFECTS:
        later.put(effect)
    later.close()

    worker = make_worker(redis)
    order = [queue.name for queue in worker.queues]
    urgent = {str(job.args[0]) for job in queues(redis)[QUEUES[0]].get_jobs()}

    assert order == list(QUEUES)
    assert urgent == {"Ring", "EndRing"}


def test_a_number_waits_sealed_beside_the_effect_that_needs_it(redis: Redis) -> None:
    later = later_on(redis, Performed())
    later.put(TextNumbers("c0ffee", "en"), NUMBER)
    later.put(Ring("beef", "1"), NUMBER)
    later.close()

    assert later.take("number-c0ffee") == NUMBER
    assert [key for key in redis.keys("sealed:*") if b"beef" in key] == []


@pytest.mark.parametrize("effect", EFFECTS)
def test_without_redis_an_effect_is_performed_here(effect: Effect, dead: Redis) -> None:
    performed = Performed()
    later = later_on(dead, performed)

    later.put(effect, NUMBER)
    later.close()

    assert performed.effects == [effect]


def test_an_effect_that_nobody_took_up_is_performed_here_although_redis_is_there(redis: Redis) -> None:
    performed = Performed()
    later = later_on(redis, performed)

    later.put_here(Ring("beef", "1"))
    later.close()

    assert performed.effects == [Ring("beef", "1")]
    assert [queue.count for queue in queues(redis).values()] == [0, 0]


def test_an_effect_that_fails_here_does_not_stop_the_next_nor_tell_a_number(
    dead: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    performed = Performed(fault=RuntimeError(NUMBER))
    later = later_on(dead, performed)

    for effect in EFFECTS[:2]:
        later.put_here(effect)
    later.close()

    assert len(performed.effects) == 2
    assert "RuntimeError" in caplog.text
    assert NUMBER not in caplog.text


class NoWait(WallClock):
    """A clock on which no time passes."""

    def sleep(self, seconds: float) -> None:
        pass


@dataclass
class FailsOnce:
    """Fails the first time."""

    tries: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    def __call__(self, effect: Effect) -> None:  # noqa: ARG002 - whatever it is
        self.tries += 1
        if self.tries == 1:
            raise PartUnavailable("not now")
        self.done.set()


def test_without_redis_a_promised_text_is_tried_again_here(dead: Redis) -> None:
    breaker, performed = CircuitBreaker(), FailsOnce()
    later = RedisQueue(dead, SecretStore(dead, SECRET, breaker), breaker, NoWait())
    later.perform_with(performed)

    later.put(TextNumbers("c0ffee", "en"), NUMBER)

    assert performed.done.wait(SOON)
    later.close()


@pytest.mark.parametrize("wish", [Erase("beef"), OptOut("beef"), OptIn("beef")])
def test_without_redis_what_a_texter_was_told_is_done_is_tried_again_here(dead: Redis, wish: Effect) -> None:
    breaker, performed = CircuitBreaker(), FailsOnce()
    later = RedisQueue(dead, SecretStore(dead, SECRET, breaker), breaker, unhurried=NoWait())
    later.perform_with(performed)

    later.put(wish)

    assert performed.done.wait(SOON)
    later.close()


class Talks(Redis):
    """A Redis that answers nobody until told to, and counts who talks to it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.news, self.go_on = threading.Condition(), threading.Event()

    def set(self, *_: object, **__: object) -> bool:  # type: ignore[override]  # all that is asked
        with self.news:
            self.now += 1
            self.most = max(self.most, self.now)
            self.news.notify_all()
        self.go_on.wait(SOON)
        with self.news:
            self.now -= 1
        return False


def test_a_rush_opens_no_connection_to_redis_beyond_the_few_that_are_kept() -> None:
    redis = Talks()
    later = later_on(redis, Performed())

    for number in range(40):
        later.put(NoteDelivery(f"text{number}", ""))
    with redis.news:
        assert redis.news.wait_for(lambda: redis.now == TALKING, SOON)
    redis.go_on.set()
    later.close()

    assert redis.most == TALKING


WISHED: tuple[Effect, ...] = (Erase("beef"), OptOut("beef"), OptIn("beef"))


def wishing(redis: Redis, perform: Callable[[Effect], None], wishes: PendingWishes) -> RedisQueue:
    breaker = CircuitBreaker()
    later = RedisQueue(redis, SecretStore(redis, SECRET, breaker), breaker, wishes=wishes)
    later.perform_with(perform)
    return later


def test_what_a_texter_wished_outlives_redis_sql_and_the_process_that_was_told(
    dead: Redis, tmp_path: Path
) -> None:
    away, back = Performed(fault=PartUnavailable("no SQL")), Performed()
    told = wishing(dead, away, PendingWishes(tmp_path))
    for wish in WISHED:
        told.put(wish)
    told.close()

    PendingWishes(tmp_path).perform(back)
    PendingWishes(tmp_path).perform(back)

    assert away.effects
    assert back.effects == [*WISHED]


def test_what_a_texter_wished_is_performed_at_once_and_is_not_in_redis(redis: Redis, tmp_path: Path) -> None:
    performed, wishes = Performed(), PendingWishes(tmp_path)
    later = wishing(redis, performed, wishes)

    for wish in WISHED:
        later.put(wish)
    later.close()

    assert (performed.effects, wishes.names(), redis.keys("*")) == ([*WISHED], [], [])


def test_a_wish_that_fails_holds_up_its_own_phone_and_nobody_else(tmp_path: Path) -> None:
    wishes, done = PendingWishes(tmp_path), []
    for wish in (OptOut("beef"), Erase("c0ffee"), OptIn("beef")):
        wishes.note(wish)

    def perform(wish: Effect) -> None:
        done.append(wish)
        if done == [OptOut("beef")]:
            raise LookupError("not now")

    wishes.perform(perform)
    failed = [*done]
    wishes.perform(perform)

    assert failed == [OptOut("beef"), Erase("c0ffee")]
    assert done == [*failed, OptOut("beef"), OptIn("beef")]


def test_whoever_performs_wishes_is_alone_and_performs_those_that_come_meanwhile(tmp_path: Path) -> None:
    wishes, done = PendingWishes(tmp_path), []

    def perform(wish: Effect) -> None:
        done.append(wish)
        if wish == OptOut("beef"):  # Another process is told of the next wish, and comes to perform it.
            other = PendingWishes(tmp_path)
            other.note(OptIn("beef"))
            other.perform(done.append)

    wishes.note(OptOut("beef"))
    wishes.perform(perform)

    assert (done, wishes.names()) == ([OptOut("beef"), OptIn("beef")], [])


@pytest.mark.parametrize("wish", [Alarm("direct"), Erase(""), Erase("../beef")])
def test_what_is_no_wish_or_no_mark_becomes_no_file(tmp_path: Path, wish: Effect) -> None:
    assert not PendingWishes(tmp_path).note(wish)
    assert PendingWishes(tmp_path).names() == []


def test_a_wish_that_cannot_become_a_file_goes_to_redis_and_is_tried_for_a_day_while_sql_is_away(
    redis: Redis, tmp_path: Path
) -> None:
    (tmp_path / "wishes").write_text("a disk on which no folder can be made", "utf-8")
    later = wishing(redis, Performed(), PendingWishes(tmp_path))
    for wish in WISHED:
        later.put(wish)
    later.close()

    jobs = [job for each in queues(redis).values() for job in each.get_jobs()]

    assert len(jobs) == 3
    assert {(job.retries_left or 0) * job.get_retry_interval() for job in jobs} == {24 * 3600}


def test_a_promised_text_is_tried_again_for_minutes_and_within_the_ten_of_its_number(redis: Redis) -> None:
    later = later_on(redis, Performed())
    later.put(TextNumbers("c0ffee", "en"), NUMBER)
    later.put(Ring("beef", "1"))
    later.close()

    intervals = {
        str(job.args[0]): job.retry_intervals or [] for q in queues(redis).values() for job in q.get_jobs()
    }

    assert 120 < sum(intervals["TextNumbers"]) < KEPT_SECONDS
    assert sum(intervals["Ring"]) < 5


def test_putting_an_effect_does_not_make_a_caller_wait_for_a_hanging_redis() -> None:
    performed = Performed()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = connect_redis(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", seconds=2 * SOON)
        later = later_on(client, performed)
        caller = threading.Thread(target=later.put, args=(Ring("beef", "1"),), daemon=True)

        caller.start()
        caller.join(SOON)
        waits, before = caller.is_alive(), list(performed.effects)
        silent.accept()[0].close()  # Whoever asked Redis waits no longer.
    later.close()
    client.close()

    assert (waits, before) == (False, [])
    assert performed.effects == [Ring("beef", "1")]


def test_the_address_of_redis_with_a_path_is_a_socket(tmp_path: Path) -> None:
    client = connect_redis(f"unix://{tmp_path}/redis.sock")

    assert client.connection_pool.connection_kwargs["path"] == f"{tmp_path}/redis.sock"


def test_signs_of_twilio_are_known_to_every_process_for_a_day(redis: Redis) -> None:
    clock = Clock()
    web, worker, console = (TwilioHeartbeat(redis, CircuitBreaker(), clock) for _ in range(3))
    before = console.read()
    web.hear()
    unheard = console.read()
    web.tell()
    clock.seconds += 60
    worker.swept(whole=True)
    well = console.read()
    clock.seconds += 300
    worker.swept(whole=False)
    web.tell()

    ill = console.read()

    assert before == unheard == LastSigns(known=True)
    assert (well, well.sweeps) == (LastSigns(known=True, heard=1000.0, swept=1060.0), True)
    assert (ill, ill.sweeps) == (LastSigns(known=True, heard=1000.0, swept=1060.0, failed=1360.0), False)
    assert all(0 < redis.ttl(key) <= 86_400 for key in redis.keys("twilio:*"))


def test_signs_of_twilio_are_not_known_without_redis(dead: Redis) -> None:
    signs = TwilioHeartbeat(dead, CircuitBreaker(), Clock())
    signs.hear()
    signs.tell()
    signs.swept(whole=True)

    assert signs.read() == LastSigns(known=False)
    assert not signs.read().sweeps


def test_what_redis_did_not_take_is_told_when_it_is_back(redis: Redis) -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock)
    signs = TwilioHeartbeat(redis, breaker, clock)
    fail(breaker)
    signs.hear()
    signs.tell()
    away = TwilioHeartbeat(redis, CircuitBreaker(), clock).read()

    clock.seconds += REST_SECONDS
    signs.tell()

    assert away == LastSigns(known=True)
    assert signs.read() == LastSigns(known=True, heard=1000.0)


def plant(redis: Redis, data: object, **fields: str) -> Job:
    """Put a job into a queue, as whoever can write to Redis would."""
    job = Job.create("os.getpid", connection=redis, serializer=JSONSerializer, id="planted", retry=None)
    Queue(QUEUES[0], connection=redis, serializer=JSONSerializer).enqueue_job(job)
    redis.hset(job.key, mapping={"data": json.dumps(data), "retries_left": "5", **fields})
    return job


def work_off(redis: Redis) -> None:
    """Let a worker take what waits."""
    worker = make_worker(redis)
    for queue in worker.queues:
        for job in queue.get_jobs():
            queue.remove(job)
            worker.execute_job(job, queue)


def test_an_effect_that_is_not_performed_is_one_line_in_the_log(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    later = later_on(redis, Performed())
    later.put(Erase("c0ffee"))
    later.close()

    work_off(redis)

    told = [record.getMessage() for record in caplog.records if record.name == "rq.worker"]
    assert [words.partition("(")[0] for words in told] == [
        "not done, and tried again where it may be: JobFailed"
    ]
    assert "\n" not in told[0]


@pytest.mark.parametrize(
    "data",
    [
        ["subprocess.getoutput", None, ["touch RAN"], {}],
        ["os.system", None, ["touch RAN"], {}],
        ["format", "RAN", [], {}],
        ["ivr.jobs.this_line", None, [], {}],
        [JOB, "an instance", ["touch RAN"], {}],
        [JOB, None, ["Ring", "touch RAN"], {}],
        [JOB, None, ["Ring", {"a": "b"}], {}],
        [JOB, None, ["Ring"], {"kind": "Ring"}],
        [[JOB], None, [], {}],
        "no job at all",
    ],
    ids=str,
)
def test_a_job_that_is_none_of_ours_runs_nothing(
    data: object, redis: Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ran = tmp_path / "ran"
    job = plant(redis, json.loads(json.dumps(data).replace("RAN", str(ran))))

    work_off(redis)

    assert not ran.exists()
    assert redis.hget(job.key, "status") == b"failed"  # And is not tried again.
    assert "none of ours, and is refused" in caplog.text


@pytest.mark.parametrize("order", ["success_callback_name", "failure_callback_name", "stopped_callback_name"])
def test_no_callback_that_redis_names_is_imported(order: str, redis: Redis) -> None:
    sys.modules.pop("this", None)
    job = plant(redis, [JOB, None, ["Nothing"], {}], **{order: "this.s"})

    read = OwnJob.fetch(job.id, redis, JSONSerializer)
    work_off(redis)

    assert (read.success_callback, read.failure_callback, read.stopped_callback) == (None, None, None)
    assert "this" not in sys.modules


def test_no_address_that_redis_names_is_asked(redis: Redis) -> None:
    hook = {"url": "http://127.0.0.1:9/", "job_status": "failed"}
    job = plant(redis, [JOB, None, [], {}], webhooks=json.dumps([hook]))

    assert OwnJob.fetch(job.id, redis, JSONSerializer).webhooks == []


def test_what_is_stored_with_a_job_is_never_unpickled(redis: Redis) -> None:
    sys.modules.pop("this", None)
    job = plant(redis, [JOB, None, [], {}], meta="cthis\ns\n.")

    read = OwnJob.fetch(job.id, redis)  # As RQ does where it forgets which serializer is ours.

    assert read.meta["unserialized"] == b"cthis\ns\n."
    assert "this" not in sys.modules


def test_every_queue_and_worker_takes_only_our_own_jobs(redis: Redis) -> None:
    worker = make_worker(redis)

    assert {queue.job_class for queue in (*worker.queues, *queues(redis).values())} == {OwnJob}
    assert worker.job_class is OwnJob


def test_a_worker_takes_no_orders_by_way_of_redis(redis: Redis) -> None:
    worker = make_worker(redis)

    worker.bootstrap("WARNING")
    heard = redis.publish(worker.pubsub_channel_name, json.dumps({"command": "shutdown"}))
    worker.teardown()

    assert heard == 0


class Interrupted(Redis):
    """Redis to a process that is told to stop when it first says a certain command."""

    told_at = ""

    def execute_command(self, *command: Any, **options: Any) -> Any:
        answer = super().execute_command(*command, **options)
        if command[0] == self.told_at:
            self.told_at = ""
            os.kill(os.getpid(), signal.SIGTERM)
        return answer


@pytest.mark.parametrize("told_at", ["EXISTS", "SMEMBERS", "EXPIRE", "BLPOP", "HGETALL"])
def test_a_worker_that_is_told_to_stop_ends_and_loses_no_job_wherever_the_signal_meets_it(
    redis: Redis, redis_url: str, told_at: str
) -> None:
    queue = queues(redis)["line"]
    job = queue.enqueue(JOB, "OptIn", "beef", job_id="OptIn-beef")

    with Interrupted.from_url(redis_url) as theirs, stop_signals() as stopping:
        worker = EffectWorker(theirs, stopping)
        theirs.told_at = told_at
        worker.work()
        stopped = stopping.wait(SOON)

    assert stopped
    where = (job.get_status(), queue.count)
    assert where in {("queued", 1), ("failed", 0)}  # Left for another, or tried: nobody is there to do it.


def test_a_worker_that_waits_for_work_ends_once_it_is_told_to(redis: Redis) -> None:
    stopping = threading.Event()
    worker = EffectWorker(redis, stopping)
    thread = threading.Thread(target=worker.work)

    thread.start()
    waits = becomes(lambda: worker.get_state() == "idle")
    stopping.set()
    thread.join(SOON)

    assert (waits, thread.is_alive()) == (True, False)


def test_no_worker_is_suspended_by_way_of_redis(redis: Redis) -> None:
    redis.set("rq:suspended", 1)
    job = queues(redis)["line"].enqueue(JOB, "OptIn", "beef", job_id="OptIn-beef")
    stopping = threading.Event()
    worker = EffectWorker(redis, stopping)
    thread = threading.Thread(target=worker.work)

    thread.start()
    done = becomes(lambda: job.get_status() == "failed")  # Nobody is there to perform it.
    stopping.set()
    thread.join(SOON)

    assert (done, thread.is_alive()) == (True, False)


@dataclass
class Shift:
    """A worker that works once and then ends; its faults are given."""

    ends: Callable[[], object]

    def work(self) -> None:
        self.ends()


def test_a_worker_goes_on_until_it_is_told_to_stop_whatever_redis_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stopping, begun = threading.Event(), 0

    def lose() -> None:
        raise RedisError

    def begin() -> Shift:
        nonlocal begun
        begun += 1
        match begun:
            case 1 | 2:
                raise RedisError
            case 3:
                return Shift(lose)
            case 4:
                return Shift(lambda: None)  # RQ ends so when Redis takes too long.
            case _:
                return Shift(stopping.set)

    keep_working(begin, stopping, pause=0.001)

    assert begun == 5
    assert [record.message.partition(" (")[0] for record in caplog.records] == [
        "no work without Redis",
        "Redis is back, and effects are taken off its queues again",
        "no work without Redis",
        "Redis is back, and effects are taken off its queues again",
    ]


def test_a_worker_that_is_silent_for_twenty_seconds_counts_as_dead(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/line.sqlite3"
    put_tables(url)
    database = connect(url)
    note_alive(database, "first", 1000.0)
    note_alive(database, "second", 1000.0 + BEAT_SECONDS)

    seen = [seconds_since_signs(database, 1000.0 + after) for after in (6.0, DEAD_SECONDS + 1, 26.0)]

    assert DEAD_SECONDS + BEAT_SECONDS < 30
    assert seen == [[1.0, 6.0], [16.0], []]


def test_a_worker_shows_itself_without_redis_and_takes_its_sign_away_at_its_end(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/line.sqlite3"
    put_tables(url)
    database, clock = connect(url), Clock()

    with heartbeats(database, clock, every=0.01):
        first = soon(lambda: seconds_since_signs(database, clock.seconds))
        clock.seconds += 100
        later = soon(lambda: seconds_since_signs(database, clock.seconds))
    after = seconds_since_signs(database, clock.seconds)

    assert (first, later, after) == ([0.0], [0.0], [])


def test_a_worker_shows_itself_again_when_sql_is_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/line.sqlite3"
    database, clock = connect(url), Clock()

    with heartbeats(database, clock, every=0.01):
        put_tables(url)
        assert soon(lambda: seconds_since_signs(database, clock.seconds))


def becomes(claim: Callable[[], bool]) -> bool:
    """Wait until a claim is true; whether it became so."""
    deadline = time.monotonic() + SOON
    while not claim() and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    return claim()


def soon(ask: Callable[[], list[float]]) -> list[float]:
    """Wait until there is an answer; while the tables are being put there, there is none."""
    deadline, answer = time.monotonic() + SOON, list[float]()
    while not answer and time.monotonic() < deadline:
        with suppress(PartUnavailable):
            answer = ask()
        threading.Event().wait(0.01)
    return answer
