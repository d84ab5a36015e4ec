"""The agency's leg of a transfer: what a person there hears, the key they press, how the leg ends."""

from __future__ import annotations

from flask import Blueprint, Response, request

from ivr.effects import Entry
from ivr.telephony import transfer_twiml
from ivr.telephony.transfer_twiml import (
    accepted_words,
    declined_words,
    seconds_left,
    taken_words,
    whisper_words,
)
from ivr.telephony.webhook_forms import machine, news_of_leg
from ivr.transfer.machine import Event, EventType, State, Transfer
from ivr.web.context import parts
from ivr.web.webhook_guard import guard, nothing, xml

transfers = Blueprint("transfers", __name__, url_prefix="/transfers")
CALLBACKS = ("/status", "/machine")
guard(transfers, lambda: nothing() if request.path.endswith(CALLBACKS) else xml(parts().fixed.agency))

ACCEPT = "1"


@transfers.post("/<transfer_id>/<int:place>/whisper")
def whisper(transfer_id: str, place: int) -> Response:
    """Tell a person at an agency what this call is, before anybody is joined."""
    here = parts()
    transfer = here.line.advance(transfer_id, Event(EventType.ANSWERED, place))
    if _answers_itself(transfer):
        return _join(transfer_id, place)
    if transfer and not (transfer.state is State.BRIEFING and transfer.place == place):
        return _taken()
    flow = here.speech.flow
    says = whisper_words(flow, transfer.agency if transfer else "", transfer.language if transfer else "")
    decided = f"/transfers/{transfer_id}/{place}/decided"
    return xml(here.speech.whisper(says, decided, seconds_left(flow, says)))


@transfers.post("/<transfer_id>/<int:place>/decided")
def decided(transfer_id: str, place: int) -> Response:
    """Join the agency with the caller, or let them go."""
    if request.form.get("Digits") == ACCEPT:
        return _join(transfer_id, place)
    here = parts()
    here.line.advance(transfer_id, Event(EventType.DECLINED, place))
    return xml(here.speech.last_words(declined_words(here.speech.flow, ""), hang_up=True))


@transfers.post("/<transfer_id>/<int:place>/over")
def over(transfer_id: str, place: int) -> Response:  # noqa: ARG001 - its address names it
    """Thank an agency whose talk is over, or who found nobody there any more."""
    here = parts()
    return xml(here.speech.last_words(declined_words(here.speech.flow, ""), hang_up=True))


@transfers.post("/<transfer_id>/<int:place>/status")
def status(transfer_id: str, place: int) -> Response:
    """Take news of the agency's leg: it rings, it was answered, it is over."""
    news = news_of_leg(request.form, place)
    if news:
        parts().line.advance(transfer_id, news)
    return nothing()


@transfers.post("/<transfer_id>/<int:place>/machine")
def heard_machine(transfer_id: str, place: int) -> Response:
    """Take the hint that a machine answered."""
    how = machine(request.form)
    if how:
        parts().line.advance(transfer_id, Event(EventType.MACHINE, place, how=how))
    return nothing()


@transfers.post("/<transfer_id>/<language>/<agency>/joined")
def joined(transfer_id: str, language: str, agency: str) -> Response:  # noqa: ARG001 - its address names it
    """Tell the caller who is there, just before they are joined."""
    here = parts()
    return xml(transfer_twiml.announce(here.speech, language.strip("-"), agency))


def _join(transfer_id: str, place: int) -> Response:
    """Join the agency that takes the call, if it is the first; Twilio's queue of one has the last word."""
    here = parts()
    transfer = here.line.advance(transfer_id, Event(EventType.ACCEPTED, place))
    if transfer and not transfer.connects(place):
        return _taken()
    return xml(transfer_twiml.dial(here.speech, transfer_id, place, transfer))


def _taken() -> Response:
    here = parts()
    return xml(here.speech.last_words(taken_words(here.speech.flow, ""), hang_up=True))


def _answers_itself(transfer: Transfer | None) -> bool:
    agencies = parts().speech.flow.directory.agencies
    known = agencies.get(transfer.agency) if transfer else None
    return bool(known and transfer and known.accept == "answer" and transfer.state is State.BRIEFING)


# The agency's leg of the direct path: what a person there hears first, and the key they press.


direct = Blueprint("direct", __name__, url_prefix="/agency")
guard(direct, lambda: xml(parts().fixed.agency))


@direct.post("/<call>/<int:turn>/<language>/<agency>")
def whisper_direct(call: str, turn: int, language: str, agency: str) -> Response:
    """Tell a person at an agency what this call is, before anybody is joined."""
    speech = parts().speech
    says = whisper_words(speech.flow, agency, language)
    path = f"/agency/{call}/{turn}/{language}/{agency}/decided"
    return xml(speech.whisper(says, path, seconds_left(speech.flow, says)))


@direct.post("/<call>/<int:turn>/<language>/<agency>/decided")
def decided_direct(call: str, turn: int, language: str, agency: str) -> Response:
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
        outcome="accepted",
    )
    here.line.note(entry)
    return xml(here.speech.last_words(accepted_words(flow, agency, language), hang_up=False))
