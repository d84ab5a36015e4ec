"""Texts on the network, and the opt-out that Twilio keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from ivr.simulator.clock import VirtualClock
from ivr.simulator.exchange import Account, Urls
from ivr.simulator.messages import Refused
from ivr.simulator.papers import Document, Papers, twiml
from ivr.simulator.rehearse import Network
from ivr.simulator.segments import segments
from ivr.simulator.webhooks import Answer, sign

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTER = "+19055550123"
ACCOUNT = Account("AC" + "1" * 32, "secret", "+12895550100")
Rehearse = Callable[..., tuple[Network, Papers]]


@pytest.fixture
def rehearse() -> Iterator[Rehearse]:
    networks: list[Network] = []

    def make(sms: Document, opt_out: str = "default") -> tuple[Network, Papers]:
        papers = Papers({"/sms": sms, "/fallback": "<Message>fallback</Message>"})
        urls = Urls("", sms="http://line.test/sms", sms_fallback="http://line.test/fallback")
        network = Network(ACCOUNT, urls, clock=VirtualClock(), fetch=papers, opt_out=opt_out, seed="test")
        networks.append(network)
        return network, papers

    yield make
    for network in networks:
        network.close()


def test_a_text_is_answered(rehearse: Rehearse) -> None:
    network, papers = rehearse(lambda form: f"<Message>you said {form['Body']}</Message>")

    assert network.text(TEXTER, "signes") == ["you said signes"]
    assert papers.forms("/sms")[0]["SmsStatus"] == "received"


def test_the_cookie_of_a_pair_of_numbers_lasts_four_hours(rehearse: Rehearse) -> None:
    network, papers = rehearse(twiml("", "place=menu"))

    network.text(TEXTER, "one")
    network.text("+19055550199", "another")
    network.text(TEXTER, "two")
    network.clock.advance(4 * 3600 + 60)
    network.text(TEXTER, "three")

    assert [headers.get("Cookie") for _, _, headers in papers.asked] == [None, None, "place=menu", None]


def test_a_cookie_that_our_server_expires_is_forgotten(rehearse: Rehearse) -> None:
    network, papers = rehearse(twiml("", "place=menu"))
    network.text(TEXTER, "one")
    papers.documents["/sms"] = twiml("", "place=; Max-Age=0")
    network.text(TEXTER, "exit")
    network.text(TEXTER, "two")

    assert [headers.get("Cookie") for _, _, headers in papers.asked] == [None, "place=menu", None]


def test_stop_is_answered_by_twilio_and_blocks_our_texts_until_start(rehearse: Rehearse) -> None:
    network, papers = rehearse("<Message>words</Message>")

    replies = network.text(TEXTER, "Stop")
    with pytest.raises(Refused) as refusal:
        network.exchange.texts.send(TEXTER, "hello")

    assert len(replies) == 1
    assert "unsubscribed" in replies[0]
    assert refusal.value.code == 21610
    assert "OptOutType" not in papers.forms("/sms")[0]
    assert [notice.code for notice in network.feed.faults()] == [21610]
    assert "re-subscribed" in network.text(TEXTER, "START")[0]
    assert network.text(TEXTER, "more") == ["words"]


def test_arret_is_a_word_of_twilios_only_with_advanced_opt_out(rehearse: Rehearse) -> None:
    plain, seen = rehearse("")
    advanced, told = rehearse("", "advanced")

    assert plain.text(TEXTER, "arrêt") == []
    assert len(advanced.text(TEXTER, "arrêt")) == 1
    assert "OptOutType" not in seen.forms("/sms")[0]
    assert told.forms("/sms")[0]["OptOutType"] == "STOP"


def test_twilios_own_replies_are_messages_of_the_account(rehearse: Rehearse) -> None:
    network, _ = rehearse("")

    network.text(TEXTER, "HELP")

    texts = network.exchange.texts.messages.values()
    assert [(text.direction, text.by_network) for text in texts] == [
        ("inbound", False),
        ("outbound-reply", True),
    ]


def test_a_reply_tells_its_callback_whether_it_arrived_and_why_not(rehearse: Rehearse) -> None:
    network, papers = rehearse("<Message statusCallback='/told'>Hello.</Message>")
    network.exchange.texts.unreachable.add(TEXTER)
    network.exchange.texts.undelivered = 30007

    network.text(TEXTER, "hello")
    network.clock.advance(5)

    told = papers.forms("/told")[-1]
    assert (told["MessageStatus"], told["ErrorCode"]) == ("undelivered", "30007")


def test_a_failing_server_is_replaced_by_the_fallback(rehearse: Rehearse) -> None:
    network, papers = rehearse(Answer(500))

    assert network.text(TEXTER, "hello") == ["fallback"]
    assert papers.forms("/fallback")[0]["ErrorCode"] == "11200"


def test_a_phone_that_takes_no_texts_is_reported(rehearse: Rehearse) -> None:
    network, papers = rehearse("")
    papers.documents["/told"] = ""
    network.exchange.texts.unreachable.add(TEXTER)

    network.exchange.texts.send(TEXTER, "hello", "http://line.test/told")
    network.clock.advance(5.0)

    told = [(form["MessageStatus"], form.get("ErrorCode")) for form in papers.forms("/told")]
    assert told == [("sent", None), ("undelivered", "30006")]


def test_the_signature_is_the_one_that_twilio_publishes() -> None:
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Digits": "1234",
        "From": "+14158675309",
        "Caller": "+14158675309",
        "To": "+18005551212",
    }

    signature = sign("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form)

    assert signature == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_parts_are_counted_by_alphabet() -> None:
    assert [segments(text) for text in ("a" * 160, "a" * 161, "ê" * 70, "ê" * 71)] == [1, 2, 1, 2]
