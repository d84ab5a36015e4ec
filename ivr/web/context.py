"""What a view needs: the line and the parts around it, built once and passed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app, request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ivr.line import Line
    from ivr.pseudonyms import Marks
    from ivr.records.markers import Accepted
    from ivr.telephony.fallback_twiml import Fixed
    from ivr.telephony.signature import Signatures
    from ivr.telephony.twiml import Speech
    from ivr.web.cookies import Cookies

NAME = "ivr"


@dataclass(frozen=True)
class Parts:
    """Everything that answers a webhook."""

    line: Line
    speech: Speech
    fixed: Fixed
    signatures: Signatures
    marks: Marks
    accepted: Accepted
    cookies: Cookies
    audio: Path
    advanced_opt_out: bool  # Twilio's Advanced Opt-Out is said to answer STOP and HELP.
    now: Callable[[], float]
    heard: Callable[[], object] = lambda: None  # Called whenever Twilio asked us.


def parts() -> Parts:
    """Give the parts of the line that answers this request."""
    return cast("Parts", current_app.extensions[NAME])


def signed() -> bool:
    """Say whether this request carries Twilio's signature over its address and its whole form."""
    path = request.path + (f"?{request.query_string.decode('latin-1')}" if request.query_string else "")
    signature = request.headers.get("X-Twilio-Signature", "")
    return parts().signatures.check(path, request.form, signature)
