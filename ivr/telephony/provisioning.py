"""The line's number at Twilio: where its webhooks have to lead, what is to be changed, and what stands there.

Whatever is changed is read back: Twilio's word alone that it was taken is not enough.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException

from ivr.circuit_breaker import PartUnavailable
from ivr.telephony.twilio_client import make_client

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ivr.settings import Settings

# What `ivr provision` sets, as twilio's library calls it. Twilio's OpenAPI has each of them for
# POST /Accounts/{AccountSid}/IncomingPhoneNumbers/{Sid}.json.
SETTINGS = (
    "voice_url",
    "voice_method",
    "voice_fallback_url",
    "voice_fallback_method",
    "status_callback",
    "status_callback_method",
    "sms_url",
    "sms_method",
    "sms_fallback_url",
    "sms_fallback_method",
    "voice_application_sid",
    "sms_application_sid",
    "trunk_sid",
)
LEAST_BALANCE = 20.0  # Of the account's currency: some days of a city's calls.
UNSET = ("voice_application_sid", "sms_application_sid", "trunk_sid")  # Each would go before our webhooks.


class ProvisioningError(Exception):
    """The number is not as it has to be; the message says what to do, and names no secret."""


class NoSuchNumber(ProvisioningError):  # noqa: N818 - what is the matter, as a person would say it
    """The account has no such number."""


@dataclass(frozen=True)
class NumberAtTwilio:
    """The line's number as it stands at Twilio."""

    sid: str
    values: Mapping[str, str]  # By the names of SETTINGS.
    emergency_address: bool  # Whether an address is registered for calls to 911.


@dataclass(frozen=True)
class AccountAtTwilio:
    """The account as it stands at Twilio."""

    kind: str  # "Full" or "Trial".
    status: str
    balance: float
    currency: str
    recordings: bool  # Whether there is any.


def wanted_values(base_url: str, fallback_url: str = "", overrides: str = "") -> dict[str, str]:
    """Give how the number has to stand; without ``fallback_url`` its fallback documents are left alone.

    ``overrides``: connection overrides for our own addresses, such as ``ct=2000&rt=4000&rc=2&rp=ct,rt,5xx``.
    """
    more = f"#{overrides}" if overrides else ""
    values = {
        "voice_url": f"{base_url}/voice{more}",
        "voice_method": "POST",
        "status_callback": f"{base_url}/voice/status",
        "status_callback_method": "POST",
        "sms_url": f"{base_url}/sms{more}",
        "sms_method": "POST",
        **dict.fromkeys(UNSET, ""),
    }
    if fallback_url:
        values |= {
            "voice_fallback_url": f"{fallback_url}/voice.xml",
            "voice_fallback_method": "POST",
            "sms_fallback_url": f"{fallback_url}/sms.xml",
            "sms_fallback_method": "POST",
        }
    return values


def read_number(settings: Settings, number: str) -> NumberAtTwilio:
    """Read how a number stands. ProvisioningError: this account has no such number."""
    with _reworded():
        found = make_client(settings).incoming_phone_numbers.list(phone_number=number, limit=2)
    if len(found) != 1:
        raise NoSuchNumber("this account has no such number: is it the right account, and the number whole?")
    values = {name: str(getattr(found[0], name, "") or "") for name in SETTINGS}
    return NumberAtTwilio(str(found[0].sid), values, bool(found[0].emergency_address_sid))


def misled(number: NumberAtTwilio, base_url: str) -> dict[str, tuple[str, str]]:
    """Give what does not lead to a line at an address, with connection overrides or without."""
    bare = {name: value.partition("#")[0] for name, value in number.values.items()}
    return differences(replace(number, values=bare), wanted_values(base_url))


def differences(number: NumberAtTwilio, wanted: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Give what has to change: what stands there, and what has to."""
    return {
        name: (number.values[name], value) for name, value in wanted.items() if number.values[name] != value
    }


def change_number(settings: Settings, number: NumberAtTwilio, called: str, wanted: Mapping[str, str]) -> None:
    """Change what differs, and read it back. ProvisioningError: Twilio did not keep it."""
    changes = {name: value for name, (_, value) in differences(number, wanted).items()}
    with _reworded():
        make_client(settings).incoming_phone_numbers(number.sid).update(**changes)
    left = differences(read_number(settings, called), wanted)
    if left:
        raise ProvisioningError(f"Twilio took the change, and did not keep it: {', '.join(left)}")


def read_account(settings: Settings) -> AccountAtTwilio:
    """Read how the account stands."""
    with _reworded():
        client = make_client(settings)
        account = client.api.accounts(settings.account_sid).fetch()
        money = client.api.accounts(settings.account_sid).balance.fetch()
        recordings = client.recordings.list(limit=1)
    return AccountAtTwilio(
        str(account.type),
        str(account.status),
        float(money.balance or 0),
        str(money.currency or ""),
        bool(recordings),
    )


@contextmanager
def _reworded() -> Iterator[None]:
    """Say in our words what went wrong, without what Twilio quotes."""
    try:
        yield
    except TwilioRestException as error:
        raise ProvisioningError(f"Twilio refused: {error.code or error.status}") from None
    except (requests.RequestException, TwilioException) as error:
        raise PartUnavailable(f"Twilio cannot be asked: {type(error).__name__}") from None
