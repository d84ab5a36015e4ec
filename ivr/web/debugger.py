"""What Twilio's debugger tells of errors that no webhook of a call does: a call that it turned away."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, request

from ivr.effects import Alarm
from ivr.telephony.webhook_forms import LIMITED, debugger_error
from ivr.web.context import webhook_context
from ivr.web.webhook_guard import guard, no_content

logger = logging.getLogger(__name__)

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
