"""Queues of the network: waiting, leaving and being taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ivr.simulator import people
from ivr.simulator.clock import VirtualClock
from ivr.simulator.documents import Request
from ivr.simulator.exchange import Account, Urls
from ivr.simulator.papers import Document, Papers
from ivr.simulator.people import When
from ivr.simulator.rehearse import Network
from ivr.simulator.ringing import Order

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = Account("AC" + "1" * 32, "secret", "+12895550100")
CALLER, AGENCY = "+19055550123", "+19055464904"
PAPERS: dict[str, Document] = {
    "/voice": '<Enqueue waitUrl="/wait" action="/out">room</Enqueue>',
    "/wait": '<Gather numDigits="1" timeout="2" action="/key"><Say>please stay with us now</Say></Gather>',
    "/key": lambda form: "<Leave/>" if form["Digits"] == "*" else "<Redirect>/wait</Redirect>",
    "/out": "<Say>back again</Say>",
    "/agency": '<Dial timeout="5" action="/agencyover"><Queue>room</Queue></Dial>',
    "/agencyover": "<Say>thank you</Say>",
    "/status": "",
}


@pytest.fixture
def papers() -> Papers:
    return Papers(dict(PAPERS))


@pytest.fixture
def network(papers: Papers) -> Iterator[Network]:
    urls = Urls("http://line.test/voice")
    with Network(ACCOUNT, urls, clock=VirtualClock(), fetch=papers, seed="test") as network:
        network.people.put(AGENCY, people.switchboard(1.0), name="agency")
        yield network


def ring_agency(network: Network) -> None:
    network.exchange.place(Order(AGENCY, ACCOUNT.number, Request("http://line.test/agency")))


def test_the_wait_document_is_asked_again_and_tells_the_time(network: Network, papers: Papers) -> None:
    call = network.dial(CALLER)
    call.wait(9.0)

    waits = papers.forms("/wait")
    assert [form["QueueTime"] for form in waits] == ["0", "4", "8"]
    assert {form["QueuePosition"] for form in waits} == {"1"}
    assert waits[0]["QueueSid"].startswith("QU")


def test_only_the_first_fetch_tells_the_time_where_twilio_keeps_to_what_it_promises(
    network: Network, papers: Papers
) -> None:
    network.faults.queue_time_once = True
    call = network.dial(CALLER)
    call.wait(9.0)

    waits = papers.forms("/wait")
    assert ["QueueTime" in form for form in waits] == [True, False, False]


def test_a_key_in_the_queue_can_leave_it(network: Network, papers: Papers) -> None:
    call = network.dial(CALLER)
    call.press("*")
    call.wait_until_over()

    assert papers.forms("/out")[0]["QueueResult"] == "leave"
    assert call.last_heard == "back again"


def test_an_agency_takes_the_caller_out_and_leaves_them_with_the_line(
    network: Network, papers: Papers
) -> None:
    call = network.dial(CALLER)
    ring_agency(network)
    assert call.wait_until_joined()
    began = network.clock.now()
    call.wait_until_over()

    assert began == 1.0
    assert papers.forms("/out")[0]["QueueResult"] == "bridged"
    assert call.last_heard == "back again"


def test_words_before_the_bridge_are_heard_by_the_caller_alone(network: Network, papers: Papers) -> None:
    papers.documents["/agency"] = '<Dial><Queue url="/meet">room</Queue></Dial>'
    papers.documents["/meet"] = "<Say>you are connected</Say>"

    call = network.dial(CALLER)
    ring_agency(network)
    call.wait_until_joined()

    assert call.last_heard == "you are connected"
    assert network.calls_to("agency")[0].heard == []
    assert papers.forms("/meet")[0]["DequeingCallSid"] == network.calls_to("agency")[0].leg.sid


def test_an_agency_that_finds_an_empty_queue_is_let_go_after_the_timeout(
    network: Network, papers: Papers
) -> None:
    network.exchange.queue("room")

    ring_agency(network)
    network.settle()

    over = papers.forms("/agencyover")[0]
    assert (over["DialCallStatus"], over["DialBridged"]) == ("no-answer", "false")
    assert network.calls_to("agency")[0].heard == ["thank you"]
    assert 11.0 < network.clock.now() < 13.0  # Five seconds asked for, and Twilio's five.


def test_an_unknown_queue_fails_at_once(network: Network, papers: Papers) -> None:
    ring_agency(network)
    network.settle()

    assert papers.forms("/agencyover")[0]["DialCallStatus"] == "failed"


def test_two_agencies_in_the_same_second_take_one_caller_once(network: Network, papers: Papers) -> None:
    call = network.dial(CALLER)
    ring_agency(network)
    ring_agency(network)
    network.clock.advance(3.5)

    joined = [each for each in network.calls_to("agency") if each.joined_to]
    assert [each.leg for each in joined] == [call.leg.joined_to]
    network.clock.advance(10.0)
    assert papers.forms("/agencyover")[0]["DialCallStatus"] == "no-answer"


def test_a_caller_who_hangs_up_while_waiting_is_reported(network: Network, papers: Papers) -> None:
    call = network.dial(CALLER)
    call.wait(3.0)
    call.hang_up()
    call.wait(1.0)

    told = papers.forms("/out")[0]
    assert (told["QueueResult"], told["CallStatus"]) == ("hangup", "completed")
    assert network.exchange.queue("room").waiting == []


def test_a_caller_who_hangs_up_in_the_second_of_the_join_leaves_no_leg(network: Network) -> None:
    network.dial(CALLER, people.caller(people.Pass(1.0), people.HangsUp()))
    ring_agency(network)
    network.settle(60)

    assert network.exchange.legs_alive() == []


def test_a_caller_who_leaves_in_the_second_of_the_join_is_never_lost(network: Network) -> None:
    call = network.dial(CALLER, people.caller(people.Pass(1.0), people.Press("*", When.NOW)))
    ring_agency(network)
    network.settle(120)

    assert network.exchange.legs_alive() == []
    assert call.last_heard == "back again"


def test_rest_takes_a_caller_out_of_the_queue(network: Network, papers: Papers) -> None:
    papers.documents["/elsewhere"] = "<Say>elsewhere</Say>"
    call = network.dial(CALLER)
    call.wait(1.0)

    network.exchange.redirect(call.leg, Request("http://line.test/elsewhere"))
    call.wait_until_over()

    assert call.last_heard == "elsewhere"
    assert papers.forms("/out")[0]["QueueResult"] == "redirected"


def test_a_wait_document_that_fails_ends_the_wait(network: Network, papers: Papers) -> None:
    papers.documents.pop("/wait")

    call = network.dial(CALLER)
    call.wait_until_over()

    assert papers.forms("/out")[0]["QueueResult"] == "error"
    assert [notice.code for notice in network.feed.faults()] == [11200]
