"""The one place where the parts of a line meet. Web, worker, command line and tests all start here."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING

from ivr.breaker import Breaker
from ivr.flow.reading import read_flow
from ivr.line import Line
from ivr.logs import set_up_logs
from ivr.marks import Keys, Marks
from ivr.records.accepted import Accepted
from ivr.records.database import connect
from ivr.records.filing import Filer
from ivr.records.journal import Journal
from ivr.records.snapshot import Snapshots
from ivr.records.timely import Timely
from ivr.records.transfers import Transfers
from ivr.searching import Searching
from ivr.settings import Settings, read_settings
from ivr.telephony.alarm import Alarms
from ivr.telephony.fixed import fixed_documents
from ivr.telephony.phone import TwilioPhone
from ivr.telephony.signature import Signatures
from ivr.telephony.twiml import Speech
from ivr.transfer.roster import Status
from ivr.web.app import create_app
from ivr.web.cookies import Cookies
from ivr.web.orphans import die_with_parent
from ivr.web.parts import Parts
from ivr.welcome import Lists, Welcome
from ivr.work.limits import RedisLimits
from ivr.work.queue import RedisLater, connect_redis
from ivr.work.sealed import Sealed
from ivr.work.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask

    from ivr.records.database import Database
    from ivr.searching import Store

DAY = 86_400  # Seconds that the row of a transfer is kept; the log has its story.
FORGET_EVERY = 600
WEBHOOK_SECONDS = 0.3  # What SQL may take of a webhook's time.


def build_line(settings: Settings, journal: Journal, store: Store, snapshots: Snapshots) -> Line:
    """Put one line together. Nothing is connected yet: each part connects when first used."""
    flow = read_flow(settings.config, settings.prompts)
    redis, breaker = connect_redis(settings.redis_url), Breaker()
    later = RedisLater(redis, Sealed(redis, settings.secret_key, breaker), breaker)
    phone, slots = TwilioPhone(settings), Slots(redis, breaker, every=1 / settings.calls_per_second)
    status = partial(_status, snapshots)
    searching = Searching(flow.directory, store, journal, later, slots, phone, status)
    alarms = Alarms(phone, settings.alarm_number, settings.alarm_url)
    limits = RedisLimits(redis, breaker)
    welcome = Welcome(limits, Lists)
    line = Line(flow, journal, phone, later, searching, status, welcome, None, alarms.tell)
    later.perform_with(line.perform)
    return line


def build_worker_line(settings: Settings) -> Line:
    """Put together the line of the worker, with a journal and a filer of its own."""
    database, journal = connect(settings.database_url), Journal(settings.journal_dir)
    snapshots = Snapshots(database, settings.journal_dir, time.time)
    line = build_line(settings, journal, Transfers(database, time.time), snapshots)
    _file(settings, line, journal, database, snapshots)
    return line


def _file(settings: Settings, line: Line, journal: Journal, database: Database, snapshots: Snapshots) -> None:
    """Start filing the journal of this process, and what else its thread looks after."""
    keep = line.flow.line.retention.rows_days * 86_400
    accepted = Accepted(settings.journal_dir)

    ended = Transfers(database, time.time)
    forgotten = 0.0

    def look() -> None:
        nonlocal forgotten
        snapshots.refresh()
        if time.time() - forgotten > FORGET_EVERY:
            forgotten = time.time()
            accepted.forget(forgotten)
            ended.forget(forgotten - DAY)

    Filer(journal, database, time.time, keep_seconds=keep, look=look).start()


def _status(snapshots: Snapshots) -> Status:
    known = snapshots.current
    return Status(known.off, known.failing)


def build_parts(settings: Settings, line: Line, now: Callable[[], float] = time.time) -> Parts:
    """Put together what answers webhooks for a line."""
    audio = settings.prompts / "audio"
    speech = Speech(line.flow, settings.number, settings.public_url, recordings(audio))
    return Parts(
        line=line,
        speech=speech,
        fixed=fixed_documents(speech),
        signatures=Signatures(settings.public_url, settings.auth_token, settings.second_auth_token),
        marks=Marks(settings.secret_key, Keys(settings.keys_dir), now),
        accepted=Accepted(settings.journal_dir),
        cookies=Cookies(settings.secret_key),
        audio=audio.absolute(),
        advanced_opt_out=settings.opt_out == "advanced",
        now=now,
    )


def recordings(audio: Path) -> frozenset[tuple[str, str]]:
    """List the recordings that replace a synthetic voice: (language, prompt key)."""
    return frozenset((path.parent.name, path.stem) for path in audio.glob("*/*.mp3"))


def web() -> Flask:
    """Start answering webhooks: what granian calls in each of its workers."""
    set_up_logs()
    settings = read_settings(os.environ)
    journal, database = Journal(settings.journal_dir), connect(settings.database_url)
    snapshots = Snapshots(database, settings.journal_dir, time.time)
    store = Timely(Transfers(connect(settings.database_url, WEBHOOK_SECONDS), time.time))
    line = build_line(settings, journal, store, snapshots)
    parts = build_parts(settings, line)
    app = create_app(parts)
    die_with_parent()
    _file(settings, line, journal, database, snapshots)
    return app
