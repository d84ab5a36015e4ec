"""Keyed ids: what stands in our records in place of Twilio's. Without the key nobody turns them back."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

LENGTH = 32  # Hexadecimal digits: 128 bits.


@dataclass(frozen=True)
class Marks:
    """Makes keyed ids under one secret."""

    secret: str = field(repr=False)

    def call(self, sid: str) -> str:
        """Give the id of a call."""
        return self._mark("call", sid)

    def message(self, sid: str) -> str:
        """Give the id of a text message."""
        return self._mark("message", sid)

    def caller(self, number: str) -> str:
        """Give the mark of a caller's number; nothing for a number that names nobody."""
        return self._mark("caller", number) if number else ""

    def _mark(self, what: str, value: str) -> str:
        keyed = hmac.new(self.secret.encode(), f"{what}:{value}".encode(), hashlib.sha256)
        return keyed.hexdigest()[:LENGTH]
