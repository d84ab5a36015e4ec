"""What a view needs: the line and the parts around it, built once and passed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app, request

from ivr.phone_numbers import may_reach
from ivr.telephony.webhook_forms import sender

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ivr.line import Line
    from ivr.pseudonyms import Caller, Pseudonyms
    from ivr.records.markers import Markers
    from ivr.telephony.fallback_twiml import FallbackDocuments
    from ivr.telephony.signature import SignatureValidator
    from ivr.telephony.twiml import TwimlRenderer
    from ivr.understanding.understand import Context, Understanding
    from ivr.web.sms import ConversationCookie

NAME = "ivr"


@dataclass(frozen=True)
class WebhookContext:
    """Everything that answers a webhook."""

    line: Line
    speech: TwimlRenderer
    fixed: FallbackDocuments
    signatures: SignatureValidator
    pseudonyms: Pseudonyms
    accepted: Markers
    cookie: ConversationCookie
    understand: Callable[[str, Context], Understanding]  # What a text means; its words go no further.
    audio: Path
    advanced_opt_out: bool  # Twilio's Advanced Opt-Out is said to answer STOP and HELP.
    now: Callable[[], float]
    heard: Callable[[], object] = lambda: None  # Called whenever Twilio asked us.


def webhook_context() -> WebhookContext:
    """Give the parts of the line that answers this request."""
    return cast("WebhookContext", current_app.extensions[NAME])


def caller_of_request() -> Caller:
    """Give what may be known of whoever calls or texts."""
    number = sender(request.form)
    return webhook_context().pseudonyms.who(number, may_reach=may_reach(number))


def signed() -> bool:
    """Whether this request carries Twilio's signature over its address and its whole form."""
    path = request.path + (f"?{request.query_string.decode('latin-1')}" if request.query_string else "")
    signature = request.headers.get("X-Twilio-Signature", "")
    return webhook_context().signatures.check(path, request.form, signature)
