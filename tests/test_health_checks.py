"""The doctor, on whole and on broken lines: what is at fault is named with its mend, and nobody else is."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from fakes import ENVIRONMENT
from postgres import put_tables
from redis import Redis, RedisError
from small_line import small_line
from sqlalchemy import text, update

from ivr.circuit_breaker import PartUnavailable
from ivr.cli.main import main
from ivr.effects import OptOut
from ivr.operations.health_checks import HEALTH_CHECKS, Finding, Verdict, examine, fault
from ivr.operations.local_stack import find_redis, free_port
from ivr.operations.version import running_version
from ivr.records.counts import count_delivery
from ivr.records.database import connect
from ivr.records.pending_wishes import PendingWishes
from ivr.records.tables import worker_heartbeats
from ivr.records.worker_heartbeats import note_alive
from ivr.simulator.clock import VirtualClock
from ivr.simulator.exchange import Account, Urls
from ivr.simulator.faults import RestFault
from ivr.simulator.papers import Papers
from ivr.simulator.rehearse import Network
from ivr.telephony.provisioning import wanted_values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ivr.settings import Settings

OURS, CALLER = "+12895550100", "+19055550123"
ACCOUNT = Account("AC" + "0" * 32, ENVIRONMENT["TWILIO_AUTH_TOKEN"], OURS)
GET = "redis-server is not on this machine: apt-get install redis-server"
PASSWORD = "the password of the log"
TODAY = f"{datetime.now(UTC):%Y-%m-%d}"
Line = dict[str, str]


@pytest.fixture
def network() -> Iterator[Network]:
    """Give a network on which it is eight days ago."""
    urls = Urls("http://line.test/voice", "http://line.test/status")
    clock = VirtualClock(datetime.now(UTC) - timedelta(days=8))
    papers = Papers({"/voice": "<Say>Hello.</Say>", "/status": ""})
    with Network(ACCOUNT, urls, clock=clock, fetch=papers) as network:
        yield network


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a Redis."""
    server = find_redis()
    if not server:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(GET)
    url, folder = f"redis://127.0.0.1:{free_port()}/0", tmp_path_factory.mktemp("redis")
    command = [server, "--port", url[:-2].rpartition(":")[2], "--bind", "127.0.0.1", "--save", ""]
    running = subprocess.Popen([*command, "--dir", str(folder)], stdout=subprocess.DEVNULL)
    try:
        with Redis.from_url(url) as client:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                with suppress(RedisError):
                    client.ping()
                    break
                threading.Event().wait(0.02)
        yield url
    finally:
        running.terminate()
        running.wait()


@dataclass
class Site:
    """What answers at PUBLIC_URL, and is posted to at ALARM_URL."""

    words: str = f"ok {running_version()}\n"
    status: int = 200
    document: str = '<Response><Gather action="/voice/on"><Say>Call 9 1 1.</Say></Gather></Response>'
    alarms: list[bytes] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def site() -> Iterator[Site]:
    """Give a site that answers as `ivr web` does."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(site.status)
            self.end_headers()
            self.wfile.write(site.words.encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/alarm":
                site.alarms.append(body)
            signed = self.headers.get("X-Twilio-Signature") or self.path == "/alarm"
            self.send_response(site.status if signed else 403)
            self.send_header("Set-Cookie", "position=here")
            self.end_headers()
            self.wfile.write(site.document.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield site
        server.shutdown()
        thread.join()


@pytest.fixture
def line(tmp_path: Path, network: Network, redis: str, site: Site) -> Line:
    """Give a line of which every part is well."""
    small_line(tmp_path)
    agencies = tmp_path / "config/agencies.toml"
    words = re.sub(r'\nlast_dialled = ".*"', "", agencies.read_text("utf-8"))
    agencies.write_text(re.sub(r"(\nnumber = )", rf'\nlast_dialled = "{TODAY}"\1', words), "utf-8")
    for name in ("log", "journal", "keys"):
        (tmp_path / name).mkdir(mode=0o700)
    put_tables(f"sqlite:///{tmp_path}/log/line.sqlite3")
    with closing(connect(f"sqlite:///{tmp_path}/log/line.sqlite3")) as database:
        note_alive(database, "a worker", time.time())
    lead(network, site.url)
    return ENVIRONMENT | {
        "PUBLIC_URL": site.url,
        "ALARM_URL": f"{site.url}/alarm",
        "TWILIO_API_URL": network.api_url,
        "REDIS_URL": redis,
        "DATABASE_URL": f"sqlite:///{tmp_path}/log/line.sqlite3",
        "JOURNAL_DIR": f"{tmp_path}/journal",
        "KEYS_DIR": f"{tmp_path}/keys",
        "IVR_CONFIG": f"{tmp_path}/config",
        "IVR_PROMPTS": f"{tmp_path}/prompts",
    }


def lead(network: Network, url: str) -> None:
    """Point the number at a line, as `ivr provision` does."""
    values = wanted_values(url, "https://bins.example")
    camel = {"".join(part.capitalize() for part in name.split("_")): each for name, each in values.items()}
    network.exchange.books.number |= camel


def said(line: Line, verdict: Verdict = Verdict.FAULT, *, alive: bool = True) -> list[str]:
    """Examine a line, while its worker is alive: however slow the test was, its last sign is of now."""
    if alive and "DATABASE_URL" in line:
        with suppress(PartUnavailable):
            note_alive(connect(line["DATABASE_URL"]), "a worker", time.time())
    return [finding.words for finding in examine(line) if finding.verdict == verdict]


def edit(path: Path, old: str, new: str) -> None:
    words = path.read_text("utf-8")
    assert old in words
    path.write_text(words.replace(old, new), "utf-8")


def test_a_line_that_is_well_has_no_fault_and_no_warning(line: Line) -> None:
    done = CliRunner().invoke(main, ["doctor"], env=line)

    assert (done.exit_code, {row.split()[0] for row in done.output.splitlines()}) == (0, {"ok"})
    assert len(done.output.splitlines()) == 22


def test_without_settings_they_are_all_named_and_the_doctor_ends_with_one(line: Line) -> None:
    empty: dict[str, str | None] = dict.fromkeys(line)

    done = CliRunner().invoke(main, ["doctor"], env=empty)

    assert done.exit_code == 1
    assert re.findall(r"^fault +(\w+) is not set", done.output, re.MULTILINE) == [
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_PHONE_NUMBER",
        "PUBLIC_URL",
        "SECRET_KEY",
    ]


def test_parts_that_are_away_are_named_each_with_its_mend(line: Line, tmp_path: Path) -> None:
    (tmp_path / "log/line.sqlite3").unlink()
    shutil.rmtree(tmp_path / "journal")
    shutil.rmtree(tmp_path / "keys")
    away = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", "TWILIO_API_URL": "http://127.0.0.1:9"}

    faults, unknown = said(line | away), said(line | away, Verdict.UNKNOWN)

    mends = ["`ivr release`", "REDIS_URL", "JOURNAL_DIR", "KEYS_DIR", "TWILIO_API_URL"]
    assert [mend for mend, fault in zip(mends, faults, strict=True) if mend not in fault] == []
    assert [words.partition("?")[2].strip() for words in unknown] == [
        "the call log does not answer",
        "Twilio does not answer",
        "Twilio does not answer",
        "Twilio does not answer",
        "the call log does not answer",
    ]


def test_texts_that_did_not_arrive_are_named_by_reason_with_what_can_be_done(line: Line) -> None:
    with closing(connect(line["DATABASE_URL"])) as database:
        for reason in ("30034", "30003", "30003", ""):
            count_delivery(database, datetime.now(UTC).date(), reason)

    (warned,) = said(line, Verdict.WARNING)
    well = [words for words in said(line, Verdict.OK) if "30003" in words]

    assert "30034" in warned
    assert "A2P 10DLC" in warned
    assert len(well) == 1


def test_a_log_without_this_versions_tables_is_a_fault(line: Line, tmp_path: Path) -> None:
    (tmp_path / "log/line.sqlite3").write_bytes(b"")

    assert said(line) == ["the call log lacks tables that this version expects; run `ivr release`"]
    assert any("a worker is alive? the call log" in words for words in said(line, Verdict.UNKNOWN))


def test_a_worker_that_was_killed_is_a_fault_and_one_that_lives_without_redis_is_none(line: Line) -> None:
    away = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    alive = [words for words in said(line | away, Verdict.OK) if "a worker is alive" in words]
    with connect(line["DATABASE_URL"]).write() as sql:
        sql.execute(update(worker_heartbeats).values(at=datetime.now(UTC) - timedelta(seconds=26)))

    (dead,) = said(line, alive=False)

    assert re.search(r"last sign \d+ s ago, workers: 1", alive[0])
    assert dead.startswith("no worker has been alive for 20 s")


@pytest.mark.parametrize(
    ("url", "open_to_others"),
    [
        ("redis://10.0.0.7:6379/0", True),
        ("rediss://redis.example.com:6379/0", True),
        ("redis://:secret@10.0.0.7:6379/0", False),
        ("redis://10.0.0.7:6379/0?password=secret", False),
        ("redis://127.0.0.1:6379/0", False),
        ("redis://[::1]:6379/0", False),
        ("redis://localhost/0", False),
        ("unix:///run/redis.sock", False),
    ],
)
def test_a_redis_that_is_open_to_others_is_a_warning(url: str, open_to_others: bool, line: Line) -> None:  # noqa: FBT001
    claim = "Redis is open to nobody else"
    (found,) = list(examine(line | {"REDIS_URL": url}, {claim: HEALTH_CHECKS[claim]}))[1:]

    assert found.verdict == (Verdict.WARNING if open_to_others else Verdict.OK)
    assert ("requirepass" in found.words) == open_to_others


def test_tables_of_a_newer_version_are_a_fault_that_says_so(line: Line) -> None:
    with connect(line["DATABASE_URL"]).write() as sql:
        sql.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    (words,) = said(line)

    assert "tables are newer (9999) than this version" in words
    assert "Start the newer version again" in words


def test_a_fault_in_the_files_is_told_as_the_check_tells_it(line: Line, tmp_path: Path) -> None:
    edit(tmp_path / "config/menus.toml", 'next = "main"', 'next = "mian"')

    assert any("stops.hello.next: leads to 'mian', which is not declared" in fault for fault in said(line))


def test_a_journal_that_nobody_adopts_is_a_fault(line: Line, tmp_path: Path) -> None:
    left = tmp_path / "journal/1-00c0ffee00c0ffee.journal"
    left.write_bytes(b"")
    young = said(line)
    os.utime(left, (0, time.time() - 120))

    assert young == []
    assert "journals of processes that died wait to be filed: 1;" in said(line)[0]
    assert left.exists()


def test_a_wish_of_a_texter_that_nobody_performs_is_a_fault(line: Line, tmp_path: Path) -> None:
    assert PendingWishes(tmp_path / "journal").note(OptOut("beef"))
    young = said(line)
    wishes = tmp_path / "journal/wishes"
    (new,) = wishes.iterdir()
    new.rename(wishes / f"{0:020d}.OptOut.beef")

    assert young == []
    assert "STOP, START or DELETE is done, and it waits for SQL: 1" in said(line)[0]


@pytest.mark.parametrize(
    ("spoil", "mend"),
    [
        (lambda keys: keys.chmod(0o755), "chmod 700"),
        (lambda keys: (keys / "2020-01.key").touch(), "were not destroyed"),
    ],
)
def test_keys_that_could_be_stolen_are_a_fault(spoil: object, mend: str, line: Line, tmp_path: Path) -> None:
    assert callable(spoil)
    spoil(tmp_path / "keys")

    assert [mend in fault for fault in said(line)] == [True]


@pytest.mark.parametrize("beside", ["journal", "journal/keys", "log"])
def test_keys_beside_the_rows_are_a_fault(beside: str, line: Line, tmp_path: Path) -> None:
    (tmp_path / beside).mkdir(mode=0o700, exist_ok=True)

    assert "a thief or a backup takes both" in said(line | {"KEYS_DIR": f"{tmp_path}/{beside}"})[0]


def test_what_is_older_than_a_week_at_twilio_is_a_fault(line: Line, network: Network) -> None:
    before = said(line)
    network.dial(CALLER)
    network.settle()

    assert before == []
    assert "Twilio's own records older than 7 days: 1;" in said(line)[0]


def test_a_sweep_that_is_off_is_told_with_its_reason_and_no_fault(
    line: Line, network: Network, tmp_path: Path
) -> None:
    edit(tmp_path / "config/line.toml", 'on = true\nwhy_off = ""', 'on = false\nwhy_off = "an audit"')
    network.dial(CALLER)
    network.settle()

    assert said(line) == []
    assert [words.rpartition(": ")[2] for words in said(line, Verdict.WARNING)][1] == "an audit"


def test_agencies_that_nobody_dialled_lately_are_a_warning(line: Line, tmp_path: Path) -> None:
    long_ago = f"{datetime.now(UTC) - timedelta(days=91):%Y-%m-%d}"
    dialled = '"{}"\nnumber = "+18665287109"'
    edit(tmp_path / "config/agencies.toml", dialled.format(TODAY), dialled.format(long_ago))

    assert said(line) == []
    assert said(line, Verdict.WARNING) == [
        "not dialled in 90 days: chrysalis; dial them, and write the day down"
    ]


def test_a_twilio_that_refuses_is_a_fault_with_its_code(line: Line, network: Network) -> None:
    network.faults.rest = [RestFault("429")]

    assert [fault.partition(";")[0] for fault in said(line)] == ["Twilio refused: 429"]


def test_a_part_that_hangs_keeps_no_other_waiting(line: Line) -> None:
    over = threading.Event()

    def hang(_here: Settings) -> Iterator[Finding]:
        over.wait()
        yield from ()

    found = list(examine(line, {"it answers": hang, "so does this": lambda _: iter(())}, patience=1))
    over.set()

    assert [each.verdict for each in found] == [Verdict.OK, Verdict.FAULT, Verdict.OK]
    assert found[1].words.startswith("it answers? No answer in 1 s")


def test_no_number_and_no_secret_is_printed(line: Line) -> None:
    secret = secrets.token_hex()
    url = f"postgresql://line:{secret}@127.0.0.1:{free_port()}/line"

    def tell(here: Settings) -> Iterator[Finding]:
        yield Finding(
            Verdict.FAULT, f"{here.database_url} {here.secret_key} {here.number} {here.account_sid}"
        )
        raise LookupError(CALLER)

    told = [found.words for found in examine(line | {"DATABASE_URL": url, "SECRET_KEY": secret[::-1]})]
    told += [found.words for found in examine(line | {"DATABASE_URL": url}, {"tell": tell})]
    told += [found.words for found in examine(line, {"tell": lambda here: iter([next(tell(here))])})]
    coded = line | {
        "DATABASE_URL": "postgresql://line:hor%40se@db.example/line",
        "REDIS_URL": "redis://:hidden@127.0.0.1:1/0",
    }
    quotes = [fault(f"{text} does not answer") for text in ("hor@se", *coded.values())]
    told += [found.words for found in examine(coded, {"quote": lambda _: iter(quotes)})]

    kept = (
        secret,
        secret[::-1],
        line["SECRET_KEY"],
        "hor@se",
        "hor%40se",
        "hidden",
        OURS[1:],
        CALLER[1:],
        ACCOUNT.sid,
    )
    assert [each for each in kept if any(each in words for words in told)] == []
    assert any("LookupError" in words for words in told)


@pytest.mark.parametrize(
    ("answer", "verdict", "said_of_it"),
    [
        (("<html>a shop</html>", 200), Verdict.FAULT, "leads to somebody else (status 200)"),
        (("ok 0.2.0", 301), Verdict.FAULT, "leads to somebody else (status 301)"),
        (("ok 0.0.1 old", 200), Verdict.WARNING, "another version answers callers: 0.0.1 old"),
    ],
)
def test_a_public_address_that_is_not_this_line_is_named(
    answer: tuple[str, int], verdict: Verdict, said_of_it: str, line: Line, site: Site
) -> None:
    site.words, site.status = answer

    (found,) = said(line, verdict)

    assert said_of_it in found


def test_web_that_is_down_is_a_fault(line: Line, network: Network) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    lead(network, url)

    (found,) = said(line | {"PUBLIC_URL": url})

    assert "PUBLIC_URL does not answer (ConnectionError): is `ivr web` up" in found


def test_a_number_that_leads_elsewhere_is_a_fault_for_each_address(line: Line, network: Network) -> None:
    network.exchange.books.number |= {"VoiceUrl": "https://demo.twilio.com/", "TrunkSid": "TK" + "1" * 32}

    assert [words.partition(" is ")[0] for words in said(line)] == [
        "the number's voice_url",
        "the number's trunk_sid",
    ]


def test_a_number_of_another_account_is_a_fault(line: Line) -> None:
    (found,) = said(line | {"TWILIO_PHONE_NUMBER": "+17055550100"})

    assert "this account has no such number" in found


def test_a_number_bound_to_a_language_is_looked_at_too(line: Line, tmp_path: Path) -> None:
    edit(tmp_path / "config" / "line.toml", "[numbers]", '[numbers]\nfr = "+12895550177"')

    (found,) = said(line)

    assert found.startswith("[numbers] fr in config/line.toml: ")
    assert "this account has no such number" in found


def test_an_account_without_money_is_a_warning_and_a_trial_a_fault(line: Line, network: Network) -> None:
    books = network.exchange.books
    books.kind, books.balance, books.recordings = "Trial", "3.50", ["RE" + "1" * 32]

    (found,) = said(line)
    warnings = said(line, Verdict.WARNING)

    assert "the account is trial, active" in found
    assert ["3.50 USD are left" in words for words in warnings] == [True, False]
    assert "there are recordings" in warnings[1]


def test_a_line_that_answers_with_its_fixed_words_is_a_fault(line: Line, site: Site) -> None:
    site.document = '<Response><Gather action="/voice/fixed"><Say>Sorry. 9 1 1.</Say></Gather></Response>'

    (found,) = said(line)

    assert "a call, tried as Twilio would: callers hear the words" in found


def test_a_line_whose_alarms_reach_nobody_is_warned(line: Line) -> None:
    assert "set ALARM_NUMBER or ALARM_URL" in said(line | {"ALARM_URL": ""}, Verdict.WARNING)[0]


def test_the_doctor_tells_programs_in_json(line: Line) -> None:
    done = CliRunner().invoke(main, ["doctor", "--json"], env=line | {"ALARM_URL": ""})

    rows = [json.loads(row) for row in done.output.splitlines()]

    assert done.exit_code == 0
    assert sorted(row["verdict"] for row in rows) == ["ok"] * 21 + ["warning"]


def test_a_test_alarm_says_whether_it_was_taken(line: Line, site: Site) -> None:
    taken = CliRunner().invoke(main, ["alarm", "--test"], env=line)
    site.status = 500
    refused = CliRunner().invoke(main, ["alarm", "--test"], env=line)
    nobody = CliRunner().invoke(main, ["alarm", "--test"], env=line | {"ALARM_URL": ""})

    assert (taken.exit_code, taken.output) == (0, "ALARM_URL: taken\n")
    assert b"A test of the line's alarm" in site.alarms[0]
    assert (refused.exit_code, refused.output) == (1, "ALARM_URL: HTTPError\n")
    assert nobody.exit_code == 1
