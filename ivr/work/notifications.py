"""Tells operators what they chose: a digest once a period, an alarm once for an event until it is over.

The worker does it, and each process of the console too, so that somebody learns that no worker is left. Which
of them sends a thing is decided by a claim in SQL. Without SQL nobody is told so: addresses lie there.
Only counts go out, none of them small: what is sent is written by ``words``, which knows nothing else.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Protocol

from ivr.circuit_breaker import PartUnavailable
from ivr.encryption import unseal
from ivr.records.active_calls import count_unreached
from ivr.records.agency_status import list_status
from ivr.records.counts import count_in_a_row, list_undelivered
from ivr.records.notifications import (
    ALARM,
    DIGEST,
    AlarmKind,
    Digest,
    Subscription,
    claim,
    end_events,
    list_subscriptions,
    list_waiting,
    note_sent,
)
from ivr.records.periods import A_DAY, Period, moment
from ivr.records.report_queries import read_report
from ivr.records.shift_log import EntryKind, list_shift_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ivr.agencies import Agency
    from ivr.records.database import Database
    from ivr.records.report_queries import Report
    from ivr.work.message_sending import Message, MessageSender

logger = logging.getLogger(__name__)

EVERY = 60.0
MORNING = timedelta(
    hours=8
)  # So long after midnight digests go, by the line's own clock; weekly ones on Mondays.
UNREACHED = timedelta(days=1)
UNDELIVERED = 3  # Texts in a row: then something is wrong with texts, not with a phone.
SIGNS = 2  # So many looks in a row must find a part silent: one that is only started anew is not told of.


@dataclass(frozen=True)
class LineNow:
    """What a digest says of the line beside the counts of its period. No count of callers."""

    agencies: int
    off: int  # Of these, switched off.
    alarms: int  # In the shift log, within the period.
    undelivered: int  # Texts that did not arrive, within the period.


class Words(Protocol):
    """Writes what is sent, in an operator's language."""

    def digest(self, language: str, report: Report, now: LineNow) -> Message:
        """Write the counts of a period."""

    def alarm(self, language: str, kind: AlarmKind, about: str) -> Message:
        """Write an alarm; ``about`` is the part that is silent, or from how many callers on."""


@dataclass
class Notifications:
    """Looks every minute whom to tell of what, on a thread of its own."""

    database: Database
    sender: MessageSender
    secrets: Sequence[str]  # Under which addresses are sealed: of now, and of before.
    words: Words
    agencies: Mapping[str, Agency]  # Those that can be rung.
    parts: Callable[[], Mapping[str, bool]]  # Each part of the line -> whether it answers.
    now: Callable[[], float]
    zone: tzinfo = UTC
    _due: float = 0.0
    _silent: dict[str, int] = field(
        default_factory=dict
    )  # A part -> how many looks in a row found it silent.
    _thread: threading.Thread | None = field(default=None, repr=False)

    def run_due(self) -> None:
        """Begin to look whom to tell, once a minute, without waiting for it."""
        if self.now() < self._due or (self._thread is not None and self._thread.is_alive()):
            return
        self._due = self.now() + EVERY
        self._thread = threading.Thread(target=self._try, name="notifications", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait for what was begun."""
        if self._thread is not None:
            self._thread.join()

    def tell(self) -> None:
        """Tell everybody what they are to be told now."""
        everybody = list_subscriptions(self.database)
        if not everybody:
            return
        going_on = self._events(everybody)
        end_events(self.database, going_on, self._moment)
        periods = {digest: self._period(digest) for digest in (Digest.DAILY, Digest.WEEKLY)}
        whats = {*going_on, *(_digest_name(digest, period) for digest, period in periods.items())}
        waits = list_waiting(self.database, whats, self._moment)
        for each in everybody:
            for what, (kind, about) in going_on.items():
                if _is_for(each, kind, what) and waits(each.who, what):
                    self._send(each, what, self.words.alarm(each.language, kind, about))
            period = periods.get(each.digest)
            if period and each.chosen_at <= period.ends + MORNING:
                what = _digest_name(each.digest, period)
                if waits(each.who, what):
                    self._send(each, what, self._digest(each.language, period))

    def send_now(self, to: Subscription) -> str:
        """Send somebody the digest of now, as a trial; give why it did not go, or nothing."""
        period = self._period(Digest.WEEKLY if to.digest is Digest.WEEKLY else Digest.DAILY)
        message = self._digest(to.language, period)
        fault = self._deliver(to, message)
        note_sent(self.database, to.who, "", fault, self._moment)
        return fault

    @property
    def _moment(self) -> datetime:
        return moment(self.now())

    def _try(self) -> None:
        try:
            self.tell()
        except (PartUnavailable, OSError) as error:
            logger.warning("operators are told later: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the next look may go well
            logger.error("operators cannot be told: %s", type(error).__name__)  # noqa: TRY400 - it may quote an address

    def _events(self, everybody: Sequence[Subscription]) -> dict[str, tuple[AlarmKind, str]]:
        """Give what goes on that somebody may be alarmed of, by the name under which that is claimed."""
        events: dict[str, tuple[AlarmKind, str]] = {}
        wanted = frozenset[AlarmKind]().union(*(each.alarms for each in everybody))
        if AlarmKind.ALL_OFF in wanted and self.agencies and self._off() == len(self.agencies):
            events[f"{ALARM} {AlarmKind.ALL_OFF}"] = (AlarmKind.ALL_OFF, "")
        if AlarmKind.UNREACHED in wanted:
            count = count_unreached(self.database, self._moment - UNREACHED)
            for least in sorted({each.unreached for each in everybody}):
                if count >= least:
                    events[_unreached_name(least)] = (AlarmKind.UNREACHED, str(least))
        if AlarmKind.UNDELIVERED in wanted and count_in_a_row(self.database) >= UNDELIVERED:
            events[f"{ALARM} {AlarmKind.UNDELIVERED}"] = (AlarmKind.UNDELIVERED, "")
        for part in self._silent_parts():
            events[f"{ALARM} {AlarmKind.SILENT} {part}"] = (AlarmKind.SILENT, part)
        return events

    def _silent_parts(self) -> Iterator[str]:
        for part, answers in self.parts().items():
            self._silent[part] = 0 if answers else self._silent.get(part, 0) + 1
            if self._silent[part] >= SIGNS:
                yield part

    def _off(self) -> int:
        known = list_status(self.database, self.now())
        return sum(not each.on or (name in known and known[name].off) for name, each in self.agencies.items())

    def _period(self, digest: Digest) -> Period:
        """Give the last day, or the last week from Monday to Sunday, of which a digest was due."""
        local = self._moment.astimezone(self.zone) - MORNING
        today = local.date()
        if digest is Digest.WEEKLY:
            monday = today - A_DAY * today.weekday()
            return Period(monday - A_DAY * 7, monday - A_DAY, self.zone)
        return Period(today - A_DAY, today - A_DAY, self.zone)

    def _send(self, to: Subscription, what: str, message: Message) -> None:
        """Send something, if no other process does."""
        if not claim(self.database, to.who, what, self._moment):
            return
        fault = self._deliver(to, message)
        note_sent(self.database, to.who, what, fault, self._moment)
        if fault:
            logger.warning("an operator could not be told: %s", fault)

    def _digest(self, language: str, period: Period) -> Message:
        entries = list_shift_entries(self.database, period.begins)
        alarms = sum(each.kind is EntryKind.ALARM and each.at < period.ends for each in entries)
        undelivered = sum(list_undelivered(self.database, period.since, period.until).values())
        now = LineNow(len(self.agencies), self._off(), alarms, undelivered)
        return self.words.digest(language, read_report(self.database, period), now)

    def _deliver(self, to: Subscription, message: Message) -> str:
        address = unseal(self.secrets, to.address).decode()
        return self.sender.send(address, message)


def _digest_name(digest: Digest, period: Period) -> str:
    return f"{DIGEST} {digest} {period.until}"


def _unreached_name(least: int) -> str:
    return f"{ALARM} {AlarmKind.UNREACHED} {least}"


def _is_for(to: Subscription, kind: AlarmKind, what: str) -> bool:
    """Whether an event is somebody's: of callers who reached nobody only from as many on as they chose."""
    return kind in to.alarms and (kind is not AlarmKind.UNREACHED or what == _unreached_name(to.unreached))
