"""A caller waits: each fetch of the wait document is the clock of their transfer."""

from __future__ import annotations

from flask import Blueprint, Response, request

from ivr.flow.models import TOPICS
from ivr.telephony.fallback_twiml import AGAIN, FallbackDocuments
from ivr.telephony.transfer_twiml import WaitPosition, goodbye, leave, lost, waiting
from ivr.telephony.webhook_forms import queue_seconds
from ivr.transfer.coordinator import Fetch
from ivr.transfer.machine import Event, EventType
from ivr.transfer.time_limits import offers_choice
from ivr.web.context import webhook_context
from ivr.web.webhook_guard import guard, twiml_response

# What a key means to a waiting caller, beside the topics and the star.
NEWS = {
    "#": Event(EventType.CALLER_LEFT),
    "8": Event(EventType.GAVE_UP),  # Other ways.
    "9": Event(EventType.GAVE_UP),  # The same choice, from which 9 is the menu.
}

waits = Blueprint("waits", __name__, url_prefix="/wait")


def _wait_again(documents: FallbackDocuments) -> str:
    url = webhook_context().speech.public_url + request.path
    return documents.wait_again(url, request.args.get(AGAIN, 0, type=int))


guard(waits, _wait_again)


@waits.post("/<transfer_id>/<language>/<int:tick>/<int:said>")  # Of a caller who waited before an upgrade.
@waits.post("/<transfer_id>/<language>/<int:tick>/<int:said>/<since>")
@waits.post("/<transfer_id>/<language>/<int:asked>/<int:tick>/<int:said>")
@waits.post("/<transfer_id>/<language>/<int:asked>/<int:tick>/<int:said>/<since>")
def wait(  # noqa: PLR0913, PLR0917 - the parts of its address
    transfer_id: str, language: str, tick: int, said: int, asked: int = 0, since: str = ""
) -> Response:
    """Say what is happening, and take a key."""
    twilios, now = queue_seconds(request.form), int(webhook_context().now())
    here = WaitPosition(transfer_id, language.strip("-"), asked or now - twilios, tick, said)
    position = here.after(since)
    # Twilio promises its count for the first fetch alone; our clock may have been set back.
    waited = max(twilios, now - position.asked)
    key = request.form.get("Digits", "")[-1:]
    return twiml_response(_document(position, waited, key))


def _document(position: WaitPosition, waited: int, key: str) -> str:
    context = webhook_context()
    speech, news = context.speech, NEWS.get(key)
    topic = key if key in TOPICS and position.topics else ""
    # The star asks for the last words again. Any other key that means nothing here cut them off as well.
    repeats = bool(key and not news and not topic)
    offer = not position.offered and offers_choice(speech.flow.line.patience, waited, slow=position.slow)
    fetch = Fetch(
        waited=waited,
        tick=position.tick,
        news=news,
        topic=topic,
        repeats=repeats and not offer,
        may_name=not offer,
        said=position.said,
    )
    if position.slow and position.tick == 0:  # The agency's leg, which has the last word, cannot know it.
        context.accepted.note_slow(position.transfer_id)
    transfer = context.line.tick(position.transfer_id, fetch)
    if key == "#":
        return goodbye(speech, position.language, slow=position.slow)
    if transfer is None and (news or lost(position, waited)):
        return leave()
    return waiting(speech, position, transfer, offer=offer, waited=waited, topic=topic, repeats=repeats)
