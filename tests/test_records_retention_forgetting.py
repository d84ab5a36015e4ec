from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from ivr.effects import Entry
from ivr.records.call_log import list_calls
from ivr.records.counts import CountKey, add_counts, list_daily
from ivr.records.database import Database, RecordsUnavailable, connect
from ivr.records.deletion import DAY, filed_for
from ivr.records.ingest import JournalFiler, record
from ivr.records.journal import Journal
from ivr.records.opt_outs_blocks import list_blocks, write_block
from ivr.records.retention import Forgotten, forget
from ivr.records.tables import attempts, calls, erased_calls, transfers, turns
from ivr.records.transfer_store import TransferStore
from ivr.transfer.machine import Transfer

if TYPE_CHECKING:
    from pathlib import Path


pytest_plugins = ("postgres",)

NOW = datetime(2027, 3, 20, 12, 0, tzinfo=UTC).timestamp()
FORGETTING = """
import sys
from ivr.records.database import connect
from ivr.records.retention import forget
tell = lambda *done: print(*done, flush=True)
forget(connect(sys.argv[1]), float(sys.argv[2]), 30, 24, batch=1, progress=tell)
"""


def at(days_ago: float) -> float:
    return NOW - days_ago * DAY


def call(name: str, days_ago: float) -> list[Entry]:
    start = at(days_ago)
    return [
        Entry(name, "0", start, "voice", "", "hello"),
        Entry(name, "1", start + 5, "voice", "fr", "person", order="any", rang="a"),
        Entry(name, "2", start + 17, "voice", "fr", "unreached", ended="busy"),
        Entry(name, "end", start + 20, "voice"),
    ]


def everything(number: int) -> dict[str, int]:
    """Say what is counted of so many calls."""
    once = ["calls", "language", "outcome", "hour", "last_stop", "transfer"]
    once.append("reached")  # They were rung for, and nothing more.
    return dict.fromkeys([*once, "agency_rung", "agency_busy"], number) | {"stop": 3 * number}


def counted(database: Database) -> dict[str, int]:
    """Say how many things of each kind were counted."""
    found: Counter[str] = Counter()
    for row in list_daily(database):
        found[row.what] += row.count
    return dict(found)


def sizes(database: Database) -> list[int | None]:
    with database.read() as sql:
        tables = (calls, turns, transfers, attempts)
        return [sql.scalar(select(func.count()).select_from(table)) for table in tables]


def test_progress_is_told_and_stopping_loses_nothing(database: Database) -> None:
    record(database, [entry for number in range(7) for entry in call(f"c{number}", 31 + number)], NOW)
    seen: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        forget(database, NOW, 30, 24, batch=2, progress=stop)
    rest = forget(database, NOW, 30, 24, batch=2)

    assert seen == [(0, 7), (2, 7), (4, 7)]
    assert rest.calls == 3
    assert counted(database) == everything(7)


def test_process_that_is_killed_leaves_whole_batches(records_url: str, database: Database) -> None:
    record(database, [entry for number in range(60) for entry in call(f"c{number}", 31)], NOW)

    command = [sys.executable, "-c", FORGETTING, records_url, str(NOW)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forgetting:
        assert forgetting.stdout
        while int(forgetting.stdout.readline().split()[0]) < 9:
            pass
        forgetting.send_signal(signal.SIGKILL)
        forgetting.wait()
    left = sizes(database)[0] or 0
    gone = forget(database, NOW, 30, 24)

    assert 0 < left < 60
    assert gone.calls == left
    assert counted(database) == everything(60)


def test_two_at_once_count_every_call_once(records_url: str, database: Database) -> None:
    record(database, [entry for number in range(40) for entry in call(f"c{number}", 31)], NOW)
    both, done = threading.Barrier(2), []

    def forget_too() -> None:
        mine = connect(records_url)
        both.wait()
        while True:
            try:
                done.append(forget(mine, NOW, 30, 24, batch=2))
            except RecordsUnavailable:
                continue
            break
        mine.close()

    threads = [threading.Thread(target=forget_too) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sizes(database) == [0, 0, 0, 0]
    assert sum(gone.calls for gone in done) <= 40
    assert counted(database) == everything(40)


def test_what_else_is_over_is_deleted(database: Database) -> None:
    days = [date(2025, 2, 28), date(2025, 3, 1), date(2027, 1, 1)]
    with database.write() as sql:
        add_counts(sql, {CountKey(day, "calls"): 3 for day in days})
        ages = {"old": 71, "young": 69}
        rows = [{"call_id": name, "at": datetime.fromtimestamp(at(age), UTC)} for name, age in ages.items()]
        sql.execute(erased_calls.insert(), rows)
    with database.write() as sql:
        for mark, days_left in (("free", 0), ("not free", 1)):
            write_block(sql, mark, datetime.fromtimestamp(at(-days_left), UTC), "rude", who="ada")
    TransferStore(database, lambda: at(1.1)).open(Transfer("s", "c", "any", "en"))

    gone = forget(database, NOW, 30, 24)

    assert gone == Forgotten(live_transfers=1, counts=1, erased=1, blocks=1)
    assert [row.day for row in list_daily(database)] == days[1:]
    assert [one.mark for one in list_blocks(database, 0)] == ["not free"]


def test_nothing_forgotten_is_filed_again_from_an_old_journal(tmp_path: Path, database: Database) -> None:
    began = 30 + 100 / DAY  # Its last turns are younger than what is forgotten.
    slow = [*call("slow", began), Entry("slow", "3", at(began) + 3600, "voice", "fr", "main")]
    record(database, slow[:2], NOW)
    dead = Journal(tmp_path)
    for entry in [*call("old", 40), *slow, *call("young", 29)]:
        dead.write(entry)
    dead.close()
    forget(database, NOW, 30, 24)
    before = counted(database)

    JournalFiler(Journal(tmp_path), database, lambda: NOW, keep_seconds=lambda: filed_for(30)).tend(NOW)
    again = forget(database, NOW, 30, 24)

    assert [one.id for one in list_calls(database)] == ["young"]
    assert again.calls == 0
    assert counted(database) == before


def test_forgetting_nothing_says_so(database: Database) -> None:
    assert asdict(forget(database, NOW, 30, 24)) == asdict(Forgotten())
