"""Twilio's REST API, with a time limit on every request. Never called while a caller waits for an answer."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from ivr.circuit_breaker import CircuitBreaker, PartUnavailable
from ivr.settings import TWILIO
from ivr.telephony.fallback_twiml import FAREWELL_PATH
from ivr.telephony.twiml import DELIVERY_PATH
from ivr.telephony.webhook_forms import LIMITED
from ivr.transfer.coordinator import NumberRefused, PhoneSilent, PhoneThrottled, TooManyCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twilio.http.response import Response

    from ivr.agencies import Agency
    from ivr.settings import Settings

logger = logging.getLogger(__name__)
logging.getLogger("twilio.http_client").setLevel(logging.WARNING)  # Below, it logs numbers and ids.

SECONDS = 5.0  # How long one request may take.
REST_SECONDS = 5.0  # How long Twilio is not asked to ring; then one caller's ring tries whether it answers.
FAILURES = 2  # In a row: one slow answer is not an outage, and sends nobody but its own caller another way.


class PhoneUnavailable(PartUnavailable):
    """Twilio cannot be asked, or refused: nothing was rung or sent. It carries no number."""


REFUSED = frozenset({13223, 13224, 13225, 21201, 21211, 21214, 21216, 21217, 21202, 21610, 21612, 21614})
THROTTLED = 429


class TwilioClient:
    """The telephone network, by way of Twilio."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._number = settings.number
        self._breaker = CircuitBreaker(clock, REST_SECONDS, FAILURES)
        self._public_url = settings.public_url
        self._fallback_url = settings.leg_fallback_url or settings.public_url + FAREWELL_PATH
        self._client = make_client(settings)

    def text(self, number: str, words: str) -> None:
        """Send a text from the line's number. PhoneUnavailable when Twilio does not take it."""
        with _reworded():
            self._client.messages.create(
                to=number,
                from_=self._number,
                body=words,
                status_callback=self._public_url + DELIVERY_PATH,
            )

    def ring_agency(self, agency: Agency, path: str, seconds: int) -> str:
        """Ring an agency about a call; what it hears is at a path of ours. Gives Twilio's name of the leg.

        Twilio is not asked whether a machine answers: it takes people with long greetings for one. A machine
        presses no key.
        """
        options: dict[str, object] = {"send_digits": agency.extension} if agency.extension else {}
        return self._ring(agency.number, f"{path}/whisper", f"{path}/status", seconds, options)

    def ring_caller(self, number: str, path: str, seconds: int) -> str:
        """Ring somebody who asked for it by text."""
        return self._ring(number, path, f"{path}/status", seconds, {})

    def hang_up(self, leg: str) -> None:
        """End a leg, whether it rings or talks; one that is over already is as good."""
        try:
            with _reworded():
                self._client.calls(leg).update(status="completed")
        except PhoneUnavailable:
            logger.info("a leg was over before it was ended")

    def _ring(self, number: str, path: str, status: str, seconds: int, options: dict[str, object]) -> str:
        """Ring a number; what is heard there, and how it goes on, are paths of ours. Gives the leg's SID."""
        with self._breaker.guard(PhoneSilent, PhoneUnavailable), _reworded():
            leg = self._client.calls.create(
                to=number,
                from_=self._number,
                url=self._public_url + path,
                method="POST",
                fallback_url=self._fallback_url,
                fallback_method="POST",
                timeout=seconds,
                status_callback=self._public_url + status,
                status_callback_event=["initiated", "ringing", "answered", "completed"],
                status_callback_method="POST",
                **options,
            )
        return str(leg.sid)


def load_resources() -> None:
    """Import what Twilio's library leaves until the first request: a process has it before somebody waits.

    It is seven MiB, which processes share that are forked afterwards, and a tenth of a second.
    """
    import_module("twilio.rest.api.v2010")


def make_client(settings: Settings) -> Client:
    """Make a client of Twilio's REST API that gives up in time. It connects when first used."""
    return Client(settings.account_sid, settings.auth_token, http_client=_Redirected(settings.api_url))


@contextmanager
def _reworded() -> Iterator[None]:
    """Say in our words what went wrong, without the numbers that Twilio quotes."""
    try:
        yield
    except TwilioRestException as error:
        if str(error.code) in LIMITED:
            raise TooManyCalls(f"Twilio refused: {error.code}") from None
        if error.status == THROTTLED:
            raise PhoneThrottled("Twilio is throttling") from None
        kind: type[PartUnavailable] = NumberRefused if error.code in REFUSED else PhoneUnavailable
        raise kind(f"Twilio refused: {error.code or error.status}") from None
    except (requests.ConnectionError, requests.exceptions.InvalidURL) as error:
        # A connection that broke after the request was sent looks the same as one that never was.
        sent = "refused" not in str(error).lower()
        lost: type[PartUnavailable] = PhoneSilent if sent else PhoneUnavailable
        raise lost(f"Twilio cannot be reached: {type(error).__name__}") from None
    except requests.RequestException as error:
        raise PhoneSilent(f"Twilio did not answer: {type(error).__name__}") from None
    except TwilioException as error:
        raise PhoneUnavailable(f"Twilio refused: {type(error).__name__}") from None


class _Redirected(TwilioHttpClient):
    """Sends what is meant for Twilio to where the settings say, and gives up in time."""

    def __init__(self, api_url: str) -> None:
        super().__init__(timeout=SECONDS)
        self._api_url = api_url

    def request(  # noqa: PLR0913, PLR0917 - the shape that twilio's client calls
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,  # noqa: FBT001, FBT002 - twilio's own
    ) -> Response:
        """Make one request."""
        where = url.replace(TWILIO, self._api_url, 1)
        seconds = timeout or SECONDS
        return super().request(method, where, params, data, headers, auth, seconds, allow_redirects)
