"""Tell Twilio from a stranger by the signature of a webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twilio.request_validator import RequestValidator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class SignatureValidator:
    """Checks signatures under the primary token, and a second one while tokens are rotated."""

    def __init__(self, public_url: str, *tokens: str) -> None:
        self._public_url = public_url
        self._validators = tuple(RequestValidator(token) for token in tokens if token)

    def check(self, path: str, form: Mapping[str, str], signature: str) -> bool:
        """Whether a webhook is Twilio's. ``path`` has the query too; the host is always ours."""
        url = self._public_url + path
        return self._is_valid(url, form, signature)

    def signed_for(self, path: str, form: Mapping[str, str], signature: str, hosts: Iterable[str]) -> str:
        """Name the address that Twilio signed a webhook for, if it is at one of some hosts; else nothing."""
        roots = (f"{scheme}://{host}" for host in hosts if host for scheme in ("https", "http"))
        return next((root for root in roots if self._is_valid(root + path, form, signature)), "")

    def _is_valid(self, url: str, form: Mapping[str, str], signature: str) -> bool:
        return any(validator.validate(url, form, signature) for validator in self._validators)
