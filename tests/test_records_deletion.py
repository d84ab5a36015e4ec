from __future__ import annotations

import random
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from postgres import stored
from sqlalchemy import func, select

from ivr.effects import Entry
from ivr.records.call_log import list_calls
from ivr.records.counts import known_calls, list_daily
from ivr.records.database import RecordsUnavailable, connect
from ivr.records.deletion import DAY, erase, scrub
from ivr.records.ingest import JournalFiler, record
from ivr.records.journal import Journal
from ivr.records.opt_outs_blocks import list_blocks, write_block
from ivr.records.retention import blur, forget
from ivr.records.tables import attempts, calls, erased_calls, erased_marks, live_transfers, transfers, turns
from ivr.records.transfer_store import TransferStore
from ivr.transfer.machine import State, Transfer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from ivr.records.database import Database

pytest_plugins = ("postgres",)

NOW = datetime(2027, 3, 20, 12, 34, 56, tzinfo=UTC).timestamp()


def call(name: str, mark: str, at: float = NOW - 100) -> list[Entry]:
    return [
        Entry(name, "0", at, "voice", "", "hello", mark=mark),
        Entry(name, "1", at + 5, "voice", "fr", "person", order="any", transfer_id=f"s{name}", mark=mark),
        Entry(name, f"ring-s{name}-1", at + 6, "voice", order="any", rang="a", transfer_id=f"s{name}"),
        Entry(name, f"end-s{name}-1", at + 16, "voice", order="any", ended="busy", transfer_id=f"s{name}"),
        Entry(name, "2", at + 17, "voice", "fr", "unreached", mark=mark),
        Entry(name, "end", at + 20, "voice"),
    ]


def names(database: Database) -> list[str]:
    return sorted(one.id for one in list_calls(database))


def test_everything_under_a_phones_marks_is_deleted_now(database: Database) -> None:
    for name, mark in (("a", "m1"), ("b", "m2"), ("c", "other"), ("d", "")):
        record(database, call(name, mark), NOW)
        TransferStore(database, lambda: NOW).open(Transfer(f"s{name}", name, "any", "fr", state=State.LEFT))

    count = erase(database, ["m1", "m2", ""], NOW)

    assert count == 2
    assert names(database) == ["c", "d"]
    with database.read() as sql:
        tables = (turns, transfers, attempts, live_transfers)
        found = [sql.scalar(select(func.count()).select_from(table)) for table in tables]
        assert found == [12, 2, 2, 2]
        assert set(sql.execute(select(erased_calls.c.call_id, erased_calls.c.at)).all()) == {
            (name, datetime(2027, 3, 20, 12, tzinfo=UTC)) for name in ("a", "b")
        }
    assert list_daily(database) == []


def test_a_block_on_a_phone_that_is_erased_does_not_tell_that_it_called(database: Database) -> None:
    until = datetime.fromtimestamp(NOW + DAY, UTC)
    with database.write() as sql:
        write_block(sql, "m1", until, "threats", who="ada")
        write_block(sql, "other", until, "noise", who="ada")

    erase(database, ["m1"], NOW)

    assert [one.mark for one in list_blocks(database, NOW)] == ["other"]


def test_callers_who_withhold_their_number_are_nobody(database: Database) -> None:
    record(database, call("a", ""), NOW)

    assert [erase(database, [""], NOW), erase(database, [], NOW)] == [0, 0]
    assert names(database) == ["a"]


def test_mark_is_kept_whichever_turn_brings_it(database: Database) -> None:
    story = call("a", "")
    record(database, [*story[2:], replace(story[0], mark="m")], NOW)
    record(database, story[1:2], NOW)

    assert erase(database, ["m"], NOW) == 1
    assert names(database) == []


def test_mark_is_in_nothing_that_is_shown(database: Database) -> None:
    record(database, call("a", "secret-mark"), NOW)

    (found,) = list_calls(database)

    assert "secret-mark" not in repr(found)
    assert "secret-mark" not in str(found.as_json())


def test_person_who_waits_now_is_not_left_alone(database: Database) -> None:
    record(database, call("a", "m")[:2], NOW)
    store = TransferStore(database, lambda: NOW)
    store.open(Transfer("sa", "a", "any", "fr", state=State.RINGING))

    erase(database, ["m"], NOW)
    waits = stored(store, "sa")
    blur(database, NOW + DAY + 1)

    assert waits is not None
    assert names(database) == []
    assert stored(store, "sa") is None


def test_nothing_erased_is_filed_again_from_an_old_journal(tmp_path: Path, database: Database) -> None:
    record(database, call("known", "m"), NOW)
    dead = Journal(tmp_path)
    late = Entry("unknown", "ring-s-1", NOW - 1, "voice", order="any", rang="a", transfer_id="s")
    for entry in [*call("known", "m"), *call("unknown", "m"), late, *call("other", "n")]:
        dead.write(entry)
    dead.close()
    erase(database, ["m"], NOW)

    JournalFiler(Journal(tmp_path), database, lambda: NOW).tend(NOW + 1)
    record(database, [late], NOW + 2)

    assert names(database) == ["other"]


def test_what_was_filed_without_its_caller_is_erased_when_the_caller_is_known(database: Database) -> None:
    story = call("a", "m")
    record(database, story[2:4], NOW)
    erase(database, ["m"], NOW)
    before = names(database)

    record(database, story[:2], NOW + 1)

    assert (before, names(database)) == (["a"], [])


def test_call_after_erasing_is_a_call_as_any_other(database: Database) -> None:
    erase(database, ["m"], NOW)

    record(database, call("new", "m", NOW + 10), NOW + 60)

    assert names(database) == ["new"]


def test_who_asked_is_forgotten_after_a_day(database: Database) -> None:
    erase(database, ["m"], NOW)
    found: list[list[str]] = []

    for later in (DAY - 1, DAY + 1):
        blur(database, NOW + later)
        with database.read() as sql:
            found.append(list(sql.scalars(select(erased_marks.c.mark))))

    assert found == [["m"], []]


def test_erased_calls_are_known_to_have_been(database: Database) -> None:
    record(database, [*call("a", "m"), *call("b", "n")], NOW)
    erase(database, ["m"], NOW)

    assert known_calls(database, ["a", "b", "c", *map(str, range(1200))]) == {"a", "b"}


def test_turns_filed_meanwhile_do_not_come_back(records_url: str, database: Database) -> None:
    both = threading.Barrier(2)

    def insist(work: list[Entry] | None) -> None:
        mine = connect(records_url)
        both.wait()
        for entry in work or [None] * 20:  # type: ignore[list-item]
            while True:
                try:
                    record(mine, [entry], NOW) if entry else erase(mine, ["m"], NOW)  # type: ignore[func-returns-value]
                except RecordsUnavailable:
                    continue
                break
        mine.close()

    filed = [entry for number in range(10) for entry in call(str(number), "m")]
    threads = [threading.Thread(target=insist, args=(work,)) for work in (filed, None)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    record(database, call("last", "m"), NOW)
    assert [name for name in names(database) if name != "last"] == []


def random_call(chance: random.Random, days_ago: float) -> list[Entry]:
    name, mark = (f"{chance.getrandbits(128):032x}" for _ in range(2))
    return call(name, mark, NOW - days_ago * DAY)


def test_no_byte_of_what_was_deleted_is_left_in_the_file(
    sqlite_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(1)  # noqa: S311 - the same calls every time; without scrubbing some ids are left
    log = [random_call(chance, days) for days in [chance.uniform(0, 60) for _ in range(700)]]
    database = connect(sqlite_url)
    entries = [entry for one in log for entry in one]
    chance.shuffle(entries)
    with database.engine.connect():  # Somebody has the file open: its log stays.
        for start in range(0, len(entries), 300):
            record(database, entries[start : start + 300], NOW - 60 * DAY)
        blur(database, NOW)

        gone = forget(database, NOW, 30, 24)
        young = [one for one in log if one[0].at // 3600 * 3600 >= NOW - 30 * DAY]
        asked = young[:5]
        erase(database, [one[0].mark for one in asked], NOW)
        late = "traces of deleted rows may be left" in caplog.text  # A busy machine may need longer for it.
        patient = late and scrub(database, 60)

        files = sorted(tmp_path.glob("ivr.db*"))
        bytes_left = b"".join(path.read_bytes() for path in files)

    assert gone.scrubbed or late
    assert patient == late
    assert any(path.name == "ivr.db-wal" for path in files)
    kept = [one[0] for one in young if one not in asked]
    assert all(one.call.encode() in bytes_left and one.mark.encode() in bytes_left for one in kept)
    deleted = {one[0].call.encode() for one in log if one not in young}
    deleted |= {one[0].mark.encode() for one in log if one not in young}
    assert [name for name in deleted if name in bytes_left] == []
    assert [one for one in asked if f"s{one[0].call}".encode() in bytes_left] == []


def test_no_writer_waits_long_for_scrubbing(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    database = connect(sqlite_url)
    chance = random.Random(1)  # noqa: S311 - the same calls every time
    record(database, [entry for _ in range(300) for entry in random_call(chance, 1)], NOW)

    hasty = scrub(database, 0)
    patient = scrub(database, 60)

    assert (hasty, patient) == (False, True)
    assert "traces" in caplog.text
    assert len(names(database)) == 300


def test_scrubbing_says_when_somebody_reads_all_the_time(sqlite_url: str) -> None:
    database = connect(sqlite_url)
    record(database, call("a", "m"), NOW)

    with connect(sqlite_url).read() as sql:
        sql.execute(select(calls)).all()
        record(database, call("b", "m"), NOW)

        assert not scrub(database, tries=1)

    assert scrub(database, 60)
