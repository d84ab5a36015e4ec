"""Hosts with disks of their own share their keys by PostgreSQL, and nobody else can open them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from click.testing import CliRunner
from conftest import ROOT
from fakes import ENVIRONMENT
from postgres import put_tables
from sqlalchemy import delete, select

from ivr.cli.main import main
from ivr.effects import Entry
from ivr.flow.models import Retention
from ivr.operations.health_checks import HEALTH_CHECKS, examine
from ivr.pseudonyms import LASTING, MonthKeys, Pseudonyms, month_after
from ivr.records.backup import make_backup, restore_backup
from ivr.records.call_log import list_calls
from ivr.records.database import Database, connect
from ivr.records.deletion import erase
from ivr.records.ingest import record
from ivr.records.shared_keys import DIFFERS, KeysDiffer, SharedKeys, destroy_shared, share_keys
from ivr.records.tables import month_keys
from ivr.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ("postgres",)

NOVEMBER, LATE_NOVEMBER, DECEMBER, JANUARY = (
    1_794_500_000.0,
    1_795_900_000.0,
    1_797_600_000.0,
    1_800_200_000.0,
)
SECRET = "a secret of the environment that all hosts have"
NUMBER = "+19055550123"
LOST = "postgresql://nobody@/nothing?host=/nowhere"


@dataclass
class Calendar:
    at: float = NOVEMBER

    def __call__(self) -> float:
        return self.at


@dataclass
class Host:
    """A host with a disk of its own."""

    database: Database
    disk: Path
    calendar: Calendar
    secret: str = SECRET
    old: str = ""
    marks: Pseudonyms = field(init=False)
    shared: SharedKeys = field(init=False)

    def __post_init__(self) -> None:
        self.marks = Pseudonyms(self.secret, MonthKeys(self.disk), self.calendar, self.old)
        self.shared = SharedKeys(self.database, self.marks)

    def files(self) -> dict[str, bytes]:
        return {name: self.marks.keys.held(name) for name in self.marks.keys.names()}


@pytest.fixture
def log(postgres_url: str) -> Iterator[Database]:
    with closing(connect(postgres_url)) as database:
        yield database


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def hosts(log: Database, tmp_path: Path, calendar: Calendar) -> list[Host]:
    return [Host(log, tmp_path / name, calendar) for name in ("a", "b", "c")]


def rows(log: Database) -> dict[str, bytes]:
    with log.read() as sql:
        return {row.name: bytes(row.sealed) for row in sql.execute(select(month_keys))}


def test_one_phone_has_one_mark_on_every_host_and_one_call_one_id(hosts: list[Host]) -> None:
    for host in hosts:
        host.shared.share()

    assert (
        len(
            {
                (host.marks.caller(NUMBER), host.marks.call("CA1"), *host.marks.callers(NUMBER))
                for host in hosts
            }
        )
        == 1
    )
    assert len({host.marks.listed("opt-out", NUMBER) for host in hosts}) == 1
    assert all(host.shared.is_copied() for host in hosts)


def test_rows_alone_open_nothing(
    hosts: list[Host], log: Database, tmp_path: Path, calendar: Calendar
) -> None:
    hosts[0].shared.share()
    key = hosts[0].marks.open(rows(log)["2026-11"])
    thief = Pseudonyms("a guess", MonthKeys(tmp_path / "thief"), calendar)

    assert len(key) == 32
    assert [kept for kept in rows(log).values() if key in kept or thief.open(kept)] == []
    assert key.hex() not in str(rows(log))
    assert [kept for kept in hosts[0].files().values() if key in kept] == []


def test_a_host_goes_on_and_starts_with_its_copy_when_sql_is_gone(
    hosts: list[Host], calendar: Calendar
) -> None:
    first, second, _ = hosts
    first.shared.share()
    second.shared.share()
    with closing(connect(LOST)) as gone:
        alone = Host(gone, second.disk, calendar)
        alone.shared.refresh()

        assert alone.marks.caller(NUMBER) == first.marks.caller(NUMBER)
        calendar.at = LATE_NOVEMBER
        first.shared.share()
        second.shared.share()
        calendar.at = DECEMBER  # The month turns while SQL is gone: its key was made before.
        alone.shared.refresh()
        assert alone.marks.caller(NUMBER) == first.marks.caller(NUMBER)


def test_what_a_host_wrote_alone_is_found_by_every_host_once_sql_is_back(
    hosts: list[Host], log: Database, calendar: Calendar
) -> None:
    first, second, third = hosts
    with closing(connect(LOST)) as gone:
        alone = Host(gone, third.disk, calendar)
        alone.shared.refresh()
        written, stopped = alone.marks.caller(NUMBER), alone.marks.listed("opt-out", NUMBER)[0]
        call = alone.marks.call("CA9")
    first.shared.share()
    record(log, [Entry(call, "1", NOVEMBER, "voice", "en", "main", mark=written)], NOVEMBER)

    third.shared.share()
    second.shared.share()
    first.shared.refresh()

    assert written != first.marks.caller(NUMBER) == third.marks.caller(NUMBER)
    assert sorted(rows(log)) == ["2026-11", "2026-11+1", LASTING, f"{LASTING}+1"]
    for host in hosts:
        assert written in host.marks.callers(NUMBER)
        assert host.marks.listed("opt-out", NUMBER)[1] == stopped
        assert host.marks.listed("opt-out", NUMBER)[0] == first.marks.listed("opt-out", NUMBER)[0]
    assert erase(log, second.marks.callers(NUMBER), NOVEMBER + 1) == 1
    assert list(list_calls(log)) == []


def test_a_host_that_had_its_own_files_before_gives_them_up_and_loses_nothing(
    hosts: list[Host], log: Database
) -> None:
    first, second, _ = hosts
    before = [host.marks.caller(NUMBER) for host in (first, second)]  # As one host does: files, and no SQL.

    first.shared.share()
    second.shared.share()
    second.shared.share()
    first.shared.share()

    assert first.marks.callers(NUMBER)[0] == before[0]
    assert set(first.marks.callers(NUMBER)) == set(second.marks.callers(NUMBER)) == set(before)
    assert first.files() == second.files() == rows(log)


def test_a_host_with_another_secret_says_so_and_changes_nothing(
    hosts: list[Host], log: Database, tmp_path: Path, calendar: Calendar
) -> None:
    hosts[0].shared.share()
    before = rows(log)
    stranger = Host(log, tmp_path / "stranger", calendar, secret="another secret than that of the others")

    with pytest.raises(KeysDiffer, match="Give all hosts the same SECRET_KEY"):
        stranger.shared.share()
    stranger.shared.refresh()  # One that runs goes on: somebody always answers.

    assert rows(log) == before
    assert stranger.marks.caller(NUMBER) not in hosts[0].marks.callers(NUMBER)


@pytest.fixture
def strange(postgres_url: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give the settings of a host whose secret is not that of the others; its port is in use."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = ENVIRONMENT | {
            "TWILIO_API_URL": "http://127.0.0.1:9",
            "DATABASE_URL": postgres_url,
            "JOURNAL_DIR": str(tmp_path / "journal"),
            "KEYS_DIR": str(tmp_path / "keys"),
            "PORT": str(taken.getsockname()[1]),
        }
        share_keys(
            read_settings(settings | {"SECRET_KEY": "the secret of all other hosts, of 40 characters"})
        )
        yield settings


@pytest.mark.parametrize("command", ["web", "console"])
def test_a_server_whose_key_differs_refuses_to_start(command: str, strange: dict[str, str]) -> None:
    refused = CliRunner().invoke(main, [command], env=strange)

    assert refused.exit_code == 1
    assert DIFFERS in refused.output


def test_a_worker_whose_key_differs_refuses_to_start(strange: dict[str, str]) -> None:
    refused = subprocess.run(
        [str(Path(sys.executable).with_name("ivr")), "worker"],
        env=strange | {"PATH": os.environ["PATH"]},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert refused.returncode == 1
    assert DIFFERS in refused.stderr


def test_the_doctor_says_that_a_hosts_key_differs_or_is_not_here_yet(
    strange: dict[str, str], tmp_path: Path
) -> None:
    claim = "all hosts have the same keys"
    theirs = strange | {"SECRET_KEY": "the secret of all other hosts, of 40 characters"}
    hosts = (strange, theirs, theirs | {"KEYS_DIR": str(tmp_path / "new")})

    found = [list(examine(each, {claim: HEALTH_CHECKS[claim]}))[-1] for each in hosts]

    assert [DIFFERS in str(each) for each in found] == [True, False, False]
    assert ["KEYS_DIR has not the keys" in str(each) for each in found] == [False, False, True]


def test_after_a_theft_all_keys_are_destroyed(strange: dict[str, str], log: Database, tmp_path: Path) -> None:
    before = rows(log)

    done = CliRunner().invoke(main, ["secrets", "discard-keys", "--yes"], env=strange)

    assert before
    assert done.exit_code == 0, done.output
    assert rows(log) == {}
    assert list((tmp_path / "keys").iterdir()) == []
    share_keys(read_settings(strange))  # The new secret has new keys.
    assert rows(log).keys() == before.keys()


def test_a_new_secret_opens_and_seals_the_keys_of_all_hosts(
    hosts: list[Host], log: Database, calendar: Calendar
) -> None:
    for host in hosts[:2]:
        host.shared.share()
    mark = hosts[0].marks.caller(NUMBER)
    both = [Host(log, host.disk, calendar, "a new secret for all of the hosts", SECRET) for host in hosts[:2]]

    both[0].shared.carry()
    both[1].shared.share()
    after = [Host(log, host.disk, calendar, "a new secret for all of the hosts") for host in hosts]
    for host in after:
        host.shared.share()

    assert {host.marks.caller(NUMBER) for host in after} == {mark}
    with pytest.raises(KeysDiffer):
        hosts[0].shared.share()


def test_a_month_that_is_over_is_gone_from_every_disk_and_from_the_data_files(
    hosts: list[Host], log: Database, postgres_url: str, calendar: Calendar
) -> None:
    for host in hosts:
        host.shared.share()
    calendar.at = DECEMBER
    for host in hosts:
        host.shared.refresh()
    sealed = rows(log)["2026-11"]
    with psycopg.connect(postgres_url, autocommit=True) as sql:
        sql.execute("ANALYZE month_keys")  # Whose statistics lie in a file of their own.
    there = in_files(postgres_url, sealed)
    calendar.at = JANUARY
    hosts[0].shared.share()

    gone = destroy_shared(log, hosts[0].marks.month)
    for host in hosts:
        host.shared.refresh()

    assert there != []
    assert gone == 1
    assert sorted(rows(log)) == ["2026-12", "2027-01", LASTING]
    assert in_files(postgres_url, sealed) == []
    assert [sorted(host.files()) for host in hosts] == [["2026-12", "2027-01", LASTING]] * 3
    assert destroy_shared(log, hosts[0].marks.month) == 0


def test_the_next_months_key_is_made_a_week_before(
    hosts: list[Host], log: Database, calendar: Calendar
) -> None:
    hosts[0].shared.share()
    early = sorted(rows(log))
    calendar.at = LATE_NOVEMBER
    hosts[0].shared.share()

    assert early == ["2026-11", LASTING]
    assert sorted(rows(log)) == ["2026-11", "2026-12", LASTING]
    assert month_after("2026-12") == "2027-01"


def test_no_backup_holds_the_keys_and_a_restore_keeps_them(
    hosts: list[Host], log: Database, postgres_url: str, tmp_path: Path
) -> None:
    hosts[0].shared.share()
    kept, backup = rows(log), tmp_path / "backups" / "log.backup"
    make_backup(postgres_url, backup)
    script = subprocess.run(
        ["pg_restore", "--file=-", str(backup)], capture_output=True, text=True, check=True
    ).stdout

    done = restore_backup(
        postgres_url, backup, tmp_path, Retention(rows_days=30, counts_months=24), now=NOVEMBER
    )

    assert [name for name, sealed in kept.items() if sealed.hex() in script] == []
    assert "month_keys" in script
    assert done.faults == ()
    assert rows(log) == kept


def test_keys_that_are_lost_in_sql_come_back_from_a_hosts_disk(hosts: list[Host], log: Database) -> None:
    for host in hosts[:2]:
        host.shared.share()
    mark = hosts[0].marks.caller(NUMBER)
    with log.write() as sql:
        sql.execute(delete(month_keys))

    hosts[1].shared.refresh()
    hosts[2].shared.refresh()

    assert hosts[2].marks.caller(NUMBER) == mark


def test_one_host_on_sqlite_has_files_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/line.sqlite3"
    put_tables(url)
    environment = ENVIRONMENT | {"DATABASE_URL": url, "KEYS_DIR": str(tmp_path / "keys")}

    share_keys(read_settings(environment))

    assert not (tmp_path / "keys").exists()
    with closing(connect(url)) as log:
        assert rows(log) == {}


def in_files(url: str, sealed: bytes) -> list[str]:
    """Name the data files that still hold a key, after all that PostgreSQL holds in memory was written."""
    with psycopg.connect(url, autocommit=True) as sql:
        sql.execute("CHECKPOINT")
        (folder,) = sql.execute("SHOW data_directory").fetchone() or ("",)
    files = [path for path in Path(folder, "base").rglob("*") if path.is_file()]
    return [str(path) for path in files if sealed in path.read_bytes()]
