"""The one place where the parts of a line meet. Web, worker, command line and tests all start here."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from ivr.breaker import Breaker
from ivr.flow.reading import read_flow
from ivr.line import Line
from ivr.logs import set_up_logs
from ivr.marks import Marks
from ivr.records.accepted import Accepted
from ivr.records.database import connect
from ivr.records.filing import Filer
from ivr.records.journal import Journal
from ivr.settings import Settings, read_settings
from ivr.telephony.fixed import fixed_documents
from ivr.telephony.phone import TwilioPhone
from ivr.telephony.signature import Signatures
from ivr.telephony.twiml import Speech
from ivr.web.app import create_app
from ivr.web.cookies import Cookies
from ivr.web.orphans import die_with_parent
from ivr.web.parts import Parts
from ivr.work.queue import RedisLater, connect_redis
from ivr.work.sealed import Sealed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask


def build_line(settings: Settings, journal: Journal) -> Line:
    """Put one line together. Nothing is connected yet: each part connects when first used."""
    flow = read_flow(settings.config, settings.prompts)
    redis, breaker = connect_redis(settings.redis_url), Breaker()
    later = RedisLater(redis, Sealed(redis, settings.secret_key, breaker), breaker)
    line = Line(flow, journal, TwilioPhone(settings), later)
    later.perform_with(line.perform)
    return line


def build_worker_line(settings: Settings) -> Line:
    """Put together the line of the worker, which has a journal of its own for the web's filers to adopt."""
    return build_line(settings, Journal(settings.journal_dir))


def build_parts(settings: Settings, line: Line, now: Callable[[], float] = time.time) -> Parts:
    """Put together what answers webhooks for a line."""
    audio = settings.prompts / "audio"
    speech = Speech(line.flow, settings.number, settings.public_url, recordings(audio))
    return Parts(
        line=line,
        speech=speech,
        fixed=fixed_documents(speech),
        signatures=Signatures(settings.public_url, settings.auth_token, settings.second_auth_token),
        marks=Marks(settings.secret_key),
        accepted=Accepted(settings.journal_dir),
        cookies=Cookies(settings.secret_key),
        audio=audio.absolute(),
        now=now,
    )


def recordings(audio: Path) -> frozenset[tuple[str, str]]:
    """List the recordings that replace a synthetic voice: (language, prompt key)."""
    return frozenset((path.parent.name, path.stem) for path in audio.glob("*/*.mp3"))


def web() -> Flask:
    """Start answering webhooks: what granian calls in each of its workers."""
    set_up_logs()
    settings = read_settings(os.environ)
    journal = Journal(settings.journal_dir)
    line = build_line(settings, journal)
    parts = build_parts(settings, line)
    app = create_app(parts)
    die_with_parent()
    Filer(journal, connect(settings.database_url), time.time).start()
    return app
