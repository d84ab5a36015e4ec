"""The sweep, on a pretend network over HTTP: what Twilio itself keeps of us is deleted, and nothing else."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from fakes import ENVIRONMENT

from ivr.circuit_breaker import PartUnavailable
from ivr.settings import read_settings
from ivr.simulator import people
from ivr.simulator.clock import VirtualClock
from ivr.simulator.exchange import Account, Urls
from ivr.simulator.faults import RestFault
from ivr.simulator.legs import Plan
from ivr.simulator.papers import Papers
from ivr.simulator.rehearse import Network
from ivr.telephony.data_deletion import DeletionSweep, SweepResult, TwilioRecords, TwilioRecordsUnavailable
from ivr.telephony.twilio_client import make_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from ivr.telephony.data_deletion import TwilioRecord

OURS, THEIRS, AGENCY = "+12895550100", "+12895550177", "+19055464904"
CALLERS = [f"+1905555{n:04}" for n in range(120, 128)]
ACCOUNT = Account("AC" + "0" * 32, "12345", OURS)
QUARTER, DAY = 15 * 60.0, 86_400.0
WEEK = timedelta(days=7)


@dataclass
class Log:
    """A call log that knows some calls: their ids are Twilio's, spelt backwards."""

    calls: set[str] = field(default_factory=set)
    away: bool = False
    starts: list[datetime] = field(default_factory=list)

    def call_id(self, sid: str, start: datetime) -> str:
        self.starts.append(start)
        return sid[::-1]

    def known(self, ids: Sequence[str]) -> set[str]:
        if self.away:
            raise PartUnavailable("away")
        return self.calls & set(ids)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def papers() -> Papers:
    return Papers({
        "/voice": f"<Dial callerId='{OURS}'><Number>{AGENCY}</Number></Dial>",
        "/sms": "<Message>Reply 1 for signs.</Message>",
        "/status": "",
    })  # fmt: skip


@pytest.fixture
def network(papers: Papers) -> Iterator[Network]:
    urls = Urls("http://line.test/voice", "http://line.test/status", "http://line.test/sms")
    with Network(ACCOUNT, urls, clock=VirtualClock(), fetch=papers, seed="sweep") as network:
        network.people.put(AGENCY, people.switchboard(2.0), name="agency")
        yield network


@pytest.fixture
def make_sweep(network: Network, log: Log) -> Iterator[Callable[..., DeletionSweep]]:
    """Make a sweep whose time is the network's; two records to a page, so that there are many."""
    settings = read_settings(
        ENVIRONMENT
        | {
            "TWILIO_API_URL": network.api_url,
            "IVR_CONFIG": f"{ROOT}/config",
            "IVR_PROMPTS": f"{ROOT}/prompts",
        }
    )
    client = make_client(settings)

    def make(page: int = 2, seconds: float = 60.0) -> DeletionSweep:
        records = TwilioRecords(client, OURS, page)
        return DeletionSweep(
            records, log.known, log.call_id, lambda: network.exchange.date().timestamp(), seconds
        )

    yield make
    client.http_client.session.close()


@pytest.fixture
def sweep(make_sweep: Callable[..., DeletionSweep]) -> DeletionSweep:
    return make_sweep()


def live(network: Network, log: Log, papers: Papers) -> None:
    """Let calls and texts of every kind come and end: talked, waited in a queue, hung up, texted STOP."""
    for caller in CALLERS[:4]:
        log.calls.add(network.dial(caller).leg.sid[::-1])
    network.clock.advance(20.0)
    papers.documents["/voice"] = "<Enqueue>transfer-1</Enqueue>"
    waiting = network.dial(CALLERS[4])
    log.calls.add(waiting.leg.sid[::-1])
    network.clock.advance(20.0)
    for leg in network.exchange.legs_alive():
        leg.hang_up()
    for words in ("signs", "HELP", "STOP"):
        network.text(CALLERS[5], words)
    network.settle()
    network.clock.advance(5.0)


def kept(network: Network) -> tuple[int, int, int]:
    exchange = network.exchange
    return len(exchange.calls), len(exchange.texts.messages), len(exchange.queues)


NOTHING, ONLY_A_QUEUE = (0, 0, 0), (0, 0, 1)  # A queue stays for a day.


def test_more_than_one_round_holds_is_deleted_in_several(
    network: Network, log: Log, papers: Papers, sweep: DeletionSweep
) -> None:
    live(network, log, papers)
    network.clock.advance(DAY)
    before, listed = kept(network), Listed()

    done = replace(sweep, records=listed.through(sweep.records), at_once=3).run()

    assert sum(before) > 3 * 2
    assert (kept(network), done.left, done.whole) == (NOTHING, 0, True)
    assert listed.most == 3


def test_a_sweep_whose_rounds_were_not_enough_says_so_and_the_next_goes_on(
    network: Network, log: Log, papers: Papers, sweep: DeletionSweep
) -> None:
    live(network, log, papers)
    network.clock.advance(DAY)
    slow = replace(sweep, at_once=1)

    first, second = slow.run(), slow.run()

    assert (first.whole, second.whole, kept(network)) == (False, True, NOTHING)


@dataclass
class Listed:
    """Counts how many records were listed before one of them was deleted."""

    most: int = 0
    _now: int = 0

    def through(self, records: TwilioRecords) -> TwilioRecords:
        listed = self

        class Counting(TwilioRecords):
            def all(self) -> Iterator[TwilioRecord]:
                listed._now = 0
                for record in super().all():
                    listed._now += 1
                    listed.most = max(listed.most, listed._now)
                    yield record

        return Counting(records.client, records.number, records.page)


def test_nothing_of_ours_is_left_at_twilio(
    network: Network, log: Log, papers: Papers, sweep: DeletionSweep
) -> None:
    live(network, log, papers)
    before = kept(network)
    network.clock.advance(QUARTER)
    early = sweep.run()
    network.clock.advance(DAY)

    late = sweep.run()

    assert before == (9, 7, 1)
    assert kept(network) == NOTHING
    assert early == SweepResult(deleted_calls=9, deleted_messages=7)
    assert late == SweepResult(deleted_queues=1)


def test_a_queue_stays_for_a_day_as_a_talk_that_began_in_it_may_last(
    network: Network, sweep: DeletionSweep
) -> None:
    network.exchange.queue("transfer-1")

    left = []
    for hours in (1, 6, 16, 2):
        network.clock.advance(hours * 3600)
        sweep.run()
        left.append(kept(network))

    assert left == [ONLY_A_QUEUE, ONLY_A_QUEUE, ONLY_A_QUEUE, NOTHING]


def test_what_is_younger_than_a_quarter_of_an_hour_stays(
    network: Network, log: Log, papers: Papers, sweep: DeletionSweep
) -> None:
    live(network, log, papers)
    before = kept(network)
    network.clock.advance(QUARTER - 120)

    swept = sweep.run()

    assert (kept(network), swept) == (before, SweepResult())


def test_sweeps_go_on_where_twilio_was_busy_or_had_not_closed_its_records(
    network: Network, log: Log, papers: Papers, sweep: DeletionSweep
) -> None:
    live(network, log, papers)
    network.clock.advance(QUARTER)
    network.faults.rest = [
        RestFault("20009", match="DELETE", times=5),
        RestFault("429", match="DELETE", skip=5, times=2),
    ]

    first = sweep.run()
    left = sum(kept(network)[:2])
    second = sweep.run()

    assert first.left == left > 3
    assert first.oldest == network.exchange.date(40.0)
    assert (kept(network), second.left, second.oldest) == (ONLY_A_QUEUE, 0, None)
    assert first.deleted_calls + second.deleted_calls == 9


def test_a_call_that_the_log_never_saw_is_counted_once(
    network: Network, log: Log, papers: Papers, sweep: DeletionSweep
) -> None:
    live(network, log, papers)
    papers.documents["/voice"] = "<Say>The fallback document speaks.</Say>"
    network.dial(CALLERS[6])
    network.settle()
    network.clock.advance(QUARTER)
    network.faults.rest = [RestFault("20009", match="DELETE", times=12)]

    counted = [sweep.run().unknown_calls for _ in range(3)]

    assert sum(counted) == 1
    assert kept(network) == ONLY_A_QUEUE


def test_a_call_is_looked_up_by_when_it_began_a_minute_more_or_less(
    network: Network, log: Log, sweep: DeletionSweep
) -> None:
    began = network.exchange.date()
    network.dial(CALLERS[0])
    network.settle()
    network.clock.advance(QUARTER)

    sweep.run()

    assert {start - began for start in log.starts} == {timedelta(minutes=-1), timedelta(minutes=1)}


def test_calls_wait_for_a_log_that_is_away_and_texts_do_not(
    network: Network, log: Log, papers: Papers, sweep: DeletionSweep
) -> None:
    live(network, log, papers)
    network.clock.advance(QUARTER)
    log.away = True
    first = sweep.run()
    left = kept(network)
    log.away = False

    second = sweep.run()

    assert (first.left, left) == (5, (5, 0, 1))
    assert (second.unknown_calls, kept(network)) == (0, ONLY_A_QUEUE)


def test_a_call_of_before_the_line_is_deleted_and_not_counted(network: Network, sweep: DeletionSweep) -> None:
    network.dial(CALLERS[0])
    network.settle()
    network.clock.advance(WEEK.total_seconds() + 60)

    swept = sweep.run()

    assert (swept.unknown_calls, kept(network)) == (0, NOTHING)


def test_a_leg_that_shows_the_callers_own_number_is_found_by_its_call(
    network: Network, papers: Papers, sweep: DeletionSweep
) -> None:
    papers.documents["/voice"] = f"<Dial><Number>{AGENCY}</Number></Dial>"
    network.dial(CALLERS[0])
    network.settle()
    network.clock.advance(QUARTER)
    shown = {leg.caller for leg in network.exchange.calls.values()}

    swept = sweep.run()

    assert shown == {CALLERS[0]}
    assert (swept.deleted_calls, kept(network)) == (2, NOTHING)


def test_what_belongs_to_another_number_is_left_alone(network: Network, sweep: DeletionSweep) -> None:
    exchange = network.exchange
    other = exchange.leg("outbound-api", THEIRS, AGENCY, Plan(None, None))
    other.finish("completed", "them")
    sent = exchange.texts.send(CALLERS[0], "from them")
    sent.sender = THEIRS
    exchange.queue("their own queue")
    network.dial(CALLERS[0])
    network.settle()
    network.clock.advance(QUARTER)

    sweep.run()

    assert list(exchange.calls.values()) == [other]
    assert list(exchange.texts.messages.values()) == [sent]
    assert [queue.name for queue in exchange.queues.values()] == ["their own queue"]


def test_a_call_that_goes_on_is_left_alone(network: Network, papers: Papers, sweep: DeletionSweep) -> None:
    papers.documents["/voice"] = "<Enqueue>transfer-1</Enqueue>"
    network.dial(CALLERS[0])
    network.clock.advance(3600)

    swept = sweep.run()

    assert kept(network) == (1, 0, 1)
    assert swept == SweepResult()


def test_a_text_whose_last_news_never_came_is_deleted_after_a_day(
    network: Network, sweep: DeletionSweep
) -> None:
    network.text(CALLERS[0], "signs")
    network.clock.advance(5.0)
    stuck = next(m for m in network.exchange.texts.messages.values() if m.direction == "outbound-reply")
    stuck.status = "sent"
    network.clock.advance(QUARTER)
    early = sweep.run()
    network.clock.advance(DAY)

    late = sweep.run()
    stuck.status = "delivered"
    last = sweep.run()

    assert (early.deleted_messages, early.left) == (1, 0)
    assert (late.deleted_messages, late.left) == (0, 1)
    assert (last.deleted_messages, kept(network)) == (1, NOTHING)


@dataclass(frozen=True)
class Raced(TwilioRecords):
    """Another sweep is always a little faster."""

    def delete(self, copy: object) -> object:  # type: ignore[override]
        super().delete(copy)  # type: ignore[arg-type]
        return super().delete(copy)  # type: ignore[arg-type]


def test_what_somebody_else_deleted_is_as_good(network: Network, log: Log, sweep: DeletionSweep) -> None:
    network.dial(CALLERS[0])
    network.settle()
    network.clock.advance(QUARTER)
    raced = Raced(sweep.records.client, OURS)

    swept = DeletionSweep(raced, log.known, log.call_id, sweep.now).run()

    assert (swept, kept(network)) == (SweepResult(), NOTHING)


def test_a_busy_twilio_is_left_alone_until_the_next_sweep(
    network: Network, log: Log, papers: Papers, sweep: DeletionSweep
) -> None:
    live(network, log, papers)
    network.clock.advance(QUARTER)
    network.faults.rest = [busy := RestFault("429", match="DELETE")]

    swept = sweep.run()

    assert busy.seen == 5
    assert (swept.left, swept.whole) == (16, False)


def test_a_sweep_that_takes_too_long_is_ended(
    network: Network, log: Log, papers: Papers, make_sweep: Callable[..., DeletionSweep]
) -> None:
    live(network, log, papers)
    network.clock.advance(QUARTER)

    swept = make_sweep(seconds=0.0).run()

    assert (swept.left, swept.whole, kept(network)) == (16, False, (9, 7, 1))


@pytest.mark.parametrize("does", ["429", "503", "drop"])
def test_lists_that_do_not_come_are_asked_for_by_the_next_sweep(
    does: str, network: Network, log: Log, papers: Papers, sweep: DeletionSweep
) -> None:
    live(network, log, papers)
    network.clock.advance(QUARTER)
    network.faults.rest = [RestFault(does, match="GET", times=1)]

    first, second = sweep.run(), sweep.run()

    assert not first.whole
    assert (second.whole, kept(network)) == (True, ONLY_A_QUEUE)


def test_many_pages_are_read_before_anything_is_deleted(
    network: Network, make_sweep: Callable[..., DeletionSweep]
) -> None:
    for n in range(60):
        network.dial(CALLERS[n % 8])
    network.settle()
    network.clock.advance(QUARTER)

    swept = make_sweep(page=7).run()

    assert (swept.deleted_calls, kept(network)) == (120, NOTHING)


def test_what_is_older_than_a_moment_is_listed(network: Network, sweep: DeletionSweep) -> None:
    network.dial(CALLERS[0])
    network.settle()
    ended = network.exchange.date()

    listed = [list(sweep.records.before(ended + timedelta(seconds=more))) for more in (-1, 1)]

    assert list(map(len, listed)) == [0, 2]


@pytest.fixture
def lived(network: Network, log: Log, papers: Papers) -> Network:
    """Give a network on which calls and texts were, a quarter of an hour ago, and the log knows none."""
    live(network, log, papers)
    log.calls.clear()
    network.clock.advance(QUARTER)
    return network


@pytest.mark.parametrize("does", ["", "429", "drop"])
def test_no_number_and_no_id_is_logged_shown_or_raised(
    does: str, lived: Network, sweep: DeletionSweep, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    copies = list(sweep.records.all())
    secrets = {sid for copy in copies for sid in (copy.sid, copy.sid[::-1])} | {OURS, AGENCY, *CALLERS}
    lived.faults.rest = [RestFault(does)] if does else []

    shown = [repr(sweep.run()), repr(copies), repr(sweep.records)]
    lived.faults.rest = [RestFault(does or "500")]
    with pytest.raises(TwilioRecordsUnavailable) as raised:
        next(sweep.records.all())

    told = " ".join((*shown, repr(raised.value), *(repr(vars(r)) + r.getMessage() for r in caplog.records)))
    assert [secret for secret in secrets if secret.lstrip("+") in told] == []
    assert not re.search(r"(CA|SM|QU)[0-9a-f]{32}", told)
    assert caplog.records
