"""What operators see and switch: the log, one call, agencies; never who called."""

from __future__ import annotations

import json
from datetime import date
from html import escape
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import Console, Hands

from ivr.caller_limits import CallerLimits, ListedCallers
from ivr.effects import Entry
from ivr.pseudonyms import Caller
from ivr.records.agency_status import list_status
from ivr.records.audit import list_audit_entries
from ivr.records.deletion import erase
from ivr.records.disclosure import UNDER
from ivr.records.ingest import record
from ivr.records.operators import Role
from ivr.records.opt_outs_blocks import list_blocks
from ivr.records.text_deliveries import count_delivery
from ivr.work.twilio_heartbeat import LastSigns

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.flow.models import Flow

MARK = "ab" * 16
CALL = "c0ffee" + "0" * 26


@pytest.fixture
def console(tmp_path: Path, flow: Flow) -> Console:
    made = Console(tmp_path, flow, ROOT / "prompts")
    entries = [
        entry(CALL, f"{n}", made.at - 100 + n, stop) for n, stop in enumerate(("hello", "main", "law"))
    ]
    text = entry("d" * 32, "0", made.at - 50, "signs-someone", channel="text")
    record(made.database, [*entries, text], made.at)
    return made


def entry(call: str, key: str, at: float, stop: str, *, channel: str = "voice") -> Entry:
    language = "en" if channel == "voice" else "fr"
    return Entry(
        call=call, key=key, at=at, channel=channel, language=language, stop=stop, heard="key", mark=MARK
    )


@pytest.fixture
def hands(console: Console) -> Hands:
    return console.signed_in()


@pytest.mark.parametrize("tongue", ["en", "fr"])
def test_every_page_is_there_and_shows_no_mark(hands: Hands, tongue: str) -> None:
    paths = ["/", "/_now", "/calls", f"/calls/{CALL}", "/transfers", "/reports", "/audit"]
    paths += ["/operators", "/retention", "/blocks", "/prompts", "/prompts/stops.law.say"]

    answers = {
        path: hands.client.get(f"/console{path}", headers={"Accept-Language": tongue}) for path in paths
    }

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(paths, 200)
    assert [path for path, answer in answers.items() if MARK in answer.text] == []


def test_now_shows_a_call_that_goes_on_and_its_stop_to_operators_alone(console: Console) -> None:
    operator = console.signed_in("olu", Role.OPERATOR).get("/_now").text
    viewer = console.signed_in("vic", Role.VIEWER).get("/_now").text

    assert "<td>law</td>" in operator
    assert "<td>law</td>" not in viewer
    assert "<td>fr</td>" in viewer


def test_now_shows_who_is_rung_and_for_how_long_and_how_the_last_rings_went(
    hands: Hands, console: Console
) -> None:
    at = console.at
    rings = [
        Entry("e" * 32, "1", at - 99, "voice", "fr", "person", order="any", transfer_id="s"),
        Entry("e" * 32, "ring-s-1", at - 80, "voice", order="any", rang="chrysalis", transfer_id="s"),
        Entry("e" * 32, "end-s-1", at - 50, "voice", ended="no_answer", transfer_id="s"),
        Entry("e" * 32, "ring-s-2", at - 12, "voice", order="any", rang="victim-services", transfer_id="s"),
    ]
    record(console.database, rings, at)

    shown = hands.get("/_now").text
    french = hands.client.get("/console/_now", headers={"Accept-Language": "fr"}).text

    rung = '<th scope="row">victim-services</th><td>{}</td><td class="n">12</td><td>fr</td>'
    assert rung.format("rings") in shown
    assert rung.format("sonne") in french
    assert "<td>no answer</td>" in shown
    assert "<td>sans réponse</td>" in french


@pytest.mark.parametrize(
    ("signs", "words"),
    [
        (LastSigns(), ["Twilio: <strong>not known, as Redis does not answer</strong>"]),
        (LastSigns(known=True), ["not heard from within a day", "has not worked within a day"]),
        (
            LastSigns(known=True, heard=1_790_000_000.0, swept=1_789_999_000.0),
            ["last heard from at 2026-09-21 10:13", "last worked at 2026-09-21 09:56"],
        ),
        (
            LastSigns(known=True, swept=1_789_999_000.0, failed=1_790_000_000.0),
            ["did not see everything at 2026-09-21 10:13", "last worked at 2026-09-21 09:56"],
        ),
    ],
)
def test_now_says_when_twilio_was_last_heard_from(
    hands: Hands, console: Console, signs: LastSigns, words: list[str]
) -> None:
    console.twilio = signs

    shown = hands.get("/_now").text

    assert [each for each in words if each not in shown] == []


def test_now_counts_texts_that_did_not_arrive_by_their_reason_and_none_of_a_few(
    hands: Hands, console: Console
) -> None:
    for reason in ["30007"] * 6 + ["30034", ""]:
        count_delivery(console.database, date(2026, 9, 20), reason)

    shown = hands.get("/_now").text
    french = hands.client.get("/console/_now", headers={"Accept-Language": "fr"}).text

    assert '30007: carriers filter our texts</th><td class="n">6</td>' in shown
    assert '30034: our number is not registered in the United States</th><td class="n">' in shown
    assert '<td class="n">1</td>' not in shown.partition("Texts that did not arrive")[2]
    assert "les réseaux filtrent nos textos" in french


def test_a_filter_in_the_address_keeps_what_it_names(hands: Hands) -> None:
    shown = hands.get("/calls?channel=voice").text

    assert f"/console/calls/{CALL}" in shown
    assert "/console/calls/" + "d" * 32 not in shown


def test_a_filter_that_cannot_be_read_is_named(hands: Hands) -> None:
    shown = hands.get("/calls?since=yesterday&hour=99")

    assert shown.status_code == 200
    assert 'role="alert"' in shown.text
    assert hands.get("/calls.csv?since=yesterday").status_code == 400


def test_an_export_is_what_is_filtered_by_the_hour_and_without_marks(hands: Hands, console: Console) -> None:
    rows = [json.loads(row) for row in hands.get("/calls.json?language=fr").text.splitlines()]
    table = hands.get("/calls.csv").text

    assert [row["id"] for row in rows] == ["d" * 32]
    assert rows[0]["started_at"].endswith(":00Z")
    assert len(table.splitlines()) == 3
    assert MARK not in table
    assert [deed.did for deed in list_audit_entries(console.database)][:2] == ["calls exported"] * 2


def test_an_agency_is_switched_off_with_a_reason_and_on_again(hands: Hands, console: Console) -> None:
    hands.post("/agencies/chrysalis", to="off", why="moving house", hours="2")
    off = list_status(console.database, console.at)["chrysalis"]
    hands.post("/agencies/chrysalis", to="on")
    on = list_status(console.database, console.at)["chrysalis"]

    assert (off.off, off.why, on.off) == (True, "moving house", False)
    assert off.until
    assert [d.did for d in list_audit_entries(console.database)][:2] == [
        "agency switched on",
        "agency switched off",
    ]


def test_nothing_is_switched_off_without_a_reason(hands: Hands, console: Console) -> None:
    hands.post("/agencies/chrysalis", to="off", why=" ")

    assert "chrysalis" not in list_status(console.database, console.at)


def test_a_blocked_caller_is_known_by_this_months_mark_and_the_page_does_not_show_it(
    hands: Hands, console: Console
) -> None:
    hands.post(f"/calls/{CALL}/block", why="rang forty times", days="2")
    (blocked,) = list_blocks(console.database, console.at)
    welcome = CallerLimits(lists=lambda: ListedCallers(blocked=frozenset({blocked.mark})))

    assert welcome.turns_away(Caller(mark=MARK, marks=(MARK,)), "voice") == "blocked"
    assert welcome.turns_away(Caller(mark="other", marks=("other",)), "voice") == ""
    assert MARK not in hands.get("/audit").text


def test_a_note_is_kept_with_the_call_and_goes_with_it(hands: Hands) -> None:
    hands.post(f"/calls/{CALL}/note", note="The <law> menu was silent")

    assert "The &lt;law&gt; menu was silent" in hands.get(f"/calls/{CALL}").text


def test_a_call_that_is_not_there_takes_no_note(hands: Hands) -> None:
    answer = hands.post("/calls/nobody/note", note="x")

    assert answer.status_code == 303
    assert hands.get("/calls/nobody").status_code == 404


def test_the_console_says_plainly_when_the_records_are_gone(hands: Hands, tmp_path: Path) -> None:
    for file in tmp_path.glob("console.sqlite3*"):
        file.unlink()

    assert hands.get("/").status_code == 303
    assert hands.get("/sign-in").status_code == 200


def test_a_report_shows_no_count_that_could_be_one_person(hands: Hands) -> None:
    shown = hands.get("/reports?since=2026-09-01&until=2026-10-30").text

    assert f'<td class="n">{escape(UNDER)}</td>' in shown
    assert '<td class="n">1</td>' not in shown


@pytest.mark.parametrize("days", ["", "x", "9" * 5000])
def test_a_length_that_is_none_does_no_harm(hands: Hands, console: Console, days: str) -> None:
    hands.post(f"/calls/{CALL}/block", why="rang forty times", days=days)
    (blocked,) = list_blocks(console.database, console.at)

    assert (blocked.until.timestamp() - console.at) / 86_400 == 1
    assert hands.get(f"/audit?before={days}").status_code == 200


def test_nothing_of_a_caller_who_is_erased_stays_with_the_operators(hands: Hands, console: Console) -> None:
    hands.post(f"/calls/{CALL}/block", why="rang forty times", days="2")
    hands.post(f"/calls/{CALL}/note", note="The menu was silent")

    erase(console.database, [MARK], console.at)

    assert list_blocks(console.database, console.at) == []
    assert [row for row in map(str, list_audit_entries(console.database)) if CALL in row] == []


def test_a_number_that_an_operator_types_is_not_kept(hands: Hands, console: Console) -> None:
    hands.post(f"/calls/{CALL}/block", why="rang from (905) 555-0123", days="2")
    hands.post(f"/calls/{CALL}/note", note="call +1 905 555 0123 back")
    hands.post("/agencies/chrysalis", to="off", why="try 905.555.0123")
    kept = [
        *map(str, list_audit_entries(console.database)),
        *map(str, list_blocks(console.database, console.at)),
        str(list_status(console.database, console.at)),
        hands.get(f"/calls/{CALL}").text,
    ]

    assert [row for row in kept if "0123" in row] == []
    assert any("[number]" in row for row in kept)
