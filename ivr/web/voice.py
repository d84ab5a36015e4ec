"""Calls: a webhook becomes something heard, and the turn that answers it becomes TwiML."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from ivr.effects import Entry
from ivr.flow.rendering import takes_speech
from ivr.flow.sms import context_of
from ivr.flow.turn import Arrived, CameBack, Connect, Heard, Returned, Silent, Spoken
from ivr.line import CallContext
from ivr.position import Position
from ivr.pseudonyms import MONTH, month_of
from ivr.telephony.webhook_forms import (
    end_of_ring,
    ends_ring,
    heard_clearly,
    is_over,
    key_heard,
    number_reached,
    queue_result,
    words_heard,
)
from ivr.transfer.machine import Event, EventType, State
from ivr.web.context import answering_line, caller_of, origin_of, webhook_context
from ivr.web.webhook_guard import guard, no_content, twiml_response
from ivr.web.webhook_request import webhook_request

if TYPE_CHECKING:
    from ivr.web.context import WebhookContext

voice = Blueprint("voice", __name__, url_prefix="/voice")
guard(voice, lambda documents: documents.caller, ("/status",))


@voice.post("")
def arrive() -> Response:
    """Pick up. A caller who is blocked, or calls too often, hears the numbers all the same."""
    context = webhook_context()
    language = context.line.flow.language_of(number_reached(webhook_request().form))
    begins = Position(language=language, month=context.pseudonyms.month)
    call = _this_call(begins)
    if why := answering_line(request.form).turns_away(call):
        return twiml_response(context.fixed.numbers if why == "blocked" else context.fixed.again)
    return _answer(begins, Arrived())


@voice.post("/<path:path>")
def go_on(path: str) -> Response:
    """Answer a key, silence, the end of a ring, or the end of waiting."""
    position = Position.parse(path)
    if position.transfer_id and "QueueResult" in request.form:
        return _answer(*_back_from_waiting(position))
    return _answer(position, _heard(position))


@voice.post("/fixed")
def fixed() -> Response:
    """Answer whoever heard the fixed document: they are rung through only when they asked for it."""
    documents = webhook_context().fixed
    chosen = {"1": documents.ring, "#": documents.goodbye}
    return twiml_response(chosen.get(request.form.get("Digits", ""), documents.again))


@voice.post("/farewell")
def farewell() -> Response:
    """End a leg that we rang and whose own document could not be had, where no other host is set for it."""
    return twiml_response(webhook_context().fixed.goodbye)


@voice.post("/status")
def status() -> Response:
    """Note that a call is over: the second to tell, where a caller who waits has hung up."""
    if is_over(request.form):
        context = webhook_context()
        context.line.caller_left(context.pseudonyms.calls(request.form.get("CallSid", "")))
        lasted = request.form.get("CallDuration", "")
        began = context.now() - (int(lasted) if lasted.isdecimal() else 0)
        call = context.pseudonyms.call(request.form.get("CallSid", ""), month_of(began))
        context.line.note(Entry(call=call, key="end", at=context.now(), channel="voice", heard="ended"))
    return no_content()


def _answer(position: Position, heard: Heard) -> Response:
    call = _this_call(position)
    turn = answering_line(webhook_request().form).hear(position, heard, call)
    whisper = ""
    if isinstance(turn.then, Connect):
        language = turn.position.language or "-"
        whisper = f"/agency/{call.id}/{turn.position.turn}/{language}/{turn.then.agency}"
    # Read after the turn: its recordings are never older than the words it says.
    return twiml_response(webhook_context().speech.answer(turn, whisper))


def _back_from_waiting(position: Position) -> tuple[Position, Heard]:
    """Make out how waiting ended. Where nobody can tell why, the caller hears a choice."""
    line = webhook_context().line
    why = queue_result(request.form)
    if why == "talked":
        gone = is_over(request.form)
        line.advance(
            position.transfer_id, Event(EventType.TALKED)
        )  # Also of whom SQL still thinks that they wait.
        if gone:
            line.advance(
                position.transfer_id, Event(EventType.CALLER_LEFT)
            )  # Nobody else is to be rung for them.
        return position, CameBack("accepted", gone=gone)
    transfer = line.advance(
        position.transfer_id, Event(EventType.CALLER_LEFT if why == "gone" else EventType.GAVE_UP)
    )
    if why == "gone":
        return position, CameBack("no_answer", gone=True)
    if why == "lost" or (transfer and transfer.state is State.DIRECT):
        tried, named = (transfer.tried, transfer.agency) if transfer else ((), "")
        return replace(position, transfer_id="", tried=tried), CameBack("no_answer", named=named)
    return position, Returned()


def _heard(position: Position) -> Heard:
    form, context = webhook_request().form, webhook_context()
    if not ends_ring(form):
        said = words_heard(form)
        return _spoken(position, said) if said else key_heard(form)
    agency = context.line.flow.directory.agencies.get(position.tried[-1]) if position.tried else None
    return end_of_ring(
        form,
        accepted=context.accepted.knows(_call(context, position), position.turn),
        answers_itself=bool(agency and agency.accept == "answer"),
    )


def _spoken(position: Position, said: str) -> Heard:
    """Understand spoken words as texts are: they go no further. Where none are taken, they are silence."""
    context = webhook_context()
    if not takes_speech(context.line.flow, position):
        return Silent()
    known = replace(context_of(context.line.flow, position, context.now()), asked="")
    return Spoken(context.understand(said, known), heard_clearly(webhook_request().form))


def _this_call(position: Position) -> CallContext:
    context, form = webhook_context(), webhook_request().form
    origin = origin_of(context, form)
    caller = caller_of(context, form, origin)
    return CallContext(_call(context, position), "voice", str(position.turn), context.now(), caller, origin)


def _call(context: WebhookContext, position: Position) -> str:
    """Give the id of this call, under the key of its first month, which its signed address says."""
    known = position.month if MONTH.fullmatch(position.month) else ""
    return context.pseudonyms.call(webhook_request().form.get("CallSid", ""), known)
