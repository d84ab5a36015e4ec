"""How a webhook is refused, and what it gets when our own code fails: always words, never an error."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from ivr.telephony.webhook_forms import is_probe
from ivr.web.context import signed, webhook_context
from ivr.web.metrics import note_fixed_words
from ivr.web.server.wsgi_adapter import MOST_FIELDS, fields
from ivr.web.webhook_refusals import TOO_LARGE, UNREADABLE
from ivr.web.webhook_request import TwimlResponse, webhook_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Blueprint

    from ivr.telephony.fallback_twiml import FallbackDocuments

logger = logging.getLogger(__name__)

REFUSED, LARGE = 403, 413


def twiml_response(document: str) -> Response:
    """Answer with TwiML."""
    return TwimlResponse(document)


def no_content() -> Response:
    """Answer a callback, which needs no words."""
    return Response(status=204)


def refuse_strangers() -> Response | None:
    """Refuse a webhook that Twilio did not sign, before anything is touched."""
    try:
        if signed():
            if not is_probe(webhook_request().form):
                webhook_context().heard()
            return None
    except HTTPException:
        webhook_context().refusals.count(UNREADABLE)  # So it cannot be Twilio's.
    return Response("not signed by Twilio\n", status=REFUSED, mimetype="text/plain")


def refuse_large() -> Response | None:
    """Refuse a body that is larger than any of Twilio's, at whatever address, before it is parsed."""
    try:
        asked = webhook_request()
        if fields(asked.kind.encode(), asked.body) <= MOST_FIELDS:
            return None
    except HTTPException:
        pass  # Larger than MAX_CONTENT_LENGTH, or not there.
    webhook_context().refusals.count(TOO_LARGE)
    return Response("too large\n", status=LARGE, mimetype="text/plain")


def lost(error: HTTPException) -> Response | HTTPException:
    """Give the numbers to a caller whose address we do not know, and nothing to a stranger."""
    if request.method != "POST" or not signed():
        return error
    note_fixed_words()
    return twiml_response(webhook_context().fixed.caller)


def guard(
    blueprint: Blueprint, fallback: Callable[[FallbackDocuments], str], callbacks: tuple[str, ...] = ()
) -> None:
    """Check every webhook of a blueprint, and answer with a fixed document instead of an error.

    ``callbacks``: how the paths end of webhooks that need no words.
    """
    blueprint.before_request(refuse_strangers)

    @blueprint.errorhandler(Exception)
    def answer_anyway(error: Exception) -> Response | HTTPException:
        if isinstance(error, MethodNotAllowed | NotFound):
            return error
        # The message may quote what the caller sent; its kind does not.
        note_fixed_words()
        logger.error("answering %s with fixed words: %s", request.endpoint, type(error).__name__)
        if request.path.endswith(callbacks):
            return no_content()
        return twiml_response(fallback(webhook_context().fixed))
