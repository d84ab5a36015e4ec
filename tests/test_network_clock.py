"""The clock of a rehearsal: processes read the network's time, and tell what they have in hand."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from ivr.circuit_breaker import CircuitBreaker
from ivr.effects import Alarm, EndRing, Ring
from ivr.work.network_clock import COUNTS, NOW, PAGE, TIME, WALL, NetworkClock, clock_of
from ivr.work.queue import RedisQueue, connect_redis
from ivr.work.secret_store import SecretStore

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.effects import Effect

NOWHERE = "redis://127.0.0.1:1/0"
READ = """
import sys
from pathlib import Path
from ivr.work.network_clock import NetworkClock
clock = NetworkClock(Path(sys.argv[1]))
clock.take_in_hand()
print(clock.now())
"""


def in_hand(folder: Path, pid: int) -> int:
    return int(COUNTS.unpack((folder / f"{pid}{PAGE}").read_bytes())[0])


def test_without_a_rehearsal_the_time_is_the_walls() -> None:
    before = time.time()

    assert clock_of(None) is WALL
    assert before <= WALL.now() <= time.time()


def test_where_the_network_keeps_no_time_it_is_the_walls(tmp_path: Path) -> None:
    clock, before = NetworkClock(tmp_path), time.time()

    clock.sleep(0.001)

    assert before + 0.001 <= clock.now() <= time.time()


def test_another_process_reads_the_networks_time_and_tells_what_it_has_in_hand(tmp_path: Path) -> None:
    (tmp_path / NOW).write_bytes(TIME.pack(1234.5))

    with subprocess.Popen([sys.executable, "-c", READ, tmp_path], stdout=subprocess.PIPE, text=True) as other:
        said, _ = other.communicate(timeout=60)

    assert said == "1234.5\n"
    assert in_hand(tmp_path, other.pid) == 1


def test_time_that_the_network_lets_pass_is_seen_at_once(tmp_path: Path) -> None:
    (tmp_path / NOW).write_bytes(TIME.pack(0.0))
    clock = NetworkClock(tmp_path)
    seen = [clock.now()]

    with (tmp_path / NOW).open("r+b") as file:
        file.write(TIME.pack(60.0))
    seen.append(clock.now())

    assert seen == [0.0, 60.0]


def test_an_effect_is_in_hand_from_when_it_is_put_until_it_is_done(tmp_path: Path) -> None:
    performing, go_on = threading.Event(), threading.Event()
    redis, breaker = connect_redis(NOWHERE), CircuitBreaker()
    clock = NetworkClock(tmp_path)
    later = RedisQueue(redis, SecretStore(redis, "s" * 32, breaker), breaker, clock)

    def perform(effect: Effect) -> None:
        performing.set()
        go_on.wait(60)
        if effect == Alarm("direct"):
            raise LookupError

    later.perform_with(perform)
    later.put(Ring("t", "1"))
    later.put(Alarm("direct"))
    later.put_here(EndRing("t", "1"))
    assert performing.wait(60)
    during = in_hand(tmp_path, os.getpid())
    go_on.set()
    later.close()

    assert during == 3
    assert in_hand(tmp_path, os.getpid()) == 0
