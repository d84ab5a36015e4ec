"""Texts: the same verb as calls. Where a texter is rides in a cookie that Twilio keeps."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from ivr.flow.text_parser import understand
from ivr.line import CallContext
from ivr.position import Position
from ivr.telephony import twiml
from ivr.telephony.webhook_forms import dialable, opted
from ivr.web.context import parts
from ivr.web.cookies import NAME, SECONDS, Conversation
from ivr.web.webhook_guard import guard, nothing, xml

if TYPE_CHECKING:
    from ivr.flow.turn import Heard

logger = logging.getLogger(__name__)

text = Blueprint("text", __name__)
guard(text, lambda: xml(parts().fixed.text))

OVER = frozenset({"left", "opted_out", "erased"})


@text.post("/sms")
def arrive() -> Response:
    """Answer one text. News of a text that we sent is none: an answer to it would bring more news."""
    if "MessageStatus" in request.form:
        return nothing()
    here = parts()
    conversation, message = _conversation()
    caller = here.marks.who(dialable(request.form.get("From", "")))
    call = CallContext(conversation.id, "text", message, here.now(), caller)
    turn = here.line.hear(conversation.position, _heard(conversation), call)
    response = xml(twiml.text(turn))
    if turn.sign in OVER:
        response.delete_cookie(NAME)
        return response
    written = here.cookies.write(Conversation(conversation.id, turn.position), call.now)
    response.set_cookie(NAME, written, max_age=SECONDS, httponly=True, samesite="Lax")
    return response


def _conversation() -> tuple[Conversation, str]:
    """Give the conversation that this text belongs to, and the text's own id.

    A conversation that begins is named after its first text: the same text delivered twice begins it once.
    """
    here = parts()
    message = here.marks.message(request.form.get("MessageSid", ""))
    kept = here.cookies.read(request.cookies.get(NAME, ""), here.now())
    return kept or Conversation(here.marks.call(message), Position()), message


def _heard(conversation: Conversation) -> Heard:
    here = parts()
    wish = opted(request.form)
    if wish and not here.advanced_opt_out:
        logger.warning("Twilio's Advanced Opt-Out answers texts: set IVR_OPT_OUT=advanced")
    body = request.form.get("Body", "")
    return wish or understand(here.line.flow, body, conversation.position.language)
