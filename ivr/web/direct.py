"""The agency's leg of the direct path: what a person there hears first, and the key they press."""

from __future__ import annotations

from flask import Blueprint, Response, request

from ivr.effects import Entry
from ivr.telephony.briefing import accepted_words, declined_words, seconds_left, whisper_words
from ivr.web.context import parts
from ivr.web.webhook_guard import guard, xml

direct = Blueprint("direct", __name__, url_prefix="/agency")
guard(direct, lambda: xml(parts().fixed.agency))

ACCEPT = "1"


@direct.post("/<call>/<int:turn>/<language>/<agency>")
def whisper(call: str, turn: int, language: str, agency: str) -> Response:
    """Tell a person at an agency what this call is, before anybody is joined."""
    speech = parts().speech
    says = whisper_words(speech.flow, agency, language)
    path = f"/agency/{call}/{turn}/{language}/{agency}/decided"
    return xml(speech.whisper(says, path, seconds_left(speech.flow, says)))


@direct.post("/<call>/<int:turn>/<language>/<agency>/decided")
def decided(call: str, turn: int, language: str, agency: str) -> Response:
    """Join the agency with the caller, or let them go."""
    here = parts()
    flow = here.speech.flow
    if request.form.get("Digits") != ACCEPT:
        return xml(here.speech.last_words(declined_words(flow, agency), hang_up=True))
    here.accepted.mark(call, turn)
    entry = Entry(
        call=call,
        key=f"accept-{turn}",
        at=here.now(),
        channel="voice",
        heard="accepted",
        sign="accepted",
    )
    here.line.note(entry)
    return xml(here.speech.last_words(accepted_words(flow, agency, language), hang_up=False))
