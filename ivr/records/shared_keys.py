"""The keys that all hosts of a line share, in PostgreSQL, sealed under SECRET_KEY: rows alone open nothing.

Each host keeps a copy in KEYS_DIR, sealed alike, so that it goes on and starts without SQL. The first host
that needs a key makes it, and the others take it over. A host that had neither SQL nor a copy has made one
of its own by then, for callers are answered: it takes the shared one from now on, and its own becomes a
further key of that month, so that DELETE, STOP and START reach on every host what was written under it.

A line on SQLite has one host, and its keys lie in KEYS_DIR alone.
"""

from __future__ import annotations

import logging
import secrets
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select, update

from ivr.circuit_breaker import PartUnavailable
from ivr.pseudonyms import (
    FURTHER,
    LASTING,
    RANDOM_BYTES,
    MonthKeys,
    Pseudonyms,
    alive_in,
    is_over,
    month_of,
    name_of,
)
from ivr.records.database import LOCKED_SECONDS, RecordRefused, connect, insert_missing
from ivr.records.table_rewriting import rewrite
from ivr.records.tables import month_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ivr.records.database import Database
    from ivr.settings import Settings

logger = logging.getLogger(__name__)

AHEAD = timedelta(days=7)  # A month's key is made so early, so that no host needs SQL when the month turns.
TRIES = 10  # Each begins anew because another process was first.
DIFFERS = (
    "SECRET_KEY does not open the keys that the other hosts of this line use: each host would give one phone"
    " another mark. Give all hosts the same SECRET_KEY, and the same SECRET_KEY_2 while one is exchanged"
)


class KeysDiffer(Exception):  # noqa: N818 - what is the matter, as a person would say it
    """This host cannot open the keys that the others use."""


def share_keys(settings: Settings, now: Callable[[], float] = time.time) -> None:
    """Take over the keys that all hosts share, before anything is answered; on SQLite there is one host.

    KeysDiffer: this host would give one phone another mark, and must not start. With SQL gone it starts with
    its copy; without one it makes a key of its own, which the others learn of later.
    """
    database = connect(settings.database_url, locked=LOCKED_SECONDS * settings.patience)
    keys = MonthKeys(settings.keys_dir)
    marks = Pseudonyms(settings.secret_key, keys, now, settings.second_secret_key)
    try:
        if database.engine.dialect.name == "postgresql":
            SharedKeys(database, marks).share()
    except (PartUnavailable, RecordRefused, OSError) as fault:
        logger.warning("the keys that hosts share cannot be had, the copy in KEYS_DIR is used: %s", fault)
    finally:
        database.close()


class SharedKeys:
    """The shared keys, as one process sees them."""

    def __init__(self, database: Database, marks: Pseudonyms) -> None:
        self._database = database
        self._marks = marks
        self._keys = marks.keys
        self._differs = False

    def refresh(self) -> None:
        """Take over what the others have, give them what they lack, and forget what is over. Never fails."""
        self._keys.destroy(self._marks.month)  # On a host without a worker nobody else does.
        try:
            self.share()
        except (PartUnavailable, RecordRefused, OSError):
            pass  # The copy is used; who files and who takes snapshots say that SQL is gone.
        except KeysDiffer as fault:
            if not self._differs:
                logger.error("%s", fault)  # noqa: TRY400 - the line goes on
            self._differs = True
        else:
            self._differs = False
        self._marks.refresh()

    def share(self) -> None:
        """Bring SQL and this host's copy to the same keys; PartUnavailable if SQL cannot be asked.

        KeysDiffer, and nothing is changed, if what the others use cannot be opened.
        """
        for _ in range(TRIES):
            rows = self._read()
            keys = self._opened(rows)  # Also where nothing changed: this process may be a new one.
            if self._same(rows):
                return
            lacking = self._lacking(keys)
            if not lacking:
                self._copy(rows)
                return
            with self._database.write() as sql:
                insert_missing(sql, month_keys, [{"name": n, "sealed": s} for n, s in lacking.items()])

    def is_copied(self) -> bool:
        """Whether this host has the keys that all use; KeysDiffer if it cannot open them."""
        rows = self._read()
        self._opened(rows)
        return self._same(rows)

    def carry(self) -> None:
        """Seal every shared key under the new secret alone."""
        changed = update(month_keys).where(month_keys.c.name == bindparam("of"))
        with self._database.write() as sql:
            rows = {row.name: row.sealed for row in sql.execute(select(month_keys).with_for_update())}
            values = [
                {"of": name, "sealed": self._marks.close(key)} for name, key in self._opened(rows).items()
            ]
            if values:
                sql.execute(changed, values)
        self.share()

    def _read(self) -> dict[str, bytes]:
        alive = alive_in(self._marks.month)
        with self._database.read() as sql:
            rows = sql.execute(select(month_keys).order_by(month_keys.c.name)).all()
        return {row.name: bytes(row.sealed) for row in rows if name_of(row.name) in alive}

    def _opened(self, rows: Mapping[str, bytes]) -> dict[str, bytes]:
        keys = {name: self._marks.open(sealed) for name, sealed in rows.items()}
        if not all(keys.values()):
            raise KeysDiffer(DIFFERS)
        return keys

    def _wanted(self) -> set[str]:
        """Name the keys that there have to be."""
        soon = datetime.fromtimestamp(self._marks.now(), UTC) + AHEAD
        return {self._marks.month, month_of(soon.timestamp()), LASTING}

    def _mine(self) -> dict[str, bytes]:
        """Read what lies here of the keys that are in use."""
        alive = alive_in(self._marks.month)
        held = {name: self._keys.held(name) for name in self._keys.names() if name_of(name) in alive}
        return {name: half for name, half in held.items() if half}

    def _same(self, rows: Mapping[str, bytes]) -> bool:
        """Whether there is nothing to do, which is so nearly always."""
        return self._wanted() <= rows.keys() and self._mine() == rows

    def _lacking(self, shared: Mapping[str, bytes]) -> dict[str, bytes]:
        """Give what SQL does not have: this host's own keys, and new ones where nobody has any."""
        known = dict(shared)
        for name, half in self._mine().items():
            key, of = self._marks.open(half), name_of(name)
            if key and key not in {other for each, other in known.items() if name_of(each) == of}:
                known[of if of not in known else _free(of, known)] = key
        for name in self._wanted() - known.keys():
            known[name] = self._marks.open(secrets.token_bytes(RANDOM_BYTES))
        return {name: self._marks.close(key) for name, key in known.items() if name not in shared}

    def _copy(self, rows: Mapping[str, bytes]) -> None:
        """Put here what SQL has, further keys first: none of ours is written over before."""
        mine = self._mine()
        for name in sorted(rows, key=lambda name: (FURTHER not in name, name)):
            if mine.get(name) != rows[name]:
                self._keys.put(name, rows[name])
        for name in mine.keys() - rows.keys():  # Known there under another name by now.
            self._keys.remove(name)


def destroy_shared(database: Database, month: str) -> int:
    """Delete the shared keys of months that are over, also from PostgreSQL's files; give how many."""
    if database.engine.dialect.name != "postgresql":
        return 0
    with database.write() as sql:
        names = [name for name in sql.scalars(select(month_keys.c.name)) if is_over(name, month)]
        if names:
            sql.execute(delete(month_keys).where(month_keys.c.name.in_(names)))
    if names:
        rewrite(database, [month_keys.name])  # If it cannot be now, it is with the other tables.
    return len(names)


def discard(database: Database, keys: MonthKeys) -> None:
    """Destroy every key, here and where hosts share them: they may be known to somebody."""
    for name in keys.names():
        keys.remove(name)
    if database.engine.dialect.name == "postgresql":
        with database.write() as sql:
            sql.execute(delete(month_keys))
        rewrite(database, [month_keys.name])


def _free(name: str, taken: Mapping[str, bytes]) -> str:
    """Name the first further key of a name that is not there yet."""
    return next(each for n in count(1) if (each := f"{name}{FURTHER}{n}") not in taken)
