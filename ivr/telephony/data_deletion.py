"""The sweep: what Twilio itself keeps of calls and texts is deleted, until nothing is left of it.

It asks Twilio what is there, rather than note what is to be deleted: so no id of Twilio's is kept for it, and
what happened while all of our site was gone is found as well.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ivr.circuit_breaker import PartUnavailable
from ivr.telephony.copies import Answer, CopiesUnavailable, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ivr.telephony.copies import Copies, Copy

logger = logging.getLogger(__name__)

WAIT = timedelta(minutes=15)  # What is younger may still be asked about: by a callback, or by an operator.
STUCK = timedelta(days=1)  # A text whose last news never came is tried all the same.
JUDGED = timedelta(days=7)  # Of an older call the log need not know: it may be forgotten, and its key gone.
SKEW = timedelta(minutes=1)  # How far Twilio's start of a call may lie from ours, at the turn of a month.
ROUNDS = 10  # Lists are asked for again until nothing new is on them, but not for ever.
MOST_BUSY = 5  # So often Twilio may say that it is busy before it is left alone until the next sweep.
AT_ONCE = 200  # Ids that the log is asked about in one go.


@dataclass(frozen=True)
class Swept:
    """What one sweep did. ``left`` counts what is older than 15 minutes and still there."""

    deleted_calls: int = 0
    deleted_messages: int = 0
    deleted_queues: int = 0
    unknown_calls: int = 0  # Calls that reached our number and that the log has never heard of.
    left: int = 0
    oldest: datetime | None = None  # Of what is left.
    whole: bool = True  # Everything that Twilio has was seen.


@dataclass
class _Tally:
    deleted: Counter[Kind] = field(default_factory=Counter)
    unknown: int = 0
    busy: int = 0
    left: dict[str, datetime] = field(default_factory=dict, repr=False)
    tried: set[str] = field(default_factory=set, repr=False)
    whole: bool = True

    def swept(self) -> Swept:
        calls, messages, queues = (self.deleted[kind] for kind in Kind)
        oldest = min(self.left.values(), default=None)
        return Swept(calls, messages, queues, self.unknown, len(self.left), oldest, self.whole)


@dataclass(frozen=True)
class Sweep:
    """Deletes what Twilio has of a number of ours.

    ``call_id`` gives the id of a call in the log, from Twilio's name of it and its start; ``known`` says
    which of some ids the log has, or had and was told to forget.
    """

    copies: Copies
    known: Callable[[Sequence[str]], set[str]]
    call_id: Callable[[str, datetime], str]
    now: Callable[[], float] = time.time
    seconds: float = 120.0  # How long one sweep may take; the next one goes on.

    def run(self) -> Swept:
        """Delete what is due, and say what was done. It may run twice at once: each deletes what is there."""
        tally, until = _Tally(), time.monotonic() + self.seconds
        for _ in range(ROUNDS):
            due = self._due(tally)
            self._delete_all(due, tally, until)
            if not due or not tally.whole:
                break
        swept = tally.swept()
        _tell(swept)
        return swept

    def _due(self, tally: _Tally) -> list[Copy]:
        """List everything first: what is deleted while a list is read moves its pages."""
        due, now = [], self._moment()
        try:
            for copy in self.copies.all():
                wait = WAIT if copy.over else STUCK if copy.kind is Kind.MESSAGE else None
                if wait and copy.at <= now - wait and copy.sid not in tally.tried:
                    due.append(copy)
        except CopiesUnavailable as fault:
            logger.warning("Twilio's records are not listed now, the next sweep goes on: %s", fault)
            tally.whole = False
        tally.tried.update(copy.sid for copy in due)
        return due

    def _delete_all(self, due: list[Copy], tally: _Tally, until: float) -> None:
        strangers = self._strangers([copy for copy in due if self._is_judged(copy)])
        for copy in due:
            if tally.busy >= MOST_BUSY or time.monotonic() > until:
                tally.whole = False
                tally.left[copy.sid] = copy.at
            elif strangers is None and self._is_judged(copy):
                tally.left[copy.sid] = copy.at  # Deleted now, it could never be counted.
            else:
                stranger = strangers is not None and copy.sid in strangers
                self._count(copy, self._delete(copy, tally), tally, stranger=stranger)

    def _delete(self, copy: Copy, tally: _Tally) -> Answer:
        """Delete one; a call after the legs that it dialled, as it alone leads to them."""
        answer = Answer.GONE
        try:
            legs = self.copies.dialled_from(copy) if copy.kind is Kind.CALL and copy.inbound else []
        except CopiesUnavailable:
            return Answer.BUSY
        for each in (*legs, copy):
            answer = self.copies.delete(each)
            if answer not in {Answer.DELETED, Answer.GONE}:
                return answer
            tally.deleted[each.kind] += answer is Answer.DELETED
            tally.left.pop(each.sid, None)
        return answer

    def _count(self, copy: Copy, answer: Answer, tally: _Tally, *, stranger: bool) -> None:
        """Count a stranger when it is deleted, and so once; what is left is tried by the next sweep."""
        match answer:
            case Answer.DELETED:
                tally.unknown += stranger
            case Answer.NOT_YET:
                tally.left[copy.sid] = copy.at
            case Answer.BUSY:
                tally.busy += 1
                tally.left[copy.sid] = copy.at

    def _strangers(self, calls: list[Copy]) -> set[str] | None:
        """Tell which calls the log does not know; nothing when it cannot be asked."""
        ids = {
            copy.sid: {self.call_id(copy.sid, copy.began + off) for off in (-SKEW, SKEW)} for copy in calls
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

    def _is_judged(self, copy: Copy) -> bool:
        return copy.kind is Kind.CALL and copy.inbound and copy.began > self._moment() - JUDGED

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self.now(), UTC)


def _tell(swept: Swept) -> None:
    """Log what was done, if anything was."""
    if any((swept.deleted_calls, swept.deleted_messages, swept.deleted_queues, swept.left)):
        about = {name: value for name, value in asdict(swept).items() if name != "oldest"}
        logger.info("what Twilio itself kept was deleted", extra=about)
    if swept.unknown_calls:
        logger.warning("calls reached our number that the log does not know: %s", swept.unknown_calls)
