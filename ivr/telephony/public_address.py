"""What answers at the address that Twilio has of us, asked from outside as Twilio would."""

from __future__ import annotations

import requests

from ivr.circuit_breaker import PartUnavailable

SECONDS = 5.0  # In which our own sign of life comes back; Twilio waits for 15.


def fetch_sign_of_life(public_url: str) -> tuple[int, str]:
    """Give status and words of /health there; no redirect is followed. PartUnavailable: nobody answers."""
    try:
        answer = requests.get(f"{public_url}/health", timeout=SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise PartUnavailable(type(error).__name__) from None
    return answer.status_code, answer.text


def fetch_fallback(url: str) -> str:
    """Give the document that Twilio hears at an address while our site is gone. PartUnavailable: none."""
    try:
        answer = requests.post(url, data={"CallStatus": "in-progress"}, timeout=SECONDS)
    except requests.RequestException as error:
        raise PartUnavailable(f"the fallback document cannot be had: {type(error).__name__}") from None
    return answer.text if answer.ok else ""
