"""The machine of a transfer, and what time brings about: pure, so every order of news can be tried."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sizes import examples

from ivr.effects import EndRing, Ring
from ivr.telephony.webhook_forms import leg_event
from ivr.transfer.machine import (
    ARRIVALS,
    LEG,
    MOVES,
    OF_A_LEG,
    UNSEEN,
    Event,
    EventType,
    State,
    Transfer,
    advance,
)
from ivr.transfer.time_limits import TimeLimits, due, is_unclaimed, offers_choice, ring_seconds

LIMITS = TimeLimits(key=8, cannot_press=6, ring=15, whisper=20, reach=55, choice=60, end=120)
BEGUN = Transfer("t1", "c1", "any", "en")
AGENCIES = ("victim-services", "chrysalis", "hotline")


def after(*news: Event, begun: Transfer = BEGUN) -> Transfer:
    transfer = begun
    for each in news:
        before = named(each.agency) if each.event is EventType.CLAIMED else ()
        for step in (*before, each):
            transfer, _ = advance(transfer, step)
    return transfer


def named(agency: str = "chrysalis") -> tuple[Event, Event]:
    """Let the caller hear who is next."""
    return Event(EventType.CHOSEN, agency=agency), Event(EventType.HEARD)


def claimed(agency: str = "chrysalis") -> Event:
    return Event(EventType.CLAIMED, agency=agency)


def test_every_state_has_moves_and_an_arrival() -> None:
    assert set(MOVES) == set(State) == set(ARRIVALS)


def test_an_accepted_call_goes_from_searching_to_finished() -> None:
    told = (
        claimed(),
        Event(EventType.RANG, 1),
        Event(EventType.ANSWERED, 1),
        Event(EventType.ACCEPTED, 1),
        Event(EventType.TALKED),
    )

    assert after(*told).state is State.FINISHED


@pytest.mark.parametrize("event", [EventType.MISSED, EventType.OVERDUE, EventType.AGENCY_LEFT])
def test_an_agency_that_does_not_take_the_call_is_followed_by_the_next(event: EventType) -> None:
    ringing = after(claimed(), Event(EventType.RANG, 1))

    transfer, effects = advance(ringing, Event(event, 1))

    assert transfer.state is State.SEARCHING
    assert not any(isinstance(effect, Ring) for effect in effects)  # Not before the caller knows who.
    assert advance(after(named()[0], begun=transfer), named()[1])[1] == (Ring("t1", "2"),)


def test_late_no_answer_does_not_stop_the_next_phone_ringing() -> None:
    second = after(claimed(), Event(EventType.MISSED, 1), claimed("hotline"), Event(EventType.RANG, 2))

    transfer, effects = advance(second, Event(EventType.MISSED, 1))

    assert (transfer, effects) == (second, ())


def test_a_second_agency_that_presses_one_connects_nobody() -> None:
    connected = after(claimed(), Event(EventType.MISSED, 1), claimed("hotline"), Event(EventType.ACCEPTED, 2))

    transfer, _ = advance(connected, Event(EventType.ACCEPTED, 1))

    assert transfer.connects(2)
    assert not transfer.connects(1)


@pytest.mark.parametrize("event", [EventType.GAVE_UP, EventType.CALLER_LEFT, EventType.OVERDUE])
def test_a_telephone_that_rings_for_nobody_is_ended(event: EventType) -> None:
    ringing = after(claimed(), Event(EventType.RANG, 1))

    _, effects = advance(ringing, Event(event, 1))

    assert EndRing("t1", "1") in effects


def test_once_the_caller_is_gone_nothing_more_happens() -> None:
    left = after(claimed(), Event(EventType.RANG, 1), Event(EventType.CALLER_LEFT))

    assert all(advance(left, Event(event, 1, "hotline")) == (left, ()) for event in EventType)


def test_a_caller_who_was_never_joined_is_searched_for_again() -> None:
    connected = replace(after(claimed(), Event(EventType.ACCEPTED, 1)), tick=3, since=18)

    assert (
        due(LIMITS, connected, 29, 5) is None
    )  # The person who took the call is still told who the caller is.
    assert due(LIMITS, connected, 30, 4) is None
    assert due(LIMITS, connected, 30, 5) == Event(EventType.STRANDED)
    assert advance(connected, Event(EventType.STRANDED))[0].state is State.SEARCHING


def test_a_person_who_hears_the_briefing_is_given_all_its_time() -> None:
    briefing = replace(after(claimed(), Event(EventType.ANSWERED, 1)), waited=54, since=54)

    assert due(LIMITS, briefing, 54 + 20, 9) is None
    assert due(LIMITS, briefing, 54 + 24, 9) == Event(EventType.OVERDUE, 1, how="declined")


def test_a_briefing_lasts_as_long_as_the_line_file_gives_it() -> None:
    patient = replace(LIMITS, whisper=30)
    briefing = replace(after(claimed(), Event(EventType.ANSWERED, 1)), waited=10, since=10)

    assert due(patient, briefing, 10 + 30, 5) is None
    assert due(patient, briefing, 10 + 34, 5) == Event(EventType.OVERDUE, 1, how="declined")


def test_nobody_waits_longer_than_two_minutes() -> None:
    assert due(LIMITS, replace(BEGUN, waited=119), 120, 30) == Event(EventType.GAVE_UP)


def test_a_search_that_nobody_took_up_for_four_seconds_is_taken_up_by_whoever_notices() -> None:
    ready = after(*named())

    assert not is_unclaimed(BEGUN, 4)  # Nobody was named yet.
    assert not is_unclaimed(ready, 3)
    assert is_unclaimed(ready, 4)


def test_the_choice_comes_within_a_minute_of_asking() -> None:
    assert offers_choice(LIMITS, 44)  # Begun ten seconds later, it would not be heard to its end by then.
    assert not offers_choice(LIMITS, 43)


@given(waited=st.integers(0, 200), left=st.integers(0, 6))
def test_a_ring_is_asked_for_between_five_and_fifteen_seconds(waited: int, left: int) -> None:
    assert 5 <= ring_seconds(LIMITS, waited, left) <= 15


class Anything(RuleBasedStateMachine):
    """News in any order, twice, late, from two workers: what must hold holds."""

    def __init__(self) -> None:
        super().__init__()
        self.transfer = BEGUN
        self.rung: list[tuple[int, str]] = []
        self.joined: set[int] = (
            set()
        )  # The attempts whose agency was told to join, and whose talk is not over.
        self.gone = False

    @precondition(lambda self: self.transfer.state is State.SEARCHING)
    @rule(agency=st.sampled_from(AGENCIES))
    def somebody_is_chosen(self, agency: str) -> None:
        self._hear(Event(EventType.CHOSEN, agency=agency))

    @precondition(lambda self: self.transfer.state is State.NAMING)
    @rule()
    def the_caller_hears_who_it_is(self) -> None:
        self._hear(Event(EventType.HEARD))

    @precondition(lambda self: self.transfer.state in {State.SEARCHING, State.NAMING, State.NAMED})
    @rule(agency=st.sampled_from(AGENCIES), workers=st.integers(1, 2))
    def a_worker_claims(self, agency: str, workers: int) -> None:
        for _ in range(
            workers
        ):  # The second reads what the first wrote: the row is changed by one at a time.
            before = self.transfer
            self.transfer, _ = advance(before, Event(EventType.CLAIMED, agency=agency))
            if self.transfer is not before and self.transfer.state is State.DIALLING:
                assert not self.gone
                assert before.state is State.NAMED
                self.rung.append((self.transfer.place, agency))

    @rule(event=st.sampled_from(sorted(OF_A_LEG)), place=st.integers(1, 4), copies=st.integers(1, 2))
    def a_callback_comes(self, event: EventType, place: int, copies: int) -> None:
        for _ in range(copies):
            self._hear(Event(event, place))

    @rule(event=st.sampled_from([EventType.GAVE_UP, EventType.EXHAUSTED, EventType.TALKED]))
    def something_happens(self, event: EventType) -> None:
        self._hear(Event(event))

    @precondition(lambda self: not self.gone)  # Only a caller who is there brings it, fetch after fetch.
    @rule()
    def the_caller_still_waits(self) -> None:
        self._hear(Event(EventType.STRANDED))

    @rule()
    def the_caller_leaves(self) -> None:
        self._hear(Event(EventType.CALLER_LEFT))
        self.gone = self.gone or self.transfer.state in {State.LEFT, State.FINISHED}

    @rule(seconds=st.integers(0, 30))
    def a_wait_document_is_fetched(self, seconds: int) -> None:
        waited = self.transfer.waited + seconds
        since = waited if self.transfer.since == UNSEEN else self.transfer.since
        there = replace(self.transfer, waited=waited, since=since)
        news = due(LIMITS, there, there.waited, there.tick + 1)
        self.transfer = advance(there, news)[0] if news else there

    def _hear(self, news: Event) -> None:
        before = self.transfer
        self.transfer, effects = advance(before, news)
        if news.event is EventType.ACCEPTED and self.transfer.connects(news.place):
            self.joined.add(news.place)
        if self.transfer.state is not State.CONNECTED:
            self.joined.clear()
        assert effects == () or self.transfer != before

    @invariant()
    def no_attempt_is_rung_twice(self) -> None:
        places = [place for place, _ in self.rung]
        assert len(places) == len(set(places))

    @invariant()
    def never_are_two_agencies_told_to_join(self) -> None:
        assert len(self.joined) <= 1

    @invariant()
    def every_state_but_an_end_has_a_way_on(self) -> None:
        waiting = self.transfer.state in LEG | {State.SEARCHING, State.NAMING, State.NAMED, State.CONNECTED}
        assert not waiting or due(LIMITS, self.transfer, 10_000, self.transfer.tick + 9) is not None


TestAnything = Anything.TestCase
TestAnything.settings = settings(examples(50), stateful_step_count=40)


@pytest.mark.parametrize("state", [State.DIALLING, State.RINGING])
def test_an_account_at_its_limit_gives_the_caller_a_choice_and_says_nothing_of_the_agency(
    state: State,
) -> None:
    ringing = Transfer("s", "call", "any", "en", state, place=1, agency="chrysalis", tried=("chrysalis",))
    news = leg_event({"CallStatus": "failed", "ErrorCode": "10004"}, 1)
    assert news

    after, effects = advance(ringing, news)

    assert (after.state, after.tried, effects) == (State.RETURNED, (), ())
    assert leg_event({"CallStatus": "failed", "ErrorCode": "13224"}, 1) == Event(
        EventType.MISSED, 1, how="failed"
    )
