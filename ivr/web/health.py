"""What Twilio and whoever runs the line fetch beside webhooks: recordings, and a sign of life."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request, send_from_directory

from ivr.effects import Alarm
from ivr.flow.turn import Arrived, Roster, Turn
from ivr.flow.voice import step
from ivr.operations.version import running_version
from ivr.position import Position
from ivr.telephony.webhook_forms import LIMITED, debugger_error
from ivr.web.context import webhook_context
from ivr.web.webhook_guard import guard, no_content

if TYPE_CHECKING:
    from ivr.web.context import WebhookContext


logger = logging.getLogger(__name__)

RECORDING_SECONDS = 300  # Twilio plays what it has for so long, then asks whether it changed.
health = Blueprint("health", __name__)
UNAVAILABLE = 503


@health.get("/health")
def alive() -> Response:
    """Say that this process answers, and which version it is."""
    return Response(f"ok {running_version()}\n", mimetype="text/plain")


@health.get("/ready")
def ready() -> Response:
    """Say whether callers are answered: also while parts of the line are lost, which are listed."""
    context = webhook_context()
    answers = _greets(context)
    told = {"ready": answers, "version": running_version(), "parts": dict(context.state.parts_lately())}
    return Response(
        json.dumps(told) + "\n", status=200 if answers else UNAVAILABLE, mimetype="application/json"
    )


def _greets(context: WebhookContext) -> bool:
    """Whether this process can write what a new caller hears first. Nothing is noted of it."""
    try:
        turn = step(context.line.flow, Position(), Arrived(), Roster({}, 0))
        return isinstance(turn, Turn) and "<Response" in context.speech.answer(turn, "")
    except Exception as error:  # noqa: BLE001 - whatever it is, callers hear fixed words
        logger.error("this process is not ready: %s", type(error).__name__)  # noqa: TRY400 - its text may quote words
        return False


@health.get("/audio/<language>/<name>.mp3")
def audio(language: str, name: str) -> Response:
    """Give a recording that replaces a synthetic voice."""
    folder, file = webhook_context().audio, f"{language}/{name}.mp3"
    return send_from_directory(folder, file, mimetype="audio/mpeg", max_age=RECORDING_SECONDS)


# What Twilio's debugger tells of errors that no webhook of a call does: a call that it turned away.

debugger = Blueprint("debugger", __name__)
guard(debugger, lambda documents: documents.goodbye, ("/debugger",))


@debugger.post("/debugger")
def take_error() -> Response:
    """Note an error by its code; alarm whoever runs the line of calls that were turned away for the limit."""
    code = debugger_error(request.form)
    if code:
        logger.warning("Twilio's debugger tells of error %s", code)
    if code in LIMITED:
        webhook_context().line.later.put(Alarm("limit"))
    return no_content()
