"""The moment in which an agency and a caller are joined: Twilio's queue of one is the last arbiter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twilio.twiml.voice_response import Dial, VoiceResponse

from ivr.flow.rendering import spell
from ivr.telephony.briefing import accepted_words
from ivr.telephony.twiml import queue_name

if TYPE_CHECKING:
    from ivr.telephony.twiml import Speech
    from ivr.transfer.machine import Transfer

SECONDS = 5  # How long an agency waits at a queue that its caller has left.


def dial(speech: Speech, search: str, place: int, transfer: Transfer | None) -> str:
    """Write how an agency that took the call reaches its caller. ``transfer`` is nothing when SQL is gone."""
    document = VoiceResponse()
    agency = transfer.agency if transfer else ""
    known = speech.flow.directory.agencies.get(agency)
    if not (known and known.accept == "answer"):  # A recorded greeting would only be spoken over.
        topic = transfer.topic if transfer else ""
        speech.say(
            document, accepted_words(speech.flow, agency, transfer.language if transfer else "", topic)
        )
    over = f"{speech.public_url}/transfers/{search}/{place}/over"
    joined = Dial(timeout=SECONDS, action=over, method="POST")
    language = (transfer.language if transfer else "") or "-"
    options = {"url": f"{speech.public_url}/transfers/{search}/{language}/{agency}/joined"} if agency else {}
    joined.queue(queue_name(search), **options)
    document.append(joined)
    return str(document)


def announce(speech: Speech, language: str, agency: str) -> str:
    """Write what the caller hears just before: who is there."""
    flow = speech.flow
    answers = flow.directory.agencies[agency].accept == "answer"
    line = "ringing_answer" if answers else "joining"  # Of a switchboard: its greeting and keys are not ours.
    says = [
        spell(flow, tongue, line, agency=flow.prompts[tongue].agencies[agency].name)
        for tongue in ([language] if language in flow.prompts else flow.languages)
    ]
    return speech.last_words(says, hang_up=False)
