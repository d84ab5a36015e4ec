"""The network executes TwiML as Twilio does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ivr.simulator import people
from ivr.simulator.clock import VirtualClock
from ivr.simulator.documents import SORRY
from ivr.simulator.exchange import Account, Urls
from ivr.simulator.faults import WebhookFault
from ivr.simulator.papers import Document, Papers, twiml
from ivr.simulator.people import When
from ivr.simulator.rehearse import Network, RehearsedCall
from ivr.simulator.webhooks import Answer, sign

ACCOUNT = Account("AC" + "1" * 32, "secret", "+12895550100")
URLS = Urls("http://line.test/voice", "http://line.test/status", "http://line.test/sms")
CALLER, FIRST, SECOND = "+19055550123", "+19055464904", "+18665287109"
MENU = '<Gather numDigits="1" action="/key" timeout="4"><Say>one two three four five</Say></Gather>'
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


def test_words_take_their_time_and_the_end_of_a_document_hangs_up(rehearse: Rehearse) -> None:
    network, papers = rehearse(voice='<Say>one two three four five</Say><Pause length="3"/><Say>six</Say>')

    call = network.dial(CALLER)
    call.wait_until_over()

    assert said(call) == [(0.0, "one two three four five"), (5.0, "six")]
    assert papers.forms("/status")[0]["CallDuration"] == "5"
    assert call.leg.ended_by == "line"


def test_webhooks_are_signed_and_carry_the_standard_set(rehearse: Rehearse) -> None:
    network, papers = rehearse(voice=MENU, key=THANKS)

    call = network.dial(CALLER)
    call.press("7")
    call.wait_until_over()

    path, form, headers = papers.asked[0]
    assert headers["X-Twilio-Signature"] == sign("secret", "http://line.test" + path, form)
    assert form["CallStatus"] == "ringing"
    assert form["FromCity"] == "HAMILTON"
    assert "CallToken" in form
    answered = papers.forms("/key")[0]
    assert answered["CallStatus"] == "in-progress"
    assert (answered["Digits"], answered["FinishedOnKey"], answered["msg"]) == ("7", "", "Gather End")


def test_a_caller_goes_on_in_the_next_gather_though_it_begins_in_the_same_instant(
    rehearse: Rehearse,
) -> None:
    keys = [people.Press(key, When.SOON, after=0.25) for key in "123"]
    network, papers = rehearse(voice=MENU, key=MENU)

    call = network.dial(CALLER, people.caller(*keys, people.HangsUp()))
    call.wait_until_over()

    assert [form["Digits"] for form in papers.forms("/key")] == ["1", "2", "3"]
    assert call.leg.ended_by == "caller"


def test_silence_falls_through_a_gather_after_its_words_and_its_timeout(rehearse: Rehearse) -> None:
    network, papers = rehearse(voice=MENU + "<Say>nothing</Say>")

    call = network.dial(CALLER)
    call.wait_until_over()

    assert said(call)[1] == (6.0, "nothing")
    assert "/key" not in papers.paths()


def test_a_key_stops_the_words(rehearse: Rehearse) -> None:
    network, _ = rehearse(voice=MENU, key=THANKS)

    call = network.dial(CALLER)
    call.wait(1.0)
    call.press("1", When.NOW)
    call.wait_until_over()

    assert call.heard == ["one two …", "thanks"]


def test_keys_typed_during_the_words_count_in_the_same_gather(rehearse: Rehearse) -> None:
    gather = '<Gather numDigits="3" action="/key"><Say>one two three four five</Say></Gather>'
    network, papers = rehearse(voice=gather, key=THANKS)

    call = network.dial(CALLER)
    call.wait(1.0)
    call.press("123", When.NOW)
    call.wait_until_over()

    assert papers.forms("/key")[0]["Digits"] == "123"


def test_pound_alone_is_no_input_unless_it_finishes_nothing(rehearse: Rehearse) -> None:
    network, papers = rehearse(voice=MENU, key=THANKS)
    bare, without = rehearse(voice=MENU.replace("<Gather", '<Gather finishOnKey=""'), key=THANKS)

    for each in (network, bare):
        call = each.dial(CALLER)
        call.press("#")
        call.wait_until_over()

    assert "/key" not in papers.paths()
    assert without.forms("/key")[0]["Digits"] == "#"


def test_an_empty_result_is_told_where_it_is_wanted(rehearse: Rehearse) -> None:
    network, papers = rehearse(voice='<Gather actionOnEmptyResult="true" action="/key"/>', key=THANKS)

    network.dial(CALLER).wait_until_over()

    assert papers.forms("/key")[0]["Digits"] == ""


def test_a_redirect_carries_no_keys(rehearse: Rehearse) -> None:
    network, papers = rehearse(voice=MENU, key="<Redirect>/next</Redirect><Say>never</Say>", next=THANKS)

    call = network.dial(CALLER)
    call.press("1")
    call.wait_until_over()

    assert "Digits" not in papers.forms("/next")[0]
    assert call.last_heard == "thanks"


def test_cookies_come_back_on_the_same_call_only(rehearse: Rehearse) -> None:
    network, papers = rehearse(voice=twiml(MENU, "seen=yes; Path=/; HttpOnly"), key=THANKS)

    for _ in range(2):
        call = network.dial(CALLER)
        call.press("1")
        call.wait_until_over()

    cookies = [headers.get("Cookie") for path, _, headers in papers.asked if path in {"/voice", "/key"}]
    assert cookies == [None, "seen=yes", None, "seen=yes"]


def test_an_http_redirect_loses_the_form(rehearse: Rehearse) -> None:
    network, papers = rehearse(voice=MENU, key=Answer(308, location="/key/"))
    papers.documents["/key/"] = THANKS

    call = network.dial(CALLER)
    call.press("1")
    call.wait_until_over()

    assert papers.forms("/key/") == [{}]


def test_a_rejected_call_is_never_answered(rehearse: Rehearse) -> None:
    network, papers = rehearse(voice='<Reject reason="busy"/>')

    network.dial(CALLER).wait_until_over()

    assert papers.forms("/status")[0]["CallStatus"] == "busy"


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (Answer(500, "text/html", "oops"), 11200),
        (Answer(200, "text/xml", "<Response>"), 12100),
        (Answer(200, "application/json", "{}"), 12300),
        (Answer(200, "text/xml", ""), 11770),
        (Answer(200, "text/xml", "<Response>" + "x" * 70_000 + "</Response>"), 11750),
    ],
)
def test_an_unusable_document_is_an_application_error(rehearse: Rehearse, bad: Answer, code: int) -> None:
    network, _ = rehearse(voice=bad)

    call = network.dial(CALLER)
    call.wait_until_over()

    assert call.heard == [SORRY]
    assert [notice.code for notice in network.feed.faults()] == [code]


def test_the_fallback_is_asked_once_and_told_why(rehearse: Rehearse) -> None:
    urls = Urls(URLS.voice, voice_fallback="http://line.test/fallback")
    network, papers = rehearse(urls, voice=MENU, key=Answer(503), fallback=THANKS)

    call = network.dial(CALLER)
    call.press("1")
    call.wait_until_over()

    assert call.last_heard == "thanks"
    told = papers.forms("/fallback")[0]
    assert (told["ErrorCode"], told["ErrorUrl"]) == ("11200", "http://line.test/key")


def test_a_webhook_that_times_out_costs_fifteen_seconds(rehearse: Rehearse) -> None:
    network, _ = rehearse(voice=MENU, key=THANKS)
    network.faults.webhooks.append(WebhookFault("/key"))

    call = network.dial(CALLER)
    call.press("1")
    call.wait_until_over()

    assert said(call)[-1] == (17.0, SORRY)


def test_a_duplicated_webhook_comes_twice_with_a_token_and_must_answer_alike(rehearse: Rehearse) -> None:
    count = iter(range(9))
    network, papers = rehearse(voice=MENU, key=lambda _: f"<Say>{next(count)}</Say>")
    network.faults.duplicate = ""

    call = network.dial(CALLER)
    call.press("1")
    call.wait_until_over()

    tokens = ["I-Twilio-Idempotency-Token" in headers for path, _, headers in papers.asked if path == "/key"]
    assert tokens == [False, True]
    assert network.exchange.webhooks.differing == ["http://line.test/key"]


def test_an_unknown_verb_is_skipped_with_a_warning(rehearse: Rehearse) -> None:
    network, _ = rehearse(voice="<Sing>la</Sing><Say>words</Say>")

    call = network.dial(CALLER)
    call.wait_until_over()

    assert call.heard == ["words"]
    assert [notice.code for notice in network.feed.notices] == [12200]
    assert network.feed.faults() == []


def test_a_document_that_leads_to_itself_at_once_is_stopped(rehearse: Rehearse) -> None:
    network, _ = rehearse(voice="<Redirect>/voice</Redirect>")

    call = network.dial(CALLER)
    call.wait_until_over()

    assert call.heard == [SORRY]
