"""The console answers what operators do: nothing is lost, mistyped or refused without a word."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from conftest import ROOT
from console import Console, Hands

from ivr.effects import Entry
from ivr.records.agency_status import list_status, switch_off
from ivr.records.call_summary import OUTCOMES_BY_WEIGHT
from ivr.records.ingest import record
from ivr.records.operators import Role
from ivr.records.opt_outs_blocks import list_blocks
from ivr.web.console.context import OUTCOMES
from ivr.web.console.now import next_morning
from ivr.work.twilio_heartbeat import LastSigns

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.flow.models import Flow

MARK = "ab" * 16
CALL, WITHHELD = "c0ffee" + "0" * 26, "d" * 32
TORONTO = ZoneInfo("America/Toronto")


@pytest.fixture
def console(tmp_path: Path, flow: Flow) -> Console:
    made = Console(tmp_path, flow, ROOT / "prompts")
    called = Entry(
        call=CALL,
        key="0",
        at=made.at - 100,
        channel="voice",
        language="en",
        stop="law",
        heard="key",
        mark=MARK,
    )
    record(made.database, [called, replace(called, call=WITHHELD, mark="")], made.at)
    return made


@pytest.fixture
def hands(console: Console) -> Hands:
    return console.signed_in("olu", Role.OPERATOR)


@pytest.mark.parametrize("hours", ["2.5", "abc", "0", "-3", "\N{MINUS SIGN}3", "9999", "9" * 5000])
def test_a_mistyped_length_switches_nothing_and_says_so(hands: Hands, console: Console, hours: str) -> None:
    hands.post("/agencies/chrysalis", to="off", why="moving house", hours=hours)

    assert "chrysalis" not in list_status(console.database, console.at)
    assert "Chrysalis Network was not switched: the hours must be" in hands.get("/transfers").text


@pytest.mark.parametrize(
    ("form", "hours"), [({"length": "1"}, 1), ({"length": "4"}, 4), ({"length": "4", "hours": "30"}, 30)]
)
def test_an_agency_is_off_for_the_time_that_was_chosen(
    hands: Hands, console: Console, form: dict[str, str], hours: int
) -> None:
    hands.post("/agencies/chrysalis", to="off", why="moving house", back="now", **form)
    known = list_status(console.database, console.at)["chrysalis"]

    assert known.until == datetime.fromtimestamp(console.at + hours * 3600, UTC)
    assert known.who == "olu"


def test_until_eight_is_the_next_morning_by_the_lines_clock_whatever_clocks_do() -> None:
    night = datetime(2026, 10, 31, 23, 0, tzinfo=TORONTO).astimezone(UTC)  # Clocks go back in this night.

    assert next_morning(night, TORONTO) == datetime(2026, 11, 1, 13, 0, tzinfo=UTC)
    assert next_morning(datetime(2026, 11, 2, 11, 0, tzinfo=UTC), TORONTO) == datetime(
        2026, 11, 2, 13, 0, tzinfo=UTC
    )


def test_a_switch_is_answered_with_a_banner_that_undoes_it(hands: Hands, console: Console) -> None:
    hands.post("/agencies/chrysalis", to="off", why="moving house", length="open", back="now")
    shown = hands.get("/").text
    again = hands.get("/").text
    hands.post("/agencies/chrysalis", to="on", back="now")

    assert "Chrysalis Network is off until somebody switches it on." in shown
    assert ">Undo" in re.sub(r"<svg.*?</svg> ?", "", shown)
    assert "is off until somebody" not in again
    assert not list_status(console.database, console.at)["chrysalis"].off
    assert "Chrysalis Network is on." in hands.get("/").text


def test_now_and_the_banner_warn_when_every_agency_is_off(hands: Hands, console: Console, flow: Flow) -> None:
    names = [name for name, agency in flow.directory.agencies.items() if agency.transfer]
    for name in names[:-1]:
        switch_off(console.database, name, None, "a holiday")
    before = hands.get("/_now").text

    hands.post(f"/agencies/{names[-1]}", to="off", why="a holiday", back="now")
    shown = hands.get("/").text

    assert f"1 of {len(names)} agencies can be reached" in before
    assert "All agencies are switched off" in shown
    assert "No agency can be reached any more" in shown
    assert 'class="strip strip-bad"' in shown


def test_the_strip_names_who_cannot_be_reached(hands: Hands) -> None:
    hands.post("/agencies/chrysalis", to="off", why="nobody on shift", length="open", back="now")

    told = re.sub(r"<svg.*?</svg> ?", "", hands.get("/_now").text)

    assert "agencies can be reached: Chrysalis Network (off)" in told


@pytest.mark.parametrize(("hour", "lengths"), [(6, ["morning", "tomorrow"]), (22, ["morning"])])
def test_before_eight_two_mornings_are_offered(console: Console, hour: int, lengths: list[str]) -> None:
    at = datetime.fromtimestamp(console.at, TORONTO).replace(hour=hour, minute=4)
    console.at = at.timestamp()
    hands = console.signed_in("zoe", Role.OPERATOR)
    page = hands.get("/").text

    hands.post("/agencies/chrysalis", to="off", why="a storm", length=lengths[-1], back="now")

    offered = re.findall(r'<option value="(morning|tomorrow)"', page)
    until = list_status(console.database, console.at)["chrysalis"].until
    assert [each for each in ("morning", "tomorrow") if each in offered] == lengths
    assert until == (at + timedelta(days=1)).replace(hour=8, minute=0, second=0, microsecond=0)


def test_now_says_in_whose_time_the_last_ring_was(hands: Hands, console: Console) -> None:
    rung = Entry(
        "e" * 32, "ring-s-1", console.at - 80, "voice", order="any", rang="chrysalis", transfer_id="s"
    )
    over = Entry("e" * 32, "end-s-1", console.at - 50, "voice", ended="no_answer", transfer_id="s")
    record(console.database, [rung, over], console.at)

    shown = hands.get("/_now").text

    assert "UTC" not in shown
    assert f"today {datetime.fromtimestamp(console.at - 50, TORONTO):%H:%M}" in shown


def test_a_line_that_is_well_says_so_and_one_whose_caller_reached_nobody_does_not(
    hands: Hands, console: Console
) -> None:
    asked = Entry("e" * 32, "1", console.at - 99, "voice", "en", "person", order="any", transfer_id="s")
    rung = Entry(
        "e" * 32, "ring-s-1", console.at - 80, "voice", order="any", rang="chrysalis", transfer_id="s"
    )
    missed = Entry("e" * 32, "end-s-1", console.at - 50, "voice", ended="no_answer", transfer_id="s")
    over = Entry("e" * 32, "end", console.at - 40, "voice", ended="completed")
    console.twilio = LastSigns(known=True)
    record(console.database, [asked, rung, missed, over], console.at)

    shown = hands.get("/_now").text

    assert "1 caller reached nobody in 24 hours" in shown
    assert 'href="/console/since?since=' in shown


def test_a_caller_of_whom_nothing_is_kept_cannot_be_blocked_and_the_page_says_so(
    hands: Hands, console: Console
) -> None:
    hands.post(f"/calls/{WITHHELD}/block", why="rang forty times", days="2")
    refused = hands.get(f"/calls/{WITHHELD}").text
    hands.post(f"/calls/{CALL}/block", why="rang forty times", days="2")
    done = hands.get(f"/calls/{CALL}").text

    assert "Nobody was blocked: of this call nothing is kept" in refused
    assert "The caller hears the numbers only, until" in done
    assert len(list_blocks(console.database, console.at)) == 1


def test_a_note_is_answered(hands: Hands) -> None:
    hands.post(f"/calls/{CALL}/note", note="The menu was silent")

    assert "The note was added." in hands.get(f"/calls/{CALL}").text


@pytest.mark.parametrize("path", ["/nowhere", "/calls/nobody", "/reports/2026-13", "/x/y.php"])
def test_what_is_not_there_is_told_on_a_page_of_the_console(hands: Hands, path: str) -> None:
    answer = hands.get(path)

    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert 'aria-current="page"' in answer.text  # The console's own frame, with its menu.
    assert "/console/calls" in answer.text


def test_a_form_that_is_too_old_gives_back_what_was_written_and_no_password(hands: Hands) -> None:
    old = hands.client.post(
        f"/console/calls/{CALL}/note", data={"note": "The <law> menu", "password": "hush"}
    )

    assert old.status_code == 400
    assert "The &lt;law&gt; menu</textarea>" in old.text
    assert "hush" not in old.text


@pytest.mark.parametrize("page", ["/calls", "/transfers", "/reports"])
def test_days_that_are_none_or_the_wrong_way_round_are_one_thing_on_every_page(
    hands: Hands, page: str
) -> None:
    turned = hands.get(f"{page}?since=2026-09-20&until=2026-09-10").text
    none = hands.get(f"{page}?since=yesterday&until=2026-09-10").text

    assert 'name="since" value="2026-09-10"' in turned
    assert 'name="until" value="2026-09-20"' in turned
    assert 'role="alert"' not in turned
    assert 'role="alert"' in none
    assert 'name="until" value="2026-09-10"' in none


def test_a_month_of_which_nothing_is_known_offers_no_report_to_publish(hands: Hands) -> None:
    month = hands.get("/reports/2026-03")
    published = hands.get("/reports/2026-03/community")

    assert month.status_code == 200
    assert "/reports/2026-03/community" not in month.text
    assert "/reports/2026-03.pdf" not in month.text
    assert hands.get("/reports/2026-03.pdf").status_code == 404
    assert published.status_code == 404
    assert "nothing to publish" in published.text
    assert "/reports/2026-03" not in hands.get("/reports").text
    assert "/reports/2026-09" in hands.get("/reports").text


def test_the_language_is_switched_on_any_page_and_stays(hands: Hands) -> None:
    answer = hands.post("/language", language="fr", back="/console/transfers")
    elsewhere = hands.post("/language", language="xx", back="https://evil.example/console/")

    assert answer.location == "/console/transfers"
    assert elsewhere.location == "/console/"
    assert '<html lang="fr">' in hands.get("/transfers").text


def test_the_tree_of_a_report_speaks_french_and_has_the_colours_of_the_page(hands: Hands) -> None:
    answer = hands.client.get("/console/reports/chart/tree.svg", headers={"Accept-Language": "fr"})

    assert "Menu principal" in answer.text
    assert "partout\N{NO-BREAK SPACE}: 0 une personne" in answer.text
    assert "anywhere" not in answer.text.replace('class="anywhere"', "").replace(".anywhere", "")
    assert "fill=" not in answer.text.replace('fill="none"', "")
    assert "prefers-color-scheme:dark" in answer.text


def test_several_outcomes_are_filtered_at_once_and_the_result_is_counted(
    hands: Hands, console: Console
) -> None:
    told = Entry("a" * 32, "0", console.at - 90, "voice", "en", "law", heard="key", outcome="informed")
    left = Entry("b" * 32, "0", console.at - 80, "voice", "en", "main", heard="key")
    ends = [Entry(each.call, "end", console.at - 10, "voice", ended="completed") for each in (told, left)]
    record(console.database, [told, left, *ends], console.at)

    both = hands.get("/calls?outcome=informed&outcome=abandoned").text
    one = hands.get("/calls?outcome=informed").text
    exported = hands.get("/calls.csv?outcome=informed&outcome=abandoned").text

    assert [name * 32 in both for name in "ab"] == [True, True]
    assert [name * 32 in one for name in "ab"] == [True, False]
    assert "<strong>2</strong> calls and texts: " in re.sub(r"\s+", " ", both)
    assert "<strong>1</strong> call or text" in re.sub(r"\s+", " ", one)
    assert len(exported.splitlines()) == 3
    assert "outcome=informed&amp;outcome=abandoned" in both  # The export's own address.


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_an_export_of_many_calls_comes_in_parts_which_are_the_whole(
    hands: Hands, console: Console, kind: str
) -> None:
    ids = [f"{number:032x}" for number in range(420)]
    many = [Entry(call, "0", console.at - 1000 + n, "voice", "en", "law") for n, call in enumerate(ids)]
    record(console.database, many, console.at)

    parts = [*hands.client.get(f"/console/calls.{kind}", buffered=False).response]
    lines = b"".join(parts).decode().splitlines()

    rows = csv.DictReader(lines) if kind == "csv" else map(json.loads, lines)
    assert [row["id"] for row in rows] == [WITHHELD, CALL, *reversed(ids)]
    assert len(parts) >= 3
    assert [line.count(",law,") for line in lines if ids[7] in line] == [kind == "csv"]


def test_no_french_page_breaks_a_line_before_a_colon(hands: Hands) -> None:
    french = {"Accept-Language": "fr"}
    pages = ("/", "/calls", f"/calls/{CALL}", "/transfers", "/reports", "/since", "/log", "/outcomes")

    shown = {page: hands.client.get(f"/console{page}", headers=french).text for page in pages}

    words = {page: re.sub(r"<[^>]*>", "|", text) for page, text in shown.items()}
    assert [page for page, text in words.items() if re.search(r"[\w)] :|[^\W\d]:[ |]", text)] == []
    assert "\N{NO-BREAK SPACE}:" in shown["/outcomes"]


def test_every_outcome_is_explained_and_leads_to_its_calls(hands: Hands) -> None:
    shown = hands.get("/outcomes").text

    assert sorted(OUTCOMES) == sorted(OUTCOMES_BY_WEIGHT)
    assert re.findall(r"/console/calls\?outcome=(\w+)", shown) == list(OUTCOMES_BY_WEIGHT)
    assert "/console/outcomes" in hands.get("/calls").text
    assert "/console/outcomes" in hands.get(f"/calls/{CALL}").text


@pytest.mark.parametrize("path", ["/calls?stop=%00", "/calls?%00=1", "/calls/%00", "/calls.csv?stop=a%00"])
def test_an_address_with_the_character_zero_is_refused_whatever_the_database_takes(
    hands: Hands, path: str
) -> None:
    assert hands.get(path).status_code == 400


def test_a_form_with_the_character_zero_is_refused_and_keeps_nothing(hands: Hands) -> None:
    answers = [
        hands.post("/calls/views", "/calls", name="a\0", outcome="connected"),
        hands.post("/notice", "/notice", words_en="Closed\0", length="4"),
    ]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert "Closed" not in hands.get("/notice").text
