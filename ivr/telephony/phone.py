"""Twilio's REST API, with a time limit on every request. Never called while a caller waits for an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from ivr.settings import TWILIO

if TYPE_CHECKING:
    from twilio.http.response import Response

    from ivr.settings import Settings

SECONDS = 5.0


class PhoneUnavailable(Exception):  # noqa: N818 - named by what is the matter, as a person would say it
    """Twilio did not do what it was asked. Carries no number: Twilio's own messages quote them."""


class TwilioPhone:
    """The telephone network, by way of Twilio."""

    def __init__(self, settings: Settings) -> None:
        self._number = settings.number
        self._client = Client(
            settings.account_sid, settings.auth_token, http_client=_Redirected(settings.api_url)
        )

    def text(self, number: str, words: str) -> None:
        """Send a text from the line's number. PhoneUnavailable when Twilio does not take it."""
        try:
            self._client.messages.create(to=number, from_=self._number, body=words)
        except (TwilioException, requests.RequestException) as error:
            code = getattr(error, "code", None) or type(error).__name__
            raise PhoneUnavailable(f"a text was not taken: {code}") from None


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
