from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text

from ivr.effects import Entry
from ivr.records import migrations
from ivr.records.call_log import list_calls, write_note
from ivr.records.database import Database, RecordsUnavailable, connect
from ivr.records.deletion import erase
from ivr.records.ingest import record
from ivr.records.migrations.migrate import Tables, compare_tables, upgrade
from ivr.records.prompts import basis, list_published, list_versions, publish, save_version
from ivr.records.retention import blur
from ivr.records.tables import metadata
from ivr.records.transfer_store import TransferStore
from ivr.transfer.machine import Transfer

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection

pytest_plugins = ("postgres",)

RENAMED = {
    *("turns", "transfers", "attempts", "live_transfers"),
    *("erased_calls", "notes", "prompt_versions", "published_prompts"),
}

START = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)


def at(seconds: float) -> float:
    return START.timestamp() + seconds


def call(name: str, seconds: float, channel: str = "voice", outcome: str = "") -> list[Entry]:
    return [
        Entry(name, "1", at(seconds), channel, "en", "main", outcome=outcome),
        Entry(name, "end", at(seconds + 1), channel),
    ]


def downgrade(sql: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__path__[0])))
    config.attributes["connection"] = sql
    command.downgrade(config, revision)


def test_migrations_make_the_tables_that_the_code_knows(database: Database) -> None:
    with database.read() as sql:
        context = MigrationContext.configure(sql, opts={"compare_type": True})

        assert compare_metadata(context, metadata) == []
        names = inspect(sql).get_foreign_keys("turns")[0]["name"]
        assert names == "fk_turns_call_id_calls"


def test_migrating_twice_changes_nothing(records_url: str, database: Database) -> None:
    record(database, call("c", 0), at(2))

    upgrade(records_url)

    assert [found.id for found in list_calls(database)] == ["c"]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_log_of_an_earlier_version_is_kept(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    urls = {"sqlite": lambda: f"sqlite:///{tmp_path}/ivr.db"}
    url = urls.get(kind, lambda: request.getfixturevalue("empty_postgres_url"))()
    upgrade(url)
    database = connect(url)
    record(database, call("c", 0), at(2))
    with database.write() as sql:
        downgrade(sql, "0001")

    upgrade(url)

    assert [found.id for found in list_calls(database)] == ["c"]
    assert [blur(database, at(86_399)), blur(database, at(86_400))] == [0, 1]
    database.close()


def test_first_migration_makes_the_folder_of_the_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/var 100%/ivr.db"

    upgrade(url)

    assert list(list_calls(connect(url))) == []


def test_migration_says_when_the_database_is_out_of_reach(tmp_path: Path) -> None:
    (tmp_path / "ivr.db").mkdir()

    with pytest.raises(RecordsUnavailable):
        upgrade(f"sqlite:///{tmp_path}/ivr.db")


def fill(database: Database) -> None:
    """Put a row into every table of which something is renamed."""
    asked = [
        Entry("a", "1", at(0), "voice", "en", "person", order="any", transfer_id="s", mark="m"),
        Entry("a", "ring-s-1", at(2), "voice", order="any", transfer_id="s", rang="chrysalis"),
        Entry("a", "ring-s-2", at(20), "voice", order="any", transfer_id="s", rang="hotline"),
        Entry("a", "2", at(40), "voice", "en", "main", outcome="informed"),
    ]
    record(database, [*asked, *call("gone", 0), Entry("b", "1", at(0), "voice", mark="gone")], at(50))
    TransferStore(database, lambda: at(0)).open(Transfer("s", "a", "any", "en", place=2))
    erase(database, ["gone"], at(51))
    write_note(database, "a", "ada", "The line crackled.")
    for words in ("One.", "Two."):
        save_version(database, "en", "stops.law.say", words, who="ada")
    published = list_versions(database, "stops.law.say")[0]
    assert publish(database, published, basis(list_published(database)), who="ada", second_approver=False)


def rows(database: Database) -> dict[str, list[Any]]:
    with database.read() as sql:
        return {t.name: sorted(sql.execute(select(t)).all(), key=repr) for t in metadata.sorted_tables}


def test_all_that_is_stored_is_there_under_its_new_name(database: Database, records_url: str) -> None:
    fill(database)
    before = rows(database)
    with database.write() as sql:
        downgrade(sql, "0008")
        old = {name: sql.scalar(text(f"SELECT count(*) FROM {name}")) for name in ("wordings", "searches")}  # noqa: S608
        sql.execute(text("INSERT INTO daily VALUES ('2027-01-01', 'order', 'any', 3)"))

    upgrade(records_url)

    assert old == {"wordings": 2, "searches": 1}
    assert rows(database) == before
    assert {name for name, kept in before.items() if not kept} & RENAMED == set()
    with database.read() as sql:
        assert compare_metadata(MigrationContext.configure(sql), metadata) == []


def test_whoever_asks_again_how_the_tables_are_leaves_nothing_in_memory(database: Database) -> None:
    kept = database.engine._compiled_cache  # type: ignore[attr-defined]  # noqa: SLF001 - it grew for hours
    found = [compare_tables(database) for _ in range(3)]

    assert found == [Tables.CURRENT] * 3
    assert len(kept) == 0
