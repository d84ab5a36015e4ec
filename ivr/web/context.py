"""What a view needs: the line and the parts around it, built once and passed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app, request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ivr.line import Line
    from ivr.pseudonyms import Pseudonyms
    from ivr.records.markers import Markers
    from ivr.telephony.fallback_twiml import FallbackDocuments
    from ivr.telephony.signature import SignatureValidator
    from ivr.telephony.twiml import TwimlRenderer
    from ivr.web.cookies import Cookies

NAME = "ivr"


@dataclass(frozen=True)
class WebhookContext:
    """Everything that answers a webhook."""

    line: Line
    speech: TwimlRenderer
    fixed: FallbackDocuments
    signatures: SignatureValidator
    marks: Pseudonyms
    accepted: Markers
    cookies: Cookies
    audio: Path
    advanced_opt_out: bool  # Twilio's Advanced Opt-Out is said to answer STOP and HELP.
    now: Callable[[], float]
    heard: Callable[[], object] = lambda: None  # Called whenever Twilio asked us.


def parts() -> WebhookContext:
    """Give the parts of the line that answers this request."""
    return cast("WebhookContext", current_app.extensions[NAME])


def signed() -> bool:
    """Say whether this request carries Twilio's signature over its address and its whole form."""
    path = request.path + (f"?{request.query_string.decode('latin-1')}" if request.query_string else "")
    signature = request.headers.get("X-Twilio-Signature", "")
    return parts().signatures.check(path, request.form, signature)
