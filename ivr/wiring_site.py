"""Where the parts of what people open in a browser meet: the public page, and the console."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ivr.circuit_breaker import CircuitBreaker, PartUnavailable
from ivr.flow.loader import read_flow
from ivr.flow.public_page import read_pages
from ivr.live_prompts import LivePrompts
from ivr.logs import set_up_logs
from ivr.records.database import connect
from ivr.records.migrations.migrate import is_current
from ivr.records.snapshot import SnapshotHolder, look_around
from ivr.settings import Settings, read_settings
from ivr.web.console.context import ConsoleContext
from ivr.web.parent_watchdog import die_with_parent
from ivr.web.public.context import NAME, PublicContext
from ivr.web.public.materials import KINDS
from ivr.web.site import create_site
from ivr.work.queue import connect_redis
from ivr.work.redis_limits import RedisLimits
from ivr.work.twilio_heartbeat import TwilioHeartbeat
from ivr.work.worker_heartbeat import count_workers

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask

    from ivr.flow.models import Flow
    from ivr.records.database import Database


COUNTS_HOLD = 30  # Seconds.


def build_site(config: Path, prompts: Path, number: str, settings: Settings | None = None) -> Flask:
    """Put together the page of the line that has a number; with settings, its console too."""
    flow = read_flow(config, prompts)
    shown = PublicContext(flow, read_pages(prompts, flow), number)
    return create_site(shown, build_desk(settings, flow) if settings else None)


def build_desk(settings: Settings, flow: Flow) -> ConsoleContext:
    """Put together the parts of the console."""
    database = connect(settings.database_url)
    return ConsoleContext(
        flow=flow,
        database=database,
        limits=RedisLimits(connect_redis(settings.redis_url), CircuitBreaker()),
        secret=settings.secret_key,
        secure=settings.public_url.startswith("https:"),
        now=time.time,
        parts=partial(_parts, database, settings.redis_url),
        counts_hold=COUNTS_HOLD,
        twilio=TwilioHeartbeat(connect_redis(settings.redis_url), CircuitBreaker(), time.time).read,
    )


def _parts(database: Database, redis_url: str) -> dict[str, bool]:
    """Ask each part whether it answers."""
    try:
        records = is_current(database)
    except PartUnavailable:
        records = False
    try:
        workers, redis = count_workers(redis_url), True
    except (PartUnavailable, OSError):
        workers, redis = 0, False
    return {"database": records, "redis": redis, "worker": workers > 0}


def sheets(app: Flask) -> list[tuple[str, str]]:
    """List what can be printed: (language, kind)."""
    return [(language, kind) for language in app.extensions[NAME].words for kind in KINDS]


def site() -> Flask:
    """Start answering browsers: what granian calls in each of its workers."""
    set_up_logs()
    settings = read_settings(os.environ)
    app = build_site(settings.config, settings.prompts, settings.number, settings)
    die_with_parent()
    snapshots = SnapshotHolder(connect(settings.database_url), settings.journal_dir, time.time)
    prompts = LivePrompts(app.extensions[NAME].flow, lambda: snapshots.current.words)
    follow_prompts(app, prompts)

    def refresh() -> None:
        snapshots.refresh()
        prompts.refresh()

    prompts.refresh()
    look_around(refresh)
    return app


def follow_prompts(app: Flask, prompts: LivePrompts) -> None:
    """Have the public page show the prompts of now; the console tells published ones from the files'."""

    def follow(flow: Flow) -> None:
        app.extensions[NAME] = replace(app.extensions[NAME], flow=flow)

    prompts.subscribe(follow)
