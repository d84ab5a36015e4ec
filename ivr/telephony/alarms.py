"""Alarms: a text and a POST to whoever runs the line, with nothing in them about a caller."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from ivr.circuit_breaker import PartUnavailable

if TYPE_CHECKING:
    from ivr.telephony.twilio_client import TwilioClient

logger = logging.getLogger(__name__)

SECONDS = 5.0


@dataclass(frozen=True)
class Alarms:
    """Where alarms go: a number to text, an address to post to, or neither."""

    phone: TwilioClient
    number: str
    url: str

    def tell(self, words: str) -> None:
        """Send an alarm every way there is; one that fails does not stop the other."""
        logger.error("alarm: %s", words)
        for way, failure in self.send(words).items():
            if failure:
                logger.warning("the alarm did not go to %s: %s", way, failure)

    def send(self, words: str) -> dict[str, str]:
        """Send words every way there is; give each way by its setting, with why it failed, or nothing."""
        sent: dict[str, str] = {}
        if self.number:
            try:
                self.phone.text(self.number, words)
                sent["ALARM_NUMBER"] = ""
            except PartUnavailable as error:
                sent["ALARM_NUMBER"] = str(error)
        if self.url:
            try:
                requests.post(self.url, json={"text": words}, timeout=SECONDS).raise_for_status()
                sent["ALARM_URL"] = ""
            except requests.RequestException as error:
                sent["ALARM_URL"] = type(error).__name__
        return sent
