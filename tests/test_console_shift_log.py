"""The shift log: what one shift tells the next about the line, and never about a caller."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import Console, Hands
from fakes import make_line
from markupsafe import escape

from ivr.effects import Alarm
from ivr.line import ALARMS
from ivr.records.agency_status import switch_off, switch_on
from ivr.records.audit import list_audit_entries
from ivr.records.deletion import DAY
from ivr.records.operators import Role
from ivr.records.retention import forget
from ivr.records.shift_log import EntryKind, add_shift_note, list_shift_entries, log_alarm
from ivr.web.console.context import translations

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.flow.models import Flow

FRENCH = {"Accept-Language": "fr"}


@pytest.fixture
def console(tmp_path: Path, flow: Flow) -> Console:
    return Console(tmp_path, flow, ROOT / "prompts")


@pytest.fixture
def hands(console: Console) -> Hands:
    return console.signed_in("olu", Role.OPERATOR)


def note(hands: Hands, words: str, length: str = "1") -> str:
    """Write a note as an operator does, and give the page that answers."""
    answer = hands.post("/log", "/log", note=words, length=length)
    return hands.get("/log").text if answer.status_code == 303 else answer.text


def pinned(hands: Hands, page: str = "/_now") -> str:
    """Give the part of Now in which notes stand."""
    found = re.search(r'<section class="pinned".*?</section>', hands.get(page).text, re.DOTALL)
    assert found
    return found[0]


def test_a_note_stands_on_now_until_its_time_and_then_in_the_log_alone(
    hands: Hands, console: Console
) -> None:
    shown = note(hands, "The <shelter> line rings twice before they take it")
    now = pinned(hands)
    console.at += 86_400 - 61
    tomorrow = console.signed_in("bea", Role.OPERATOR)
    then = pinned(tomorrow)
    console.at += 62

    assert "The note stands on Now until" in shown
    assert "The &lt;shelter&gt; line rings twice" in now
    assert "olu, <time>" in now
    assert "rings twice" in then
    assert "rings twice" not in pinned(tomorrow)
    assert "rings twice" in tomorrow.get("/log").text


@pytest.mark.parametrize(
    "number",
    ["905-555-0177", "9O5 555 O177", "9️⃣05 555 0177", "nine oh five 555 0177", "neuf zéro cinq 555 0177"],
)
def test_a_note_with_a_number_is_refused_however_it_is_disguised(
    hands: Hands, console: Console, number: str
) -> None:
    answer = hands.post("/log", "/log", note=f"Call back {number}", length="1")

    assert answer.status_code == 400
    assert "can be read as a telephone number" in answer.text
    assert f"Call back {number}</textarea>" in answer.text  # It is given back, to be mended.
    assert list_shift_entries(console.database) == []


def test_days_and_times_are_no_numbers(hands: Hands) -> None:
    assert "closed 2026-12-25 until 08:00" in note(hands, "Chrysalis is closed 2026-12-25 until 08:00")


@pytest.mark.parametrize(("words", "length"), [(" ", "1"), ("The line is slow", "900"), ("The line", "")])
def test_what_is_no_note_is_not_added_and_says_so(
    hands: Hands, console: Console, words: str, length: str
) -> None:
    answer = hands.post("/log", "/log", note=words, length=length)

    assert (answer.status_code, list_shift_entries(console.database)) == (400, [])
    assert "Nothing was added" in answer.text


@pytest.mark.parametrize(("typed", "stands"), [("2026-09-22T11:00", True), ("2026-09-29T11:00", False)])
def test_a_note_stands_until_any_time_within_seven_days(
    hands: Hands, console: Console, typed: str, *, stands: bool
) -> None:
    hands.post("/log", "/log", note="The fire drill is over then", length="morning", until=typed)

    entries = list_shift_entries(console.database)
    assert [each.until for each in entries] == ([datetime(2026, 9, 22, 15, tzinfo=UTC)] if stands else [])


@pytest.mark.parametrize(("hour", "chosen"), [(4, "1"), (16, "morning")])
def test_what_is_chosen_beforehand_outlasts_the_shift(console: Console, hour: int, chosen: str) -> None:
    console.at = datetime(2026, 9, 21, hour + 4, tzinfo=UTC).timestamp()  # Toronto is four hours behind.

    assert f'<option value="{chosen}" selected>' in console.signed_in().get("/log").text


def test_whoever_has_read_a_note_is_named_at_it(hands: Hands, console: Console) -> None:
    note(hands, "Their new desk opens at nine")
    bea = console.signed_in("bea", Role.VIEWER)
    before = pinned(bea)
    newest = re.search(r'name="newest" value="(\d+)"', before)
    assert newest
    note(hands, "And closes at five")

    bea.post("/log/read", "/log", newest=newest[1], back="now")
    first, second = sorted(list_shift_entries(console.database), key=lambda each: each.id)

    assert "seen by nobody yet" in before
    assert [each.who for each in first.readers] == ["bea"]
    assert second.readers == ()  # It was not on the page that they pressed.
    assert "seen by bea" in re.sub(r"\s+", " ", pinned(hands))
    assert "I have read this" not in pinned(hands)  # Whoever wrote it need not read it.
    assert "I have read this" in pinned(bea)


def test_switches_of_agencies_enter_by_themselves(console: Console, hands: Hands) -> None:
    until = datetime.now(UTC) + timedelta(hours=2)
    switch_off(console.database, "chrysalis", until, "moving house", who="bea")
    switch_on(console.database, "chrysalis", who="olu")

    shown = re.sub(r"\s+", " ", hands.get("/log").text)
    french = hands.client.get("/console/log", headers=FRENCH).text

    assert [each.kind for each in list_shift_entries(console.database)] == [
        EntryKind.AGENCY_ON,
        EntryKind.AGENCY_OFF,
    ]
    assert 'Chrysalis Network was switched off.</strong> <span dir="auto">moving house' in shown
    assert "Chrysalis Network was switched on." in shown
    assert "a été désactivé" in french
    assert "moving house" not in pinned(hands)  # It stands with the agency already.


def test_every_alarm_enters_by_itself_in_both_languages(console: Console, hands: Hands) -> None:
    for why in ALARMS:
        log_alarm(console.database, why, console.at)

    english, french = pinned(hands), hands.client.get("/console/log", headers=FRENCH).text
    words = {
        tongue: [escape(translations(tongue)[f"alarm_{why}"]) for why in ALARMS] for tongue in ("en", "fr")
    }

    assert [said for said in words["en"] if said not in english] == []
    assert [said for said in words["fr"] if said not in french] == []


def test_an_alarm_that_is_sent_is_also_written_down(flow: Flow, console: Console) -> None:
    sent: list[str] = []
    line = make_line(
        flow, send_alarm=sent.append, log_alarm=lambda why: log_alarm(console.database, why, console.at)
    )

    line.perform(Alarm("direct"))

    assert sent == [ALARMS["direct"]]
    assert [each.about for each in list_shift_entries(console.database)] == ["direct"]


def test_the_log_is_searched_by_words_whatever_their_capitals_and_accents(
    hands: Hands, console: Console
) -> None:
    note(hands, "Le menu répète deux fois")
    switch_off(console.database, "chrysalis", None, "a holiday", who="bea")

    accents = hands.get("/log?query=REPETE+menu").text
    agency = hands.get("/log?query=chrysalis").text
    nothing = hands.get("/log?query=menu+holiday").text

    assert ("répète" in accents, "a holiday" in accents) == (True, False)
    assert ("répète" in agency, "a holiday" in agency) == (False, True)
    assert "No entry holds these words." in nothing


def test_an_entry_is_taken_off_now_before_its_time(hands: Hands, console: Console) -> None:
    note(hands, "The voice is slow today")
    (entry,) = list_shift_entries(console.database)

    hands.post(f"/log/{entry.id}/unpin", "/log")

    assert "The voice is slow" not in pinned(hands)
    assert "The voice is slow" in hands.get("/log").text


def test_the_audit_tells_that_a_note_was_written_and_not_what(hands: Hands, console: Console) -> None:
    note(hands, "The voice is slow today")

    assert list_audit_entries(console.database)[0].did == "shift note added"
    assert "slow" not in str(list_audit_entries(console.database))


def test_whoever_comes_back_reads_what_was_noted_meanwhile(hands: Hands, console: Console) -> None:
    now = datetime.fromtimestamp(console.at, UTC)
    add_shift_note(console.database, "bea", "The voice is slow", now + timedelta(days=1), now=now)

    assert "The voice is slow" in hands.get("/since").text


def test_the_log_is_forgotten_with_the_calls_of_its_age(console: Console) -> None:
    for days in (31, 29):
        at = datetime.fromtimestamp(console.at - days * DAY, UTC)
        add_shift_note(console.database, "bea", f"{days} days old", at + timedelta(days=1), now=at)

    gone = forget(console.database, console.at, 30, 24)

    assert gone.shift_entries == 1
    assert [each.text for each in list_shift_entries(console.database)] == ["29 days old"]


def test_more_than_a_page_goes_on_to_what_is_older(hands: Hands, console: Console) -> None:
    for number in range(102):
        log_alarm(console.database, f"old-{number:03}", console.at - 3 * DAY)

    first = hands.get("/log").text
    older = re.search(r"/console/log\?before=\d+", first)
    assert older
    rest = hands.get(older[0].removeprefix("/console")).text

    assert ("old-101" in first, "old-001" in first) == (True, False)
    assert ("old-002" in rest, "old-001" in rest, "old-000" in rest) == (False, True, True)
