"""What a waiting caller hears is what goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ivr.telephony.transfer_twiml import Place, waiting
from ivr.telephony.twiml import Speech
from ivr.transfer.machine import S, Transfer

if TYPE_CHECKING:
    from ivr.flow.models import Flow

HERE = Place("s", "en", tick=9, said=1)


@pytest.mark.parametrize(
    ("state", "offer", "hears"),
    [
        (S.RINGING, False, "still ringing"),
        (S.BRIEFING, False, "Somebody has answered"),
        (S.RINGING, True, "I am still trying"),
        (S.SEARCHING, True, "I am still trying"),
        (S.BRIEFING, True, "Somebody has answered"),
        (S.CONNECTED, True, "Somebody has answered"),
    ],
)
def test_a_caller_hears_what_goes_on(flow: Flow, state: S, hears: str, *, offer: bool) -> None:
    speech = Speech(flow, "+12895550100", "https://line.example")
    transfer = Transfer("s", "call", "any", "en", state, place=1, agency="victim-services")

    document = waiting(speech, HERE, transfer, offer=offer)

    assert hears in document
    assert ("press 1 for other ways" in document) is offer
