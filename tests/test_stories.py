"""Every story of a transfer, in one process.

At full size each is told both ways. Else what Twilio promises alone is told by `tests/real`, where it can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sizes import is_full
from stories import AGENCIES, ORDERS, PROMISES, STORIES, keep_only_what_is_promised
from world import OneProcess, with_agencies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow
    from ivr.settings import Settings


ALL = PROMISES[0]
TOLD = [
    (story, promise)
    for story in STORIES
    for promise in PROMISES
    if is_full() or promise == ALL or story in ORDERS  # Which no line of tests/real has.
]


@pytest.fixture
def world(story: str, promise: str, settings: Settings, flow: Flow) -> Iterator[OneProcess]:
    here = OneProcess(settings, with_agencies(flow, AGENCIES.get(story, {}), ORDERS.get(story, {})))
    keep_only_what_is_promised(here, promise)
    yield here
    here.close()


@pytest.mark.parametrize(("story", "promise"), TOLD)
def test_a_caller_ends_connected_or_with_a_choice(story: str, world: OneProcess) -> None:
    STORIES[story](world)
