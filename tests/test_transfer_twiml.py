"""What a waiting caller hears is what goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ivr.flow.models import TOPICS
from ivr.telephony.transfer_twiml import WaitPosition, announce, dial, waiting
from ivr.telephony.twiml import TwimlRenderer
from ivr.transfer.machine import State, Transfer
from ivr.web.waiting import NEWS

if TYPE_CHECKING:
    from ivr.flow.models import Flow

HERE = WaitPosition("s", "en", tick=9, said=1, topics=True)


@pytest.mark.parametrize(
    ("state", "offer", "hears"),
    [
        (State.RINGING, False, "still calling"),
        (State.BRIEFING, False, "Someone has answered"),
        (State.RINGING, True, "I am still trying"),
        (State.SEARCHING, True, "I am still trying"),
        (State.BRIEFING, True, "Someone has answered"),
        (State.CONNECTED, True, "Someone has answered"),
    ],
)
def test_a_caller_hears_what_goes_on(flow: Flow, state: State, hears: str, *, offer: bool) -> None:
    speech = TwimlRenderer(flow, "+12895550100", "https://line.example")
    transfer = Transfer("s", "call", "any", "en", state, place=1, agency="victim-services")

    document = waiting(speech, HERE, transfer, offer=offer, waited=20)

    assert hears in document
    assert ("For other ways, press 8" in document) is offer


@pytest.mark.parametrize(
    ("waited", "slow", "asks"), [(35, False, True), (45, False, False), (42, True, False)]
)
def test_the_topic_is_not_asked_where_other_ways_would_be_heard_too_late(
    flow: Flow, waited: int, *, slow: bool, asks: bool
) -> None:
    speech = TwimlRenderer(flow, "+12895550100", "https://line.example")
    transfer = Transfer("s", "call", "any", "en", State.RINGING, place=1, agency="victim-services")
    here = WaitPosition("s", "en", tick=9, said=1, slow=slow)

    documents = [
        waiting(speech, position, transfer, offer=False, waited=waited)
        for position in (here, replace(here, offered=True))
    ]

    assert ["For safety, press 1" in document for document in documents] == [asks, True]


@pytest.mark.parametrize(("agency", "announced"), [("victim-services", True), ("hotline", False)])
def test_nothing_is_said_into_the_greeting_of_a_line_that_answers_by_itself(
    flow: Flow, agency: str, *, announced: bool
) -> None:
    speech = TwimlRenderer(flow, "+12895550100", "https://line.example")
    transfer = Transfer("s", "call", "any", "en", State.CONNECTED, place=1, agency=agency)

    document = dial(speech, "s", 1, transfer)

    assert ("/joined" in document) is announced


def test_an_agency_that_left_the_files_is_joined_without_a_word(flow: Flow) -> None:
    speech = TwimlRenderer(flow, "+12895550100", "https://line.example")

    known, gone = (announce(speech, "en", agency) for agency in ("victim-services", "closed-last-week"))

    assert "<Say" in known
    assert gone.endswith("<Response />")


@pytest.mark.parametrize("last", ["", "fresh", "ask", "offer"])
def test_a_wait_document_knows_from_its_address_what_was_said(last: str) -> None:
    here = WaitPosition("s", "en", 5, 3, 1, last=last, topics=True, offered=True)

    since = here.path().rpartition("/")[2]

    assert WaitPosition("s", "en", 5, 3, 1).after(since) == here
    assert WaitPosition("s", "en", 5, 3, 1).after("fresh").last == "fresh"  # As the version before wrote it.


@pytest.mark.parametrize("key", ["8", "9"])
def test_no_key_of_a_topic_leads_out_of_the_queue_and_two_keys_do(flow: Flow, key: str) -> None:
    assert key in NEWS
    assert not {"*", *TOPICS} & set(NEWS)
    assert all("8" in flow.prompts[language].lines.wait_offer for language in flow.languages)
