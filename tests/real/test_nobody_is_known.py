"""A thief of everything that we keep finds no number and no word of anybody who called or texted."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from ivr.simulator.faults import RestFault
from ivr.simulator.people import HangsUp, Pass, Press, When, accepts, busy, caller, never_answers, switchboard
from real.rehearsal import CHRYSALIS, HOTLINE, VICTIM_SERVICES, Limits, Rehearsal, becomes, rehearsal

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEED = 40.0  # Where the network's time is paced.
CALLS, TEXTS = 20, 45
FULL_CALLS, FULL_TEXTS = 250, 750  # Where the limits of production hold.
AT_ONCE = 16  # Webhooks.
SENTENCES = (
    "my name is Annika Kowalczyk and he keeps my passport",
    "je m'appelle Annika, il garde mes papiers, aidez-moi",
    "meet me at 44 Barton Street Annika",
    "signs Annika",
    "STOP Annika",
    "CALL",
    "1",
    "DELETE",
    "Annika 905 555 0177 rappelle moi",
)
WORDS = ("Annika", "Kowalczyk", "Barton", "passport and", "rappelle moi", "garde mes papiers")
TYPED = "9055550177"


def numbers() -> list[str]:
    return [f"+1289555{n:04}" for n in range(1000)]


def spellings(number: str) -> list[str]:
    """Write a number in every way that somebody could have written it down."""
    digits = number.removeprefix("+1")
    area, exchange, line = digits[:3], digits[3:6], digits[6:]
    return [
        digits,
        f"{area}-{exchange}-{line}",
        f"{area}.{exchange}.{line}",
        f"({area}) {exchange}-{line}",
        f"({area}) {exchange} {line}",
        " ".join(digits),
        f"{' '.join(area)}, {' '.join(exchange)}, {' '.join(line)}",
    ]


def leaks(haystack: bytes, called: list[str]) -> list[str]:
    """Name what of the callers is in something that we keep."""
    sought = [*WORDS, *spellings(f"+1{TYPED}"), *(each for number in called for each in spellings(number))]
    return [each for each in sought if each.encode() in haystack]


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Read every file that a line keeps: log, journal, database and its WAL, dumps."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def live_through(line: Rehearsal) -> list[str]:
    """Let many people call and text, some while parts fail; give their numbers."""
    calls, texts = (FULL_CALLS, FULL_TEXTS) if line.limits.paced else (CALLS, TEXTS)
    line.network.people.put(VICTIM_SERVICES, *[busy(), accepts(talks=5)] * 20, never_answers())
    line.network.people.put(CHRYSALIS, *[accepts(talks=5)] * 20, never_answers())
    line.network.people.put(HOTLINE, switchboard())
    line.network.faults.rest.append(RestFault("500", match="POST", skip=3, times=3))
    everyone = numbers()[: calls + texts]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda n: write(line, n, everyone[n]), range(texts)))
    for n, number in enumerate(everyone[texts:]):
        line.network.dial(number, person(n))
        line.network.clock.advance(0.5)
    line.network.settle(600)
    return everyone


def write(line: Rehearsal, n: int, number: str) -> None:
    """Send two texts of one person: what answers some of them are texts and rings of ours."""
    line.network.text(number, SENTENCES[n % len(SENTENCES)])
    if n % 3 == 0:
        line.network.text(number, SENTENCES[(n + 1) % len(SENTENCES)])


def person(n: int) -> object:
    """Make a caller: one in ten asks for a person, one in ten for the numbers by text; all leave."""
    keys = {0: "102", 5: "201"}.get(n % 10, "12") if n % 50 else "14411"
    steps = [Press(key, When.SOON) for key in keys]
    return caller(*steps, Pass(40 if n % 10 in {0, 5} else 2), HangsUp())


@pytest.fixture
def lived(tmp_path: Path, limits: Limits, migrated_sqlite: Path) -> Iterator[tuple[Rehearsal, list[str]]]:
    with rehearsal(tmp_path, limits, speed=SPEED, at_once=AT_ONCE) as line:
        line.start(migrated_sqlite)
        yield line, live_through(line)


def test_after_many_calls_and_texts_a_thief_finds_nobody(
    lived: tuple[Rehearsal, list[str]],
) -> None:
    line, called = lived
    redis = Redis(port=line.stage.redis_port)

    redis.save()
    filed = becomes(lambda: len(line.log()) >= len(called) // 4)
    kept = dict(everything(line.stage.folder))
    found = {name: leaks(data, called) for name, data in kept.items()}

    assert filed
    assert {"line.sqlite3", "dump.rdb", "web.log", "worker.log"} <= set(kept)
    assert any(name.startswith("journal/") for name in kept)
    assert {name: these for name, these in found.items() if these} == {}
    assert not any(line.stage.environment["SECRET_KEY"].encode() in data for data in kept.values())
    halves = [data for name, data in kept.items() if name.startswith("keys/")]
    rest = [data for name, data in kept.items() if not name.startswith("keys/")]
    assert halves
    assert not any(half in data for half in halves for data in rest)


def test_a_dump_of_postgresql_knows_nobody_either(tmp_path: Path, postgres_url: str, limits: Limits) -> None:
    dump = shutil.which("pg_dump") or str(next(Path("/usr/lib/postgresql").glob("*/bin/pg_dump")))
    with rehearsal(tmp_path, limits, speed=SPEED, at_once=AT_ONCE, DATABASE_URL=postgres_url) as line:
        line.start()
        called = numbers()[:30]
        for n, number in enumerate(called[:18]):
            write(line, n, number)
        for n, number in enumerate(called[18:]):
            line.network.dial(number, person(n))
        line.network.settle(300)
        becomes(lambda: len(line.log()) >= 12)

        url = postgres_url.replace("postgresql+psycopg://", "postgresql://")
        dumped = subprocess.run([dump, url], capture_output=True, check=True).stdout

    assert b"COPY public.calls" in dumped
    assert leaks(dumped, called) == []


@pytest.mark.parametrize("where", ["web.log", "line.sqlite3", "journal/1-a.journal", "dump.rdb"])
@pytest.mark.parametrize("how", range(7))
def test_a_number_that_leaked_anywhere_would_be_found(tmp_path: Path, where: str, how: int) -> None:
    leaked = tmp_path / where
    leaked.parent.mkdir(exist_ok=True)
    leaked.write_bytes(b"\x00\x01" + spellings("+12895550123")[how].encode() + b"\xff")

    found = {name: leaks(data, numbers()) for name, data in everything(tmp_path)}

    assert found[where]
