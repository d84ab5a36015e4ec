"""Whoever comes back to the console is told what happened meanwhile, and whom nobody was reached for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import CHOSEN, Console

from ivr.effects import Entry
from ivr.records.agency_status import switch_off
from ivr.records.ingest import record

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.flow.models import Flow

NEW, OLD = "a" * 32, "b" * 32
DAY = 86_400


@pytest.fixture
def console(tmp_path: Path, flow: Flow) -> Console:
    made = Console(tmp_path, flow, ROOT / "prompts")
    made.at = time.time()  # The audit has the machine's own clock.
    return made


def reach_nobody(console: Console, call: str, at: float) -> None:
    """Let somebody ask for a person, and one agency not answer."""
    asked = Entry(call, "1", at, "voice", "en", "person", order="any", transfer_id=call)
    rung = Entry(call, f"ring-{call}-1", at + 5, "voice", order="any", rang="chrysalis", transfer_id=call)
    missed = Entry(call, f"end-{call}-1", at + 25, "voice", ended="no_answer", transfer_id=call)
    over = Entry(call, "end", at + 40, "voice", ended="completed")
    record(console.database, [asked, rung, missed, over], console.at)


def test_the_page_after_the_sign_in_tells_what_happened_since_the_last_visit(console: Console) -> None:
    console.sign_in_first("ada")
    reach_nobody(console, OLD, console.at - 3 * DAY)
    reach_nobody(console, NEW, console.at - 60)
    switch_off(console.database, "chrysalis", None, "moving house", who="bea")
    console.at += 60
    hands = console.visitor()

    answer = hands.post("/sign-in", "/sign-in", name="ada", password=CHOSEN, code=console.code("ada"))
    shown = hands.get("/since").text

    assert answer.location == "/console/since"
    assert "1 caller reached nobody" in shown
    assert f"/console/calls/{NEW}" in shown
    assert OLD not in shown
    assert "Chrysalis Network: no answer" in shown
    assert "moving house" in shown
    assert "bea" in shown


def test_days_that_are_chosen_are_told_in_place_of_the_last_visit(console: Console) -> None:
    reach_nobody(console, OLD, console.at - 3 * DAY)
    hands = console.signed_in()
    day = time.strftime("%Y-%m-%d", time.gmtime(console.at - 4 * DAY))

    chosen = hands.get(f"/since?since={day}").text

    assert f"/console/calls/{OLD}" in chosen
    assert OLD not in hands.get("/since").text


def test_a_quiet_time_says_that_nobody_was_lost(console: Console) -> None:
    shown = console.signed_in().get("/since").text

    assert "Nobody who asked for a person was left without one" in shown
    assert "No agency missed a ring." in shown
    assert 'class="strip strip-good"' in shown


def test_whoever_pressed_goodbye_after_nobody_answered_has_reached_nobody_either(console: Console) -> None:
    reach_nobody(console, NEW, console.at - 60)
    left = Entry(NEW, "9", console.at - 30, "voice", "en", "leave", heard="key", outcome="left")
    record(console.database, [left], console.at)
    hands = console.signed_in()

    assert f"/console/calls/{NEW}" in hands.get("/since").text
    assert "1 caller reached nobody in 24 hours" in hands.get("/_now").text
