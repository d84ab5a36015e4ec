"""What a view needs: the line and the parts around it, built once and passed in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from flask import current_app

from ivr.phone_numbers import may_reach
from ivr.telephony.webhook_forms import is_forged, is_probe, sender

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ivr.line import Line
    from ivr.pseudonyms import Caller, Pseudonyms
    from ivr.records.markers import Markers
    from ivr.telephony.fallback_twiml import FallbackDocuments
    from ivr.telephony.signature import SignatureValidator
    from ivr.telephony.twiml import TwimlRenderer
    from ivr.understanding.understand import Context, Understanding
    from ivr.web.metrics import LineState
    from ivr.web.sms import ConversationCookie
    from ivr.web.webhook_guard import WebhookRefusals

NAME = "ivr"


@dataclass(frozen=True)
class WebhookContext:
    """Everything that answers a webhook."""

    line: Line
    speech: TwimlRenderer
    fixed: FallbackDocuments
    signatures: SignatureValidator
    pseudonyms: Pseudonyms
    refusals: WebhookRefusals
    accepted: Markers
    cookie: ConversationCookie
    understand: Callable[[str, Context], Understanding]  # What a text means; its words go no further.
    audio: Path
    advanced_opt_out: bool  # Twilio's Advanced Opt-Out is said to answer STOP and HELP.
    now: Callable[[], float]
    state: LineState
    heard: Callable[[], object] = lambda: None  # Called whenever Twilio asked us.


def webhook_context() -> WebhookContext:
    """Give the parts of the line that answers this request."""
    context: WebhookContext = current_app.extensions[NAME]
    return context


def answering_line(form: Mapping[str, str]) -> Line:
    """Give the line that answers: for whoever only tries it, one that notes and does nothing."""
    line = webhook_context().line
    return line.rehearsing() if is_probe(form) else line


def caller_of(context: WebhookContext, form: Mapping[str, str], origin: str) -> Caller:
    """Give what may be known of whoever calls or texts; ``origin``: see `origin_of`."""
    registered = context.line.flow.line.united_states.registered
    return context.pseudonyms.who(
        sender(form),
        may_reach=partial(may_reach, united_states=registered),
        is_forged=_forgery(context.accepted, form, origin),
    )


def origin_of(context: WebhookContext, form: Mapping[str, str]) -> str:
    """Give a keyed id of the call or text that a request is about, the same in every month."""
    return context.pseudonyms.request(form.get("MessageSid") or form.get("CallSid", ""))


def _forgery(accepted: Markers, form: Mapping[str, str], origin: str) -> Callable[[], bool]:
    """Tell whether the number of this call is forged: its first request tells, and we remember."""
    if "CallSid" not in form:
        return lambda: False
    if is_forged(form):
        accepted.note_forged(origin)
        return lambda: True
    return partial(accepted.is_forged, origin)
