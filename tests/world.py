"""A whole line in one process around a pretend network whose clock jumps: SQL, journal and REST are real."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fakes import KeptArchive
from postgres import put_tables
from shared_routes import webhook_app
from test_conversations import ClientFetch

from ivr.caller_limits import CallerLimits
from ivr.circuit_breaker import CircuitBreaker, PartUnavailable
from ivr.effects import TextNumbers
from ivr.flow.prompts import LivePrompts
from ivr.line import Line
from ivr.records.call_log import list_calls
from ivr.records.call_summary import BRIDGED_SILENT
from ivr.records.counter_files import CounterFiles, RequestMarks
from ivr.records.database import connect
from ivr.records.ingest import JournalFiler
from ivr.records.journal import Journal
from ivr.records.transfer_store import TransferStore
from ivr.simulator.clock import VirtualClock
from ivr.simulator.exchange import Account
from ivr.simulator.rehearse import Network, urls_of
from ivr.telephony.alarms import Alarms
from ivr.telephony.twilio_client import TwilioClient
from ivr.transfer.agency_order import AgencyStatus
from ivr.transfer.coordinator import TransferCoordinator
from ivr.transfer.machine import nothing
from ivr.wiring import build_parts, sweep
from ivr.work.network_clock import WallClock
from ivr.work.queue import connect_redis
from ivr.work.redis_limits import CallPacing, RedisLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ivr.agencies import Agency
    from ivr.effects import Effect
    from ivr.flow.models import Flow
    from ivr.line import Archive
    from ivr.records.database import Database
    from ivr.settings import Settings
    from ivr.simulator.webhooks import Answer
    from ivr.transfer.machine import Decide, Follow, Transfer
    from ivr.understanding.intents import Meaning

NOWHERE = "redis://127.0.0.1:1/0"


@dataclass
class Soon:
    """Performs effects a moment after they are put, as a worker does; a worker that is lost performs none."""

    clock: VirtualClock
    perform: Callable[[Effect], None] = lambda _: None
    secrets: dict[str, str] = field(default_factory=dict)
    lost: bool = False
    again: float = 0.0  # Seconds after which a text that could not be sent is tried again; 0: never.

    def put(self, effect: Effect, secret: str = "") -> None:
        if secret:
            self.secrets[f"number-{getattr(effect, 'call', '')}"] = secret
        if not self.lost:
            self.put_here(effect)

    def put_here(self, effect: Effect) -> None:
        self._later(0.05, effect)

    def keep(self, name: str, secret: str) -> None:
        self.secrets[name] = secret

    def take(self, name: str) -> str:
        return self.secrets.pop(name, "")

    @contextmanager
    def lend(self, name: str) -> Iterator[str]:
        yield self.secrets.get(name, "")
        self.secrets.pop(name, None)

    def _later(self, seconds: float, effect: Effect) -> None:
        self.clock.after(seconds, lambda: self.clock.work(lambda: self._do(effect), lambda _: None))

    def _do(self, effect: Effect) -> None:
        try:
            self.perform(effect)
        except Died:
            self.lost = True
        except PartUnavailable:
            # The queue would try again; a ring is taken up by the wait document.
            if self.again and isinstance(effect, TextNumbers):
                self._later(self.again, effect)


class Died(Exception):  # noqa: N818 - what happened to the worker
    """The worker was killed in the middle of something."""


class Mortal(TwilioClient):
    """The telephone network of a worker that may be doomed."""

    doomed = False

    def ring_agency(self, agency: Agency, path: str, seconds: int) -> str:
        if self.doomed:
            self.doomed = False
            raise Died
        return super().ring_agency(agency, path, seconds)


def with_agencies(
    flow: Flow, changes: Mapping[str, Mapping[str, Any]], orders: Mapping[str, tuple[str, ...]]
) -> Flow:
    """Change what is known of agencies."""
    there = flow.directory.agencies
    changed = {name: replace(there[name], **change) for name, change in changes.items()}
    directory = replace(flow.directory, agencies=there | changed, orders=flow.directory.orders | orders)
    return replace(flow, directory=directory)


@dataclass
class Losable:
    """SQL that can be taken away."""

    store: TransferStore
    lost: bool = False

    def open(self, transfer: Transfer) -> None:
        self._there().open(transfer)

    def change(
        self, transfer_id: str, decide: Decide, follow: Follow = nothing
    ) -> tuple[Transfer, Transfer] | None:
        return self._there().change(transfer_id, decide, follow)

    def of_calls(self, calls: Sequence[str]) -> list[str]:
        return self._there().of_calls(calls)

    def unreached_in_a_row(self, waited: int) -> int:
        return self._there().unreached_in_a_row(waited)

    def _there(self) -> TransferStore:
        if self.lost:
            raise PartUnavailable("SQL was taken away")
        return self.store


@dataclass
class ClockOf(WallClock):
    """The clock of a network that jumps, as a part of ours asks for it."""

    tell: Callable[[], float]

    def now(self) -> float:
        return self.tell()


@dataclass(frozen=True)
class Parts:
    """What a world makes its parts with, so that a test can put in others."""

    journal: Callable[[Path], Journal] = Journal
    phone: Callable[[Settings], Mortal] = Mortal
    later: Callable[[VirtualClock], Soon] = Soon
    archive: Callable[[Database, Callable[[], float]], Archive] = lambda *_: KeptArchive()


PARTS = Parts()


class OneProcess:
    """The world of one process."""

    slack = 1.0

    def __init__(
        self,
        settings: Settings,
        flow: Flow,
        meaning: Callable[[str], Meaning | None] = lambda _: None,
        parts: Parts = PARTS,
    ) -> None:
        clock = VirtualClock()
        here = replace(settings, api_url="")
        self.flow = flow
        self.now = self._now = lambda: clock.date(clock.now()).timestamp()
        put_tables(here.database_url)
        self._database = connect(here.database_url)
        self._journal = parts.journal(here.journal_dir)
        self._filer = JournalFiler(self._journal, self._database, self._now)
        self._store, self._later = Losable(TransferStore(self._database, self._now)), parts.later(clock)
        self._off: set[str] = set()
        network = Network(
            Account(here.account_sid, here.auth_token, here.number),
            urls_of(here.public_url),
            clock=clock,
            fetch=self._send,
            seed="story",
        )
        self._here = replace(here, api_url=network.api_url)
        self._phone = phone = parts.phone(self._here)
        slots = CallPacing(connect_redis(NOWHERE), CircuitBreaker(), self._now)
        transfers = TransferCoordinator(
            flow.directory,
            flow.line.patience,
            self._store,
            self._journal,
            self._later,
            slots,
            phone,
            self._status,
            self._now,
            sleep=lambda _: None,
        )
        limits = RedisLimits(connect_redis(NOWHERE), CircuitBreaker(), self._now)
        alarms = Alarms(phone, here.alarm_number, here.alarm_url)
        self.line = Line(
            prompts=LivePrompts(flow, dict),
            journal=self._journal,
            phone=phone,
            later=self._later,
            transfers=transfers,
            status=self._status,
            limits=CallerLimits(limits, counts=CounterFiles(here.journal_dir / "counted", self._now)),
            archive=parts.archive(self._database, self._now),
            send_alarm=alarms.tell,
            performed=RequestMarks(here.journal_dir),
        )
        self._later.perform = self.line.perform
        app = webhook_app(build_parts(here, self.line, self._now, meaning=meaning))
        self._fetch = ClientFetch(app.test_client(use_cookies=False))
        self.network = network

    @property
    def choice(self) -> tuple[str, ...]:
        prompts = self.flow.prompts["en"]
        lines, unreached = prompts.lines, prompts.stops["unreached"]
        return (lines.wait_offer, lines.wait_offer_briefing, unreached.say.split(".")[0])

    def log(self) -> list[dict[str, Any]]:
        self.network.clock.advance(1)
        while self._filer.file_once():
            pass
        return [call.as_json() for call in list_calls(self._database)]

    def lose(self, part: str, *, back: bool = False) -> None:
        if part == "sql":
            self._store.lost = not back
        elif part == "worker":
            self._later.lost = not back

    def log_of_all(self) -> Database:
        """Let whatever is silent be taken for over, and give the database in which all is filed."""
        self.network.clock.advance(BRIDGED_SILENT)
        while self._filer.file_once():
            pass
        self._filer.tend(self._now())
        return self._database

    def sweep(self) -> None:
        """Have what Twilio keeps of conversations that are over deleted."""
        sweep(self._here, self._database, ClockOf(self.now))

    def switch_off(self, agency: str) -> None:
        self._off.add(agency)

    def doom_worker(self) -> None:
        self._phone.doomed = True

    def close(self) -> None:
        self.network.close()

    def _send(self, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        return self._fetch(url, form, headers)

    def _status(self) -> AgencyStatus:
        return AgencyStatus(frozenset(self._off))
