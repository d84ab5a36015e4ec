"""What is heard when our own code fails: documents written at start, which nothing can make fail later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import VoiceResponse

from ivr.flow.rendering import fill, named, spell
from ivr.flow.turn import Say
from ivr.flow.voice import quiet_order
from ivr.telephony.transfer_twiml import leave
from ivr.telephony.twiml import DELIVERY_PATH, TwimlRenderer

if TYPE_CHECKING:
    from ivr.flow.models import Flow

FIXED_PATH = "/voice/fixed"
FIXED = ("fixed_numbers", "fixed_press")
FAREWELL_PATH = "/voice/farewell"  # For a leg that we rang and whose own document could not be had.
HERE = "HERE"  # Stands in the wait document for the address to which it leads.
AGAIN = "again"  # In that address: how often in a row this caller was told to wait by the fixed document.
AWAY_SECONDS = 20  # How long an agency is rung while our site is gone: nobody else is tried after it.
MOST_WAITS = 20  # So often at most: then they leave the queue, and hear a choice.
LEAVE = leave()
EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


@dataclass(frozen=True)
class FallbackDocuments:
    """The documents: to callers in their several plights, to an agency, to a texter."""

    caller: str
    again: str  # The numbers and the key once more, with no word of a fault; then the call ends.
    numbers: str
    ring: str
    goodbye: str
    wait: str
    agency: str
    text: str

    def wait_again(self, url: str, times: int) -> str:
        """Give the calm line of a waiting caller who heard it so often already, or let them leave."""
        if times >= MOST_WAITS:
            return LEAVE
        return self.wait.replace(HERE, f"{url}?{AGAIN}={times + 1}")


def fixed_documents(speech: TwimlRenderer) -> FallbackDocuments:
    """Write them in the line's first languages: which one the caller speaks may be what was lost."""
    flow = speech.flow
    last = flow.directory.orders[quiet_order(flow)][-1]
    return FallbackDocuments(
        caller=speech.ask(_lines(speech, "fixed_sorry", *FIXED), FIXED_PATH, flow.line.patience.key),
        again=speech.whisper(_lines(speech, *FIXED), FIXED_PATH, flow.line.patience.key),
        numbers=speech.last_words(_lines(speech, "fixed_numbers"), hang_up=True),
        ring=speech.ring(last, _announce(speech, last), flow.line.patience.ring, FIXED_PATH),
        goodbye=speech.last_words([speech.farewell("")], hang_up=True),
        wait=_wait(speech),
        agency=speech.last_words(_lines(speech, "fixed_thanks"), hang_up=True),
        text=_text(speech),
    )


def documents_elsewhere(flow: Flow, number: str, url: str) -> dict[str, str]:
    """Write what Twilio fetches while our whole site is gone, each by its name in a folder at ``url``.

    They need no part of ours: the numbers are in them, and a key leads to the last agency of the quiet order.
    """
    speech = TwimlRenderer(replace(flow, recordings=frozenset()), number, url)  # Ours would be fetched here.
    last = flow.directory.orders[quiet_order(flow)][-1]
    voice, ring = VoiceResponse(), VoiceResponse()
    seconds = flow.line.patience.key
    gather = voice.gather(num_digits=1, timeout=seconds, action=f"{url}/ring.xml", method="POST")
    speech.say(gather, _lines(speech, "fixed_sorry", *FIXED))
    speech.say(ring, _announce(speech, last))
    ring.dial(timeout=AWAY_SECONDS, caller_id=number).number(flow.directory.agencies[last].number)
    for document in (voice, ring):
        speech.say(document, _lines(speech, "fixed_thanks"))
        document.hangup()
    leave_words = [
        Say(flow.prompts[language].stops[flow.menus.leave].say, language) for language in flow.first_languages
    ]
    return {
        "voice.xml": str(voice),
        "ring.xml": str(ring),
        "leg.xml": speech.last_words(leave_words, hang_up=True),
        "sms.xml": _text(speech, delivery=False),
    }


def _lines(speech: TwimlRenderer, *names: str) -> tuple[Say, ...]:
    flow = speech.flow
    return tuple(spell(flow, language, name) for language in flow.first_languages for name in names)


def _announce(speech: TwimlRenderer, agency: str) -> tuple[Say, ...]:
    flow = speech.flow
    return tuple(named(flow, language, agency) for language in flow.first_languages)


def _wait(speech: TwimlRenderer) -> str:
    """Write a calm line that asks again what failed: the next fetch may do better."""
    document = VoiceResponse()
    speech.say(document, _lines(speech, "fixed_wait"))
    document.pause(length=4)
    document.redirect(HERE, method="POST")
    return str(document)


def _text(speech: TwimlRenderer, *, delivery: bool = True) -> str:
    flow = speech.flow
    document = MessagingResponse()
    words = (flow.prompts[language].lines.fixed_text for language in flow.first_languages)
    said = "\n".join(fill(flow, flow.languages[0], each, spoken=False) for each in words)
    if delivery:
        document.message(said, status_callback=speech.public_url + DELIVERY_PATH)
    else:
        document.message(said)
    return str(document)
