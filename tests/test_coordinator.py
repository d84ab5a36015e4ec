"""The search for a person: who is claimed, how Twilio is asked, and what is made of its answers."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from fakes import KeptEffects, NotedJournal, SentTexts

from ivr.circuit_breaker import PartUnavailable
from ivr.effects import Alarm, EndRing, Ring
from ivr.records.markers import FORGET_AFTER, Markers
from ivr.records.transfer_store import TimeLimitedStore
from ivr.transfer.agency_order import AgencyStatus
from ivr.transfer.coordinator import Fetch, NumberRefused, PhoneSilent, PhoneThrottled, TransferCoordinator
from ivr.transfer.machine import Decide, Event, EventType, Follow, State, Transfer, nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ivr.agencies import Agency
    from ivr.flow.models import Flow

WAITING = Transfer("s", "call", "any", "en")
FIRST, SECOND = Ring("s", "1"), Ring("s", "2")


@dataclass
class Kept:
    """The truth about transfers, in memory."""

    rows: dict[str, Transfer] = field(default_factory=lambda: {"s": WAITING})
    lost: bool = False

    def open(self, transfer: Transfer) -> None:
        if self.lost:
            raise PartUnavailable
        self.rows.setdefault(transfer.id, transfer)

    def find(self, transfer_id: str) -> Transfer | None:
        return self.rows.get(transfer_id)

    def change(
        self, transfer_id: str, decide: Decide, follow: Follow = nothing
    ) -> tuple[Transfer, Transfer] | None:
        before = self.rows.get(transfer_id)
        if before is None:
            return None
        busy = {t.agency: 1 for t in self.rows.values() if t.id != transfer_id and t.agency}
        self.rows[transfer_id] = decide(before, busy) or before
        follow(before, self.rows[transfer_id])
        return before, self.rows[transfer_id]

    def of_calls(self, calls: Sequence[str]) -> list[str]:
        return [transfer.id for transfer in self.rows.values() if transfer.call in calls]

    def unreached_in_a_row(self) -> int:
        return 0


@dataclass
class Answering(SentTexts):
    """A telephone network that answers each request to ring as it was told to."""

    faults: list[Exception | None] = field(default_factory=list)

    def ring_agency(self, agency: Agency, path: str, seconds: int) -> str:
        leg = super().ring_agency(agency, path, seconds)
        fault = self.faults.pop(0) if self.faults else None
        if fault:
            raise fault
        return leg


@dataclass
class Seconds:
    """Hands out the seconds it was given: how long each is away, or nothing."""

    free: list[float | None] = field(default_factory=list)
    soon: bool = True

    def near(self, most: float) -> bool:
        assert most > 0
        return self.soon

    def take(self, most: float) -> float | None:
        assert most > 0
        return self.free.pop(0) if self.free else 0.0


@dataclass
class World:
    """A search, and what it did to the world."""

    flow: Flow
    store: Kept = field(default_factory=Kept)
    journal: NotedJournal = field(default_factory=NotedJournal)
    later: KeptEffects = field(default_factory=KeptEffects)
    slots: Seconds = field(default_factory=Seconds)
    phone: Answering = field(default_factory=Answering)
    slept: list[float] = field(default_factory=list)
    off: frozenset[str] = frozenset()
    markers: Markers | None = None

    @property
    def transfers(self) -> TransferCoordinator:
        return TransferCoordinator(
            self.flow.directory,
            self.flow.line.patience,
            self.store,
            self.journal,
            self.later,
            self.slots,
            self.phone,
            lambda: AgencyStatus(off=self.off),
            now=lambda: 1_800_000_000.0,
            sleep=self.slept.append,
            agree=self.markers.agree if self.markers else lambda _, waits: waits,
        )

    @property
    def transfer(self) -> Transfer:
        return self.store.rows["s"]

    @property
    def rung(self) -> list[str]:
        """The agencies that Twilio was asked to ring, by name."""
        names = {agency.number: name for name, agency in self.flow.directory.agencies.items()}
        return [names[number] for number, _, _ in self.phone.rings]

    def ring(self, effect: Ring) -> None:
        """Let the caller hear who is next, if they have not yet; then do what the worker does."""
        for tick in (-2, -1):  # Before the first fetch that a test tells of.
            self.store.rows["s"] = replace(self.transfer, tick=-3)
            if self.transfer.state in {State.SEARCHING, State.NAMING}:
                self.transfers.tick("s", Fetch(waited=self.transfer.waited, tick=tick))
        self.later.effects[:] = [each for each in self.later.effects if each != effect]
        self.transfers.ring(effect)

    def ended(self) -> list[tuple[str, str]]:
        return [(entry.key, entry.ended) for entry in self.journal.entries if entry.ended]


@pytest.fixture
def world(flow: Flow) -> World:
    return World(flow)


def test_an_attempt_is_claimed_by_one_of_all_who_try(world: World) -> None:
    for _ in range(3):
        world.ring(FIRST)

    assert world.rung == ["victim-services"]
    assert world.transfer.state is State.RINGING


def test_an_attempt_that_is_over_is_not_rung_again(world: World) -> None:
    world.ring(FIRST)
    world.transfers.advance("s", Event(EventType.MISSED, 1, how="busy"))

    world.ring(FIRST)  # A job that comes late is no news of the next attempt.
    rung = world.rung
    world.ring(SECOND)
    world.ring(SECOND)

    assert rung == ["victim-services"]
    assert world.rung == ["victim-services", "chrysalis"]
    assert world.later.effects == []


def test_an_agency_without_a_free_line_is_passed_over(world: World) -> None:
    world.store.rows["other"] = replace(WAITING, id="other", state=State.CONNECTED, agency="victim-services")

    world.ring(FIRST)

    assert world.rung == ["chrysalis"]


def test_an_agency_with_two_lines_takes_two_callers(world: World) -> None:
    agencies = world.flow.directory.agencies
    two = replace(agencies["victim-services"], lines=2)
    directory = replace(world.flow.directory, agencies=agencies | {"victim-services": two})
    world.flow = replace(world.flow, directory=directory)
    world.store.rows["other"] = replace(WAITING, id="other", state=State.RINGING, agency="victim-services")

    world.ring(FIRST)

    assert world.rung == ["victim-services"]


def test_when_every_line_is_busy_the_caller_is_offered_a_choice(world: World) -> None:
    for name in ("victim-services", "chrysalis"):
        world.store.rows[name] = replace(WAITING, id=name, state=State.CONNECTED, agency=name)
    world.off = frozenset({"hotline"})

    world.ring(FIRST)

    assert world.rung == []
    assert world.transfer.state is State.RETURNED
    assert world.later.effects == [Alarm("unreached")]


def test_who_waits_for_a_second_waits_for_as_long_as_it_is_away(world: World) -> None:
    world.slots.free = [1.5]

    world.ring(FIRST)

    assert world.slept == [1.5]
    assert world.rung == ["victim-services"]


def test_nobody_is_claimed_when_no_second_is_near(world: World) -> None:
    world.slots.soon = False

    world.ring(FIRST)

    assert world.transfer.state is State.DIRECT
    assert (world.transfer.tried, world.rung, world.journal.entries) == ((), [], [])


def test_a_second_that_another_took_leads_to_the_direct_path_and_blames_no_agency(world: World) -> None:
    world.slots.free = [None]

    world.ring(FIRST)

    assert world.transfer.state is State.DIRECT
    assert (world.transfer.tried, world.rung) == ((), [])
    assert world.ended() == [("end-s-1", "not_rung")]


def test_throttling_is_tried_once_more(world: World) -> None:
    world.phone.faults = [PhoneThrottled()]

    world.ring(FIRST)

    assert world.rung == ["victim-services", "victim-services"]
    assert world.transfer.state is State.RINGING


def test_throttling_twice_leads_to_the_direct_path(world: World) -> None:
    world.phone.faults = [PhoneThrottled(), PhoneThrottled(), None]

    world.ring(FIRST)

    assert len(world.rung) == 2
    assert world.transfer.state is State.DIRECT
    assert world.transfer.tried == ()  # Nobody was rung: the direct path begins with them.


def test_a_number_that_is_refused_is_followed_by_the_next_agency(world: World) -> None:
    world.phone.faults = [NumberRefused()]

    world.ring(FIRST)
    world.ring(SECOND)

    assert world.rung == ["victim-services", "chrysalis"]
    assert world.ended() == [("end-s-1", "failed")]


def test_a_network_that_is_silent_is_not_asked_a_second_time(world: World) -> None:
    world.phone.faults = [PhoneSilent()]

    for _ in range(3):
        world.ring(FIRST)

    assert world.rung == ["victim-services"]
    assert world.transfer.state is State.DIALLING


def test_a_ring_of_which_the_network_was_silent_may_still_be_answered(world: World) -> None:
    world.phone.faults = [PhoneSilent()]
    world.ring(FIRST)

    world.transfers.advance("s", Event(EventType.ANSWERED, 1))
    world.transfers.advance("s", Event(EventType.ACCEPTED, 1))

    assert world.transfer.connects(1)


def test_a_silent_networks_ring_is_given_up_by_the_callers_clock(world: World) -> None:
    world.phone.faults = [PhoneSilent()]
    world.ring(FIRST)

    for tick, waited in enumerate((1, 5, 10)):
        world.transfers.tick("s", Fetch(waited=waited, tick=tick))

    assert world.transfer.state is State.DIRECT
    assert world.transfer.tried == ("victim-services",)  # It may have been rung.
    assert world.ended() == [("end-s-1", "in_doubt")]


def test_a_network_that_cannot_be_asked_leads_to_the_direct_path(world: World) -> None:
    world.phone.faults = [PartUnavailable()]

    world.ring(FIRST)

    assert world.transfer.state is State.DIRECT
    assert world.later.effects == [Alarm("direct")]


def test_a_leg_is_ended_by_its_sealed_name_and_only_once(world: World) -> None:
    world.ring(FIRST)
    assert world.later.secrets == {"leg-s-1": "leg 1"}

    for _ in range(2):
        world.transfers.end_ring(EndRing("s", "1"))

    assert world.phone.ended == ["leg 1"]


def test_a_leg_whose_name_is_forgotten_is_left_to_end_by_itself(world: World) -> None:
    world.transfers.end_ring(EndRing("s", "1"))

    assert world.phone.ended == []


def test_a_caller_who_leaves_has_the_ring_ended(world: World) -> None:
    world.ring(FIRST)

    world.transfers.tick("s", Fetch(waited=5, tick=1, news=Event(EventType.CALLER_LEFT)))

    assert world.later.effects == [EndRing("s", "1")]
    assert world.transfer.state is State.LEFT


def test_a_search_that_nobody_takes_up_is_rung_by_whoever_notices(world: World) -> None:
    for tick, waited in enumerate((0, 8, 11)):
        world.transfers.tick("s", Fetch(waited=waited, tick=tick))
    assert world.later.effects == [FIRST]  # The worker was asked.

    world.transfers.tick("s", Fetch(waited=12, tick=3))

    assert world.later.effects == [FIRST, FIRST]


def test_nobody_is_called_before_the_caller_heard_who(world: World) -> None:
    world.transfers.ring(FIRST)
    world.transfers.tick("s", Fetch(waited=0, tick=0))
    world.transfers.ring(FIRST)
    world.transfers.tick("s", Fetch(waited=0, tick=0))  # The same webhook, a second time.
    world.transfers.tick("s", Fetch(waited=5, tick=1, repeats=True))
    world.transfers.ring(FIRST)
    rung = list(world.rung)

    world.transfers.tick("s", Fetch(waited=12, tick=2))
    world.transfers.ring(FIRST)

    assert rung == []
    assert world.rung == ["victim-services"]


def test_nobody_is_called_whose_name_was_chosen_too_late_for_the_callers_document(world: World) -> None:
    world.transfers.tick("s", Fetch(waited=0, tick=0, said=0))  # SQL was slow: the caller heard a calm line.
    world.transfers.tick("s", Fetch(waited=5, tick=1, said=0))
    world.transfers.ring(FIRST)
    rung, state = list(world.rung), world.transfer.state

    world.transfers.tick("s", Fetch(waited=12, tick=2, said=1))
    world.transfers.ring(FIRST)

    assert (rung, state) == ([], State.NAMING)
    assert world.rung == ["victim-services"]


def test_whoever_was_named_and_is_busy_by_then_is_passed_over_and_the_next_is_named(world: World) -> None:
    for tick in (0, 1):
        world.transfers.tick("s", Fetch(waited=tick * 8, tick=tick))
    world.store.rows["other"] = replace(WAITING, id="other", state=State.RINGING, agency="victim-services")

    world.transfers.ring(FIRST)
    world.transfers.tick("s", Fetch(waited=10, tick=2))

    assert world.rung == []
    assert (world.transfer.state, world.transfer.agency) == (State.NAMING, "chrysalis")


def test_what_the_caller_lets_us_tell_is_what_they_chose_last(world: World) -> None:
    world.transfers.tick("s", Fetch(waited=20, tick=4, topic="2"))
    world.transfers.tick("s", Fetch(waited=24, tick=5, topic="3"))
    world.transfers.tick("s", Fetch(waited=28, tick=6))

    assert world.transfer.topic == "3"


def test_an_agency_that_is_still_thanked_is_not_taken_for_one_that_was_never_joined(world: World) -> None:
    world.ring(FIRST)
    world.transfers.tick("s", Fetch(waited=10, tick=3))
    world.transfers.advance("s", Event(EventType.ACCEPTED, 1))

    for tick, waited in enumerate((11, 14, 18), start=4):
        world.transfers.tick("s", Fetch(waited=waited, tick=tick))

    assert world.transfer.connects(1)


def test_a_caller_who_still_waits_long_after_the_accept_is_searched_for_again(world: World) -> None:
    world.ring(FIRST)
    world.transfers.tick("s", Fetch(waited=10, tick=3))
    world.transfers.advance("s", Event(EventType.ACCEPTED, 1))

    for tick, waited in enumerate((11, 17, 23), start=4):
        world.transfers.tick("s", Fetch(waited=waited, tick=tick))

    assert world.transfer.state is State.SEARCHING
    assert world.later.effects == []


def test_a_search_that_is_asked_for_twice_is_one(world: World) -> None:
    ids = {world.transfers.begin("call", 3, "any", "en") for _ in range(2)}

    assert len(ids) == 1
    assert len(world.store.rows) == 2


def test_a_caller_who_waits_already_is_not_sent_elsewhere_by_a_late_copy(
    world: World, tmp_path: Path
) -> None:
    world.markers = Markers(tmp_path)
    first = world.transfers.begin("call", 3, "any", "en")
    world.store.lost = True

    again = world.transfers.begin("call", 3, "any", "en")

    assert first
    assert again == first


def test_nobody_is_rung_for_a_caller_who_went_by_the_direct_path(world: World, tmp_path: Path) -> None:
    world.markers = Markers(tmp_path)
    world.store.lost = True
    first = world.transfers.begin("call", 3, "any", "en")
    world.store.lost = False

    again = world.transfers.begin("call", 3, "any", "en")

    assert (first, again) == ("", "")
    assert [effect for effect in world.later.effects if isinstance(effect, Ring)] == []


def test_the_next_wish_of_a_caller_is_decided_anew(world: World, tmp_path: Path) -> None:
    world.markers = Markers(tmp_path)
    world.store.lost = True
    world.transfers.begin("call", 3, "any", "en")
    world.store.lost = False

    assert world.transfers.begin("call", 4, "any", "en")


def test_a_disk_that_takes_no_marker_changes_nothing(world: World, tmp_path: Path) -> None:
    (tmp_path / "accepted").write_text("a file where the folder belongs")
    world.markers = Markers(tmp_path)

    assert world.transfers.begin("call", 3, "any", "en")


def test_what_was_agreed_is_forgotten_like_every_marker(tmp_path: Path) -> None:
    markers = Markers(tmp_path)
    markers.agree("s", waits=True)

    markers.forget(time.time() + FORGET_AFTER + 1)

    assert list((tmp_path / "accepted").iterdir()) == []


@pytest.mark.parametrize("missing", ["sql", "seconds"])
def test_no_search_begins_without_what_it_needs(world: World, missing: str) -> None:
    world.store.lost, world.slots.soon = missing == "sql", missing != "seconds"

    assert world.transfers.begin("call", 3, "any", "en") == ""
    assert FIRST not in world.later.effects


@dataclass
class Hesitating(Kept):
    """Keeps a change, and tells of it only when it is allowed to."""

    free: threading.Event = field(default_factory=threading.Event)

    def change(
        self, transfer_id: str, decide: Decide, follow: Follow = nothing
    ) -> tuple[Transfer, Transfer] | None:
        self.free.wait(60)
        return super().change(transfer_id, decide, follow)


@pytest.mark.parametrize(
    ("news", "logged", "done"),
    [
        (Event(EventType.CLAIMED, agency="chrysalis"), ["rang"], []),
        (Event(EventType.EXHAUSTED), [], [Alarm("unreached")]),
    ],
    ids=["a claim", "an alarm"],
)
def test_what_is_kept_too_late_is_still_logged_and_acted_upon(
    world: World, news: Event, logged: list[str], done: list[Alarm]
) -> None:
    store = world.store = Hesitating()
    if news.event is EventType.CLAIMED:
        store.rows["s"] = replace(WAITING, state=State.NAMED, agency="chrysalis")
    searching = replace(world.transfers, store=TimeLimitedStore(store, seconds=0.01))
    with pytest.raises(PartUnavailable):
        searching.advance("s", news)

    store.free.set()

    assert becomes(
        lambda: ([entry.heard for entry in world.journal.entries], world.later.effects) == (logged, done)
    )


def becomes(claim: Callable[[], bool]) -> bool:
    """Wait for another thread, at most ten seconds."""
    deadline = time.monotonic() + 60
    while not claim() and time.monotonic() < deadline:
        threading.Event().wait(0.001)
    return claim()
