"""What Twilio keeps of an account beside calls and texts: its number, its balance, its recordings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ivr.simulator.resources import VERSION, RestError, root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ivr.simulator.exchange import Exchange

NUMBER_SID = "PN" + "1" * 32
URLS = frozenset({"VoiceUrl", "VoiceFallbackUrl", "StatusCallback", "SmsUrl", "SmsFallbackUrl"})
METHODS = frozenset(
    {"VoiceMethod", "VoiceFallbackMethod", "StatusCallbackMethod", "SmsMethod", "SmsFallbackMethod"}
)
OVERRIDES = frozenset({"VoiceApplicationSid", "SmsApplicationSid", "TrunkSid"})
SETTABLE = (
    URLS | METHODS | OVERRIDES | {"EmergencyAddressSid", "FriendlyName"}
)  # As Twilio's OpenAPI has them.


@dataclass
class AccountBooks:
    """One account, with one number, as it was bought: its webhooks lead to Twilio's own demo."""

    kind: str = "Full"
    status: str = "active"
    balance: str = "40.00"
    currency: str = "USD"
    recordings: list[str] = field(default_factory=list)  # Their SIDs.
    number: dict[str, str] = field(
        default_factory=lambda: {
            "VoiceUrl": "https://demo.twilio.com/welcome/voice/",
            "SmsUrl": "https://demo.twilio.com/welcome/sms/reply",
            **dict.fromkeys(METHODS, "POST"),
        }
    )
    ignored: frozenset[str] = frozenset()  # Settings that are taken and not kept, as a fault of the network.

    def show(self, exchange: Exchange) -> dict[str, Any]:
        """Show the account."""
        return {
            "sid": exchange.account_sid,
            "friendly_name": "A line",
            "status": self.status,
            "type": self.kind,
            "owner_account_sid": exchange.account_sid,
            "auth_token": "",
            "date_created": None,
            "date_updated": None,
            "uri": f"{root(exchange)}.json",
            "subresource_uris": {},
        }

    def show_balance(self, exchange: Exchange) -> dict[str, Any]:
        """Show what is left of the account's money."""
        return {"account_sid": exchange.account_sid, "balance": self.balance, "currency": self.currency}

    def show_number(self, exchange: Exchange) -> dict[str, Any]:
        """Show the number and where its webhooks lead."""
        kept = {_snake(name): self.number.get(name, "") for name in SETTABLE}
        address = self.number.get("EmergencyAddressSid", "")
        return kept | {
            "sid": NUMBER_SID,
            "account_sid": exchange.account_sid,
            "api_version": VERSION,
            "phone_number": exchange.number,
            "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
            "emergency_status": "Active" if address else "Inactive",
            "emergency_address_status": "registered" if address else "unregistered",
            "uri": f"{root(exchange)}/IncomingPhoneNumbers/{NUMBER_SID}.json",
        }

    def change_number(self, params: Mapping[str, str]) -> None:
        """Change what may be changed of the number; RestError for anything else."""
        unknown = sorted(set(params) - SETTABLE)
        if unknown:
            raise RestError(400, 20001, f"Unknown parameter {unknown[0]}")
        for name, value in params.items():
            if name in METHODS and value not in {"GET", "POST"}:
                raise RestError(400, 20001, f"{name} must be GET or POST")
            if name in URLS and value and not value.startswith(("http://", "https://")):
                raise RestError(400, 21502 if name == "VoiceUrl" else 21503, f"{name} is not valid")
        self.number |= {name: value for name, value in params.items() if name not in self.ignored}

    def show_recording(self, sid: str, exchange: Exchange) -> dict[str, Any]:
        """Show a recording."""
        return {
            "sid": sid,
            "account_sid": exchange.account_sid,
            "api_version": VERSION,
            "status": "completed",
        }


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
