"""Every story of a transfer, in one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from stories import AGENCIES, ORDERS, PROMISES, STORIES, keep_only_what_is_promised
from world import OneProcess, with_agencies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow
    from ivr.settings import Settings


@pytest.fixture
def world(story: str, promise: str, settings: Settings, flow: Flow) -> Iterator[OneProcess]:
    here = OneProcess(settings, with_agencies(flow, AGENCIES.get(story, {}), ORDERS.get(story, {})))
    keep_only_what_is_promised(here, promise)
    yield here
    here.close()


@pytest.mark.parametrize("promise", PROMISES)
@pytest.mark.parametrize("story", STORIES)
def test_a_caller_ends_connected_or_with_a_choice(story: str, world: OneProcess) -> None:
    STORIES[story](world)
