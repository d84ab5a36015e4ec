"""The sweep: what Twilio itself keeps of calls and texts is deleted, until nothing is left of it.

It asks Twilio what is there, rather than note what is to be deleted: so no id of Twilio's is kept for it, and
what happened while all of our site was gone is found as well. Twilio's ids stay inside a ``TwilioRecord`` for
as long as its deletion takes: none is stored, logged or put in an error.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException

from ivr.circuit_breaker import PartUnavailable
from ivr.flow.loader import numbers_by_language
from ivr.telephony.twilio_client import make_client
from ivr.telephony.twiml import queue_name
from ivr.telephony.webhook_forms import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from twilio.rest import Client

    from ivr.settings import Settings

logger = logging.getLogger(__name__)

WAIT = timedelta(minutes=15)  # What is younger may still be asked about: by a callback, or by an operator.
EMPTIED = timedelta(days=1)  # What deleting a queue does to a talk that began in it, Twilio does not say.
STUCK = timedelta(days=1)  # A text whose last news never came is tried all the same.
JUDGED = timedelta(days=7)  # Of an older call the log need not know: it may be forgotten, and its key gone.
SKEW = timedelta(minutes=1)  # How far Twilio's start of a call may lie from ours, at the turn of a month.
ROUNDS = 10  # Lists are asked for again until nothing new is on them, but not for ever.
MOST_DUE = 5_000  # A worker that lists all at once grows with what its line is asked.
MOST_BUSY = 5  # So often Twilio may say that it is busy before it is left alone until the next sweep.
AT_ONCE = 200  # Ids that the log is asked about in one go.
PAGE = 250  # Twilio lists a thousand at once: reading them, a process grew by 7.5 MiB; so by 2.9.
FINAL = frozenset(
    {"delivered", "undelivered", "failed", "received", "canceled", "read", "partially_delivered"}
)
NOT_COMPLETE = 20009
BAD, ABSENT, CONFLICT = 400, 404, 409
OUR_QUEUES = queue_name("")  # Queues are listed for the whole account: only these are of our making.


class TwilioRecordsUnavailable(PartUnavailable):
    """Twilio does not list its records now. It names a code, and no number."""


class RecordKind(StrEnum):
    """What a record is of."""

    CALL = "calls"
    MESSAGE = "messages"
    QUEUE = "queues"


class DeletionAnswer(StrEnum):
    """What Twilio says to a wish to delete."""

    DELETED = "deleted"
    GONE = "gone"  # Somebody deleted it before us.
    NOT_YET = "not yet"  # It is not over, as Twilio sees it, or not ours to delete.
    BUSY = "busy"  # Asked too often, or not well.


@dataclass(frozen=True, slots=True)
class TwilioRecord:
    """One record at Twilio."""

    kind: RecordKind
    sid: str = field(repr=False)
    began: datetime
    at: datetime  # When it ended, or what is known to come close.
    over: bool
    inbound: bool = False


@dataclass(frozen=True)
class SweepResult:
    """What one sweep did. ``left`` counts what was due and is still there."""

    deleted_calls: int = 0
    deleted_messages: int = 0
    deleted_queues: int = 0
    unknown_calls: int = 0  # Calls that reached our number and that the log has never heard of.
    left: int = 0
    oldest: datetime | None = None  # Of what is left.
    whole: bool = True  # Everything that Twilio has was seen.


@dataclass(frozen=True)
class DeletionSweep:
    """Deletes what Twilio has of a number of ours.

    ``call_id`` gives the id of a call in the log, from Twilio's name of it and its start; ``known`` says
    which of some ids the log has, or had and was told to forget.
    """

    records: TwilioRecords
    known: Callable[[Sequence[str]], set[str]]
    call_id: Callable[[str, datetime], str]
    now: Callable[[], float] = time.time
    seconds: float = 120.0  # How long one sweep may take; the next one goes on.
    at_once: int = MOST_DUE  # Records listed before they are deleted.

    def run(self) -> SweepResult:
        """Delete what is due, and say what was done. It may run twice at once: each deletes what is there."""
        tally, until = _Tally(), time.monotonic() + self.seconds
        for _ in range(ROUNDS):
            due = self._due(tally)
            self._delete_all(due, tally, until)
            if not due or not tally.whole:
                break
        else:
            tally.whole = False
        swept = tally.swept()
        _log_result(swept)
        return swept

    def _due(self, tally: _Tally) -> list[TwilioRecord]:
        """List first and delete then: what is deleted while a list is read moves its pages."""
        due, now = [], self._moment()
        try:
            for record in self.records.all():
                wait = _wait(record)
                if wait and record.at <= now - wait and record.sid not in tally.tried:
                    due.append(record)
                    if len(due) >= self.at_once:
                        break  # The next round goes on.
        except TwilioRecordsUnavailable as fault:
            logger.warning("Twilio's records are not listed now, the next sweep goes on: %s", fault)
            tally.whole = False
        tally.tried.update(record.sid for record in due)
        return due

    def _delete_all(self, due: list[TwilioRecord], tally: _Tally, until: float) -> None:
        strangers = self._strangers([record for record in due if self._is_judged(record)])
        for record in due:
            if tally.busy >= MOST_BUSY or time.monotonic() > until:
                tally.whole = False
                tally.left[record.sid] = record.at
            elif strangers is None and self._is_judged(record):
                tally.left[record.sid] = record.at  # Deleted now, it could never be counted.
            else:
                stranger = strangers is not None and record.sid in strangers
                self._count(record, self._delete(record, tally), tally, stranger=stranger)

    def _delete(self, record: TwilioRecord, tally: _Tally) -> DeletionAnswer:
        """Delete one; a call after the legs that it dialled, as it alone leads to them."""
        answer = DeletionAnswer.GONE
        try:
            legs = (
                self.records.dialled_from(record) if record.kind is RecordKind.CALL and record.inbound else []
            )
        except TwilioRecordsUnavailable:
            return DeletionAnswer.BUSY
        for each in (*legs, record):
            answer = self.records.delete(each)
            if answer not in {DeletionAnswer.DELETED, DeletionAnswer.GONE}:
                return answer
            tally.deleted[each.kind] += answer is DeletionAnswer.DELETED
            tally.left.pop(each.sid, None)
        return answer

    def _count(self, record: TwilioRecord, answer: DeletionAnswer, tally: _Tally, *, stranger: bool) -> None:
        """Count a stranger when it is deleted, and so once; what is left is tried by the next sweep."""
        match answer:
            case DeletionAnswer.DELETED:
                tally.unknown += stranger
            case DeletionAnswer.NOT_YET:
                tally.left[record.sid] = record.at
            case DeletionAnswer.BUSY:
                tally.busy += 1
                tally.left[record.sid] = record.at

    def _strangers(self, calls: list[TwilioRecord]) -> set[str] | None:
        """Tell which calls the log does not know; nothing when it cannot be asked."""
        ids = {
            record.sid: {self.call_id(record.sid, record.began + off) for off in (-SKEW, SKEW)}
            for record in calls
        }
        every = sorted({each for some in ids.values() for each in some})
        try:
            known = {
                each for at in range(0, len(every), AT_ONCE) for each in self.known(every[at : at + AT_ONCE])
            }
        except PartUnavailable as fault:
            logger.warning("the log cannot be asked about calls, the next sweep goes on: %s", fault)
            return None
        return {sid for sid, some in ids.items() if not some & known}

    def _is_judged(self, record: TwilioRecord) -> bool:
        return record.kind is RecordKind.CALL and record.inbound and record.began > self._moment() - JUDGED

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self.now(), UTC)


@dataclass(frozen=True)
class TwilioRecords:
    """What Twilio holds of our number, and of others of ours."""

    client: Client
    number: str = field(repr=False)
    page: int = PAGE
    others: tuple[str, ...] = field(default=(), repr=False)

    def all(self) -> Iterator[TwilioRecord]:
        """List every leg, text and queue, page by page. Raises TwilioRecordsUnavailable.

        Nothing is kept of what was listed, of which there may be very much: one that moves to the next page,
        because something newer came while the list was read, is given twice.
        """
        return filter(None, self._all())

    def before(self, moment: datetime) -> Iterator[TwilioRecord]:
        """List what was over, or should have been, before a moment."""
        return (record for record in self.all() if record.at < moment)

    def dialled_from(self, record: TwilioRecord) -> list[TwilioRecord]:
        """List the legs that a call dialled: one that shows the caller's own number is in no list of ours."""
        ask = partial(self.client.calls.stream, parent_call_sid=record.sid, page_size=self.page)
        rows = [row for row in _listed(ask) if row.parent_call_sid == record.sid]
        return [leg for leg in map(_call, rows) if leg is not None]

    def delete(self, record: TwilioRecord) -> DeletionAnswer:
        """Delete one."""
        context = getattr(self.client, record.kind)(record.sid)
        try:
            context.delete()
        except TwilioRestException as error:
            return _answer(error)
        except (requests.RequestException, TwilioException):
            return DeletionAnswer.BUSY
        return DeletionAnswer.DELETED

    def _all(self) -> Iterator[TwilioRecord | None]:
        yield from map(_call, self._of_our_numbers(self.client.calls, "_from"))
        yield from map(_message, self._of_our_numbers(self.client.messages, "from_"))
        yield from map(_queue, _listed(partial(self.client.queues.stream, page_size=self.page)))

    def _of_our_numbers(self, resource: Any, sender: str) -> Iterator[Any]:
        """List what went out from our numbers, then what came to them from others: so each once."""
        ours = (self.number, *self.others)
        for number in ours:
            yield from _listed(partial(resource.stream, page_size=self.page, from_=number))
        for number in ours:
            for row in _listed(partial(resource.stream, page_size=self.page, to=number)):
                if getattr(row, sender) not in ours:
                    yield row


@contextmanager
def twilio_records(settings: Settings) -> Iterator[TwilioRecords]:
    """Give what Twilio holds of the line's numbers, for as long as it is looked at."""
    client = make_client(settings)
    try:
        yield TwilioRecords(
            client, settings.number, others=tuple(numbers_by_language(settings.config).values())
        )
    finally:
        session = getattr(client.http_client, "session", None)
        if session is not None:
            session.close()


@dataclass
class _Tally:
    deleted: Counter[RecordKind] = field(default_factory=Counter)
    unknown: int = 0
    busy: int = 0
    left: dict[str, datetime] = field(default_factory=dict, repr=False)
    tried: set[str] = field(default_factory=set, repr=False)
    whole: bool = True

    def swept(self) -> SweepResult:
        calls, messages, queues = (self.deleted[kind] for kind in RecordKind)
        oldest = min(self.left.values(), default=None)
        return SweepResult(calls, messages, queues, self.unknown, len(self.left), oldest, self.whole)


def _wait(record: TwilioRecord) -> timedelta | None:
    """Say for how long a record is left; None when it is not to be deleted as it is."""
    if not record.over:
        return STUCK if record.kind is RecordKind.MESSAGE else None
    return EMPTIED if record.kind is RecordKind.QUEUE else WAIT


def _log_result(swept: SweepResult) -> None:
    """Log what was done, if anything was."""
    if any((swept.deleted_calls, swept.deleted_messages, swept.deleted_queues, swept.left)):
        about = {name: value for name, value in asdict(swept).items() if name != "oldest"}
        logger.info("what Twilio itself kept was deleted", extra=about)
    if swept.unknown_calls:
        logger.warning("calls reached our number that the log does not know: %s", swept.unknown_calls)


def _call(row: Any) -> TwilioRecord | None:
    began = row.start_time or row.date_created
    at = row.end_time or row.date_updated or began
    inbound = row.direction == "inbound"
    return (
        TwilioRecord(RecordKind.CALL, row.sid, began, at, row.status in ENDED, inbound)
        if at and began
        else None
    )


def _message(row: Any) -> TwilioRecord | None:
    began = row.date_created or row.date_sent
    at = max(filter(None, (row.date_sent, row.date_updated, began)), default=None)
    inbound = row.direction == "inbound"
    return (
        TwilioRecord(RecordKind.MESSAGE, row.sid, began, at, row.status in FINAL, inbound)
        if at and began
        else None
    )


def _queue(row: Any) -> TwilioRecord | None:
    if not str(row.friendly_name).startswith(OUR_QUEUES) or row.date_created is None:
        return None
    at = max(row.date_created, row.date_updated or row.date_created)
    return TwilioRecord(RecordKind.QUEUE, row.sid, row.date_created, at, row.current_size == 0)


def _listed(ask: Callable[[], Iterable[Any]]) -> Iterator[Any]:
    """Go through a list; say in our words what goes wrong, as Twilio's own errors quote numbers."""
    try:
        yield from ask()
    except TwilioException as error:
        answer = error.args[-1] if error.args else None
        status = getattr(error, "status", None) or getattr(answer, "status_code", None)
        raise TwilioRecordsUnavailable(f"Twilio refused: {status or type(error).__name__}") from None
    except (requests.RequestException, ValueError) as error:
        raise TwilioRecordsUnavailable(f"Twilio did not answer: {type(error).__name__}") from None


def _answer(error: TwilioRestException) -> DeletionAnswer:
    """Tell what a refusal means."""
    if error.status == ABSENT:
        return DeletionAnswer.GONE
    if error.code == NOT_COMPLETE or error.status in {BAD, CONFLICT}:
        return DeletionAnswer.NOT_YET
    return DeletionAnswer.BUSY
