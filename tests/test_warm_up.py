"""What callers will hear is prepared before they ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes import ENVIRONMENT, make_line

from ivr.flow.turn import Pressed, Silent
from ivr.position import Position
from ivr.records.journal import Journal
from ivr.settings import read_settings
from ivr.web.warm_up import REST, expected, warm_up
from ivr.wiring import build_parts

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.flow.models import Flow
    from ivr.web.context import WebhookContext


@pytest.fixture
def parts(flow: Flow, tmp_path: Path) -> WebhookContext:
    places = {"KEYS_DIR": tmp_path / "keys", "JOURNAL_DIR": tmp_path / "journal"}
    settings = read_settings(ENVIRONMENT | {name: str(path) for name, path in places.items()})
    return build_parts(settings, make_line(flow, journal=Journal(settings.journal_dir)))


def test_every_key_that_a_stop_offers_is_expected_and_so_is_silence(flow: Flow) -> None:
    found = list(expected(flow))

    assert len(found) == len(set(found))
    for language in flow.voiced:
        assert (Position(flow.menus.home, language), Silent()) in found
        for key in ("1", "2", "*", "9"):
            assert (Position(flow.menus.home, language), Pressed(key)) in found


def test_no_key_is_decided_anew_once_all_is_warm(parts: WebhookContext) -> None:
    rests: list[float] = []

    clock = iter(range(10_000_000))

    done = warm_up(parts, lambda: True, rests.append, lambda: next(clock))

    kept, flow = parts.line.kept, parts.speech.flow
    warm = len(kept)
    answered = [turn for each in expected(flow) if (turn := kept.find(flow, *each))]
    assert len(kept) == warm
    assert done == len(answered) > 1000
    assert set(rests) == {REST}


def test_preparing_ends_once_other_words_are_spoken(parts: WebhookContext) -> None:
    looks = iter((True, True, True, False))

    assert warm_up(parts, lambda: next(looks), lambda _: None) == 3
