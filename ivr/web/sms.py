"""Texts: the same verb as calls. Where a texter is rides in a cookie that Twilio keeps for two numbers."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request
from itsdangerous import BadData, URLSafeSerializer

from ivr.effects import NoteDelivery
from ivr.flow.sms import context_of, is_echo
from ivr.flow.turn import Texted
from ivr.line import CallContext
from ivr.position import Position
from ivr.telephony import twiml
from ivr.telephony.webhook_forms import delivery, number_reached, opt_out_wish, sender
from ivr.understanding.text_cleaning import fold
from ivr.understanding.understand import Understanding
from ivr.web.context import answering_line, caller_of, origin_of, webhook_context
from ivr.web.webhook_guard import guard, no_content, twiml_response

if TYPE_CHECKING:
    from ivr.flow.turn import Heard

logger = logging.getLogger(__name__)

COOKIE = "p"
COOKIE_SECONDS = 20 * 60
UNREAD = ("lost", "choices")  # Kinds of answer to what was not understood.
KEYWORD = 3  # Words; no keyword has more.
OVER = frozenset({"left", "opted_out", "erased"})  # After these nothing is to be known of the conversation.


@dataclass(frozen=True)
class Conversation:
    """One text conversation: its id and where it is."""

    id: str
    position: Position


class ConversationCookie:
    """Signs a conversation, and reads what it signed for twenty minutes."""

    def __init__(self, secret: str, old_secret: str = "") -> None:
        known = [each for each in (old_secret, secret) if each]  # The last signs; each is believed.
        self._serializer = URLSafeSerializer(known, salt="text-position")

    def write(self, conversation: Conversation, now: float) -> str:
        """Sign a conversation as it is now."""
        written: str = self._serializer.dumps([conversation.id, conversation.position.path(), int(now)])
        return written

    def read(self, value: str, now: float) -> Conversation | None:
        """Give the conversation that a cookie holds; nothing when it is too old or not ours."""
        try:
            identity, path, written = self._serializer.loads(value)
        except (BadData, ValueError, TypeError):
            return None
        if now - written > COOKIE_SECONDS:
            return None
        return Conversation(identity, Position.parse(path))


text = Blueprint("text", __name__)
guard(text, lambda documents: documents.text, ("/status",))


@text.post("/sms")
def arrive() -> Response:
    """Answer one text. News of a text that we sent is none: an answer to it would bring more news."""
    if "MessageStatus" in request.form:
        return note_delivery()
    context = webhook_context()
    conversation, message = _conversation()
    heard, origin = _heard(conversation, context.now()), origin_of(context, request.form)
    caller = caller_of(context, request.form, origin)
    call = CallContext(conversation.id, "text", message, context.now(), caller, origin, _words(heard))
    turn = answering_line(request.form).hear(conversation.position, heard, call)
    response = twiml_response(twiml.text(turn, context.speech.public_url))
    if turn.sign in OVER:
        response.delete_cookie(COOKIE)
        return response
    written = context.cookie.write(Conversation(conversation.id, turn.position), call.now)
    response.set_cookie(COOKIE, written, max_age=COOKIE_SECONDS, httponly=True, samesite="Lax")
    return response


@text.post("/sms/status")
def note_delivery() -> Response:
    """Take news of a text that we sent: whether it arrived, and if not, why."""
    context, reason = webhook_context(), delivery(request.form)
    if reason is not None:
        message = context.pseudonyms.message(request.form.get("MessageSid", ""))
        context.line.later.put(NoteDelivery(message, reason))
    return no_content()


def _conversation() -> tuple[Conversation, str]:
    """Give the conversation that this text belongs to, and the text's own id.

    A conversation that begins is named after its first text: the same text delivered twice begins it once.
    """
    context = webhook_context()
    message = context.pseudonyms.message(request.form.get("MessageSid", ""))
    kept = context.cookie.read(request.cookies.get(COOKIE, ""), context.now())
    language = context.line.flow.language_of(number_reached(request.form))
    return kept or Conversation(context.pseudonyms.call(message), Position(language=language)), message


def _words(heard: Heard) -> str:
    """Give a mark of what a machine may say again: what we cannot read, or more than a keyword.

    Digits are left out, as a machine may count what it sends.
    """
    if not isinstance(heard, Texted):
        return ""
    said, found = re.sub(r"[0-9]", "", fold(request.form.get("Body", ""))), heard.meaning
    unread = found.answer in ("choices", "lost") and not found.greeted
    sentence = found.answer in ("sure", "wish") and not found.exact and said.count(" ") >= KEYWORD
    return webhook_context().pseudonyms.words(sender(request.form), said) if unread or sentence else ""


def _heard(conversation: Conversation, now: float) -> Heard:
    context = webhook_context()
    wish = opt_out_wish(request.form)
    if wish and not context.advanced_opt_out:
        logger.warning("Twilio's Advanced Opt-Out answers texts: set IVR_OPT_OUT=advanced")
    if wish:
        return wish
    flow, body = context.line.flow, request.form.get("Body", "")
    found = context.understand(body, context_of(flow, conversation.position, now))
    if found.answer == "danger" and is_echo(flow, body):
        found = Understanding(found.language, answer="lost")
    return Texted(found)
