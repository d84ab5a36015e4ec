"""The one place where the parts of a line meet. Web, worker, command line and tests all start here."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

from ivr.caller_limits import CallerLimits, ListedCallers
from ivr.circuit_breaker import CircuitBreaker, PartUnavailable
from ivr.effects import Alarm
from ivr.flow.loader import read_flow
from ivr.flow.prompts import LivePrompts
from ivr.hours import zone
from ivr.line import Line
from ivr.logs import set_up_logs
from ivr.operations.reload import (
    ConsoleFiles,
    WebFiles,
    list_refused,
    note_taken_up,
    read_console_files,
    read_web_files,
    try_reload,
)
from ivr.operations.version import running_version
from ivr.pseudonyms import MonthKeys, Pseudonyms, month_of
from ivr.records.counter_files import CounterFiles, RequestMarks
from ivr.records.counts import known_calls
from ivr.records.database import LOCKED_SECONDS, connect
from ivr.records.deletion import filed_for
from ivr.records.ingest import HostFiler, JournalFiler, JournalHandover
from ivr.records.journal import Journal, backlog
from ivr.records.markers import Markers, SharedMarkers, forget_shared
from ivr.records.pending_wishes import PendingWishes
from ivr.records.phrase_versions import read_weights
from ivr.records.retention import within
from ivr.records.shared_keys import SharedKeys
from ivr.records.shift_log import log_alarm
from ivr.records.snapshot import SnapshotHolder, keep_refreshing
from ivr.records.transfer_store import TimeLimitedStore, TransferStore
from ivr.records.worker_heartbeats import seconds_since_signs
from ivr.settings import Settings, read_settings
from ivr.telephony.alarms import Alarms
from ivr.telephony.data_deletion import DeletionSweep, SweepResult, twilio_records
from ivr.telephony.fallback_twiml import fixed_documents
from ivr.telephony.signature import SignatureValidator
from ivr.telephony.twilio_client import TwilioClient, load_resources
from ivr.telephony.twiml import TwimlRenderer
from ivr.transfer.agency_order import AgencyStatus
from ivr.transfer.coordinator import TransferCoordinator
from ivr.understanding.client import (
    ClassifierUnavailable,
    TextReader,
    ask_classifier,
    keep_classifier,
    socket_of,
)
from ivr.understanding.phrases import short_phrases
from ivr.understanding.understand import read_rules
from ivr.understanding.weights_in_force import FOLDER as WEIGHTS_FOLDER
from ivr.understanding.weights_in_force import WeightsOfHost
from ivr.web.app import create_app
from ivr.web.context import NAME, WebhookContext
from ivr.web.metrics import LineState, count_refusal
from ivr.web.sms import ConversationCookie
from ivr.web.warm_up import warm_up
from ivr.web.webhook_guard import WebhookRefusals
from ivr.work.housekeeping import Housekeeping, PhoneArchive
from ivr.work.message_sending import MessageSender
from ivr.work.network_clock import WALL, clock_of
from ivr.work.notifications import Notifications
from ivr.work.phrase_learning import PhraseLearning
from ivr.work.queue import SECONDS, RedisQueue, connect_redis, is_there, queue_depths
from ivr.work.redis_limits import CallPacing, RedisLimits
from ivr.work.secret_store import SecretStore
from ivr.work.twilio_heartbeat import TwilioHeartbeat
from ivr.work.worker import ask_redis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask import Flask

    from ivr.flow.models import Flow, Retention
    from ivr.records.database import Database
    from ivr.transfer.coordinator import Transfers
    from ivr.understanding.intents import Meaning
    from ivr.understanding.understand import Rules
    from ivr.web.console.context import ConsoleContext
    from ivr.work.network_clock import Clock

logger = logging.getLogger(__name__)

WEBHOOK_SECONDS = 0.3  # What SQL may take of a webhook's time.
LATELY = 30  # Seconds in which SQL said what operators switch: asked every two.
CONSOLE_PATIENCE = 3.0  # Seconds that the classifier has for a text that an operator tries.
# How long a form waits for other writers of SQLite: no caller waits, and a busy machine has many.
CONSOLE_LOCKED_SECONDS = 10.0
COUNTS_HOLD = 30  # Seconds for which the console shows counts again as they were.


def build_line(  # noqa: PLR0913 - the parts that differ between web and worker
    settings: Settings,
    base: Flow,
    journal: Journal,
    store: Transfers,
    snapshots: SnapshotHolder,
    *,
    clock: Clock = WALL,
) -> tuple[Line, LivePrompts]:
    """Put one line together, with the prompts that it speaks. Each part connects when first used."""
    prompts = LivePrompts(base, lambda: snapshots.current.prompts, lambda: snapshots.current.notice)
    redis, breaker = connect_redis(settings.redis_url, SECONDS * settings.patience), CircuitBreaker()
    kept = SecretStore(redis, settings.secret_key, breaker, old_secret=settings.second_secret_key)
    later = RedisQueue(redis, kept, breaker, clock, wishes=PendingWishes(settings.journal_dir))
    phone = TwilioClient(settings)
    pacing = CallPacing(redis, breaker, clock.now, 1 / settings.calls_per_second)
    status, records = partial(_status, snapshots), records_of(settings)
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
            pacing,
            phone,
            status,
            clock.now,
            clock.sleep,
            Markers(settings.journal_dir).agree,
        ),
        status=status,
        limits=CallerLimits(
            RedisLimits(redis, breaker), partial(_lists, snapshots), counters_of(settings, clock)
        ),
        archive=PhoneArchive(records, clock.now),
        send_alarm=Alarms(phone, settings.alarm_number, settings.alarm_url).tell,
        log_alarm=lambda why: log_alarm(records, why, clock.now()),
        performed=RequestMarks(settings.journal_dir),
    )
    later.perform_with(line.perform)
    return line, prompts


def _log_numbers_of(flow: Flow) -> None:
    """Let the numbers of agencies stay in the log: they are published."""
    numbers = (agency.number for agency in flow.directory.agencies.values())
    set_up_logs(numbers, version=running_version())


def build_worker_line(settings: Settings) -> Line:
    """Put together the line of the worker, which also keeps house."""
    load_resources()
    database, journal = records_of(settings), Journal(settings.journal_dir)
    clock = clock_of(settings.rehearsal)
    snapshots = SnapshotHolder(database, settings.journal_dir, clock.now)
    base, store = read_flow(settings.config, settings.prompts), TransferStore(database, clock.now)
    line, prompts = build_line(settings, base, journal, store, snapshots, clock=clock)
    _log_numbers_of(line.flow)
    kept = partial(_kept, base, snapshots)
    keeps = keep_house(settings, line, database, kept, clock=clock)
    prompts.refresh()
    learning = PhraseLearning(
        database,
        settings.phrases,
        settings.journal_dir / WEIGHTS_FOLDER,
        time.time,
        nice=settings.rehearsal is None,
    )
    tells = notifications_of(settings, line.flow, database, clock.now)
    wishes = PendingWishes(settings.journal_dir)
    refreshes = (
        *_shared_with_hosts(settings, database, pseudonyms_of(settings, clock.now), clock),
        lambda: wishes.perform(line.perform),
        snapshots.refresh,
        prompts.refresh,
        clock.looked,
        keeps.run_due,
        learning.run_due,
        tells.run_due,
    )
    _file(journal, database, kept, refreshes, now=clock.now, often=settings.patience)
    return line


def notifications_of(
    settings: Settings, flow: Flow, database: Database, now: Callable[[], float]
) -> Notifications:
    """Put together what tells operators of what they chose."""
    from ivr.reports.digest import MessageWords

    return Notifications(
        database,
        MessageSender(settings.smtp_url, settings.mail_from, settings.notify_private),
        (settings.secret_key, settings.second_secret_key),
        MessageWords(flow.line.name),
        {name: each for name, each in flow.directory.agencies.items() if each.transfer},
        partial(_parts, database, settings.redis_url),
        now,
        zone(flow.line.zone),
    )


def keep_house(
    settings: Settings, line: Line, database: Database, kept: Callable[[], Retention], *, clock: Clock = WALL
) -> Housekeeping:
    """Put together what the worker does by itself."""
    keys = MonthKeys(settings.keys_dir)
    file = line.flow.line
    signs = signs_of(settings, clock)

    def sweeps() -> SweepResult:
        done = sweep(settings, database, clock)
        signs.leave(done.left)
        return done

    accepted, there = Markers(settings.journal_dir), zone(file.zone)
    beside = (
        counters_of(settings, clock).forget,
        RequestMarks(settings.journal_dir).forget,
        partial(forget_shared, database),
    )
    return Housekeeping(
        database,
        kept,
        keys,
        accepted,
        sweeps if file.sweep.on else None,
        clock.now,
        lambda whole: signs.swept(whole=whole),
        there,
        beside,
    )


def signs_of(settings: Settings, clock: Clock = WALL) -> TwilioHeartbeat:
    """Put together what notes the last signs of Twilio, and reads them."""
    return TwilioHeartbeat(
        connect_redis(settings.redis_url, SECONDS * settings.patience), CircuitBreaker(), clock.now
    )


def counters_of(settings: Settings, clock: Clock = WALL) -> CounterFiles:
    """Put together what counts what phones caused, for all processes of this host."""
    return CounterFiles(settings.journal_dir / "counted", clock.now)


def records_of(settings: Settings) -> Database:
    """Prepare for SQL."""
    return connect(settings.database_url, locked=LOCKED_SECONDS * settings.patience)


def sweep(settings: Settings, database: Database, clock: Clock = WALL) -> SweepResult:
    """Delete what Twilio has of the line's number and is over."""
    marks = pseudonyms_of(settings, clock.now)
    with twilio_records(settings) as records:
        return DeletionSweep(
            records,
            known=partial(known_calls, database),
            call_id=lambda sid, start: marks.call(sid, month_of(start.timestamp())),
            now=clock.now,
        ).run()


def pseudonyms_of(settings: Settings, now: Callable[[], float]) -> Pseudonyms:
    """Put together what makes keyed ids."""
    return Pseudonyms(settings.secret_key, MonthKeys(settings.keys_dir), now, settings.second_secret_key)


def _shared_with_hosts(
    settings: Settings, database: Database, marks: Pseudonyms, clock: Clock
) -> tuple[Callable[[], None], ...]:
    """Give what keeps this host's keys and markers as those of the others; on SQLite there is one host."""
    if database.engine.dialect.name != "postgresql":
        return (marks.refresh,)
    own = Markers(settings.journal_dir)
    return SharedKeys(database, marks).refresh, SharedMarkers(database, own, clock.now).refresh


def _file(  # noqa: PLR0913 - the choices of a filer
    journal: Journal,
    database: Database,
    kept: Callable[[], Retention],
    refreshes: Sequence[Callable[[], object]],
    *,
    now: Callable[[], float],
    often: int,
    kind: type[JournalFiler] = JournalFiler,
) -> JournalFiler:
    """Start filing the journal of this process; the same thread refreshes what the process knows."""

    def refresh() -> None:
        for each in refreshes:
            each()

    def seconds() -> float:
        return filed_for(kept().rows_days)

    filer = kind(journal, database, now, keep_seconds=seconds, refresh=refresh, often=often)
    filer.start()
    return filer


def _kept(flow: Flow, snapshots: SnapshotHolder) -> Retention:
    """Say how long the log is kept, by the last that SQL said; as the file says when it never did."""
    return within(flow.line.retention, snapshots.current.kept)


def _lists(snapshots: SnapshotHolder) -> ListedCallers:
    known = snapshots.current
    return ListedCallers(known.opted_out, known.blocked)


def _status(snapshots: SnapshotHolder) -> AgencyStatus:
    known = snapshots.current
    return AgencyStatus(known.off, known.failing)


def build_parts(  # noqa: PLR0913 - what tests leave out
    settings: Settings,
    line: Line,
    now: Callable[[], float] = WALL.now,
    heard: Callable[[], object] = lambda: None,
    meaning: Callable[[str], Meaning | None] = lambda _: None,
    *,
    rules: Rules | None = None,
    state: LineState | None = None,
) -> WebhookContext:
    """Put together what answers webhooks for a line; without ``meaning`` texts are read by rules alone."""
    audio = settings.prompts / "audio"
    hints = short_phrases(settings.phrases) if line.flow.line.speech.on else {}
    speech = TwimlRenderer(line.flow, settings.number, settings.public_url, hints)
    signatures = SignatureValidator(settings.public_url, settings.auth_token, settings.second_auth_token)
    return WebhookContext(
        line=line,
        speech=speech,
        fixed=fixed_documents(speech),
        signatures=signatures,
        refusals=WebhookRefusals(
            signatures, settings.account_sid, lambda: line.later.put(Alarm("refused")), now, count_refusal
        ),
        pseudonyms=pseudonyms_of(settings, now),
        accepted=Markers(settings.journal_dir),
        cookie=ConversationCookie(settings.secret_key, settings.second_secret_key),
        understand=TextReader(rules or read_rules(settings.phrases), meaning).read,
        audio=audio.absolute(),
        advanced_opt_out=settings.opt_out == "advanced",
        now=now,
        state=state or LineState(tokens=_metrics_tokens(settings)),
        heard=heard,
    )


def state_of(
    settings: Settings, snapshots: SnapshotHolder, hasty: Database, signs: TwilioHeartbeat, clock: Clock
) -> LineState:
    """Put together what a monitoring system asks of a web process. Nothing in it waits for long."""
    redis = connect_redis(settings.redis_url, SECONDS * settings.patience)

    def parts() -> dict[str, bool]:
        database = clock.now() - snapshots.current.taken_at < LATELY
        try:
            worker = database and bool(seconds_since_signs(hasty, time.time()))
        except PartUnavailable:
            worker = False
        return {
            "database": database,
            "redis": is_there(redis),
            "worker": worker,
            "journal": os.access(settings.journal_dir, os.W_OK),
        }

    return LineState(
        parts,
        lambda: backlog(settings.journal_dir),
        lambda: queue_depths(redis),
        lambda: signs.read().left,
        _metrics_tokens(settings),
    )


def _metrics_tokens(settings: Settings) -> tuple[str, ...]:
    return tuple(filter(None, (settings.metrics_token, settings.second_metrics_token)))


def follow_prompts(app: Flask, prompts: LivePrompts) -> None:
    """Have a web process speak the prompts of now: what is rendered from them is exchanged at once."""

    def follow(flow: Flow) -> None:
        context: WebhookContext = app.extensions[NAME]
        speech = replace(context.speech, flow=flow)
        app.extensions[NAME] = replace(context, speech=speech, fixed=fixed_documents(speech))

    prompts.subscribe(follow)


def _prepare_beside(app: Flask, rules: Rules, *, warm: bool) -> None:
    """Prepare what callers and texters will need, one after the other: no first answer waits for it."""
    rules.compile()
    if warm:
        _warm_up(app)


def _warm_up(app: Flask) -> None:
    """Prepare what callers will hear, until other prompts are spoken."""
    context: WebhookContext = app.extensions[NAME]
    warm_up(context, lambda: app.extensions[NAME] is context)


def files_of_web(before: WebFiles | None = None) -> WebFiles | None:
    """Read the files of `ivr web`, in its main process; in place of others only if they have no fault."""
    settings = read_settings(os.environ)
    if before is not None:
        return try_reload(settings, "web", read_web_files)
    load_resources()
    files = read_web_files(settings)
    note_taken_up(settings.journal_dir, "web")
    return files


def prepare_web(files: WebFiles) -> None:
    """Compile the rules by which texts are read, where others answer meanwhile."""
    files.rules.compile()


def files_of_console(before: ConsoleFiles | None = None) -> ConsoleFiles | None:
    """Read the files of `ivr console`, in its main process; in place of others only if they have no fault."""
    settings = read_settings(os.environ)
    if before is not None:
        return try_reload(settings, "console", read_console_files)
    files = read_console_files(settings)
    note_taken_up(settings.journal_dir, "console")
    return files


def web(files: WebFiles) -> Flask:
    """Start answering webhooks: what each process of the server calls, once it was forked."""
    set_up_logs(version=running_version())
    settings = read_settings(os.environ)
    clock, seconds = clock_of(settings.rehearsal), WEBHOOK_SECONDS * settings.patience
    journal, database = Journal(settings.journal_dir), records_of(settings)
    snapshots = SnapshotHolder(database, settings.journal_dir, clock.now)
    hasty = connect(settings.database_url, seconds, locked=seconds)
    store = TimeLimitedStore(TransferStore(hasty, clock.now), seconds)
    line, prompts = build_line(settings, files.flow, journal, store, snapshots, clock=clock)
    _log_numbers_of(line.flow)
    signs = signs_of(settings, clock)
    published = settings.journal_dir / WEIGHTS_FOLDER
    weights = WeightsOfHost(published, lambda: snapshots.current.weights, partial(read_weights, database))
    meaning = keep_classifier(settings.phrases, published)
    state = state_of(settings, snapshots, hasty, signs, clock)
    parts = build_parts(
        settings, line, clock.now, heard=signs.hear, meaning=meaning, rules=files.rules, state=state
    )
    app = create_app(parts)
    follow_prompts(app, prompts)
    prompts.refresh()
    warm = settings.rehearsal is None  # Else a network waits, and processors are short.
    prepare = partial(_prepare_beside, app, files.rules, warm=warm)
    Thread(target=prepare, name="prepare", daemon=True).start()
    if warm:
        prompts.subscribe(lambda _: Thread(target=_warm_up, args=(app,), name="warm-up", daemon=True).start())
    marks: Pseudonyms = app.extensions[NAME].pseudonyms
    wishes = PendingWishes(settings.journal_dir)
    refreshes = (
        *_shared_with_hosts(settings, database, marks, clock),
        signs.tell,
        lambda: wishes.perform(line.perform),
        snapshots.refresh,
        prompts.refresh,
        weights.refresh,
        clock.looked,
        parts.refusals.tell,
    )
    kept = partial(_kept, files.flow, snapshots)
    _file(journal, database, kept, refreshes, now=clock.now, often=settings.patience, kind=JournalHandover)
    return app


def file_journals(files: WebFiles) -> Callable[[], None]:
    """Start filing what the processes of this host hand over, in a process of its own; give how to end it."""
    set_up_logs(version=running_version())
    settings = read_settings(os.environ)
    clock, database = clock_of(settings.rehearsal), records_of(settings)
    snapshots = SnapshotHolder(database, settings.journal_dir, clock.now)
    filer = _file(
        Journal(settings.journal_dir),
        database,
        partial(_kept, files.flow, snapshots),
        (snapshots.refresh, clock.looked),
        now=clock.now,
        often=settings.patience,
        kind=HostFiler,
    )
    return filer.stop


def console(files: ConsoleFiles) -> Flask:
    """Start answering browsers: what each process of the server calls, once it was forked."""
    from ivr.web.public.pages import NAME as PUBLIC

    set_up_logs(version=running_version())
    settings = read_settings(os.environ)
    app = build_site(files, settings.number, settings)
    snapshots = SnapshotHolder(connect(settings.database_url), settings.journal_dir, time.time)
    app.extensions[PUBLIC] = replace(app.extensions[PUBLIC], off=lambda: snapshots.current.off)
    prompts = LivePrompts(app.extensions[PUBLIC].flow, lambda: snapshots.current.prompts)
    follow_published(app, prompts)

    tells = notifications_of(settings, files.flow, connect(settings.database_url), time.time)

    def refresh() -> None:
        snapshots.refresh()
        prompts.refresh()
        tells.run_due()

    prompts.refresh()
    keep_refreshing(refresh)
    return app


def build_site(files: ConsoleFiles, number: str, settings: Settings | None = None) -> Flask:
    """Put together the public page of the line that has a number; with settings, the console too."""
    from ivr.web.public.pages import PublicContext
    from ivr.web.site import create_site

    public = PublicContext(files.flow, files.pages, number)
    return create_site(public, build_console(settings, files.flow) if settings else None)


def build_console(settings: Settings, flow: Flow) -> ConsoleContext:
    """Put together the parts of the console."""
    from ivr.flow.prompts import read_made_from
    from ivr.web.console.context import ConsoleContext
    from ivr.web.console.phrases import PhraseFiles
    from ivr.web.console.prompts import PromptChecks

    database = connect(settings.database_url, locked=CONSOLE_LOCKED_SECONDS)
    return ConsoleContext(
        flow=flow,
        database=database,
        limits=RedisLimits(connect_redis(settings.redis_url), CircuitBreaker()),
        secret=settings.secret_key,
        old_secret=settings.second_secret_key,
        secure=settings.public_url.startswith("https:"),
        address=settings.console_url or settings.public_url,
        now=time.time,
        prompt_checks=PromptChecks(flow),
        phrase_files=PhraseFiles(settings.phrases, partial(_ask_from_console, settings)),
        made_from=read_made_from(settings.prompts, flow)[0],
        parts=partial(_parts, database, settings.redis_url),
        counts_tokens=tuple(filter(None, (settings.counts_token, settings.second_counts_token))),
        counts_hold=COUNTS_HOLD,
        twilio=signs_of(settings).read,
        refused=partial(list_refused, settings.journal_dir),
        notifications=notifications_of(settings, flow, database, time.time),
    )


def _ask_from_console(settings: Settings, text: str) -> Meaning | None:
    """Ask the classifier of this host, which `ivr web` keeps, what a text means that an operator tries."""
    try:
        path = socket_of(settings.phrases, settings.journal_dir / WEIGHTS_FOLDER)
    except (ClassifierUnavailable, OSError):
        return None
    return ask_classifier(path, text, CONSOLE_PATIENCE)


def _parts(database: Database, redis_url: str) -> dict[str, bool]:
    """Ask each part whether it answers."""
    # Alembic is a tenth of the memory of a web process, which never asks this.
    from ivr.records.migrations.migrate import Tables, compare_tables

    try:
        # Tables of the next version are read as well: `ivr doctor` tells of them.
        records = compare_tables(database) is not Tables.OLDER
        worker = bool(seconds_since_signs(database, time.time()))
    except PartUnavailable:
        records = worker = False
    try:
        ask_redis(redis_url)
        redis = True
    except PartUnavailable:
        redis = False
    return {"database": records, "redis": redis, "worker": worker}


def follow_published(app: Flask, prompts: LivePrompts) -> None:
    """Have the public page show the prompts of now; the console tells published ones from the files'."""
    from ivr.web.public.pages import NAME as PUBLIC

    def follow(flow: Flow) -> None:
        app.extensions[PUBLIC] = replace(app.extensions[PUBLIC], flow=flow)

    prompts.subscribe(follow)
