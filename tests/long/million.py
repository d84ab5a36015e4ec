"""A log of a million calls, made quickly, to measure what operators wait for."""

from __future__ import annotations

import hashlib
import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from ivr.records.tables import attempts, calls, transfers, turns

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from rich.progress import Progress
    from sqlalchemy import Table

    from ivr.records.database import Database

DAYS = 30  # As long as callers are told; older rows are deleted.
TURNS_OF_A_CALL = 4
SHARE_WHO_ASK = 5  # One caller in so many asks for a person.
AT_ONCE = 100_000
HASTY = ("synchronous = OFF", "cache_size = -2000000")  # Nobody else reads a log that is being filled.
OUTCOMES = ("informed", "informed", "informed", "left", "abandoned", "opted_out")
RINGS = ("accepted", "no_answer", "voicemail", "declined", "busy", "failed")

Row = tuple[Any, ...]


def fill(
    database: Database, count: int, stops: Sequence[str], agencies: Sequence[str], progress: Progress
) -> datetime:
    """Fill an empty log with so many calls of the last days; give the day after the last one."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    task = progress.add_task(f"a log of {count:,} calls", total=count)
    dice = random.Random(7)  # noqa: S311 - the same calls each time
    if database.engine.dialect.name == "sqlite":
        event.listen(database.engine, "checkout", _hurry)
    for start in range(0, count, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, count))
        chunk = [
            _call(n, end - timedelta(days=DAYS) * (1 - n / count), dice, stops, agencies) for n in numbers
        ]
        for table in (calls, turns, transfers, attempts):
            _put(database, table, list(itertools.chain.from_iterable(rows[table.name] for rows in chunk)))
        progress.advance(task, len(numbers))
    if event.contains(database.engine, "checkout", _hurry):
        event.remove(database.engine, "checkout", _hurry)
        database.close()  # What is opened next waits for the disk as ever.
    _settle(database)
    return end


def _call(
    n: int, at: datetime, dice: random.Random, stops: Sequence[str], agencies: Sequence[str]
) -> dict[str, list[Row]]:
    """Make the rows of one call, each with its columns in their tables' order."""
    id_ = hashlib.blake2b(str(n).encode(), digest_size=16).hexdigest()
    began = at.replace(minute=0, second=0, microsecond=0)  # Blurred, as all but the last day's are.
    asks = n % SHARE_WHO_ASK == 0
    language = dice.choice(("en", "en", "en", "fr"))
    ring = dice.choice(RINGS)
    outcome = ("connected" if ring == "accepted" else "not_connected") if asks else dice.choice(OUTCOMES)
    seen = [dice.choice(stops) for _ in range(TURNS_OF_A_CALL)]
    channel = "text" if dice.random() < 0.2 else "voice"
    call = (
        id_,
        channel,
        began,
        began + timedelta(seconds=dice.randrange(5, 900)),
        False,
        language,
        seen[-1],
        outcome,
        len(seen),
        "",
        None,
    )
    rows: dict[str, list[Row]] = {"calls": [call], "transfers": [], "attempts": []}
    rows["turns"] = [
        (
            id_,
            str(k),
            k,
            stop,
            "pressed",
            12.0 * k,
            language,
            "any" if asks and k == len(seen) - 1 else "",
            *[""] * 6,
        )
        for k, stop in enumerate(seen)
    ]
    if asks:
        rows["transfers"] = [
            (f"{id_}-1", id_, 1, "any", began, "connected" if ring == "accepted" else "not_connected", 21.0)
        ]
        answered = began if ring in {"accepted", "declined"} else None
        taken = began if ring == "accepted" else None
        rows["attempts"] = [
            (
                f"{id_}-1-1",
                f"{id_}-1",
                1,
                dice.choice(agencies),
                began,
                answered,
                taken,
                began,
                ring,
                20.0,
                20.0,
            )
        ]
    return rows


def _put(database: Database, table: Table, rows: list[Row]) -> None:
    """Write rows by each database's quickest way."""
    columns = [column.name for column in table.columns]
    connection = database.engine.raw_connection()
    try:
        if database.engine.dialect.name == "postgresql":
            names = ", ".join(columns)
            connection.cursor().execute("SET statement_timeout = 0")  # A busy machine may take its time.
            with connection.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join("?" * len(columns))
            sql = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - names of our own
            connection.cursor().execute("BEGIN")  # Else each row would be a transaction of its own.
            connection.cursor().executemany(sql, list(_plain(rows)))
        connection.commit()
    finally:
        connection.close()


def _hurry(connection: sqlite3.Connection, *_: object) -> None:
    for pragma in HASTY:
        connection.execute(f"PRAGMA {pragma}")


def _settle(database: Database) -> None:
    """Let the database count what it holds, as a server does by itself in time."""
    connection = database.engine.raw_connection()
    try:
        if database.engine.dialect.name == "postgresql":
            connection.cursor().execute("SET statement_timeout = 0")
        connection.cursor().execute("ANALYZE")
        connection.commit()
    finally:
        connection.close()


def _plain(rows: Iterable[Row]) -> Iterator[Row]:
    """Write moments as SQLite keeps them."""
    for row in rows:
        yield tuple(f"{each:%Y-%m-%d %H:%M:%S.%f}" if isinstance(each, datetime) else each for each in row)
