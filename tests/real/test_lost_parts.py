"""When a part is lost, a caller still reaches a person, and the log still holds every turn once."""

from __future__ import annotations

import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

from ivr.circuit_breaker import CircuitBreaker
from ivr.operations.local_stack import is_alive
from ivr.records.database import connect
from ivr.records.worker_heartbeats import seconds_since_signs
from ivr.work.queue import JOB, connect_redis, queues
from ivr.work.twilio_heartbeat import TwilioHeartbeat
from real.rehearsal import (
    CALLER,
    IVR,
    SOON,
    TEXTER,
    Rehearsal,
    becomes,
    redis_hanging,
    rehearsal,
    web_workers,
    with_people,
    without_database,
)
from real.world import Processes, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ivr.simulator.rehearse import RehearsedCall
    from real.rehearsal import Limits

CONNECTED = {
    "channel": "voice",
    "outcome": "connected",
    "turns": 6,
    "stops": ["hello", "main", "person", "anything-else", "leave"],
}
NUMBERS_BY_TEXT = ("1", "4", "4", "1", "1", "1")


@pytest.fixture(scope="module")
def losing(
    tmp_path_factory: pytest.TempPathFactory, limits: Limits, migrated_sqlite: Path
) -> Iterator[Processes]:
    """Run one line for all tests that end processes of it: before each, those are started again."""
    with rehearsal(tmp_path_factory.mktemp("losing"), limits) as line:
        yield start(line, migrated_sqlite)


@pytest.fixture
def mended(losing: Processes) -> Rehearsal:
    """Give that line whole, with nothing left of the last test."""
    losing.start_again()
    losing.forget()
    with_people(losing.network)
    return losing.line


@pytest.fixture(scope="module")
def losing_sql(
    tmp_path_factory: pytest.TempPathFactory, limits: Limits, migrated_sqlite: Path
) -> Iterator[Processes]:
    """Run one line for the tests that take its database: its parts remember for seconds that it was gone."""
    with rehearsal(tmp_path_factory.mktemp("losing-sql"), limits) as line:
        yield start(line, migrated_sqlite)


@pytest.fixture
def filed_again(losing_sql: Processes) -> Rehearsal:
    losing_sql.forget()
    with_people(losing_sql.network)
    return losing_sql.line


@pytest.fixture
def tables(dark: Rehearsal, migrated_sqlite: Path) -> Rehearsal:
    """Give a line of which nothing runs yet, and whose tables are there."""
    shutil.copy(migrated_sqlite, dark.stage.folder / "line.sqlite3")
    return dark


def test_a_caller_goes_on_where_they_were_when_web_workers_are_killed(mended: Rehearsal) -> None:
    line, started = mended, _workers_started(mended)
    main = line.stage.running["web"].pid
    call = line.dial("1", "1", "1", "1")

    first, second = web_workers(main)  # Whichever of them answered last, it is killed before one of the keys.
    call.wait_until_quiet()
    with line.at_the_speed_of_life():
        _kill(first)
        call.press("1")
        assert becomes(lambda: _workers_started(line) == started + 1)
    call.wait_until_quiet()
    with line.at_the_speed_of_life():
        _kill(second)
        call.press("1")
    call.wait_until_quiet()
    line.ask_for_a_person(call)
    line.finish(call)

    assert _questions(call) == [1, 2, 3]
    expected = {
        "outcome": "connected",
        "turns": 11,
        "stops": ["hello", "main", "me", "could-be-me", "check-me", "person", "anything-else", "leave"],
    }
    assert line.log_soon(expected) == [expected]


def test_a_worker_sweeps_and_tells_of_it_though_nobody_calls(tables: Rehearsal) -> None:
    line = tables
    line.stage.start_redis()
    line.stage.start_worker()

    with connect_redis(line.stage.environment["REDIS_URL"], seconds=2) as redis:
        signs = TwilioHeartbeat(redis, CircuitBreaker(), time.time)

        assert becomes(lambda: signs.read().sweeps)


def test_a_caller_goes_on_where_they_were_when_the_web_main_is_killed_and_restarted(
    mended: Rehearsal,
) -> None:
    line, started = mended, _workers_started(mended)
    call = line.dial("1", "1", "1", "1")
    call.press("1")
    call.wait_until_quiet()
    with line.at_the_speed_of_life():
        group = line.kill("web")
        line.stage.start_web()
        gone = becomes(lambda: not any(map(is_alive, group)))
        restarted = becomes(lambda: _workers_started(line) == started + 2)
        call.press("2")
    call.wait_until_quiet()
    line.ask_for_a_person(call)
    line.finish(call)

    assert (gone, restarted) == (True, True)
    assert _questions(call) == [1, 2, 3]
    expected = {
        "outcome": "connected",
        "turns": 11,
        "stops": ["hello", "main", "me", "could-be-me", "check-me", "person", "anything-else", "leave"],
    }
    assert line.log_soon(expected) == [expected]


def test_no_orphan_goes_on_serving_when_the_web_main_is_killed(tables: Rehearsal) -> None:
    line = tables
    line.stage.start_web()
    assert becomes(lambda: _workers_started(line) == 2)

    group = line.kill("web")

    assert len(group) >= 3  # And the classifier, unless another test's line runs this host's only one.
    assert becomes(lambda: not any(map(is_alive, group)))
    assert not _answers(line)


def test_no_orphan_is_left_when_the_web_main_is_killed_while_it_starts(dark: Rehearsal) -> None:
    dark.stage.start("web", IVR, "web")
    main = dark.stage.running["web"].pid
    assert becomes(lambda: len(web_workers(main)) == 2)

    group = dark.kill("web")

    assert becomes(lambda: not any(map(is_alive, group)))


def test_callers_reach_a_person_and_get_the_numbers_by_text_when_redis_is_dead(line: Rehearsal) -> None:
    call = line.dial("1")

    line.stage.stop("redis")
    _reach_a_person_and_leave(line, call)

    assert line.log_soon(CONNECTED) == [CONNECTED]
    _get_the_numbers_by_text(line)


def test_callers_reach_a_person_and_get_the_numbers_by_text_when_redis_hangs(line: Rehearsal) -> None:
    call = line.dial("1")

    with redis_hanging(line):
        _reach_a_person_and_leave(line, call)

        assert line.log_soon(CONNECTED) == [CONNECTED]
        _get_the_numbers_by_text(line)


def test_a_caller_reaches_a_person_without_a_worker(mended: Rehearsal) -> None:
    mended.stage.stop("worker")

    _reach_a_person_and_leave(mended, mended.dial("1"))

    assert mended.log_soon(CONNECTED) == [CONNECTED]


def test_a_worker_keeps_house_without_redis_and_goes_to_its_queues_when_redis_is_there(
    tables: Rehearsal,
) -> None:
    stage = tables.stage
    keys = stage.folder / "keys"
    keys.mkdir(mode=0o700)
    over = keys / "2020-01.key"
    over.write_bytes(b"of a month that is over")
    database = connect(stage.environment["DATABASE_URL"])

    stage.start_worker()
    worker = stage.running["worker"]
    destroyed = becomes(lambda: not over.exists())
    shown = becomes(lambda: bool(seconds_since_signs(database, time.time())))
    stage.start_redis()
    took_up = becomes(lambda: tables.redis.scard("rq:workers") > 0)
    stage.stop("redis")
    stage.start_redis()
    waiting = queues(tables.redis)["line"]
    waiting.enqueue(JOB, "OptIn", "beef", job_id="OptIn-beef")
    took_up_again = becomes(lambda: waiting.count == 0)

    assert (destroyed, shown, took_up, took_up_again) == (True,) * 4, stage.log("worker").read_text()
    assert worker.poll() is None
    worker.terminate()
    assert worker.wait(SOON) == 0
    assert seconds_since_signs(database, time.time()) == []


def test_a_call_is_filed_later_when_the_database_was_gone_before_the_line_started(tables: Rehearsal) -> None:
    tables.stage.start_redis()

    with without_database(tables):
        tables.stage.start_web()
        _reach_a_person_and_leave(tables, tables.dial("1"))

    assert tables.log_soon(CONNECTED) == [CONNECTED]


def test_a_call_is_filed_later_when_the_database_is_lost_in_the_middle_of_it(
    filed_again: Rehearsal,
) -> None:
    line = filed_again
    call = line.dial("1")
    line.log_soon({"turns": 2})

    with without_database(line):
        _reach_a_person_and_leave(line, call)
        line.network.text(TEXTER, "signes")

    both = [{"channel": "voice", "turns": 6}, {"channel": "text", "turns": 1}]
    assert line.log_soon(*both) == both


def test_what_a_killed_line_had_not_filed_is_filed_by_the_next_one(filed_again: Rehearsal) -> None:
    line = filed_again
    with without_database(line):
        _reach_a_person_and_leave(line, line.dial("1"))
        for pid in line.kill("web")[1:]:
            os.kill(pid, signal.SIGKILL)

    line.stage.start_web()

    assert line.log_soon(CONNECTED) == [CONNECTED]


def _reach_a_person_and_leave(line: Rehearsal, call: RehearsedCall) -> None:
    assert line.ask_for_a_person(call)
    assert line.finish(call)
    assert line.network.feed.faults() == []
    assert line.webhooks.slowest < line.limits.promised


def _get_the_numbers_by_text(line: Rehearsal) -> None:
    line.dial(*NUMBERS_BY_TEXT)

    assert line.network.clock.until(lambda: _texts(line) == 1)
    assert line.webhooks.slowest < line.limits.promised


def _kill(worker: int) -> None:
    """Kill a process, and wait until it has let go of its port."""
    os.kill(worker, signal.SIGKILL)
    assert becomes(lambda: not is_alive(worker))


def _workers_started(line: Rehearsal) -> int:
    return line.stage.log("web").read_text().count("Started worker")


def _questions(call: RehearsedCall) -> list[int]:
    """Tell which questions of the checklist were asked, in order, by the words that each begins with."""
    asked = ["Does someone else keep", "Does someone take most", "Do you owe a debt", "Does someone decide"]
    return [n for words in call.heard for n, start in enumerate(asked, 1) if words.startswith(start)]


def _answers(line: Rehearsal) -> bool:
    return line.network.exchange.webhooks.ask(f"{line.stage.public_url}/voice/status", {}).status != 0


def _texts(line: Rehearsal) -> int:
    return sum(text.what == "reads" and text.who == CALLER for text in line.network.feed.lines)
