"""Calls: a webhook becomes something heard, and the turn that answers it becomes TwiML."""

from __future__ import annotations

from flask import Blueprint, Response, request

from ivr.effects import Entry
from ivr.flow.turn import Arrived, Connect, Heard
from ivr.line import Call
from ivr.position import Position
from ivr.telephony.hearing import dialable, heard_on_voice, over
from ivr.web.answers import guard, nothing, xml
from ivr.web.parts import parts

voice = Blueprint("voice", __name__, url_prefix="/voice")
guard(voice, lambda: nothing() if request.path.endswith("/status") else xml(parts().fixed.caller))


@voice.post("")
def arrive() -> Response:
    """Pick up."""
    return _answer(Position(), Arrived())


@voice.post("/<path:place>")
def go_on(place: str) -> Response:
    """Answer a key, silence, or the end of a ring."""
    position = Position.parse(place)
    return _answer(position, _heard(position))


@voice.post("/fixed")
def fixed() -> Response:
    """Answer whoever heard the fixed document: they are rung through only when they asked for it."""
    documents = parts().fixed
    chosen = {"1": documents.ring, "#": documents.goodbye}
    return xml(chosen.get(request.form.get("Digits", ""), documents.caller))


@voice.post("/status")
def status() -> Response:
    """Note that a call is over."""
    if over(request.form):
        here = parts()
        call = here.marks.call(request.form.get("CallSid", ""))
        here.line.note(Entry(call=call, key="end", at=here.now(), channel="voice", heard="ended"))
    return nothing()


def _answer(position: Position, heard: Heard) -> Response:
    here = parts()
    call = Call(
        id=here.marks.call(request.form.get("CallSid", "")),
        channel="voice",
        key=str(position.turn),
        now=here.now(),
        number=dialable(request.form.get("From", "")),
    )
    turn = here.line.hear(position, heard, call)
    whisper = ""
    if isinstance(turn.then, Connect):
        language = turn.position.language or "-"
        whisper = f"/agency/{call.id}/{turn.position.turn}/{language}/{turn.then.agency}"
    return xml(here.speech.answer(turn, whisper))


def _heard(position: Position) -> Heard:
    here = parts()
    agency = here.line.flow.directory.agencies.get(position.tried[-1]) if position.tried else None
    return heard_on_voice(
        request.form,
        accepted=here.accepted.knows(here.marks.call(request.form.get("CallSid", "")), position.turn),
        answers_itself=bool(agency and agency.accept == "answer"),
    )
