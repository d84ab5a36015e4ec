"""What becomes of a caller who asks for a person: stories that any line can be put through.

Each takes a world: a line, a pretend network around it, and switches for what can be lost. The
same stories are told in one process, where the clock jumps, and with the real processes, where it runs.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from ivr.simulator.clock import START
from ivr.simulator.documents import SORRY
from ivr.simulator.faults import Delivery, RestFault, WebhookFault
from ivr.simulator.people import (
    HangsUp,
    Joined,
    Person,
    Press,
    When,
    accepts,
    accepts_late,
    busy,
    declines,
    fax,
    hangs_up,
    ignores,
    invalid,
    never_answers,
    switchboard,
    voicemail,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ivr.simulator.rehearse import Network, RehearsedCall

CALLER = "+12895550123"
CALLERS = count(1000)  # Somebody new in each story: one phone may not ask for a person too often.
VICTIM_SERVICES, CHRYSALIS, HOTLINE = "+19055464904", "+18665287109", "+18339001010"
ANY, NOT_POLICE = "2", "1"
WITHIN = 60.0  # Seconds of Twilio's from asking to a person or a spoken choice.
END, LONGEST_DOCUMENT = 120.0, 10.0
TOLD_WITHIN = 5.0  # Seconds in which an agency that finds nobody hears so.
AT_ONCE = 8  # Callbacks in the same moment.
LONG_ORDER = ("victim-services", "chrysalis", "sacha", "interval-house", "coast", "mens-centre")
DAYS = tuple(  # Today and the days around it, here and where the clock jumps.
    (now + timedelta(days=day)).date() for now in (START, datetime.now(UTC)) for day in (-1, 0, 1)
)


class World(Protocol):
    """A line that can be called, and lose its parts."""

    network: Network
    slack: float  # Seconds of the network's that this world's own slowness may add.

    def log(self) -> list[dict[str, Any]]:
        """Give the call log, as `ivr calls --json` does."""

    def lose(self, part: str) -> None:
        """Take a part away: worker, redis, sql or rest."""

    def switch_off(self, agency: str) -> None:
        """Have an operator switch an agency off."""

    def doom_worker(self) -> None:
        """Have the worker die the next time it rings: the attempt is claimed, and nobody hears of it."""

    @property
    def choice(self) -> tuple[str, ...]:
        """Give the words that offer a caller other ways."""


PROMISES = ("all is told", "what is promised")  # What the network tells beside what a form needs.


def keep_only_what_is_promised(world: World, promise: str) -> None:
    """Have the network tell how long a caller waits but once, and keep no cookie of a call, as it may."""
    faults = world.network.faults
    faults.queue_time_once = promise == "what is promised"
    faults.voice_cookies = promise == "all is told"


def people(
    world: World, vs: Person | None = None, ch: Person | None = None, ho: Person | None = None
) -> None:
    """Say who is at the agencies' telephones."""
    put = world.network.people.put
    put(VICTIM_SERVICES, vs or never_answers(), name="victim-services")
    put(CHRYSALIS, ch or never_answers(), name="chrysalis")
    put(HOTLINE, ho or never_answers(), name="hotline")


def asks(world: World, key: str = ANY, caller: str = "") -> RehearsedCall:
    """Let a caller ask for a person, in English."""
    call = world.network.dial(caller or f"+1289556{next(CALLERS)}")
    for each in ("1", "0", key):
        call.press(each, When.SOON)
    return call


def reaches(world: World, call: RehearsedCall, agency: str) -> None:
    """See the caller talk with an agency, in time, and be asked afterwards whether there is more."""
    assert call.wait_until_joined(150), "\n".join(
        f"{line.at:6.1f} {line.what} {line.words}" for line in call.lines
    )
    assert call.joined_to == agency
    in_time(world, call)
    call.until(lambda c: (c.joined_to is None and "else" in c.last_heard) or c.over, 200)
    ends(world, call)


def hears_choice(world: World, call: RehearsedCall) -> None:
    """See the caller hear a choice in time, with nobody joined."""
    assert call.until(lambda c: any(words in " ".join(c.heard) for words in world.choice), 150), call.heard
    assert call.joined_to is None
    in_time(world, call)


def in_time(world: World, call: RehearsedCall, last: str = "") -> None:
    """See that a person or a spoken choice came within a minute of asking, or the last was being rung."""
    lines = call.lines
    asked = [line for line in lines if line.what == "presses"][2]
    came = [
        line.at
        for line in lines
        if line.n > asked.n and (line.what == "joined" or any(words in line.words for words in world.choice))
    ]
    rings = world.network.calls_to(last) if last else []
    came += [line.at for ring in rings for line in ring.lines if line.what == "rings"]
    came.sort()
    assert came, [line.words for line in lines]
    assert came[0] - asked.at <= WITHIN + world.slack, [
        (line.at - asked.at, line.what, line.words) for line in lines
    ]


def ends(world: World, call: RehearsedCall) -> None:
    """Hang up, and see that nothing is left ringing or bridged, and that Twilio found no fault."""
    if not call.over:
        call.hang_up()
    assert world.network.settle(120), world.network.exchange.legs_alive()
    assert world.network.feed.faults() == []


def transfer(world: World, number: int = 0) -> dict[str, Any]:
    """Give one transfer of the only call in the log."""
    (call,) = world.log()
    found: dict[str, Any] = call["transfers"][number]
    return found


def attempts(world: World, number: int = 0) -> list[tuple[str, str]]:
    """Give the agencies that were rung in one transfer, and how each ring ended."""
    return [(attempt["agency"], attempt["outcome"]) for attempt in transfer(world, number)["attempts"]]


def the_first_agency_accepts(world: World) -> None:
    people(world, vs=accepts(talks=20))
    reaches(world, asks(world), "victim-services")
    assert attempts(world) == [("victim-services", "accepted")]
    assert transfer(world)["outcome"] == "connected"


def _the_second_accepts(first: Callable[[], Person], how: tuple[str, ...]) -> Callable[[World], None]:
    def story(world: World) -> None:
        people(world, vs=first(), ch=accepts(talks=15))
        reaches(world, asks(world), "chrysalis")
        told = attempts(world)
        assert told[0][0] == "victim-services", told
        assert told[0][1] in how, told
        assert told[1:] == [("chrysalis", "accepted")], told

    return story


def nobody_can_be_reached(world: World) -> None:
    people(world)
    call = asks(world)
    hears_choice(world, call)
    assert call.until(lambda c: "phone numbers, press 2" in c.last_heard, 90), call.heard
    call.press("2", When.SOON)
    call.until(lambda c: "9 0 5, 5 4 6" in " ".join(c.heard), 90)
    assert " ".join(call.heard).count("9 0 5, 5 4 6, 4 9 0 4") >= 2
    ends(world, call)
    assert transfer(world)["outcome"] == "not_connected"


def the_caller_hangs_up_while_it_rings(world: World) -> None:
    people(world, vs=accepts(after=12))
    call = asks(world)
    call.until(lambda _: bool(world.network.ringing("victim-services")))
    call.hang_up()
    assert world.network.settle(60)
    assert world.network.calls_to("chrysalis") == []
    assert transfer(world)["outcome"] == "left"


def the_caller_hangs_up_at_once(world: World) -> None:
    people(world, vs=accepts())
    call = asks(world)
    call.hang_up()
    assert world.network.settle(60)
    assert len(world.network.calls_to("victim-services")) <= 1
    assert world.network.calls_to("chrysalis") == []


def _one_alone_tells(lost: str, story: Callable[[World], None]) -> Callable[[World], None]:
    """Lose the caller's status callback ("caller"), or the last action of their call ("action")."""

    def one_lost(world: World) -> None:
        world.network.faults.callbacks[lost] = Delivery(lost=True)
        story(world)

    return one_lost


def the_telephone_of_an_agency_stops_ringing_for_a_caller_who_left(world: World) -> None:
    people(world, vs=accepts(after=14))
    call = asks(world)
    call.until(lambda _: bool(world.network.ringing("victim-services")))
    call.hang_up()
    assert world.network.settle(60)
    (agency,) = world.network.calls_to("victim-services")
    assert agency.leg.answered_at is None
    assert world.network.calls_to("chrysalis") == []
    assert transfer(world)["outcome"] == "left"


def an_agency_hears_that_the_caller_has_hung_up(world: World) -> None:
    """Its leg cannot be ended by us; it presses 1 when the caller is gone."""
    people(world, vs=accepts_late(10))
    world.network.faults.rest.append(RestFault("500", match="/Calls/CA"))
    call = asks(world)
    agency = _briefed(world, call)
    call.hang_up()
    _hears_in_five_seconds_that_the_caller_has_hung_up(world, agency)


def an_agency_that_is_being_connected_hears_that_the_caller_has_hung_up(world: World) -> None:
    people(world, vs=accepts_late(10))
    call = asks(world)
    agency = _briefed(world, call)
    assert agency.until(lambda a: "It is about human trafficking" in " ".join(a.heard), 60), agency.heard
    call.hang_up()
    _hears_in_five_seconds_that_the_caller_has_hung_up(world, agency)


def _hears_in_five_seconds_that_the_caller_has_hung_up(world: World, agency: RehearsedCall) -> None:
    assert agency.wait_until_over(60)
    told = [line for line in agency.lines if "The caller has hung up" in line.words]
    assert told, agency.heard
    before = [line for line in agency.lines if line.n < told[0].n][-1]  # A key, or the last words before.
    assert told[0].at - (before.at + before.seconds) <= TOLD_WITHIN + world.slack
    assert not any(line.what == "joined" for line in agency.lines)
    assert world.network.settle(60)


def the_caller_hangs_up_during_the_whisper(world: World) -> None:
    people(world, vs=accepts_late(12))
    call = asks(world)
    agency = _briefed(world, call)
    call.hang_up()
    assert world.network.settle(60)
    assert all("Connect" not in words for words in agency.heard)
    assert world.network.calls_to("chrysalis") == []


def an_agency_that_takes_the_call_of_a_caller_who_left_is_thanked(world: World) -> None:
    people(world, vs=accepts_late(10))
    world.network.faults.rest.append(RestFault("500", match="POST", skip=1))  # Its leg cannot be ended by us.
    call = asks(world)
    agency = _briefed(world, call)
    call.hang_up()
    pressed = world.network.clock
    assert agency.until(lambda a: any(line.what == "presses" for line in a.lines) or a.over, 30)
    began = pressed.now()
    assert agency.wait_until_over(60)
    assert pressed.now() - began <= 10 + world.slack
    assert agency.joined_to is None
    assert world.network.settle(60)


def _briefed(world: World, call: RehearsedCall) -> RehearsedCall:
    """Wait until somebody at an agency hears the whisper."""
    assert call.until(lambda _: any(c.heard for c in world.network.calls_to("victim-services")), 60)
    return world.network.calls_to("victim-services")[0]


def the_caller_hangs_up_in_the_second_of_the_accept(world: World) -> None:
    people(world, vs=accepts())
    call = asks(world)
    agency = _briefed(world, call)
    agency.until(lambda a: any(line.what == "presses" for line in a.lines), 40)
    call.hang_up()
    assert world.network.settle(60)
    assert not any(line.what == "joined" for line in agency.lines) or call.over


def the_caller_asks_for_other_ways(world: World) -> None:
    people(world, vs=never_answers())
    call = asks(world)
    call.until(lambda _: bool(world.network.ringing("victim-services")))
    assert call.press("8", When.SOON)
    hears_choice(world, call)
    ends(world, call)
    assert world.network.calls_to("chrysalis") == []


def the_caller_asks_to_hear_again_who_is_called(world: World) -> None:
    people(world, vs=accepts(after=8, talks=15))
    call = asks(world)
    assert call.until(lambda c: "One moment" in c.last_heard), call.heard
    call.press("*", When.SOON)
    reaches(world, call, "victim-services")
    assert sum("calling Victim Services" in words for words in call.heard) == 2
    assert not any(words in " ".join(call.heard) for words in world.choice)
    assert attempts(world) == [("victim-services", "accepted")]


def a_key_that_means_nothing_cuts_nobodys_name_off(world: World) -> None:
    people(world, vs=accepts(after=3, talks=15))
    call = asks(world)
    call.press("0", When.SOON)  # Into the first words of who is called.
    reaches(world, call, "victim-services")
    (rung,) = world.network.calls_to("victim-services")
    rang = min(line.at for line in rung.lines)
    named = [line for line in call.lines if "calling Victim Services" in line.words]
    assert named, call.heard
    assert named[0].at + named[0].seconds <= rang + world.slack, call.heard


def nobody_is_called_before_the_caller_knows_who(world: World) -> None:
    people(world, vs=busy(), ch=declines(), ho=switchboard())
    call = asks(world)
    reaches(world, call, "hotline")
    names = {"victim-services": "Victim Services", "chrysalis": "Chrysalis", "hotline": "national hotline"}
    for agency, name in names.items():
        (rung,) = world.network.calls_to(agency)
        rang = min(line.at for line in rung.lines)
        heard = [
            line
            for line in call.lines
            if f"calling {name}" in line.words or f"calling the {name}" in line.words
        ]
        assert heard, (agency, call.heard)
        assert "police" in heard[0].words.lower()
        assert heard[0].at + heard[0].seconds <= rang + world.slack, agency


def the_caller_takes_the_choice_that_is_offered(world: World) -> None:
    people(world, vs=ignores(5), ch=ignores(6))  # Nobody there is cut off: a minute passes.
    call = asks(world)
    assert call.until(lambda c: "For other ways" in c.last_heard, 90), call.heard
    in_time(world, call)
    ringing = len(world.network.exchange.calls)
    assert call.press("8", When.SOON)
    assert call.until(lambda c: "You are not connected yet" in c.last_heard, 20), call.heard
    assert call.until(lambda _: len(world.network.exchange.legs_alive()) == 1, 20)
    assert len(world.network.exchange.calls) == ringing
    ends(world, call)
    assert attempts(world)[-1] == ("chrysalis", "cancelled"), (attempts(world), call.heard)


def two_minutes_are_the_end(world: World) -> None:
    """Agency after agency answers and presses nothing: none is cut off, and so a minute is not enough."""
    for number, name in enumerate(LONG_ORDER):
        world.network.people.put(f"+1905555{1000 + number}", ignores(9), name=name)
    call = asks(world)
    assert call.until(lambda c: "You are not connected yet" in c.last_heard, 200), call.heard
    in_time(world, call)
    asked, came = call.lines[:1][0].at, call.lines[-1].at
    assert END <= came - asked <= END + LONGEST_DOCUMENT + 10 + world.slack
    rung = len(world.network.exchange.calls)
    call.wait(10)
    assert len(world.network.exchange.calls) == rung
    ends(world, call)


def what_the_caller_lets_us_tell_is_told_after_the_agencys_key(world: World) -> None:
    people(world, vs=accepts(after=12, talks=20))
    call = asks(world)
    assert call.until(lambda c: "tell them the topic" in " ".join(c.heard[-1:]), 40), call.heard
    call.press("2", When.SOON)
    reaches(world, call, "victim-services")
    (agency,) = world.network.calls_to("victim-services")
    key = next(line.n for line in agency.lines if line.what == "presses")
    told = [line.n for line in agency.lines if "work or pay" in line.words]
    assert told
    assert min(told) > key


def an_agency_that_is_closed_is_not_rung(world: World) -> None:
    people(world, vs=accepts(), ch=accepts(talks=15))
    reaches(world, asks(world), "chrysalis")
    assert world.network.calls_to("victim-services") == []
    assert attempts(world) == [("chrysalis", "accepted")]


def an_agency_is_reached_by_its_extension(world: World) -> None:
    people(world, vs=accepts(talks=15))
    call = asks(world)
    reaches(world, call, "victim-services")
    (agency,) = world.network.calls_to("victim-services")
    assert [line.words for line in agency.lines if line.what == "is sent keys"] == ["ww42"]
    assert attempts(world) == [("victim-services", "accepted")]


def the_caller_leaves_by_pound(world: World) -> None:
    people(world, vs=never_answers())
    call = asks(world)
    call.until(lambda _: bool(world.network.ringing("victim-services")))
    assert call.press("#", When.SOON)
    assert call.wait_until_over(20)
    assert world.network.settle(60)
    assert world.network.calls_to("chrysalis") == []


def two_agencies_accept_at_once(world: World) -> None:
    """The caller asks for another agency while a person hears what the call is, and both press 1."""
    call, late = _asks_for_another(world)
    assert call.until(lambda _: any(_presses(agency) for agency in world.network.calls_to("chrysalis")), 60)
    late.press("1", When.NOW)
    _is_told_that_the_caller_is_gone(late)
    assert call.wait_until_joined(60)
    assert call.joined_to == "chrysalis"
    ends(world, call)


def an_agency_that_accepts_after_another_hears_that_it_is_taken(world: World) -> None:
    """The first agency presses 1 when the second talks with the caller."""
    call, late = _asks_for_another(world)
    assert call.wait_until_joined(60)
    late.press("1", When.NOW)
    _is_told_that_the_caller_is_gone(late)
    assert call.joined_to == "chrysalis"
    ends(world, call)


def _asks_for_another(world: World) -> tuple[RehearsedCall, RehearsedCall]:
    """Let a caller leave an agency that listens, and whose leg Twilio does not end, for another."""
    quick = Person(answers=1, steps=(Press("1", When.SOON), Joined(60), HangsUp()))
    people(world, vs=ignores(2), ch=quick)
    world.network.faults.rest.append(RestFault("500", match="/Calls/CA"))
    call = asks(world)
    late = _briefed(world, call)
    assert call.press("8", When.SOON)
    assert call.until(lambda c: "You are not connected yet" in c.last_heard, 20), call.heard
    for key in ("0", NOT_POLICE):
        call.press(key, When.SOON)
    return call, late


def _presses(call: RehearsedCall) -> bool:
    return any(line.what == "presses" for line in call.lines)


def _is_told_that_the_caller_is_gone(agency: RehearsedCall) -> None:
    assert agency.wait_until_over(60)
    assert _presses(agency)
    assert "no longer waiting" in agency.last_heard
    assert not any(line.what == "joined" for line in agency.lines)


def a_person_who_is_taken_for_a_machine_is_put_through(world: World) -> None:
    """Twilio takes a person with a long greeting for a machine, and says so while they hear us."""
    world.network.faults.amd_seconds = 3
    people(world, vs=replace(accepts_late(12), verdict="machine_end_silence"))
    call = asks(world)
    reaches(world, call, "victim-services")
    (agency,) = world.network.calls_to("victim-services")
    assert agency.leg.answered_by == ""  # Twilio was not asked to listen for machines.
    assert attempts(world) == [("victim-services", "accepted")]


def _callbacks(delivery: Delivery) -> Callable[[World], None]:
    def story(world: World) -> None:
        for kind in ("call", "caller"):
            world.network.faults.callbacks[kind] = delivery
        people(world, vs=never_answers(), ch=accepts(talks=15))
        call = asks(world)
        assert call.wait_until_joined(110)
        assert call.joined_to == "chrysalis"
        assert len(world.network.calls_to("victim-services")) == 1
        assert len(world.network.calls_to("chrysalis")) == 1
        in_time(world, call)
        call.until(lambda c: c.joined_to is None, 60)
        ends(world, call)

    return story


def every_webhook_comes_twice(world: World) -> None:
    world.network.faults.duplicate = ""
    people(world, vs=busy(), ch=accepts(talks=15))
    reaches(world, asks(world), "chrysalis")
    assert len(world.network.calls_to("chrysalis")) == 1


def many_callbacks_come_in_the_same_moment(world: World) -> None:
    people(world, vs=never_answers(), ch=accepts(talks=15))
    call = asks(world)
    assert call.until(lambda _: bool(world.network.ringing("victim-services")))
    leg = world.network.ringing("victim-services")[0].leg
    told = {"CallSid": leg.sid, "CallStatus": "busy"}
    webhooks = world.network.exchange.webhooks
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(
            threads.map(lambda _: webhooks.ask(str(leg.plan.callback), told).status, range(AT_ONCE))
        )
    assert set(answers) == {204}
    reaches(world, call, "chrysalis")
    assert len(world.network.calls_to("chrysalis")) == 1
    assert attempts(world) == [("victim-services", "busy"), ("chrysalis", "accepted")]


def _lost(part: str) -> Callable[[World], None]:
    def story(world: World) -> None:
        world.lose(part)
        people(world, vs=busy(), ch=accepts(talks=15))
        call = asks(world)
        assert call.wait_until_joined(110)
        assert call.joined_to == "chrysalis"
        named = [words for words in call.heard if "calling Victim Services" in words]
        assert len(named) == 1  # Also where they are called once more on the direct path.
        in_time(world, call)
        call.until(lambda c: c.joined_to is None, 60)
        ends(world, call)

    return story


def the_worker_dies_as_it_rings(world: World) -> None:
    """The attempt is claimed, and whoever claimed it is gone before Twilio was asked, or heard."""
    world.doom_worker()
    people(world, vs=accepts(), ch=accepts(talks=15))
    call = asks(world)
    assert call.wait_until_joined(110), call.heard
    in_time(world, call)
    assert len(world.network.calls_to("victim-services")) <= 1
    assert len(world.network.calls_to("chrysalis")) <= 1
    call.until(lambda c: c.joined_to is None, 60)
    ends(world, call)


def the_worker_dies_when_it_has_rung(world: World) -> None:
    people(world, vs=never_answers(), ch=accepts(talks=15))
    call = asks(world)
    assert call.until(lambda _: bool(world.network.ringing("victim-services")))
    world.lose("worker")
    reaches(world, call, "chrysalis")
    assert len(world.network.calls_to("victim-services")) == 1
    assert len(world.network.calls_to("chrysalis")) == 1
    assert attempts(world) == [("victim-services", "no_answer"), ("chrysalis", "accepted")]


def sql_is_lost_while_the_caller_waits(world: World) -> None:
    people(world)
    call = asks(world)
    call.until(lambda _: bool(world.network.ringing("victim-services")))
    world.lose("sql")
    hears_choice(world, call)
    ends(world, call)


def _rest_answers(fault: str) -> Callable[[World], None]:
    def story(world: World) -> None:
        world.network.faults.rest.append(RestFault(fault, match="POST"))
        people(world, vs=busy(), ch=accepts(talks=15))
        call = asks(world)
        assert call.wait_until_joined(110), call.heard
        assert call.joined_to == "chrysalis"
        named = [words for words in call.heard if "calling Victim Services" in words]
        assert len(named) == 1  # Also where they are called once more on the direct path.
        in_time(world, call)
        call.until(lambda c: c.joined_to is None, 60)
        ends(world, call)

    return story


def an_agency_that_is_switched_off_is_not_rung(world: World) -> None:
    world.switch_off("victim-services")
    people(world, vs=accepts(), ch=accepts(talks=15))
    reaches(world, asks(world), "chrysalis")
    assert world.network.calls_to("victim-services") == []


def an_agency_is_switched_off_while_another_rings(world: World) -> None:
    people(world, vs=never_answers(), ch=accepts(), ho=switchboard())
    call = asks(world)
    call.until(lambda _: bool(world.network.ringing("victim-services")))
    world.switch_off("chrysalis")
    reaches(world, call, "hotline")
    assert world.network.calls_to("chrysalis") == []


def a_switchboard_is_joined_when_it_answers(world: World) -> None:
    people(world, ho=switchboard())
    call = asks(world, NOT_POLICE)
    reaches(world, call, "hotline")
    assert any("You may hear a recording" in words for words in call.heard)


def three_callers_want_an_agency_with_one_line(world: World) -> None:
    people(world, vs=accepts(talks=500), ch=accepts(talks=500), ho=switchboard())
    calls = [asks(world, caller=f"+1289555010{number}") for number in range(3)]
    for call in calls:
        assert call.wait_until_joined(120), call.heard
    assert sorted(str(call.joined_to) for call in calls) == ["chrysalis", "hotline", "victim-services"]
    for call in calls:
        call.hang_up()
    assert world.network.settle(60)


def nobody_can_be_reached_on_the_direct_path(world: World) -> None:
    world.lose("sql")
    people(world)
    call = asks(world)
    hears_choice(world, call)
    ends(world, call)


def silence_on_the_direct_path_leads_to_the_last_in_time(world: World) -> None:
    """Without SQL a silent person and a voicemail cost all their time; the hotline is still rung."""
    world.lose("sql")
    people(world, vs=ignores(3), ch=voicemail(4), ho=switchboard())
    call = asks(world)
    reaches(world, call, "hotline")
    in_time(world, call, "hotline")
    assert world.network.calls_to("chrysalis") == []


def voicemails_on_the_direct_path_end_in_a_choice_in_time(world: World) -> None:
    world.lose("sql")
    people(world, vs=voicemail(9), ch=voicemail(4), ho=never_answers())
    call = asks(world)
    assert call.until(lambda c: "You are not connected yet" in " ".join(c.heard), 150), call.heard
    in_time(world, call, "hotline")
    ends(world, call)


def after_a_talk_on_the_direct_path_nobody_else_is_rung(world: World) -> None:
    world.lose("sql")
    people(world, vs=accepts(talks=10), ch=accepts(), ho=switchboard())
    call = asks(world)
    assert call.wait_until_joined(60)
    assert call.until(lambda c: "else" in c.last_heard, 60), call.heard
    ends(world, call)
    assert world.network.calls_to("chrysalis") == []


def an_agency_whose_document_is_lost_hears_a_farewell(world: World) -> None:
    world.network.faults.webhooks.append(WebhookFault("/whisper", status=503, times=1))
    people(world, vs=accepts(), ch=accepts(talks=15))
    call = asks(world)
    assert call.wait_until_joined(110), call.heard
    assert call.joined_to == "chrysalis"
    in_time(world, call)
    (leg,) = world.network.calls_to("victim-services")
    assert "Goodbye" in " ".join(leg.heard), leg.heard
    assert SORRY not in leg.heard
    call.hang_up()
    assert world.network.settle(120)


STORIES: dict[str, Callable[[World], None]] = {
    "accepted at once": the_first_agency_accepts,
    "no answer": _the_second_accepts(never_answers, ("no_answer",)),
    "busy": _the_second_accepts(busy, ("busy",)),
    "invalid number": _the_second_accepts(invalid, ("failed",)),
    "declined": _the_second_accepts(declines, ("declined",)),
    "silent": _the_second_accepts(lambda: ignores(2), ("no_key", "declined")),
    "hangs up on the whisper": _the_second_accepts(hangs_up, ("no_key",)),
    "voicemail": _the_second_accepts(lambda: voicemail(9), ("no_key",)),
    "fax": _the_second_accepts(fax, ("no_key",)),
    "taken for a machine": a_person_who_is_taken_for_a_machine_is_put_through,
    "all fail": nobody_can_be_reached,
    "caller leaves at once": the_caller_hangs_up_at_once,
    "caller leaves while it rings": the_caller_hangs_up_while_it_rings,
    "caller leaves during the whisper": the_caller_hangs_up_during_the_whisper,
    "caller leaves as it is accepted": the_caller_hangs_up_in_the_second_of_the_accept,
    "caller left, agency presses 1": an_agency_that_takes_the_call_of_a_caller_who_left_is_thanked,
    "other ways": the_caller_asks_for_other_ways,
    "star": the_caller_asks_to_hear_again_who_is_called,
    "a key that means nothing": a_key_that_means_nothing_cuts_nobodys_name_off,
    "named first": nobody_is_called_before_the_caller_knows_who,
    "pound": the_caller_leaves_by_pound,
    "takes the choice": the_caller_takes_the_choice_that_is_offered,
    "topic": what_the_caller_lets_us_tell_is_told_after_the_agencys_key,
    "accepts too late": an_agency_that_accepts_after_another_hears_that_it_is_taken,
    "two accept at once": two_agencies_accept_at_once,
    **{
        f"{name}, no {lost}": _one_alone_tells(lost, story)
        for name, story in (
            ("ring for nobody", the_telephone_of_an_agency_stops_ringing_for_a_caller_who_left),
            ("press 1 for nobody", an_agency_hears_that_the_caller_has_hung_up),
            ("connect to nobody", an_agency_that_is_being_connected_hears_that_the_caller_has_hung_up),
        )
        for lost in ("action", "caller")
    },
    "callbacks twice": _callbacks(Delivery(copies=2)),
    "callbacks reversed": _callbacks(Delivery(reverse=True)),
    "callbacks late": _callbacks(Delivery(late=6)),
    "callbacks lost": _callbacks(Delivery(lost=True)),
    "callbacks at once": many_callbacks_come_in_the_same_moment,
    "webhooks twice": every_webhook_comes_twice,
    "worker lost": _lost("worker"),
    "worker lost as it rings": the_worker_dies_as_it_rings,
    "worker lost when it has rung": the_worker_dies_when_it_has_rung,
    "redis lost": _lost("redis"),
    "sql lost": _lost("sql"),
    "sql lost while waiting": sql_is_lost_while_the_caller_waits,
    "rest answers 500": _rest_answers("500"),
    "rest answers 429": _rest_answers("429"),
    "rest drops": _rest_answers("drop"),
    "whisper lost": an_agency_whose_document_is_lost_hears_a_farewell,
    "closed": an_agency_that_is_closed_is_not_rung,
    "extension": an_agency_is_reached_by_its_extension,
    "two minutes": two_minutes_are_the_end,
    "switched off": an_agency_that_is_switched_off_is_not_rung,
    "switched off in the middle": an_agency_is_switched_off_while_another_rings,
    "switchboard": a_switchboard_is_joined_when_it_answers,
    "three callers, one line": three_callers_want_an_agency_with_one_line,
    "direct path fails": nobody_can_be_reached_on_the_direct_path,
    "direct path silent": silence_on_the_direct_path_leads_to_the_last_in_time,
    "direct path voicemails": voicemails_on_the_direct_path_end_in_a_choice_in_time,
    "direct path ends": after_a_talk_on_the_direct_path_nobody_else_is_rung,
}
SLOW_STORIES: dict[str, Callable[[World], None]] = {  # Only where time is real: a limit of ours must pass.
    "rest hangs": _rest_answers("hang"),
}
AGENCIES: dict[str, Mapping[str, Mapping[str, Any]]] = {  # What a story changes in agencies.toml.
    "closed": {"victim-services": {"closed": DAYS}},
    "extension": {"victim-services": {"extension": "ww42"}},
    "two minutes": {
        name: {"transfer": True, "hours": "always", "number": f"+1905555{1000 + number}"}
        for number, name in enumerate(LONG_ORDER)
    },
}
ORDERS = {"two minutes": {"any": LONG_ORDER}}
__all__ = [
    "AGENCIES",
    "ORDERS",
    "PROMISES",
    "SLOW_STORIES",
    "STORIES",
    "World",
    "keep_only_what_is_promised",
]
