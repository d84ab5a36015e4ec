"""Two hosts with disks of their own, behind nginx: one line, with one log, and one phone is one phone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import pytest
import requests
from sizes import is_full
from sqlalchemy import select

from ivr.operations.local_stack import LocalStack, free_port
from ivr.position import Position
from ivr.records.database import connect
from ivr.records.tables import calls, turns
from ivr.simulator.event_clock import EventClock
from ivr.simulator.exchange import Account
from ivr.simulator.people import When
from ivr.simulator.rehearse import Network, urls_of
from ivr.work.network_clock import NOW
from real.rehearsal import (
    ACCOUNT,
    CALLER,
    IVR,
    NUMBER,
    Rehearsal,
    TimedFetch,
    all_of,
    becomes,
    show_in,
    with_people,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ivr.simulator.rehearse import RehearsedCall

pytest_plugins = ("postgres",)
pytestmark = pytest.mark.skipif(not is_full(), reason="two whole hosts: `make long SUITES=hosts`")

SOMEBODY_ELSE = "+12895550177"
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;
events {{}}
http {{
    log_format asked '$upstream_addr $uri';
    access_log {folder}/asked.log asked;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    upstream line {{ server 127.0.0.1:{a} max_fails=0; server 127.0.0.1:{b} max_fails=0; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://line; proxy_set_header X-Forwarded-For $remote_addr; }}
    }}
}}
"""


@dataclass
class Hosts:
    """Two hosts, of which each webhook reaches the other one than the last did."""

    a: Rehearsal
    b: Rehearsal
    folder: Path
    url: str  # Of PostgreSQL.

    @property
    def network(self) -> Network:
        return self.a.network

    def quiet(self) -> None:
        self.network.clock.advance(1)
        assert becomes(lambda: not (self.a.in_hand() or self.b.in_hand())), self.report()

    def report(self) -> str:
        return f"{self.a.report()}\n=== the other host\n{self.b.report()}"

    def asked(self) -> list[tuple[str, str]]:
        """List who answered which webhook."""
        name = {str(each.stage.web_port): letter for letter, each in (("a", self.a), ("b", self.b))}
        asked = [line.split() for line in (self.folder / "asked.log").read_text().splitlines()]
        return [(name[where[-2].rpartition(":")[2]], where[-1]) for where in asked]

    def marks(self) -> dict[str, str]:
        """List the calls of the log, each with the mark of its phone."""
        with closing(connect(self.url)) as log, log.read() as sql:
            return {row.id: row.mark for row in sql.execute(select(calls.c.id, calls.c.mark))}

    def turns(self, call: str) -> list[int]:
        """List the turns of a call that the log has, by number."""
        with closing(connect(self.url)) as log, log.read() as sql:
            keys = sql.scalars(select(turns.c.key).where(turns.c.call_id == call)).all()
        return sorted(int(key) for key in keys if key.isdecimal())

    def leave(self, call: RehearsedCall) -> None:
        call.press("#", When.SOON)
        assert call.wait_until_over(), self.report()
        self.quiet()

    def lose_b(self) -> None:
        """Take the second host away, with its disk."""
        for pid in all_of(self.b.stage.folder):
            os.kill(pid, signal.SIGKILL)
        for process in self.b.stage.running.values():
            process.wait()
        self.b.stage.running.clear()
        assert becomes(lambda: not all_of(self.b.stage.folder))
        shutil.rmtree(self.b.stage.folder)


@pytest.fixture
def hosts(tmp_path: Path, empty_postgres_url: str) -> Iterator[Hosts]:
    nginx = shutil.which("nginx")
    if nginx is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("nginx is not on this machine")
    shared = tmp_path / "network"
    shared.mkdir()
    port, token, secret = free_port(), "0123456789abcdef" * 2, "a secret of the environment that both have"
    both = {
        "REHEARSAL": str(shared),
        "PATIENCE": "10",
        "WEB_WORKERS": "1",
        "DATABASE_URL": empty_postgres_url,
        "SECRET_KEY": secret,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    stages = [LocalStack(tmp_path / name, extra=both, token=token) for name in ("a", "b")]
    for stage in stages:
        stage.folder.mkdir()
        stage.extra = both | {"REDIS_URL": f"redis://127.0.0.1:{stages[0].redis_port}/0"}
    webhooks = TimedFetch()
    rehearsals: list[Rehearsal] = []
    clock = EventClock(lambda: "".join(each.in_hand() for each in rehearsals), show_in(shared / NOW))
    network = Network(
        Account(ACCOUNT, token, NUMBER), urls_of(both["PUBLIC_URL"]), clock=clock, fetch=webhooks
    )
    with_people(network)
    for stage in stages:
        stage.api_url = network.api_url
    rehearsals += [Rehearsal(stage, network, webhooks) for stage in stages]
    config = tmp_path / "nginx.conf"
    a, b = (stage.web_port for stage in stages)
    config.write_text(NGINX.format(folder=tmp_path, port=port, a=a, b=b))
    hosts = Hosts(*rehearsals, tmp_path, empty_postgres_url)
    proxy = subprocess.Popen([nginx, "-p", tmp_path, "-c", config])
    try:
        stages[0].start_redis()
        stages[0].release()
        for stage in stages:
            stage.start_worker()
            stage.start("web", IVR, "web")
            assert becomes(partial(_answers, stage)), hosts.report()
        assert becomes(lambda: hosts.a.redis.scard("rq:workers") == len(stages)), hosts.report()
        yield hosts
    finally:
        proxy.terminate()
        proxy.wait()
        for each in reversed(rehearsals):
            each.close()


@contextmanager
def nothing_is_filed(hosts: Hosts) -> Iterator[None]:
    """Let nobody file: what happens waits in the journals of the hosts."""
    with psycopg.connect(hosts.url) as sql:
        sql.execute("LOCK TABLE turns IN ACCESS EXCLUSIVE MODE")
        for each in (hosts.a, hosts.b):
            each.lost.add("sql")
        yield
        sql.rollback()
    for each in (hosts.a, hosts.b):
        each.lost.discard("sql")


def test_hosts_with_disks_of_their_own_are_one_line(hosts: Hosts) -> None:
    other = hosts.network.dial(SOMEBODY_ELSE)
    other.press("1", When.SOON)
    hosts.leave(other)
    for keys in ("14", "1", "12"):
        call = hosts.network.dial(CALLER)
        for key in keys:
            call.press(key, When.SOON)
        hosts.leave(call)
    talk = hosts.network.dial(CALLER)
    talk.press("1", When.SOON)
    assert hosts.a.ask_for_a_person(talk), hosts.report()
    talk.until(lambda now: now.joined_to is None)
    hosts.leave(talk)

    marks, answered = hosts.marks(), Counter(host for host, _ in hosts.asked())
    assert len(marks) == 5, hosts.report()  # No call twice,
    assert sorted(Counter(marks.values()).values()) == [1, 4]  # and one phone has one mark.
    assert abs(answered["a"] - answered["b"]) <= 1
    for call in marks:  # Nothing is lacking, whichever host answered.
        assert hosts.turns(call) == list(range(len(hosts.turns(call))))
    (kept,) = [call for call, mark in marks.items() if list(marks.values()).count(mark) == 1]

    hosts.network.text(CALLER, "DELETE")
    hosts.quiet()

    assert list(hosts.marks()) == [kept]


def test_a_host_that_is_lost_with_its_disk_takes_what_it_had_not_filed_and_no_more(hosts: Hosts) -> None:
    filed = hosts.network.dial(CALLER)
    filed.press("1", When.SOON)
    hosts.leave(filed)
    (before,) = hosts.marks()
    had = hosts.turns(before)
    with nothing_is_filed(hosts):
        seen = len(hosts.asked())
        call = hosts.network.dial(CALLER)
        for key in ("1", "4"):
            call.press(key, When.SOON)
        call.wait_until_quiet()
        answered = {_turn(path): host for host, path in hosts.asked()[seen:]}
        hosts.lose_b()
    call.press("1", When.SOON)  # The call goes on at the other host.
    hosts.leave(call)

    (during,) = hosts.marks().keys() - {before}
    everything = set(range(max(hosts.turns(during)) + 1))
    lost = {number for number, host in answered.items() if host == "b"}
    assert lost
    assert set(hosts.turns(during)) == everything - lost
    assert hosts.turns(before) == had
    assert len(set(hosts.marks().values())) == 1

    hosts.network.text(CALLER, "DELETE")  # What the lost host had written is found by the other.
    hosts.quiet()

    assert hosts.marks() == {}


def _answers(stage: LocalStack) -> bool:
    try:
        return requests.get(f"{stage.public_url}/health", timeout=10).ok
    except requests.RequestException:
        return False


def _turn(path: str) -> int:
    return Position.parse(path.removeprefix("/voice").removeprefix("/")).turn
