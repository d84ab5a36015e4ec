"""Twilio's own records of our calls, texts and queues: listed and deleted, in our words.

Twilio's ids stay inside a copy for as long as its deletion takes. None is stored, logged or put in an error.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException

from ivr.circuit_breaker import PartUnavailable
from ivr.telephony.twilio_client import make_client
from ivr.telephony.twiml import queue_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from twilio.rest import Client

    from ivr.settings import Settings

PAGE = 1000  # The most that Twilio lists at once.
ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
FINAL = frozenset(
    {"delivered", "undelivered", "failed", "received", "canceled", "read", "partially_delivered"}
)
NOT_COMPLETE = 20009
BAD, ABSENT, CONFLICT = 400, 404, 409
OUR_QUEUES = queue_name("")  # Queues are listed for the whole account: only these are of our making.


class CopiesUnavailable(PartUnavailable):
    """Twilio does not list its records now. It names a code, and no number."""


class Kind(StrEnum):
    """What a copy is of."""

    CALL = "calls"
    MESSAGE = "messages"
    QUEUE = "queues"


class Answer(StrEnum):
    """What Twilio says to a wish to delete."""

    DELETED = "deleted"
    GONE = "gone"  # Somebody deleted it before us.
    NOT_YET = "not yet"  # It is not over, as Twilio sees it, or not ours to delete.
    BUSY = "busy"  # Asked too often, or not well.


@dataclass(frozen=True)
class Copy:
    """One record at Twilio."""

    kind: Kind
    sid: str = field(repr=False)
    began: datetime
    at: datetime  # When it ended, or what is known to come close.
    over: bool
    inbound: bool = False


@dataclass(frozen=True)
class Copies:
    """What Twilio holds of one number of ours."""

    client: Client
    number: str = field(repr=False)
    page: int = PAGE

    def all(self) -> Iterator[Copy]:
        """List every leg, text and queue, page by page. CopiesUnavailable when Twilio does not answer."""
        seen: set[str] = set()
        for copy in self._all():
            if copy is not None and copy.sid not in seen:
                seen.add(copy.sid)  # A call between two numbers of ours is listed twice.
                yield copy

    def before(self, moment: datetime) -> Iterator[Copy]:
        """List what was over, or should have been, before a moment."""
        return (copy for copy in self.all() if copy.at < moment)

    def dialled_from(self, copy: Copy) -> list[Copy]:
        """List the legs that a call dialled: one that shows the caller's own number is in no list of ours."""
        ask = partial(self.client.calls.stream, parent_call_sid=copy.sid, page_size=self.page)
        rows = [row for row in _listed(ask) if row.parent_call_sid == copy.sid]
        return [leg for leg in map(_call, rows) if leg is not None]

    def delete(self, copy: Copy) -> Answer:
        """Delete one."""
        context = getattr(self.client, copy.kind)(copy.sid)
        try:
            context.delete()
        except TwilioRestException as error:
            return _answer(error)
        except (requests.RequestException, TwilioException):
            return Answer.BUSY
        return Answer.DELETED

    def _all(self) -> Iterator[Copy | None]:
        mine: tuple[dict[str, Any], ...] = ({"from_": self.number}, {"to": self.number})
        for whose in mine:
            yield from map(_call, _listed(partial(self.client.calls.stream, page_size=self.page, **whose)))
        for whose in mine:
            found = _listed(partial(self.client.messages.stream, page_size=self.page, **whose))
            yield from map(_message, found)
        yield from map(_queue, _listed(partial(self.client.queues.stream, page_size=self.page)))


@contextmanager
def copies_of(settings: Settings) -> Iterator[Copies]:
    """Give what Twilio holds of the line's number, for as long as it is looked at."""
    client = make_client(settings)
    try:
        yield Copies(client, settings.number)
    finally:
        session = getattr(client.http_client, "session", None)
        if session is not None:
            session.close()


def _call(row: Any) -> Copy | None:
    began = row.start_time or row.date_created
    at = row.end_time or row.date_updated or began
    inbound = row.direction == "inbound"
    return Copy(Kind.CALL, row.sid, began, at, row.status in ENDED, inbound) if at and began else None


def _message(row: Any) -> Copy | None:
    began = row.date_created or row.date_sent
    at = max(filter(None, (row.date_sent, row.date_updated, began)), default=None)
    inbound = row.direction == "inbound"
    return Copy(Kind.MESSAGE, row.sid, began, at, row.status in FINAL, inbound) if at and began else None


def _queue(row: Any) -> Copy | None:
    if not str(row.friendly_name).startswith(OUR_QUEUES) or row.date_created is None:
        return None
    at = max(row.date_created, row.date_updated or row.date_created)
    return Copy(Kind.QUEUE, row.sid, row.date_created, at, row.current_size == 0)


def _listed(ask: Callable[[], Iterable[Any]]) -> Iterator[Any]:
    """Go through a list; say in our words what goes wrong, as Twilio's own errors quote numbers."""
    try:
        yield from ask()
    except TwilioException as error:
        answer = error.args[-1] if error.args else None
        status = getattr(error, "status", None) or getattr(answer, "status_code", None)
        raise CopiesUnavailable(f"Twilio refused: {status or type(error).__name__}") from None
    except (requests.RequestException, ValueError) as error:
        raise CopiesUnavailable(f"Twilio did not answer: {type(error).__name__}") from None


def _answer(error: TwilioRestException) -> Answer:
    """Tell what a refusal means."""
    if error.status == ABSENT:
        return Answer.GONE
    if error.code == NOT_COMPLETE or error.status in {BAD, CONFLICT}:
        return Answer.NOT_YET
    return Answer.BUSY
