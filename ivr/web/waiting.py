"""A caller waits: each fetch of the wait document is the clock of their transfer."""

from __future__ import annotations

from flask import Blueprint, Response, request

from ivr.flow.models import TOPICS
from ivr.telephony.fallback_twiml import HERE
from ivr.telephony.transfer_twiml import LegPosition, goodbye, leave, lost, waiting
from ivr.transfer.machine import Event, EventType
from ivr.transfer.time_limits import offers_choice
from ivr.web.context import parts
from ivr.web.webhook_guard import guard, xml

waits = Blueprint("waits", __name__, url_prefix="/wait")
guard(waits, lambda: xml(parts().fixed.wait.replace(HERE, parts().speech.public_url + request.path)))


@waits.post("/<transfer_id>/<language>/<int:tick>/<int:said>")
@waits.post("/<transfer_id>/<language>/<int:tick>/<int:said>/<any(offered, fresh):since>")
def wait(transfer_id: str, language: str, tick: int, said: int, since: str = "") -> Response:
    """Say what is happening, and take a key."""
    place = LegPosition(
        transfer_id, language.strip("-"), tick, said, fresh=since == "fresh", offered=since == "offered"
    )
    waited = int(request.form.get("QueueTime") or 0)
    key = request.form.get("Digits", "")[-1:]
    return xml(_document(place, waited, key))


def _document(place: LegPosition, waited: int, key: str) -> str:
    here = parts()
    topic = key if key in TOPICS and place.said and not place.offered else ""
    transfer = here.line.tick(place.transfer_id, waited, place.tick, _news(key, place), topic)
    if key == "#":
        return goodbye(here.speech, place.language)
    if transfer is None and (_news(key, place) or lost(place, waited)):
        return leave()
    offer = not place.offered and offers_choice(here.speech.flow.line.patience, waited)
    return waiting(here.speech, place, transfer, offer=offer)


def _news(key: str, place: LegPosition) -> Event | None:
    """Say what a key means to a waiting caller."""
    if key == "#":
        return Event(EventType.CALLER_LEFT)
    if key == "*" or (place.offered and key == "1"):
        return Event(EventType.GAVE_UP)
    return None
