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
from ivr.telephony.webhook_forms import found_nobody, leg_event
from ivr.transfer.machine import Event, EventType, State, Transfer
from ivr.web.context import webhook_context
from ivr.web.webhook_guard import guard, no_content, twiml_response

transfers = Blueprint("transfers", __name__, url_prefix="/transfers")
CALLBACKS = ("/status",)
guard(transfers, lambda documents: documents.agency, CALLBACKS)

ACCEPT = "1"


@transfers.post("/<transfer_id>/<int:attempt>/whisper")
def whisper(transfer_id: str, attempt: int) -> Response:
    """Tell a person at an agency what this call is, before anybody is joined."""
    context = webhook_context()
    transfer = context.line.advance(transfer_id, Event(EventType.ANSWERED, attempt))
    if _answers_itself(transfer):
        return _join(transfer_id, attempt)
    if transfer and not (transfer.state is State.BRIEFING and transfer.place == attempt):
        return _taken(gone=_is_gone(transfer, attempt))
    flow = context.speech.flow
    says = whisper_words(flow, transfer.agency if transfer else "")
    decided = f"/transfers/{transfer_id}/{attempt}/decided"
    return twiml_response(context.speech.whisper(says, decided, seconds_left(flow, says)))


@transfers.post("/<transfer_id>/<int:attempt>/decided")
def decided(transfer_id: str, attempt: int) -> Response:
    """Tell the agency who the caller is, then join them; or let them go."""
    if request.form.get("Digits") == ACCEPT:
        return _join(transfer_id, attempt, told=False)
    context = webhook_context()
    context.line.advance(transfer_id, Event(EventType.DECLINED, attempt))
    return twiml_response(context.speech.last_words(declined_words(context.speech.flow, ""), hang_up=True))


@transfers.post("/<transfer_id>/<int:attempt>/join")
def join(transfer_id: str, attempt: int) -> Response:
    """Join an agency that was told who the caller is, unless they have hung up meanwhile."""
    return _join(transfer_id, attempt)


@transfers.post("/<transfer_id>/<int:attempt>/over")
def over(transfer_id: str, attempt: int) -> Response:  # noqa: ARG001 - its address names it
    """Thank an agency whose talk is over; tell one who found nobody there that the caller is gone."""
    if found_nobody(request.form):
        return _taken(gone=True)
    context = webhook_context()
    return twiml_response(context.speech.last_words(declined_words(context.speech.flow, ""), hang_up=True))


@transfers.post("/<transfer_id>/<int:attempt>/status")
def status(transfer_id: str, attempt: int) -> Response:
    """Take news of the agency's leg: it rings, it was answered, it is over."""
    event = leg_event(request.form, attempt)
    if event:
        webhook_context().line.advance(transfer_id, event)
    return no_content()


@transfers.post("/<transfer_id>/<language>/<agency>/joined")
def joined(transfer_id: str, language: str, agency: str) -> Response:
    """Tell the caller who is there, just before they are joined."""
    context = webhook_context()
    slow = context.accepted.is_slow(transfer_id)
    return twiml_response(transfer_twiml.announce(context.speech, language.strip("-"), agency, slow=slow))


def _join(transfer_id: str, attempt: int, *, told: bool = True) -> Response:
    """Join the agency that takes the call, if it is the first; Twilio's queue of one has the last word.

    What it is told of the caller is a document of its own: a caller may hang up while it is said, and an
    empty queue is silent for ten seconds.
    """
    context = webhook_context()
    transfer = context.line.advance(transfer_id, Event(EventType.ACCEPTED, attempt))
    if transfer and not transfer.connects(attempt):
        return _taken(gone=_is_gone(transfer, attempt))
    if told:
        return twiml_response(transfer_twiml.dial(context.speech, transfer_id, attempt, transfer))
    return twiml_response(transfer_twiml.accepted(context.speech, transfer_id, attempt, transfer))


def _taken(*, gone: bool) -> Response:
    flow = webhook_context().speech.flow
    says = taken_words(flow, "", gone=gone)
    return twiml_response(webhook_context().speech.last_words(says, hang_up=True))


def _is_gone(transfer: Transfer, attempt: int) -> bool:
    """Whether the caller of a transfer hung up before they were joined with the agency of this attempt."""
    return transfer.state is State.LEFT or (transfer.state is State.FINISHED and transfer.place == attempt)


def _answers_itself(transfer: Transfer | None) -> bool:
    agencies = webhook_context().speech.flow.directory.agencies
    known = agencies.get(transfer.agency) if transfer else None
    return bool(known and transfer and known.accept == "answer" and transfer.state is State.BRIEFING)


# The agency's leg of the direct path: what a person there hears first, and the key they press.


direct = Blueprint("direct", __name__, url_prefix="/agency")
guard(direct, lambda documents: documents.agency)


@direct.post("/<call>/<int:turn>/<language>/<agency>")
def whisper_direct(call: str, turn: int, language: str, agency: str) -> Response:
    """Tell a person at an agency what this call is, before anybody is joined."""
    speech = webhook_context().speech
    says = whisper_words(speech.flow, agency)
    path = f"/agency/{call}/{turn}/{language}/{agency}/decided"
    return twiml_response(speech.whisper(says, path, seconds_left(speech.flow, says)))


@direct.post("/<call>/<int:turn>/<language>/<agency>/decided")
def decided_direct(call: str, turn: int, language: str, agency: str) -> Response:
    """Join the agency with the caller, or let them go."""
    context = webhook_context()
    flow = context.speech.flow
    if request.form.get("Digits") != ACCEPT:
        return twiml_response(context.speech.last_words(declined_words(flow, agency), hang_up=True))
    context.accepted.mark(call, turn)
    entry = Entry(
        call=call,
        key=f"accept-{turn}",
        at=context.now(),
        channel="voice",
        heard="accepted",
        outcome="accepted",
    )
    context.line.note(entry)
    return twiml_response(context.speech.last_words(accepted_words(flow, agency, language), hang_up=False))
