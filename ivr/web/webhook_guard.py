"""How a webhook is checked and refused, and what it gets when our own code fails: words, never an error."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING

from flask import Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from ivr.telephony.webhook_forms import is_probe
from ivr.web.context import webhook_context
from ivr.web.metrics import note_fixed_words
from ivr.web.server.wsgi_adapter import MOST_FIELDS, fields
from ivr.web.webhook_request import TwimlResponse, webhook_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flask import Blueprint

    from ivr.telephony.fallback_twiml import FallbackDocuments
    from ivr.telephony.signature import SignatureValidator

logger = logging.getLogger(__name__)

REFUSED, LARGE = 403, 413


def twiml_response(document: str) -> Response:
    """Answer with TwiML."""
    return TwimlResponse(document)


def no_content() -> Response:
    """Answer a callback, which needs no words."""
    return Response(status=204)


def refuse_strangers() -> Response | None:
    """Refuse a webhook that Twilio did not sign, before anything is touched."""
    try:
        if signed():
            if not is_probe(webhook_request().form):
                webhook_context().heard()
            return None
    except HTTPException:
        webhook_context().refusals.count(UNREADABLE)  # So it cannot be Twilio's.
    return Response("not signed by Twilio\n", status=REFUSED, mimetype="text/plain")


def signed() -> bool:
    """Whether this request carries Twilio's signature over its address and its whole form."""
    context, asked = webhook_context(), webhook_request()
    path = f"{asked.path}?{asked.query_string.decode('latin-1')}" if asked.query_string else asked.path
    signature = asked.environ.get("HTTP_X_TWILIO_SIGNATURE", "")
    if signature and context.signatures.check(path, asked.form, signature):
        context.refusals.good()
        return True
    hosts = (asked.headers.get("X-Forwarded-Host", ""), asked.host)
    context.refusals.count_unsigned(path, asked.form if signature else {}, signature, hosts)
    return False


def refuse_large() -> Response | None:
    """Refuse a body that is larger than any of Twilio's, at whatever address, before it is parsed."""
    try:
        asked = webhook_request()
        if fields(asked.kind.encode(), asked.body) <= MOST_FIELDS:
            return None
    except HTTPException:
        pass  # Larger than MAX_CONTENT_LENGTH, or not there.
    webhook_context().refusals.count(TOO_LARGE)
    return Response("too large\n", status=LARGE, mimetype="text/plain")


def lost(error: HTTPException) -> Response | HTTPException:
    """Give the numbers to a caller whose address we do not know, and nothing to a stranger."""
    if request.method != "POST" or not signed():
        return error
    note_fixed_words()
    return twiml_response(webhook_context().fixed.caller)


def guard(
    blueprint: Blueprint, fallback: Callable[[FallbackDocuments], str], callbacks: tuple[str, ...] = ()
) -> None:
    """Check every webhook of a blueprint, and answer with a fixed document instead of an error.

    ``callbacks``: how the paths end of webhooks that need no words.
    """
    blueprint.before_request(refuse_strangers)

    @blueprint.errorhandler(Exception)
    def answer_anyway(error: Exception) -> Response | HTTPException:
        if isinstance(error, MethodNotAllowed | NotFound):
            return error
        # The message may quote what the caller sent; its kind does not.
        note_fixed_words()
        logger.error("answering %s with fixed words: %s", request.endpoint, type(error).__name__)
        if request.path.endswith(callbacks):
            return no_content()
        return twiml_response(fallback(webhook_context().fixed))


# Webhooks that are refused: a line a minute says how many and why; an alarm, that none is good.
#
# A wrong ``PUBLIC_URL`` or token silences the whole line, and looks from here as if strangers knocked.

EVERY = 60.0  # Seconds between two lines.
EXPLAINED = 1.0  # Seconds between two looks for the reason: a flood must not pay for them.
MANY, WITHIN = 5, 600.0  # So many that may be Twilio's, in so many seconds and no good one: an alarm.
AGAIN = 1800.0
TOO_LARGE, UNREADABLE = "too large", "not readable"
UNSIGNED, STRANGE, WRONG = "not signed", "for another account", "signed otherwise"
LIKELY = {
    UNSIGNED: "not Twilio, or a proxy takes X-Twilio-Signature away",
    STRANGE: "TWILIO_ACCOUNT_SID is of another account than the number",
    WRONG: "TWILIO_AUTH_TOKEN is wrong, or somebody pretends to be Twilio",
}


class WebhookRefusals:
    """Counts refusals of one process, for all of its threads."""

    def __init__(
        self,
        signatures: SignatureValidator,
        account: str,
        alarm: Callable[[], object],
        now: Callable[[], float] = time.monotonic,
        counted: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._counted = counted
        self._signatures = signatures
        self._account = account
        self._alarm = alarm
        self._now = now
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._maybe_twilio: deque[float] = deque(maxlen=MANY)
        self._likely = ""
        self._good = self._told = self._explained = self._alarmed = float("-inf")

    def good(self) -> None:
        """Note that a webhook was Twilio's."""
        self._good = self._now()

    def count(self, reason: str) -> None:
        """Count one that was refused before its signature was looked at."""
        self._counted(reason)
        with self._lock:
            self._counts[reason] += 1
        self.tell()

    def count_unsigned(
        self, path: str, form: Mapping[str, str], signature: str, hosts: Sequence[str]
    ) -> None:
        """Count one whose signature is none of Twilio's; ``hosts``: where it was sent, as it says."""
        ours = form.get("AccountSid") == self._account
        reason = (
            WRONG if signature and ours else STRANGE if signature and form.get("AccountSid") else UNSIGNED
        )
        self._counted(reason)
        now = self._now()
        with self._lock:
            self._counts[reason] += 1
            explains = now - self._explained >= EXPLAINED and reason is WRONG
            if explains:
                self._explained = now
            if reason is WRONG:
                self._maybe_twilio.append(now)
        if explains:
            root = self._signatures.signed_for(path, form, signature, hosts)
            self._likely = f"PUBLIC_URL is wrong: Twilio asks {root}" if root else LIKELY[WRONG]
        self.tell()
        self._raise_alarm(now)

    def tell(self) -> None:
        """Write what was counted since the last line, unless that was within this minute."""
        now = self._now()
        with self._lock:
            if not self._counts or now - self._told < EVERY:
                return
            self._told, counts = now, self._counts
            self._counts = Counter()
        reasons = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
        first = counts.most_common(1)[0][0]
        likely = self._likely if counts[WRONG] else LIKELY.get(first, "")
        logger.warning("refused %s webhooks: %s; likely: %s", counts.total(), reasons, likely or first)

    def _raise_alarm(self, now: float) -> None:
        """Alarm whoever runs the line when many may be Twilio's, and none was good."""
        with self._lock:
            many = len(self._maybe_twilio) == MANY and now - self._maybe_twilio[0] <= WITHIN
            if not many or now - self._good <= WITHIN or now - self._alarmed < AGAIN:
                return
            self._alarmed = now
        logger.error("no webhook is accepted: %s", self._likely)
        self._alarm()
