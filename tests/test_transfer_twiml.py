"""What a waiting caller hears is what goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ivr.telephony.transfer_twiml import WaitPosition, waiting
from ivr.telephony.twiml import TwimlRenderer
from ivr.transfer.machine import State, Transfer

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

    document = waiting(speech, HERE, transfer, offer=offer)

    assert hears in document
    assert ("For other ways, press 8" in document) is offer
