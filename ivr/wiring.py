"""The one place where the parts of a line meet. Web, worker, command line and tests all start here."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ivr.caller_limits import CallerLimits, ListedCallers
from ivr.circuit_breaker import CircuitBreaker
from ivr.flow.loader import read_flow
from ivr.flow.prompts import unchanged
from ivr.hours import zone
from ivr.line import Line
from ivr.live_prompts import LivePrompts
from ivr.logs import set_up_logs
from ivr.pseudonyms import MonthKeys, Pseudonyms, month_of
from ivr.records.database import connect
from ivr.records.deletion import filed_for
from ivr.records.ingest import JournalFiler
from ivr.records.journal import Journal
from ivr.records.markers import Markers
from ivr.records.retention import within
from ivr.records.snapshot import SnapshotHolder
from ivr.records.transfer_store import TimeLimitedStore, TransferStore
from ivr.records.unknown_calls import known_calls
from ivr.settings import Settings, read_settings
from ivr.telephony.alarms import Alarms
from ivr.telephony.data_deletion import DeletionSweep, SweepResult, copies_of
from ivr.telephony.fallback_twiml import fixed_documents
from ivr.telephony.signature import SignatureValidator
from ivr.telephony.twilio_client import TwilioClient
from ivr.telephony.twiml import TwimlRenderer
from ivr.transfer.coordinator import TransferCoordinator
from ivr.transfer.roster import AgencyStatus
from ivr.web.app import create_app
from ivr.web.context import NAME, WebhookContext
from ivr.web.cookies import Cookies
from ivr.web.parent_watchdog import die_with_parent
from ivr.work.call_pacing import CallPacing
from ivr.work.housekeeping import Housekeeping, PhoneArchive
from ivr.work.queue import RedisQueue, connect_redis
from ivr.work.redis_limits import RedisLimits
from ivr.work.secret_store import SecretStore
from ivr.work.twilio_heartbeat import TwilioHeartbeat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from flask import Flask

    from ivr.flow.models import Flow, Retention
    from ivr.records.database import Database
    from ivr.transfer.coordinator import Transfers

logger = logging.getLogger(__name__)

WEBHOOK_SECONDS = 0.3  # What SQL may take of a webhook's time.


def build_line(
    settings: Settings, journal: Journal, store: Transfers, snapshots: SnapshotHolder
) -> tuple[Line, LivePrompts]:
    """Put one line together, with the prompts that it speaks. Each part connects when first used."""
    base = read_flow(settings.config, settings.prompts)
    prompts = LivePrompts(base, lambda: snapshots.current.words)
    redis, breaker = connect_redis(settings.redis_url), CircuitBreaker()
    later = RedisQueue(redis, SecretStore(redis, settings.secret_key, breaker), breaker)
    phone, slots = TwilioClient(settings), CallPacing(redis, breaker, every=1 / settings.calls_per_second)
    status = partial(_status, snapshots)
    line = Line(
        prompts=prompts,
        journal=journal,
        phone=phone,
        later=later,
        transfers=TransferCoordinator(
            base.directory,
            base.line.patience,
            store,
            journal,
            later,
            slots,
            phone,
            status,
            agree=Markers(settings.journal_dir).agree,
        ),
        status=status,
        limits=CallerLimits(RedisLimits(redis, breaker), partial(_lists, snapshots)),
        archive=PhoneArchive(connect(settings.database_url), time.time),
        send_alarm=Alarms(phone, settings.alarm_number, settings.alarm_url).tell,
    )
    later.perform_with(line.perform)
    return line, prompts


def build_worker_line(settings: Settings) -> Line:
    """Put together the line of the worker, which also keeps house."""
    database, journal = connect(settings.database_url), Journal(settings.journal_dir)
    snapshots = SnapshotHolder(database, settings.journal_dir, time.time)
    line, prompts = build_line(settings, journal, TransferStore(database, time.time), snapshots)
    set_up_logs(agency.number for agency in line.flow.directory.agencies.values())
    kept = partial(_kept, line, snapshots)
    keeps = keep_house(settings, line, database, kept)
    prompts.refresh()
    _file(journal, database, kept, (snapshots.refresh, prompts.refresh, keeps.look))
    return line


def keep_house(
    settings: Settings, line: Line, database: Database, kept: Callable[[], Retention]
) -> Housekeeping:
    """Put together what the worker does by itself."""
    keys = MonthKeys(settings.keys_dir)
    file = line.flow.line
    sweeps = partial(sweep, settings, database) if file.sweep.on else None
    signs = signs_of(settings)
    accepted, there = Markers(settings.journal_dir), zone(file.zone)
    return Housekeeping(
        database, kept, keys, accepted, sweeps, time.time, lambda whole: signs.swept(whole=whole), there
    )


def signs_of(settings: Settings) -> TwilioHeartbeat:
    """Put together what notes the last signs of Twilio, and reads them."""
    return TwilioHeartbeat(connect_redis(settings.redis_url), CircuitBreaker(), time.time)


def sweep(settings: Settings, database: Database) -> SweepResult:
    """Delete what Twilio has of the line's number and is over."""
    marks = Pseudonyms(settings.secret_key, MonthKeys(settings.keys_dir), time.time)
    with copies_of(settings) as copies:
        return DeletionSweep(
            copies,
            known=partial(known_calls, database),
            call_id=lambda sid, start: marks.call(sid, month_of(start.timestamp())),
        ).run()


def _file(
    journal: Journal,
    database: Database,
    kept: Callable[[], Retention],
    refreshes: Sequence[Callable[[], object]],
) -> None:
    """Start filing the journal of this process; the same thread refreshes what the process knows."""

    def refresh() -> None:
        for each in refreshes:
            each()

    JournalFiler(
        journal, database, time.time, keep_seconds=lambda: filed_for(kept().rows_days), look=refresh
    ).start()


def _kept(line: Line, snapshots: SnapshotHolder) -> Retention:
    """Say how long the log is kept, by the last that SQL said; as the file says when it never did."""
    return within(line.flow.line.retention, snapshots.current.kept)


def _lists(snapshots: SnapshotHolder) -> ListedCallers:
    known = snapshots.current
    return ListedCallers(known.opted_out, known.blocked)


def _status(snapshots: SnapshotHolder) -> AgencyStatus:
    known = snapshots.current
    return AgencyStatus(known.off, known.failing)


def build_parts(
    settings: Settings,
    line: Line,
    now: Callable[[], float] = time.time,
    heard: Callable[[], object] = lambda: None,
) -> WebhookContext:
    """Put together what answers webhooks for a line."""
    audio = settings.prompts / "audio"
    speech = TwimlRenderer(line.flow, settings.number, settings.public_url, recordings(audio))
    return WebhookContext(
        line=line,
        speech=speech,
        fixed=fixed_documents(speech),
        signatures=SignatureValidator(settings.public_url, settings.auth_token, settings.second_auth_token),
        marks=Pseudonyms(settings.secret_key, MonthKeys(settings.keys_dir), now),
        accepted=Markers(settings.journal_dir),
        cookies=Cookies(settings.secret_key),
        audio=audio.absolute(),
        advanced_opt_out=settings.opt_out == "advanced",
        now=now,
        heard=heard,
    )


def follow_prompts(app: Flask, prompts: LivePrompts) -> None:
    """Have a web process speak the prompts of now: what is rendered from them is exchanged at once."""

    def follow(flow: Flow) -> None:
        context: WebhookContext = app.extensions[NAME]
        # A recording stays where the words are still those that it says.
        recorded = unchanged(prompts.base, flow, recordings(context.audio))
        speech = replace(context.speech, flow=flow, recordings=recorded)
        app.extensions[NAME] = replace(context, speech=speech, fixed=fixed_documents(speech))

    prompts.subscribe(follow)


def recordings(audio: Path) -> frozenset[tuple[str, str]]:
    """List the recordings that replace a synthetic voice: (language, prompt key)."""
    return frozenset((path.parent.name, path.stem) for path in audio.glob("*/*.mp3"))


def web() -> Flask:
    """Start answering webhooks: what granian calls in each of its workers."""
    set_up_logs()
    settings = read_settings(os.environ)
    journal, database = Journal(settings.journal_dir), connect(settings.database_url)
    snapshots = SnapshotHolder(database, settings.journal_dir, time.time)
    store = TimeLimitedStore(TransferStore(connect(settings.database_url, WEBHOOK_SECONDS), time.time))
    line, prompts = build_line(settings, journal, store, snapshots)
    set_up_logs(agency.number for agency in line.flow.directory.agencies.values())
    signs = signs_of(settings)
    app = create_app(build_parts(settings, line, heard=signs.hear))
    follow_prompts(app, prompts)
    die_with_parent()
    prompts.refresh()
    _file(
        journal, database, partial(_kept, line, snapshots), (signs.tell, snapshots.refresh, prompts.refresh)
    )
    return app
