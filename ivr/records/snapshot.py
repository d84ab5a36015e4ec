"""What SQL knows of agencies, phones, what is published, held in this process: no turn waits for it.

Its last good copy lies beside the journal, so that a process that starts without SQL knows it as well.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import TYPE_CHECKING

import msgspec

from ivr.circuit_breaker import PartUnavailable
from ivr.encryption import make_private_folder, open_private
from ivr.records.agency_status import FAILS_FOR, list_status
from ivr.records.database import RecordRefused
from ivr.records.deletion import list_erased
from ivr.records.ingest import REFRESH_EVERY
from ivr.records.opt_outs_blocks import list_blocks, list_opt_outs
from ivr.records.phrase_versions import version_in_force
from ivr.records.prompts import list_published, read_notice, texts
from ivr.records.retention import NOBODY_CHOSE, Chosen, read_chosen
from ivr.understanding.weights_in_force import FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from ivr.flow.prompts import Wording
    from ivr.records.database import Database

logger = logging.getLogger(__name__)

NAME = "snapshot.json"


@dataclass(frozen=True)
class Snapshot:
    """What holds of agencies, of phones by their marks, and of prompts, at one moment."""

    off: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()
    taken_at: float = 0  # When SQL said so; 0: never.
    opted_out: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    kept: Chosen = NOBODY_CHOSE  # How long the log is kept, where an administrator chose it.
    prompts: Wording = field(default_factory=dict)  # Published over those of the files.
    weights: int = FILES  # The version of phrases whose weights read texts.
    notice: Mapping[str, str] = field(default_factory=dict)  # Language -> what is said for a time.


class Known(msgspec.Struct, frozen=True):
    """What SQL said, and how long it holds: a copy may be read much later."""

    off: dict[str, float | None] = msgspec.field(default_factory=dict)  # Until when; null: until switched on.
    failing: dict[str, float] = msgspec.field(default_factory=dict)
    taken_at: float = 0
    opted_out: frozenset[str] = frozenset()
    blocked: dict[str, float] = msgspec.field(default_factory=dict)
    kept: Chosen = NOBODY_CHOSE
    prompts: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)  # Language -> key -> text.
    weights: int = FILES
    notice: dict[str, str] = msgspec.field(default_factory=dict)
    notice_until: float = 0
    erased: frozenset[str] = frozenset()  # Calls that no backup may bring back.

    def same(self, other: Known) -> bool:
        """Whether it says the same, whenever it was said."""
        return msgspec.structs.replace(self, taken_at=other.taken_at) == other


class SnapshotHolder:
    """Holds the last snapshot that SQL gave."""

    def __init__(self, database: Database, folder: Path, now: Callable[[], float]) -> None:
        self._database = database
        self._path = folder / NAME
        self._now = now
        self._known = read_copy(folder)
        self._kept = self._known
        self._away = False

    @property
    def current(self) -> Snapshot:
        """The snapshot as it holds now. Never waits."""
        known, now = self._known, self._now()
        return Snapshot(
            off=frozenset(name for name, until in known.off.items() if until is None or now < until),
            failing=frozenset(name for name, until in known.failing.items() if now < until),
            taken_at=known.taken_at,
            opted_out=known.opted_out,
            blocked=frozenset(mark for mark, until in known.blocked.items() if now < until),
            kept=known.kept,
            prompts=known.prompts,
            weights=known.weights,
            notice=known.notice if now < known.notice_until else {},
        )

    def refresh(self) -> bool:
        """Ask SQL anew, and keep a copy. False when it cannot be asked: what was known still holds."""
        now = self._now()
        try:
            self._known = _ask(self._database, now)
        except (PartUnavailable, RecordRefused) as fault:
            if not self._away:
                logger.warning("what operators switch cannot be read, the last known holds: %s", fault)
            self._away = True
            return False
        self._away = False
        self._keep(self._known)
        return True

    def _keep(self, known: Known) -> None:
        """Copy it to the disk if it has changed; half a copy is never seen."""
        if known.same(self._kept) and self._path.exists():
            return
        draft = self._path.with_suffix(f".{os.getpid()}")
        try:
            make_private_folder(self._path.parent)
            with os.fdopen(open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as copy:
                copy.write(msgspec.json.encode(known))
                copy.flush()
                os.fsync(copy.fileno())
            draft.replace(self._path)
        except OSError as fault:
            logger.warning("the copy of what operators switch cannot be written: %s", fault)
            return
        self._kept = known


def read_copy(folder: Path) -> Known:
    """Read the last good copy that lies in a folder, or know nothing."""
    try:
        return msgspec.json.decode((folder / NAME).read_bytes(), type=Known)
    except FileNotFoundError:
        return Known()
    except (OSError, ValueError, msgspec.MsgspecError) as fault:
        logger.warning("the copy of what operators switch cannot be read: %s", fault)
        return Known()


def _run(refresh: Callable[[], object], every: float, stopping: Event) -> None:
    while not stopping.wait(every):
        try:
            refresh()
        except Exception:
            logger.warning("refreshing failed, and is tried again", exc_info=True)


def keep_refreshing(refresh: Callable[[], object], every: float = REFRESH_EVERY) -> Event:
    """Refresh every few seconds in a process that files nothing, until it ends or the event is set."""
    stopping = Event()
    Thread(target=_run, args=(refresh, every, stopping), name="refreshing", daemon=True).start()
    return stopping


def _ask(database: Database, now: float) -> Known:
    """Ask SQL for what decides who is rung, and who is answered how."""
    status, notice = list_status(database, now), read_notice(database, now)
    return Known(
        off={name: _seconds(one.until) for name, one in status.items() if one.off},
        failing={
            name: (one.last_at + FAILS_FOR).timestamp()
            for name, one in status.items()
            if one.failing and one.last_at
        },
        taken_at=now,
        opted_out=list_opt_outs(database),
        blocked={one.mark: one.until.timestamp() for one in list_blocks(database, now)},
        kept=read_chosen(database),
        prompts=texts(list_published(database)),
        weights=version_in_force(database),
        notice=dict(notice.words),
        notice_until=_seconds(notice.until) or 0,
        erased=list_erased(database),
    )


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None
