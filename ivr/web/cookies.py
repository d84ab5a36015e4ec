"""The cookie that Twilio keeps for a pair of numbers: where a texter is, signed, for twenty minutes."""

from __future__ import annotations

from dataclasses import dataclass

from itsdangerous import BadData, URLSafeSerializer

from ivr.position import Position

NAME = "p"
SECONDS = 20 * 60


@dataclass(frozen=True)
class Conversation:
    """One text conversation: its id and where it is."""

    id: str
    position: Position


class Cookies:
    """Writes and reads that cookie."""

    def __init__(self, secret: str) -> None:
        self._serializer = URLSafeSerializer(secret, salt="text-position")

    def write(self, conversation: Conversation, now: float) -> str:
        """Sign a conversation as it is now."""
        written: str = self._serializer.dumps([conversation.id, conversation.position.path(), int(now)])
        return written

    def read(self, value: str, now: float) -> Conversation | None:
        """Give the conversation that a cookie holds; nothing when it is too old or not ours."""
        try:
            identity, path, written = self._serializer.loads(value)
        except (BadData, ValueError, TypeError):
            return None
        if now - written > SECONDS:
            return None
        return Conversation(identity, Position.parse(path))
