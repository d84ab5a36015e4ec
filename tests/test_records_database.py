from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ivr.records.database import connect, read_url
from ivr.records.migrations.migrate import upgrade
from ivr.wiring import build_console

if TYPE_CHECKING:
    from ivr.flow.models import Flow
    from ivr.settings import Settings

pytest_plugins = ("postgres",)


def test_sqlite_overwrites_what_is_deleted(sqlite_url: str) -> None:
    names = ("secure_delete", "journal_mode", "foreign_keys", "busy_timeout", "synchronous")
    with connect(sqlite_url).read() as sql:
        found = [sql.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert found == [1, "wal", 1, 300, 1]


def test_an_operators_form_waits_longer_for_another_writer_than_a_webhook(
    settings: Settings, flow: Flow
) -> None:
    upgrade(settings.database_url)

    with build_console(settings, flow).database.read() as sql:
        waits = sql.exec_driver_sql("PRAGMA busy_timeout").scalar()

    assert waits == 10_000


def test_preparing_for_a_database_connects_to_nothing() -> None:
    connect("sqlite:////nowhere/ivr.db")
    connect("postgres://nobody@127.0.0.1:1/none")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_hosts_forms_of_a_postgresql_url_are_understood(scheme: str) -> None:
    url = read_url(f"{scheme}://a:b@host/name?sslmode=require")

    assert (url.drivername, url.database, url.query["sslmode"]) == ("postgresql+psycopg", "name", "require")


@pytest.mark.parametrize("url", ["", "rubbish", "mysql://a:secret@b/c", "sqlite://", "sqlite:///:memory:"])
def test_other_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(ValueError, match="database's URL") as refused:
        read_url(url)

    assert "secret" not in str(refused.value)
