"""Webhooks that are refused: a line a minute says how many and why; an alarm, that none is good.

A wrong ``PUBLIC_URL`` or token silences the whole line, and looks from here as if strangers knocked.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ivr.telephony.signature import SignatureValidator

logger = logging.getLogger(__name__)

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
