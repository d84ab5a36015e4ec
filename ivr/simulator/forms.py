"""The form parameters of Twilio's webhooks, with the key sets that real ones carry."""

from __future__ import annotations

import json
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from ivr.simulator.legs import Leg
    from ivr.simulator.messages import Message

VERSION = "2010-04-01"
PLACES = {  # Area code -> city and state, as sloppy as the real ones.
    "905": ("HAMILTON", "ON"),
    "289": ("HAMILTON", "ON"),
    "365": ("OAKVILLE", "ON"),
    "416": ("TORONTO", "ON"),
    "647": ("Toronto", "Ontario"),
    "519": ("GUELPH", "ON"),
}
FREE = frozenset({"800", "833", "844", "855", "866", "877", "888"})
EVENTS = {"queued": "initiated", "ringing": "ringing", "in-progress": "answered"}


def place(number: str, *prefixes: str) -> dict[str, str]:
    """Tell where a number seems to be, under each prefix."""
    area = number[2:5] if number.startswith("+1") else ""
    city, state = PLACES.get(area, ("", ""))
    country = "US" if area in FREE else "CA" if area else ""
    found = {"City": city, "State": state, "Zip": "", "Country": country}
    return {f"{prefix}{part}": value for prefix in prefixes for part, value in found.items()}


def voice(leg: Leg) -> dict[str, str]:
    """Write the standard set of a voice webhook."""
    form = {
        "AccountSid": leg.exchange.account_sid,
        "ApiVersion": VERSION,
        "CallSid": leg.sid,
        "CallStatus": leg.status,
        "Direction": leg.direction,
        "From": leg.caller,
        "Caller": leg.caller,
        "To": leg.called,
        "Called": leg.called,
        **place(leg.caller, "From", "Caller"),
        **place(leg.called, "To", "Called"),
    }
    if leg.parent is not None:
        form["ParentCallSid"] = leg.parent.sid
    return form


def arrival(leg: Leg) -> dict[str, str]:
    """Write what only the first request of an inbound call carries besides."""
    token = {"parentCallInfoToken": f"eyJhbGciOiJFUzI1NiJ9.{leg.sid}.cHJldGVuZA", "identityHeaderTokens": []}
    return {"StirVerstat": "TN-Validation-Passed-B", "CallToken": quote(json.dumps(token), safe="")}


def status(leg: Leg, event: str, number: int) -> dict[str, str]:
    """Write a call's status callback. An `event` is initiated, ringing, in-progress or how the call ended."""
    form = voice(leg) | {
        "CallStatus": event,
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(number),
        "Timestamp": format_datetime(leg.exchange.date()),
    }
    if leg.over:
        seconds = leg.talked
        form |= {"CallDuration": str(seconds), "Duration": str(-(-seconds // 60))}
        form |= {"SipResponseCode": {"busy": "487", "failed": "404", "no-answer": "487"}.get(event, "200")}
    return form


def verdict(leg: Leg, answered_by: str, seconds: float) -> dict[str, str]:
    """Write what answering machine detection found: four keys and no more."""
    return {
        "CallSid": leg.sid,
        "AccountSid": leg.exchange.account_sid,
        "AnsweredBy": answered_by,
        "MachineDetectionDuration": str(round(seconds * 1000)),
    }


def text(message: Message, account_sid: str) -> dict[str, str]:
    """Write the webhook of a text that came in."""
    form = {
        "AccountSid": account_sid,
        "ApiVersion": VERSION,
        "MessageSid": message.sid,
        "SmsMessageSid": message.sid,
        "SmsSid": message.sid,
        "SmsStatus": "received",
        "From": message.sender,
        "To": message.to,
        "Body": message.body,
        "NumMedia": str(message.media),
        "NumSegments": str(message.segments),
        **place(message.sender, "From"),
        **place(message.to, "To"),
    }
    for number in range(message.media):
        form[f"MediaUrl{number}"] = f"https://api.twilio.com/media/{message.sid}/{number}"
        form[f"MediaContentType{number}"] = "image/jpeg"
    return form


def text_status(message: Message, account_sid: str) -> dict[str, str]:
    """Write the status callback of a text that went out."""
    form = {
        "AccountSid": account_sid,
        "ApiVersion": VERSION,
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "MessageStatus": message.status,
        "SmsStatus": message.status,
        "From": message.sender,
        "To": message.to,
    }
    if message.error:
        form["ErrorCode"] = str(message.error)
    return form
