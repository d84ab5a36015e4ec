"""Tell Twilio from a stranger by the signature of a webhook."""

from __future__ import annotations

import hmac
from binascii import b2a_base64
from itertools import chain
from typing import TYPE_CHECKING

from twilio.request_validator import RequestValidator

from ivr.pseudonyms import KeyedHash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class SignatureValidator:
    """Checks signatures under the primary token, and a second one while tokens are rotated."""

    def __init__(self, public_url: str, *tokens: str) -> None:
        self._public_url = public_url
        self._keys = tuple(KeyedHash(token.encode(), "sha1") for token in tokens if token)
        self._validators = tuple(RequestValidator(token) for token in tokens if token)

    def check(self, path: str, form: Mapping[str, str], signature: str) -> bool:
        """Whether a webhook is Twilio's. ``path`` has the query too; the host is always ours."""
        url = self._public_url + path
        return self._is_exact(url, form, signature) or self._is_valid(url, form, signature)

    def signed_for(self, path: str, form: Mapping[str, str], signature: str, hosts: Iterable[str]) -> str:
        """Name the address that Twilio signed a webhook for, if it is at one of some hosts; else nothing."""
        roots = (f"{scheme}://{host}" for host in hosts if host for scheme in ("https", "http"))
        return next((root for root in roots if self._is_valid(root + path, form, signature)), "")

    def _is_exact(self, url: str, form: Mapping[str, str], signature: str) -> bool:
        """Whether it is signed under this very address, with each field once, as all but a few are.

        Twilio's library computes it twice, with and without a port, and tells the rest.
        """
        signed = "".join(chain((url,), chain.from_iterable(sorted(form.items())))).encode()
        given = signature.encode("utf-8", "replace")
        return any(
            hmac.compare_digest(b2a_base64(key.digest(signed), newline=False), given) for key in self._keys
        )

    def _is_valid(self, url: str, form: Mapping[str, str], signature: str) -> bool:
        return any(validator.validate(url, form, signature) for validator in self._validators)
