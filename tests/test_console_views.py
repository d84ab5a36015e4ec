"""Operators save filters of the call log by name, and take calls along as they are filtered."""

from __future__ import annotations

import csv
import html
import json
import re
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import Console, Hands

from ivr.effects import Entry
from ivr.records.call_log import MOST_SAVED_VIEWS, list_views
from ivr.records.ingest import record
from ivr.records.operators import Role

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.flow.models import Flow

FILTER = {"channel": "voice", "language": "fr"}


@pytest.fixture
def console(tmp_path: Path, flow: Flow) -> Console:
    return Console(tmp_path, flow, ROOT / "prompts")


@pytest.fixture
def hands(console: Console) -> Hands:
    return console.signed_in("olu", Role.OPERATOR)


def save(hands: Hands, name: str, /, **form: str | list[str]) -> str:
    """Save a filter, and give the page that answers."""
    token = hands.token("/calls?channel=voice")
    answer = hands.client.post(
        "/console/calls/views", data={"name": name, "csrf_token": token} | (form or FILTER)
    )
    return hands.client.get(answer.location).text


def views(hands: Hands) -> dict[str, str]:
    """Give the saved views that somebody sees, with the address of each."""
    nav = hands.get("/calls").text.partition('<nav class="views')[2].partition("</nav>")[0]
    return {
        html.unescape(name): html.unescape(address)
        for address, name in re.findall(r'<li><a href="([^"]+)"[^>]*>([^<]+?)\s*<', nav)
    }


def test_a_filter_is_saved_by_name_and_is_one_press_away(hands: Hands) -> None:
    shown = save(hands, "French voice", channel="voice", language="fr", outcome=["informed", "left"])
    address = views(hands)["French voice"]
    there = hands.client.get(address).text

    assert "The view French voice is saved." in shown
    assert address == "/console/calls?channel=voice&language=fr&outcome=informed&outcome=left"
    assert re.search(r'aria-current="true">French voice', there)
    assert "Save this filter" not in there  # It is saved already.


def test_days_with_a_name_move_on_with_time_and_others_stay(hands: Hands, console: Console) -> None:
    save(hands, "moving", since="2026-09-20", until="2026-09-20")  # Yesterday.
    save(hands, "still", since="2026-09-03", until="2026-09-05")

    before = views(hands)
    console.at += 600
    same = views(hands)
    console.at += 86_400
    hands = console.signed_in("bea", Role.OPERATOR)
    save(hands, "moving", since="2026-09-21", until="2026-09-21")

    assert before["moving"] == same["moving"] == "/console/calls?since=2026-09-20&until=2026-09-20"
    assert before["still"] == "/console/calls?since=2026-09-03&until=2026-09-05"
    assert list_views(console.database, "olu")[0].query == list_views(console.database, "bea")[0].query


def test_ones_own_view_is_nobody_elses_and_a_shared_one_is_everybodys(hands: Hands, console: Console) -> None:
    save(hands, "mine")
    save(hands, "ours", **FILTER, shared="yes")
    other, viewer = console.signed_in("bea", Role.OPERATOR), console.signed_in("vic", Role.VIEWER)

    assert set(views(hands)) == {"mine", "ours"}
    assert set(views(other)) == set(views(viewer)) == {"ours"}


@pytest.mark.parametrize(
    ("role", "left"), [(Role.OPERATOR, {"mine", "ours"}), (Role.ADMINISTRATOR, {"mine"})]
)
def test_another_deletes_a_shared_view_as_administrator_alone_and_never_ones_own(
    hands: Hands, console: Console, role: Role, left: set[str]
) -> None:
    save(hands, "mine")
    save(hands, "ours", **FILTER, shared="yes")
    other = console.signed_in("bea", role)

    for each in list_views(console.database, "olu"):
        other.post(f"/calls/views/{each.id}/delete", "/calls")

    assert set(views(hands)) == left


def test_whoever_saved_a_view_deletes_it(hands: Hands, console: Console) -> None:
    save(hands, "mine")
    (view,) = list_views(console.database, "olu")

    hands.post(f"/calls/views/{view.id}/delete", "/calls")

    assert views(hands) == {}


def test_a_view_of_the_same_name_is_replaced_and_too_many_are_refused(hands: Hands, console: Console) -> None:
    for number in range(MOST_SAVED_VIEWS):
        save(hands, f"view {number}")
    more = save(hands, "one more")
    save(hands, "view 3", channel="text")

    assert "you have 20 views" in more
    assert len(list_views(console.database, "olu")) == MOST_SAVED_VIEWS
    assert views(hands)["view 3"] == "/console/calls?channel=text"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("", FILTER),
        ("call 905 555 0177", FILTER),
        ("a stop", {"stop": "905|555|0177"}),
        ("of nothing", {"nonsense": "x"}),
    ],
)
def test_what_has_no_name_no_filter_or_a_number_is_not_saved(
    hands: Hands, console: Console, name: str, form: dict[str, str]
) -> None:
    shown = save(hands, name, **form)

    assert "Nothing was saved" in shown
    assert list_views(console.database, "olu") == []


def test_an_export_has_lengths_and_agencies_by_the_lines_clock(hands: Hands, console: Console) -> None:
    at = console.at - 90
    asked = Entry("e" * 32, "1", at, "voice", "en", "person", order="any", transfer_id="s")
    rung = Entry("e" * 32, "ring-s-1", at + 5, "voice", order="any", rang="chrysalis", transfer_id="s")
    missed = Entry("e" * 32, "end-s-1", at + 25, "voice", ended="no_answer", transfer_id="s")
    over = Entry("e" * 32, "end", at + 40, "voice", ended="completed")
    record(console.database, [asked, rung, missed, over], console.at)

    (row,) = csv.DictReader(hands.get("/calls.csv").text.splitlines())
    whole = json.loads(hands.get("/calls.json").text)

    assert (row["seconds"], row["agencies"]) == ("40", "chrysalis")
    assert (whole["seconds"], whole["agencies"]) == (40, ["chrysalis"])
    assert row["started_at"] == whole["started_at"] == "2026-09-21T10:00-04:00"
