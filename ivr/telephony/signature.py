"""Tell Twilio from a stranger by the signature of a webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twilio.request_validator import RequestValidator

if TYPE_CHECKING:
    from collections.abc import Mapping


class SignatureValidator:
    """Checks signatures under the primary token, and a second one while tokens are rotated."""

    def __init__(self, public_url: str, *tokens: str) -> None:
        self._public_url = public_url
        self._validators = tuple(RequestValidator(token) for token in tokens if token)

    def check(self, path: str, form: Mapping[str, str], signature: str) -> bool:
        """Whether a webhook is Twilio's. ``path`` has the query too; the host is always ours."""
        url = self._public_url + path
        return any(validator.validate(url, form, signature) for validator in self._validators)
