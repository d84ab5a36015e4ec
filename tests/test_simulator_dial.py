"""The network dials agencies, and joins only who is ready."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ivr.simulator import people
from ivr.simulator.clock import VirtualClock
from ivr.simulator.exchange import Account, Urls
from ivr.simulator.faults import Delivery
from ivr.simulator.papers import Document, Papers
from ivr.simulator.people import When
from ivr.simulator.rehearse import Network, RehearsedCall

ACCOUNT = Account("AC" + "1" * 32, "secret", "+12895550100")
URLS = Urls("http://line.test/voice", "http://line.test/status", "http://line.test/sms")
CALLER, FIRST, SECOND = "+19055550123", "+19055464904", "+18665287109"
THANKS = "<Say>thanks</Say>"
Rehearse = Callable[..., tuple[Network, Papers]]


@pytest.fixture
def rehearse() -> Iterator[Rehearse]:
    networks: list[Network] = []

    def make(urls: Urls = URLS, **documents: Document) -> tuple[Network, Papers]:
        papers = Papers({"/" + name.replace("_", "/"): text for name, text in documents.items()})
        papers.documents.setdefault("/status", "")
        network = Network(ACCOUNT, urls, clock=VirtualClock(), fetch=papers, seed="test")
        network.people.put(FIRST, people.accepts(), name="first")
        network.people.put(SECOND, people.accepts(), name="second")
        networks.append(network)
        return network, papers

    yield make
    for network in networks:
        network.close()


def said(call: RehearsedCall) -> list[tuple[float, str]]:
    return [(round(line.at, 2), line.words) for line in call.lines if line.what == "heard"]


NUMBER = f'<Number url="/whisper">{FIRST}</Number>'
DIAL = f'<Dial action="/over" timeout="15" callerId="+12895550100">{NUMBER}</Dial>'
WHISPER = (
    '<Gather numDigits="1" timeout="5" action="/decided"><Say>press one to accept</Say></Gather><Hangup/>'
)


def decide(form: dict[str, str]) -> str:
    return "<Say>joining now</Say>" if form["Digits"] == "1" else "<Hangup/>"


def test_an_agency_hears_the_whisper_alone_and_is_joined_when_it_ends(rehearse: Rehearse) -> None:
    network, papers = rehearse(voice=DIAL, whisper=WHISPER, decided=decide, over=THANKS)

    call = network.dial(CALLER)
    assert call.wait_until_joined()
    agency = network.calls_to("first")[0]

    assert call.joined_to == "first"
    assert call.heard == []
    assert agency.heard == ["press one to accept", "joining now"]
    assert papers.forms("/whisper")[0]["Direction"] == "outbound-dial"
    assert papers.forms("/whisper")[0]["ParentCallSid"] == call.leg.sid


def test_after_a_conversation_the_action_knows_that_they_were_bridged(rehearse: Rehearse) -> None:
    network, papers = rehearse(voice=DIAL, whisper=WHISPER, decided=decide, over=THANKS)

    call = network.dial(CALLER)
    call.wait_until_over()

    told = papers.forms("/over")[0]
    assert (told["DialCallStatus"], told["DialBridged"]) == ("completed", "true")
    assert (told["DialCallDuration"], told["CallStatus"]) == ("60", "in-progress")
    assert call.last_heard == "thanks"


@pytest.mark.parametrize(
    ("habit", "status", "seconds"),
    [
        ("is busy", "busy", 1.0),
        ("does not answer", "no-answer", 20.0),
        ("is invalid", "failed", 0.5),
        ("declines", "completed", None),
        ("hangs up after 1", "completed", 4.0),
        ("is voicemail after 12", "completed", None),
    ],
)
def test_who_is_not_joined_leads_on(
    rehearse: Rehearse, habit: str, status: str, seconds: float | None
) -> None:
    network, papers = rehearse(voice=DIAL, whisper=WHISPER, decided=decide, over=THANKS)
    network.people.put(FIRST, people.read_person(habit), name="first")

    call = network.dial(CALLER)
    call.wait_until_over()

    told = papers.forms("/over")[0]
    assert (told["DialCallStatus"], told["DialBridged"]) == (status, "false")
    assert seconds is None or said(call)[0][0] == seconds


def test_a_caller_who_hangs_up_while_an_agency_rings_ends_the_ringing(rehearse: Rehearse) -> None:
    network, papers = rehearse(voice=DIAL, whisper=WHISPER, over=THANKS)

    call = network.dial(CALLER, people.caller(people.Rings("first"), people.Pass(1), people.HangsUp()))
    network.settle()

    assert network.calls_to("first")[0].leg.status == "canceled"
    assert papers.forms("/over")[0]["CallStatus"] == "completed"
    assert call.leg.ended_by == "caller"


def test_a_caller_who_hangs_up_in_a_conversation_ends_it_for_both(rehearse: Rehearse) -> None:
    network, papers = rehearse(voice=DIAL, whisper=WHISPER, decided=decide, over=THANKS)

    call = network.dial(CALLER)
    call.wait_until_joined()
    call.hang_up()
    network.settle()

    told = papers.forms("/over")[0]
    assert (told["CallStatus"], told["DialCallStatus"]) == ("completed", "completed")
    assert network.exchange.legs_alive() == []


def test_the_first_of_two_numbers_to_be_ready_is_joined_and_the_other_dropped(rehearse: Rehearse) -> None:
    both = f'<Dial action="/over"><Number>{FIRST}</Number><Number>{SECOND}</Number></Dial>'
    network, _ = rehearse(voice=both, over=THANKS)
    network.people.put(FIRST, people.switchboard(9), name="first")
    network.people.put(SECOND, people.switchboard(2), name="second")

    call = network.dial(CALLER)
    call.wait_until_joined()
    call.wait(1)

    assert call.joined_to == "second"
    assert network.calls_to("first")[0].leg.status == "canceled"


def test_numbers_in_sequence_are_rung_one_after_another(rehearse: Rehearse) -> None:
    both = f'<Dial sequential="true" action="/over"><Number>{FIRST}</Number><Number>{SECOND}</Number></Dial>'
    network, _ = rehearse(voice=both, over=THANKS)
    network.people.put(FIRST, people.busy(), name="first")
    network.people.put(SECOND, people.switchboard(), name="second")

    call = network.dial(CALLER)
    call.wait_until_joined()

    assert call.joined_to == "second"
    assert network.calls_to("second")[0].leg.began == 1.0


def test_star_drops_the_agency_where_the_dial_allows_it(rehearse: Rehearse) -> None:
    starry = DIAL.replace("<Dial", '<Dial hangupOnStar="true"')
    network, papers = rehearse(voice=starry, whisper="<Say>hello</Say>", over=THANKS)

    call = network.dial(CALLER)
    call.wait_until_joined()
    call.press("*", When.NOW)
    call.wait_until_over()

    assert papers.forms("/over")[0]["CallStatus"] == "in-progress"
    assert call.last_heard == "thanks"


def test_a_caller_id_that_is_not_ours_is_refused(rehearse: Rehearse) -> None:
    network, papers = rehearse(voice=DIAL.replace("+12895550100", "+14165550000"), over=THANKS)

    network.dial(CALLER).wait_until_over()

    assert papers.forms("/over")[0]["DialCallStatus"] == "failed"
    assert network.feed.faults()[0].code == 13214


@pytest.mark.parametrize(
    ("delivery", "at_once", "later"),
    [(Delivery(lost=True), 0, 0), (Delivery(copies=2), 2, 2), (Delivery(late=5.0), 0, 1)],
)
def test_callbacks_are_lost_doubled_and_late(
    rehearse: Rehearse, delivery: Delivery, at_once: int, later: int
) -> None:
    network, papers = rehearse(voice=THANKS)
    network.faults.callbacks["caller"] = delivery

    network.dial(CALLER).wait_until_over()

    network.clock.advance(1.0)
    assert len(papers.forms("/status")) == at_once
    network.clock.advance(5.0)
    assert len(papers.forms("/status")) == later
