"""The REST server of the network, asked by Twilio's own client."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from ivr.simulator import people
from ivr.simulator.clock import START, VirtualClock
from ivr.simulator.exchange import Account, Urls
from ivr.simulator.faults import Delivery, RestFault
from ivr.simulator.papers import Papers
from ivr.simulator.rehearse import Network

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS, AGENCY, CALLER = "+12895550100", "+19055464904", "+19055550123"
ACCOUNT = Account("AC" + "1" * 32, "secret", OURS)
EVENTS = ["initiated", "ringing", "answered", "completed"]
WHISPER = "http://line.test/whisper"
STATUS = "http://line.test/status"


class Rewritten(TwilioHttpClient):
    """Sends what is meant for Twilio to the pretend network."""

    def __init__(self, url: str) -> None:
        super().__init__(timeout=60)
        self.url = url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self.url), *args, **kwargs)

    def close(self) -> None:
        self.session.close()


@pytest.fixture
def papers() -> Papers:
    documents = {"/voice": "<Pause length='3'/>", "/whisper": "<Say>hello</Say>", "/status": "", "/sms": ""}
    return Papers(dict(documents))


@pytest.fixture
def network(papers: Papers) -> Iterator[Network]:
    urls = Urls("http://line.test/voice", STATUS, "http://line.test/sms")
    with Network(ACCOUNT, urls, clock=VirtualClock(), fetch=papers, seed="test") as network:
        network.people.put(AGENCY, people.switchboard(2.0), name="agency")
        yield network


@pytest.fixture
def client(network: Network) -> Iterator[Client]:
    http = Rewritten(network.api_url)
    yield Client(ACCOUNT.sid, ACCOUNT.token, http_client=http)
    http.close()


def ring(client: Client, **more: Any) -> str:
    call = client.calls.create(
        to=AGENCY, from_=OURS, url=WHISPER, status_callback=STATUS, status_callback_event=EVENTS, **more
    )
    return str(call.sid)


def test_a_call_is_made_and_its_story_told_in_order(network: Network, client: Client, papers: Papers) -> None:
    sid = ring(client)
    assert client.calls(sid).fetch().status == "queued"
    network.settle()

    told = [(form["CallStatus"], form["SequenceNumber"]) for form in papers.forms("/status")]
    assert told == [("initiated", "0"), ("ringing", "1"), ("in-progress", "2"), ("completed", "3")]
    call = client.calls(sid).fetch()
    assert (call.status, call.to, call.direction) == ("completed", AGENCY, "outbound-api")


def test_reversed_callbacks_come_last_first(network: Network, client: Client, papers: Papers) -> None:
    network.faults.callbacks["call"] = Delivery(reverse=True)
    ring(client)
    network.settle()
    network.clock.advance(2.0)

    told = [form["CallStatus"] for form in papers.forms("/status")]
    assert told == ["completed", "in-progress", "ringing", "initiated"]


@pytest.mark.parametrize(("a_second", "began"), [(1.0, [0.0, 1.0, 2.0]), (20.0, [0.0, 0.05, 0.1])])
def test_as_many_calls_a_second_as_granted_are_started(
    network: Network, client: Client, a_second: float, began: list[float]
) -> None:
    network.exchange.calls_a_second = a_second
    for _ in range(3):
        ring(client)
    network.clock.advance(10.0)

    rings = [line.at for line in network.feed.lines if line.what == "rings"]
    assert rings == pytest.approx(began)


def test_more_legs_than_allowed_are_refused(network: Network, client: Client) -> None:
    network.faults.concurrency = 1
    ring(client)

    with pytest.raises(TwilioRestException) as refusal:
        ring(client)

    assert refusal.value.code == 10004


def test_a_ringing_call_is_cancelled_and_a_live_one_completed(network: Network, client: Client) -> None:
    ringing, live = ring(client), ring(client)
    network.clock.advance(0.5)
    client.calls(ringing).update(status="canceled")
    network.people.put(AGENCY, people.switchboard(0.1), name="agency")
    network.clock.advance(0.7)
    client.calls(live).update(status="completed")
    network.settle()

    assert [client.calls(sid).fetch().status for sid in (ringing, live)] == ["canceled", "completed"]
    with pytest.raises(TwilioRestException) as refusal:
        client.calls(live).update(status="completed")
    assert refusal.value.code == 21220


def test_a_live_call_is_sent_elsewhere(network: Network, client: Client) -> None:
    call = network.dial(CALLER)
    call.wait(1.0)

    client.calls(call.leg.sid).update(twiml="<Response><Say>come here</Say></Response>")
    call.wait_until_over()

    assert call.last_heard == "come here"


@pytest.mark.parametrize(
    ("person", "verdict"), [(people.voicemail(2.0), "machine_end_beep"), (people.fax(), "fax")]
)
def test_a_machine_is_detected_later(
    network: Network, client: Client, papers: Papers, person: people.Person, verdict: str
) -> None:
    papers.documents |= {"/amd": "", "/whisper": "<Pause length='30'/>"}
    network.people.put(AGENCY, person)
    ring(client, machine_detection="DetectMessageEnd", async_amd="true",
         async_amd_status_callback="http://line.test/amd")  # fmt: skip
    network.settle()

    form = papers.forms("/amd")[0]
    assert (form["AnsweredBy"], form["MachineDetectionDuration"], len(form)) == (verdict, "3500", 4)
    assert "AnsweredBy" not in papers.forms("/whisper")[0]


def test_a_record_is_deleted_only_after_its_end(network: Network, client: Client) -> None:
    sid = ring(client)
    network.clock.advance(1.0)

    with pytest.raises(TwilioRestException) as refusal:
        client.calls(sid).delete()
    network.settle()

    assert refusal.value.code == 20009
    assert client.calls(sid).delete()
    with pytest.raises(TwilioRestException) as gone:
        client.calls(sid).fetch()
    assert gone.value.code == 20404


def test_calls_are_listed_page_by_page_and_filtered(network: Network, client: Client) -> None:
    for _ in range(5):
        network.dial(CALLER)
    network.settle()
    network.clock.advance(100.0)
    network.dial("+19055550199")
    network.clock.advance(1.0)

    assert len(client.calls.list(page_size=2)) == 6
    assert len(client.calls.list(from_=CALLER)) == 5
    assert len(client.calls.list(to=OURS, status="in-progress")) == 1
    assert len(client.calls.list(start_time_before=START + timedelta(seconds=50))) == 5
    assert len(client.calls.list(start_time_after=START + timedelta(seconds=50))) == 1


def test_texts_are_sent_listed_redacted_and_deleted(network: Network, client: Client) -> None:
    text = client.messages.create(to=CALLER, from_=OURS, body="hello")
    with pytest.raises(TwilioRestException) as early:
        client.messages(text.sid).delete()
    network.clock.advance(5.0)

    assert early.value.code == 20009
    assert client.messages.list(to=CALLER)[0].status == "delivered"
    assert client.messages(text.sid).update(body="").body == ""
    assert client.messages(text.sid).delete()
    assert client.messages.list() == []


def test_a_queue_is_deleted_only_when_empty(network: Network, client: Client, papers: Papers) -> None:
    papers.documents["/voice"] = "<Enqueue>room</Enqueue>"
    call = network.dial(CALLER)
    call.wait(1.0)
    sid = client.queues.list()[0].sid

    assert client.queues(sid).fetch().current_size == 1
    with pytest.raises(TwilioRestException):
        client.queues(sid).delete()
    call.hang_up()
    call.wait(0.0)

    assert client.queues(sid).delete()


def test_a_wrong_token_is_refused(network: Network) -> None:
    http = Rewritten(network.api_url)

    with pytest.raises(TwilioRestException) as refusal:
        Client(ACCOUNT.sid, "wrong", http_client=http).calls("CA1").fetch()

    http.close()
    assert refusal.value.code == 20003


def test_the_server_can_be_overloaded_or_drop_the_line(network: Network, client: Client) -> None:
    network.faults.rest = [RestFault("429", match="POST", times=1)]
    with pytest.raises(TwilioRestException) as refusal:
        ring(client)
    network.faults.rest = [RestFault("drop")]
    with pytest.raises(requests.ConnectionError):
        ring(client)
    network.faults.clear()

    assert refusal.value.code == 20429
    assert ring(client).startswith("CA")
