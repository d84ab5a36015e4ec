"""Try a line from outside, as Twilio would reach it: one call with one key, one text, one stranger.

Each request says that it is a probe, under the signature: the line answers as ever, and notes and does
nothing. So a probe may come every minute, and no count and no log tells of it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

import requests
from twilio.request_validator import RequestValidator

from ivr.circuit_breaker import PartUnavailable
from ivr.telephony.webhook_forms import PROBE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


SECONDS = 15.0  # So long Twilio waits; what comes later nobody hears.
SLOW_SECONDS = 3.0  # A caller who hears nothing for so long hangs up.
FIXED = "/voice/fixed"  # Where a key leads from the words that are said when our own code fails.
NUMBER = "+15005550006"  # Twilio's own number for tests: it rings nobody.


@dataclass(frozen=True)
class Probed:
    """How one request was answered: in so many seconds, rightly where nothing is wrong."""

    what: str
    seconds: float
    wrong: str = ""
    slow: bool = False


class _Wrong(Exception):  # noqa: N818 - what is the matter, as a person would say it
    """An answer is not what a caller has to get; the message says why."""


@dataclass(frozen=True)
class Probe:
    """Whoever tries a line."""

    base_url: str
    token: str
    number: str = NUMBER  # The line's own.
    account: str = "AC" + "0" * 32

    def run(self) -> list[Probed]:
        """Try the line in every way. Never raises."""
        return [
            self._tried("a call", self._call),
            self._tried("a text", self._text),
            self._tried("a stranger", self._stranger),
        ]

    def _tried(self, what: str, ask: Callable[[], None]) -> Probed:
        began = time.monotonic()
        try:
            ask()
        except _Wrong as error:
            return Probed(what, time.monotonic() - began, str(error))
        except requests.RequestException as error:
            return Probed(what, time.monotonic() - began, f"nobody answered ({type(error).__name__})")
        seconds = time.monotonic() - began
        return Probed(what, seconds, slow=seconds > SLOW_SECONDS)

    def _call(self) -> None:
        """Call, hear the first words with 911 in them, press 1, and hear a menu."""
        url = f"{self.base_url}/voice"
        first = self._document(self._post(url, self._form("voice")))
        if "9 1 1" not in _words(first):
            raise _Wrong("the first words of a call do not say 9 1 1")
        action = urljoin(url, _action(first))
        second = self._document(
            self._post(action, self._form("voice") | {"Digits": "1", "msg": "Gather End"})
        )
        _action(second)

    def _text(self) -> None:
        """Send a greeting, and read an answer with 911 in it that knows the conversation."""
        answer = self._post(f"{self.base_url}/sms", self._form("text"))
        if "911" not in _words(self._document(answer)).replace(" ", ""):
            raise _Wrong("the answer to a first text does not name 911")
        if not answer.headers.get("Set-Cookie"):
            raise _Wrong("a text is answered with the words that are sent when our own code fails")

    def _stranger(self) -> None:
        """Ask without Twilio's signature, and be refused."""
        answer = self._post(f"{self.base_url}/voice", self._form("voice"), signed=False)
        if answer.status_code != HTTPStatus.FORBIDDEN:
            raise _Wrong(f"a request that nobody signed is answered with {answer.status_code}, not refused")

    def _form(self, kind: str) -> dict[str, str]:
        form = {"AccountSid": self.account, "From": self.number, "To": self.number, PROBE: "1"}
        if kind == "text":
            return form | {"MessageSid": "SM" + "0" * 32, "Body": "hello", "NumMedia": "0"}
        return form | {"CallSid": "CA" + "0" * 32, "CallStatus": "in-progress", "Direction": "inbound"}

    def _post(self, url: str, form: Mapping[str, str], *, signed: bool = True) -> requests.Response:
        signature = RequestValidator(self.token).compute_signature(url, dict(form)) if signed else ""
        headers = {"X-Twilio-Signature": str(signature)}
        return requests.post(url, data=dict(form), headers=headers, timeout=SECONDS, allow_redirects=False)

    def _document(self, answer: requests.Response) -> ET.Element:
        if answer.status_code == HTTPStatus.FORBIDDEN:
            raise _Wrong("the line refused a signed request: the token, or PUBLIC_URL, is not the line's")
        if answer.status_code != HTTPStatus.OK:
            raise _Wrong(f"status {answer.status_code}")
        try:
            document = ET.fromstring(answer.text)  # noqa: S314 - of a server that may be anybody's: no more than this is read
        except ET.ParseError:
            raise _Wrong("the answer is no TwiML: somebody else answers at this address") from None
        if document.tag != "Response":
            raise _Wrong("the answer is no TwiML: somebody else answers at this address")
        return document


def _words(document: ET.Element) -> str:
    return " ".join(document.itertext())


def _action(document: ET.Element) -> str:
    """Name where a key leads; the words that are said when our own code fails are no right answer."""
    gather = document.find(".//Gather")
    action = "" if gather is None else gather.get("action", "")
    if not action or FIXED in action:
        raise _Wrong("callers hear the words that are said when our own code fails: see the web log")
    return action


# What answers at the address that Twilio has of us, asked from outside as Twilio would.

PATIENCE = 5.0  # In which our own sign of life comes back; Twilio waits for 15.


def fetch_sign_of_life(public_url: str) -> tuple[int, str]:
    """Give status and words of /health there; no redirect is followed. PartUnavailable: nobody answers."""
    try:
        answer = requests.get(f"{public_url}/health", timeout=PATIENCE, allow_redirects=False)
    except requests.RequestException as error:
        raise PartUnavailable(type(error).__name__) from None
    return answer.status_code, answer.text


def fetch_fallback(url: str) -> str:
    """Give the document that Twilio hears at an address while our site is gone. PartUnavailable: none."""
    try:
        answer = requests.post(url, data={"CallStatus": "in-progress"}, timeout=PATIENCE)
    except requests.RequestException as error:
        raise PartUnavailable(f"the fallback document cannot be had: {type(error).__name__}") from None
    return answer.text if answer.ok else ""
