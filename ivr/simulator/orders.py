"""Reads the parameters with which REST asks for a call, and refuses what Twilio would refuse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ivr.simulator.documents import Request
from ivr.simulator.legs import Plan
from ivr.simulator.resources import RestError
from ivr.simulator.ringing import Detection, Order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PHONE = re.compile(r"^\+[1-9]\d{6,14}$")
LONGEST_TWIML = 4000
EVENTS = frozenset({"initiated", "ringing", "answered", "completed"})


def read_order(params: Mapping[str, str], events: Iterable[str], ours: str) -> Order:
    """Read a call that is asked for; `events` are the repeated StatusCallbackEvent values."""
    _check(params, ours)
    wanted = EVENTS.intersection(event for value in events for event in value.split())
    url = params.get("Url", "")
    return Order(
        params["To"],
        params["From"],
        Request(url, twiml="" if url else params.get("Twiml", "")),
        timeout=float(params.get("Timeout", "60")),
        keys=params.get("SendDigits", ""),
        detection=_detection(params),
        plan=Plan(
            params.get("FallbackUrl"), params.get("StatusCallback"), wanted or frozenset({"completed"})
        ),
    )


def _check(params: Mapping[str, str], ours: str) -> None:
    to = params.get("To", "")
    if not PHONE.match(to):
        raise RestError(400, 21211, f"The phone number you are attempting to call, {to}, is not valid.")
    if params.get("From") != ours:
        raise RestError(400, 21210, f"'From' phone number not verified: {params.get('From')}")
    if not params.get("Url") and not params.get("Twiml"):
        raise RestError(400, 21205, "Url parameter is required.")
    if len(params.get("Twiml", "")) > LONGEST_TWIML:
        raise RestError(400, 21205, "Twiml is longer than 4000 characters.")
    if params.get("AsyncAmd") not in {None, "true", "false"}:
        raise RestError(400, 21234, "Invalid AsyncAmd value")


def _detection(params: Mapping[str, str]) -> Detection | None:
    if params.get("MachineDetection") not in {"Enable", "DetectMessageEnd"}:
        return None
    return Detection(params.get("AsyncAmd") == "true", params.get("AsyncAmdStatusCallback"))
