"""What a caller hears while an agency is rung: a true, calm line, and a key for every way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twilio.twiml.voice_response import Gather, VoiceResponse

from ivr.flow.models import TOPICS
from ivr.flow.rendering import spell
from ivr.transfer.machine import LEG, S

if TYPE_CHECKING:
    from ivr.flow.turn import Say
    from ivr.telephony.twiml import Speech
    from ivr.transfer.machine import Transfer

LOST_SECONDS = 30  # Without SQL: a ring that was claimed before is over by now.
ANSWERED = frozenset({S.BRIEFING, S.CONNECTED})  # Somebody at an agency hears us.
SHORT_PAUSE, LONG_PAUSE = 1, 4  # Seconds to listen for a key: until somebody is rung, and after.


@dataclass(frozen=True)
class Place:
    """Which fetch of the wait document this is, and what was said before: the document's URL."""

    search: str
    language: str
    tick: int = 0
    said: int = 0  # The attempt that was last spoken of.
    fresh: bool = False  # It was spoken of in the last fetch for the first time.
    offered: bool = False  # The caller has heard that there are other ways.

    def path(self) -> str:
        """Write it as a path."""
        since = "/offered" if self.offered else "/fresh" if self.fresh else ""
        return f"/wait/{self.search}/{self.language or '-'}/{self.tick}/{self.said}{since}"


def waiting(speech: Speech, place: Place, transfer: Transfer | None, *, offer: bool) -> str:
    """Write one wait document. ``transfer`` is nothing when SQL cannot be asked."""
    state = transfer.state if transfer else None
    if state in {S.RETURNED, S.DIRECT}:
        return leave()
    if state is S.LEFT:
        return goodbye(speech, place.language)
    said = transfer.place if transfer else place.said
    onward = Place(
        place.search,
        place.language,
        place.tick + 1,
        said,
        fresh=said != place.said,
        offered=place.offered or offer,
    )
    document = VoiceResponse()
    gather = Gather(
        input="dtmf",
        num_digits=1,
        timeout=_pause(place, transfer, offer=offer),
        finish_on_key="",
        action=speech.public_url + onward.path(),
        method="POST",
    )
    for language in [place.language] if place.language else speech.flow.languages:
        speech.say(gather, _lines(speech, language, place, transfer, offer=offer))
    document.append(gather)
    document.redirect(speech.public_url + onward.path(), method="POST")
    return str(document)


def _pause(place: Place, transfer: Transfer | None, *, offer: bool) -> int:
    """Choose how long to listen: shortly while nobody rings, or where the words were long."""
    rung = transfer is not None and transfer.state in LEG
    return LONG_PAUSE if offer or (rung and not place.fresh) else SHORT_PAUSE


def lost(place: Place, waited: int) -> bool:
    """Say whether a caller of whom SQL tells nothing has waited long enough for that."""
    return place.tick > 0 and waited >= LOST_SECONDS


def leave() -> str:
    """Take the caller out of the queue, to where its action leads."""
    document = VoiceResponse()
    document.leave()
    return str(document)


def goodbye(speech: Speech, language: str) -> str:
    """Say the innocuous sentence, and hang up."""
    document = VoiceResponse()
    speech.say(document, [speech.farewell(language)])
    document.hangup()
    return str(document)


def _lines(
    speech: Speech, language: str, place: Place, transfer: Transfer | None, *, offer: bool
) -> tuple[Say, ...]:
    flow = speech.flow
    if offer:
        answered = transfer is not None and transfer.state in ANSWERED
        return (spell(flow, language, "wait_offer_briefing" if answered else "wait_offer"),)
    if transfer is None:
        return (spell(flow, language, "wait_first" if place.tick == 0 else "fixed_wait"),)
    if transfer.place == 0:
        return (spell(flow, language, "wait_first"),)
    answers = flow.directory.agencies[transfer.agency].accept == "answer"
    if transfer.place == place.said:
        # Once, while the first agency rings, the caller may choose what it is told.
        asks = place.fresh and transfer.place == 1 and transfer.state is S.RINGING and not answers
        return _topics(speech, language) if asks else (spell(flow, language, _still(transfer)),)
    names = flow.prompts[language].agencies[transfer.agency]
    line = "ringing_answer" if answers else "ringing"
    missed = (spell(flow, language, "next_line"),) if place.said else ()
    return (*missed, spell(flow, language, line, agency=names.name, who=names.who))


def _still(transfer: Transfer) -> str:
    """Choose a true line for an attempt that was spoken of before."""
    if transfer.state in ANSWERED:
        return "wait_briefing"
    return "wait_first" if transfer.state is S.SEARCHING else "wait_on"


def _topics(speech: Speech, language: str) -> tuple[Say, ...]:
    """Offer to tell the agency what the call is about."""
    flow = speech.flow
    words = flow.prompts[language].lines
    offers = (
        spell(flow, language, "choice", task=getattr(words, f"topic_{number}"), key=number)
        for number in TOPICS
    )
    return (spell(flow, language, "topic_ask"), *offers)
