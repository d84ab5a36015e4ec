"""What goes wrong on the pretend network: switches that may be turned while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class WebhookFault:
    """Spoil requests whose address holds `match`: after `skip` of them, `times` of them (0: all)."""

    match: str = ""
    status: int = 0  # Answer this in place of our server's answer; 0: time out.
    reaches: bool = False  # Whether our server sees the request all the same.
    skip: int = 0
    times: int = 1
    seen: int = 0

    def strikes(self, url: str) -> bool:
        """Tell whether this request is one to spoil."""
        if self.match not in url:
            return False
        self.seen += 1
        count = self.seen - self.skip
        return count > 0 and (self.times == 0 or count <= self.times)


@dataclass
class RestFault:
    """Spoil requests to the pretend REST server: a status, or "hang", or "drop"."""

    does: str = "500"
    match: str = ""
    skip: int = 0
    times: int = 0
    seen: int = 0

    def strikes(self, request: str) -> bool:
        """Tell whether this request ("POST /path") is one to spoil."""
        if self.match not in request:
            return False
        self.seen += 1
        count = self.seen - self.skip
        return count > 0 and (self.times == 0 or count <= self.times)


@dataclass
class Delivery:
    """How callbacks of one kind come: lost, late, more than once, in reverse.

    The kinds: the status of a ``call`` that the line made, and of its ``caller``'s; the ``action`` of a verb
    whose leg is gone; ``amd``, what a machine detector found; ``message``, the status of a text.
    """

    lost: bool = False
    late: float = 0.0
    copies: int = 1
    reverse: bool = False

    def delays(self) -> list[float]:
        """Tell after how many seconds each copy comes."""
        return [] if self.lost else [self.late + copy * 0.2 for copy in range(self.copies)]


def _deliveries() -> dict[str, Delivery]:
    return {kind: Delivery() for kind in ("call", "caller", "action", "amd", "message")}


@dataclass
class Faults:
    """All switches of one network. With none turned, the network behaves as its best."""

    webhooks: list[WebhookFault] = field(default_factory=list)
    rest: list[RestFault] = field(default_factory=list)
    callbacks: dict[str, Delivery] = field(default_factory=_deliveries)
    duplicate: str | None = None  # Every webhook whose address holds this is delivered twice; "" is all.
    concurrency: int | None = None  # Legs alive at once, before REST calls are refused with 10004.
    refused_status: str = "completed"  # DialCallStatus after a refused whisper: undocumented, so try both.
    amd_seconds: float = 3.5
    queue_time_once: bool = False  # Only the first fetch of a waitUrl tells of the queue.
    voice_cookies: bool = True  # Whether cookies of calls are kept: promised for texts alone.

    def webhook(self, url: str) -> WebhookFault | None:
        """Tell what spoils a request to our web server, if anything does."""
        struck = [fault for fault in self.webhooks if fault.strikes(url)]
        return struck[0] if struck else None

    def rest_fault(self, request: str) -> RestFault | None:
        """Tell what spoils a request to the REST server, if anything does."""
        struck = [fault for fault in self.rest if fault.strikes(request)]
        return struck[0] if struck else None

    def duplicates(self, url: str) -> bool:
        """Tell whether a webhook is delivered twice."""
        return self.duplicate is not None and self.duplicate in url

    def clear(self) -> None:
        """Turn every switch back."""
        fresh = Faults()
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(fresh, name))
