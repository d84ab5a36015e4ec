"""What Twilio and whoever runs the line fetch beside webhooks: recordings, and a sign of life."""

from __future__ import annotations

from flask import Blueprint, Response, send_from_directory

from ivr.web.context import webhook_context

health = Blueprint("health", __name__)


@health.get("/health")
def alive() -> Response:
    """Say that this process answers."""
    return Response("ok\n", mimetype="text/plain")


@health.get("/audio/<language>/<name>.mp3")
def audio(language: str, name: str) -> Response:
    """Give a recording that replaces a synthetic voice."""
    return send_from_directory(webhook_context().audio, f"{language}/{name}.mp3", mimetype="audio/mpeg")
