"""A caller is back from the queue: the network's word that they talked stands, whatever SQL missed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from fakes import make_line
from test_coordinator import World

from ivr.position import Position
from ivr.transfer.machine import State, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Clock, Twilio

    from ivr.flow.models import Flow
    from ivr.line import Line

BACK = "/voice/" + Position("person", "en", 4, order="any", asked=1_790_000_000, transfer_id="s").path()

ASKED = 1_790_000_000


@pytest.fixture
def world(flow: Flow) -> World:
    return World(flow)


@pytest.fixture
def back(world: World, flow: Flow, make_twilio: Callable[[Line], Twilio]) -> Callable[[str, str], None]:
    """Let the caller come back from the queue, in a way, with a call in a state."""
    twilio = make_twilio(make_line(flow, transfers=world.transfers))

    def come(result: str, status: str) -> None:
        assert twilio.post(BACK, QueueResult=result, CallStatus=status).status_code == 200

    return come


@pytest.mark.parametrize("status", ["in-progress", "completed"])
@pytest.mark.parametrize("state", [State.DIALLING, State.RINGING, State.BRIEFING, State.CONNECTED])
def test_a_talk_is_logged_as_one_though_sql_missed_its_accept(
    world: World, back: Callable[[str, str], None], state: State, status: str
) -> None:
    world.store.rows["s"] = Transfer("s", "call", "any", "en", state, place=1, agency="chrysalis")

    back("bridged", status)

    assert world.transfer.state is State.FINISHED
    assert world.ended() == [("end-s-1", "accepted")]


@pytest.mark.parametrize(
    ("told", "address", "waited"),
    [
        ({}, f"/wait/s/en/{ASKED}/9/1", 65),
        ({"QueueTime": "3"}, f"/wait/s/en/{ASKED}/9/1/fresh", 65),
        ({"QueueTime": "70"}, f"/wait/s/en/{ASKED}/9/1", 70),  # Our clock was set back.
        ({"QueueTime": "50"}, "/wait/s/en/9/1", 50),  # Of a caller who waited before an upgrade.
    ],
)
def test_the_time_waited_is_the_larger_of_twilios_and_ours(  # noqa: PLR0913, PLR0917 - a fetch, and where
    world: World,
    flow: Flow,
    make_twilio: Callable[[Line], Twilio],
    clock: Clock,
    told: dict[str, str],
    address: str,
    waited: int,
) -> None:
    clock.seconds = ASKED + 65
    twilio = make_twilio(make_line(flow, transfers=world.transfers))

    document = twilio.post(address, **told).get_data(as_text=True)

    assert world.transfer.waited == waited
    assert f"/wait/s/en/{ASKED + 65 - waited if address.count('/') == 5 else ASKED}/10/" in document


def test_nobody_is_rung_for_a_caller_who_talked_and_is_gone(
    world: World, back: Callable[[str, str], None]
) -> None:
    back("bridged", "completed")

    assert world.transfer.state is State.LEFT


def test_a_caller_who_hung_up_while_waiting_did_not_talk(
    world: World, back: Callable[[str, str], None]
) -> None:
    world.store.rows["s"] = Transfer("s", "call", "any", "en", State.RINGING, place=1, agency="chrysalis")

    back("hangup", "completed")

    assert world.transfer.state is State.LEFT
    assert world.ended() == [("end-s-1", "left")]


class FailingTransfers:
    """Transfers in whose code a fault is."""

    def tick(self, *args: object) -> None:  # noqa: ARG002 - the shape of TransferCoordinator
        raise LookupError


def test_a_caller_whom_our_code_fails_in_the_queue_waits_twenty_times_and_then_leaves(
    flow: Flow, make_twilio: Callable[[Line], Twilio]
) -> None:
    twilio = make_twilio(make_line(flow, transfers=FailingTransfers()))
    url, documents = "/wait/s/en/3/1", []

    while url and len(documents) < 100:
        documents.append(ET.fromstring(twilio.post(url).get_data(as_text=True)))  # noqa: S314 - our own
        url = documents[-1].findtext("Redirect", "")

    assert [verb.tag for verb in documents[0]] == ["Say"] * len(flow.first_languages) + ["Pause", "Redirect"]
    assert len(documents) == 21
    assert [verb.tag for verb in documents[-1]] == ["Leave"]


def test_where_the_fixed_wait_leads_is_where_the_caller_was(
    flow: Flow, make_twilio: Callable[[Line], Twilio]
) -> None:
    twilio = make_twilio(make_line(flow, transfers=FailingTransfers()))

    onward = ET.fromstring(twilio.post("/wait/s/en/3/1/fresh").get_data(as_text=True))  # noqa: S314 - our own

    assert onward.findtext("Redirect") == "https://line.example/wait/s/en/3/1/fresh?again=1"
