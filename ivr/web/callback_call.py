"""A texter's phone, rung because they asked: whoever picks up first hears what gives nothing away."""

from __future__ import annotations

from flask import Blueprint, Response, request

from ivr.flow.rendering import spell
from ivr.flow.turn import Say
from ivr.line import CALLBACK_PATH
from ivr.telephony.webhook_forms import is_over
from ivr.web.context import webhook_context
from ivr.web.voice import arrive
from ivr.web.webhook_guard import guard, no_content, twiml_response

called = Blueprint("called", __name__, url_prefix=CALLBACK_PATH)
guard(called, lambda documents: documents.goodbye, ("/status",))

GO_ON = "1"


@called.post("")
def meet() -> Response:
    """Say the neutral first sentence, and wait for a key: a voicemail or another person hears no more."""
    speech = webhook_context().speech
    flow = speech.flow
    tongues = flow.first_languages
    hello = [Say(flow.prompts[tongue].stops[flow.menus.start].say, tongue) for tongue in tongues]
    go_on = [spell(flow, tongue, "call_continue") for tongue in tongues]
    seconds = flow.line.patience.key
    return twiml_response(speech.whisper((*hello, *go_on), f"{CALLBACK_PATH}/decided", seconds))


@called.post("/decided")
def decided() -> Response:
    """Go on to the ordinary first document, never to the consent at once."""
    return (
        arrive() if request.form.get("Digits") == GO_ON else twiml_response(webhook_context().fixed.goodbye)
    )


@called.post("/status")
def status() -> Response:
    """Take news of the call: when it is over, nobody is rung for them any more."""
    if is_over(request.form):
        context = webhook_context()
        context.line.caller_left(context.pseudonyms.calls(request.form.get("CallSid", "")))
    return no_content()
