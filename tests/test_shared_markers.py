"""Hosts learn each other's markers by PostgreSQL; with SQL gone each has its own."""

from __future__ import annotations

import os
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from ivr.records.database import Database, connect
from ivr.records.markers import FORGET_AFTER, Markers, SharedMarkers, forget_shared
from ivr.records.tables import markers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest_plugins = ("postgres",)


@pytest.fixture
def log(postgres_url: str) -> Iterator[Database]:
    with closing(connect(postgres_url)) as database:
        yield database


@pytest.fixture
def hosts(tmp_path: Path) -> tuple[Markers, Markers]:
    return Markers(tmp_path / "a"), Markers(tmp_path / "b")


def count(log: Database) -> int:
    with log.read() as sql:
        return sql.scalar(select(func.count()).select_from(markers)) or 0


def test_what_one_host_notes_the_other_knows(log: Database, hosts: tuple[Markers, Markers]) -> None:
    a, b = hosts
    shared = [SharedMarkers(log, each, time.time) for each in hosts]
    a.mark("call", 3)
    a.note_forged("forged")
    a.agree("waiting", waits=True)
    b.agree("direct", waits=False)
    unknown = b.knows("call", 3)

    for each in (*shared, *shared):
        each.refresh()

    assert not unknown
    assert b.knows("call", 3)
    assert b.is_forged("forged")
    assert b.agree("waiting", waits=False)  # A copy of the webhook that came to the other host.
    assert not a.agree("direct", waits=True)
    assert not b.knows("call", 4)


def test_with_sql_gone_a_host_has_its_own_and_tells_them_later(
    log: Database, hosts: tuple[Markers, Markers]
) -> None:
    a, b = hosts
    with closing(connect("postgresql://nobody@/nothing?host=/nowhere")) as gone:
        alone = SharedMarkers(gone, a, time.time)
        a.mark("call", 3)
        alone.refresh()
        SharedMarkers(gone, b, time.time).refresh()
    own, other = a.knows("call", 3), b.knows("call", 3)

    SharedMarkers(log, a, time.time).refresh()
    SharedMarkers(log, b, time.time).refresh()

    assert (own, other) == (True, False)
    assert b.knows("call", 3)


def test_a_marker_is_forgotten_everywhere_after_some_hours_and_stays_so(
    log: Database, hosts: tuple[Markers, Markers], tmp_path: Path
) -> None:
    for each in hosts:
        each.mark("call", 3)
        SharedMarkers(log, each, time.time).refresh()
    later = time.time() + FORGET_AFTER + 1
    hosts[0].forget(later)
    forget_shared(log, later)
    SharedMarkers(log, hosts[1], lambda: later).refresh()  # One that has it still tells nobody any more.
    SharedMarkers(log, hosts[0], lambda: later).refresh()
    hosts[1].forget(later)

    assert count(log) == 0
    assert [list((tmp_path / name / "accepted").iterdir()) for name in ("a", "b")] == [[], []]


def test_a_copied_marker_is_as_old_as_what_was_told(
    log: Database, hosts: tuple[Markers, Markers], tmp_path: Path
) -> None:
    told = time.time() - 3600
    hosts[0].agree("waiting", waits=True)
    SharedMarkers(log, hosts[0], lambda: told).refresh()
    SharedMarkers(log, hosts[1], time.time).refresh()

    assert abs(os.lstat(tmp_path / "b/accepted/waiting").st_mtime - told) < 1


def test_a_marker_that_comes_later_is_read_too(log: Database, hosts: tuple[Markers, Markers]) -> None:
    a, b = (SharedMarkers(log, each, time.time) for each in hosts)
    for turn in range(3):
        hosts[turn % 2].mark("call", turn)
        for each in (a, b, a, b):
            each.refresh()

    assert all(each.knows("call", turn) for each in hosts for turn in range(3))
    assert count(log) == 3
