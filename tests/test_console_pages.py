"""What operators see and switch: the log, one call, agencies; never who called."""

from __future__ import annotations

import json
import re
from datetime import date
from html import escape
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import Console, Hands

from ivr.caller_limits import CallerLimits, ListedCallers
from ivr.effects import Entry
from ivr.pseudonyms import KnownCaller
from ivr.records.agency_status import list_status
from ivr.records.audit import list_audit_entries
from ivr.records.counts import HIDDEN, count_delivery
from ivr.records.deletion import erase
from ivr.records.ingest import record
from ivr.records.operators import Role
from ivr.records.opt_outs_blocks import list_blocks
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

    assert ">Law and rights</td>" in operator
    assert ">Law and rights</td>" not in viewer
    assert ">French</td>" in viewer


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

    rung = r'<th scope="row">{}</th><td><span class="state state-busy">.* {}</span></td>'
    rung += r'<td class="n"[^>]*>0:12</td>'
    assert re.search(rung.format("Victim Services", "rings") + "<td[^>]*>French</td>", shown)
    assert re.search(rung.format("[^<]+", "sonne") + "<td[^>]*>français</td>", french)
    assert "</svg> no answer</span>" in shown
    assert "</svg> sans réponse</span>" in french


@pytest.mark.parametrize(
    ("signs", "words"),
    [
        (LastSigns(), ["not known, as Redis does not answer"]),
        (LastSigns(known=True), ["not heard from within a day", "has not worked within a day"]),
        (
            LastSigns(known=True, heard=1_790_000_000.0, swept=1_789_999_000.0),
            ["last heard from today 10:13", "last worked today 09:56"],
        ),
        (
            LastSigns(known=True, swept=1_789_999_000.0, failed=1_790_000_000.0),
            ["did not see everything: today 10:13", "last worked today 09:56"],
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
    assert rows[0]["started_at"] == "2026-09-21T10:00-04:00"  # By the line's clock.
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

    assert welcome.turns_away(KnownCaller(mark=MARK, marks=(MARK,)), "voice") == "blocked"
    assert welcome.turns_away(KnownCaller(mark="other", marks=("other",)), "voice") == ""
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


def test_a_month_to_print_shows_no_count_that_could_be_one_person(hands: Hands) -> None:
    printed = hands.get("/reports/2026-09").text
    asked = hands.get("/reports?since=2026-09-01&until=2026-09-30").text

    assert f'<td class="n">{escape(HIDDEN)}</td>' in printed
    assert '<td class="n">1</td>' not in printed
    assert HIDDEN not in asked  # Operators read the log itself.


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

    assert [row for row in kept if re.search(r"555.?0123", row)] == []
    assert any("[number]" in row for row in kept)


@pytest.mark.parametrize(
    "address",
    [
        *("/transfers?until=0001-01-01", "/reports?until=0001-01-01", "/calls?until=0001-01-01"),
        *("/transfers?since=9999-12-31&until=9999-12-31", "/transfers?since=0001-01-01&until=0001-01-02"),
        *("/calls?endpoint=x", "/calls?kind=x", "/calls?_method=POST", "/calls?_external=1&_scheme=x"),
        *("/calls?_anchor=x&after=x", "/reports/chart/days.svg?until=0001-01-01"),
        *("/audit?until=9999-12-31", "/audit/export.csv?until=9999-12-31", "/calls?until=9999-12-31"),
        *("/since?until=9999-12-31", "/since?since=0001-01-01", "/reports?since=9999-12-31&until=9999-12-31"),
    ],
)
def test_no_address_that_somebody_types_breaks_a_page(hands: Hands, address: str) -> None:
    assert hands.get(address).status_code == 200


@pytest.fixture
def going_on(console: Console) -> str:
    """Have a call go on at a stop."""
    entry = Entry(call="live" + "0" * 28, key="0", at=console.at, channel="voice", language="en", stop="law")
    record(console.database, [entry], console.at)
    return entry.call


@pytest.mark.parametrize(("role", "sees"), [(Role.VIEWER, False), (Role.OPERATOR, True)])
def test_a_live_stop_is_shown_to_those_alone_to_whom_now_shows_it(
    console: Console,
    going_on: str,
    role: Role,
    sees: bool,  # noqa: FBT001
) -> None:
    hands = console.signed_in("vic", role)

    shown = {
        "now": ">Law and rights</td>" in hands.get("/_now").text,
        "list": ">Law and rights</td>" in hands.get("/calls?channel=voice").text,
        "page": "Law and rights" in hands.get(f"/calls/{going_on}").text,
        "filter": going_on in hands.get("/calls?stop=law").text,
        "export": '"law"' in hands.get("/calls.json").text,
        "export of a filter": going_on in hands.get("/calls.csv?stop=law").text,
    }

    assert shown == dict.fromkeys(shown, sees)
    assert going_on in hands.get("/calls").text


def test_a_viewer_sees_the_stops_of_a_call_that_is_over(console: Console, going_on: str) -> None:
    over = Entry(call=going_on, key="end", at=console.at + 60, channel="voice", ended="completed")
    record(console.database, [over], console.at + 60)
    hands = console.signed_in("vic", Role.VIEWER)

    assert ">Law and rights</td>" in hands.get("/calls?stop=law").text
    assert "<strong>Law and rights</strong>" in hands.get(f"/calls/{going_on}").text


def test_the_deed_of_an_export_names_its_filter_and_no_number(hands: Hands, console: Console) -> None:
    hands.get("/calls.csv?language=fr&hour=0&since=2026-09-01&stop=905|555|0177")
    hands.get("/calls.json")

    assert [deed.about for deed in list_audit_entries(console.database)][:2] == [
        "json: all",
        "csv: since=2026-09-01 hour=0 language=fr stop=[number]",
    ]


@pytest.mark.parametrize("path", ["/console//evil", "/en", "/console", "//evil.example/en", "/materials/"])
def test_no_redirect_goes_where_the_host_header_says(console: Console, path: str) -> None:
    answer = console.app.test_client().get(path, headers={"Host": "evil.example"})

    assert answer.status_code in {303, 308, 404}
    assert "evil.example" not in answer.headers.get("Location", "").removeprefix("/evil.example/en")
    assert answer.headers.get("Location", "/").startswith("/")
    assert not answer.headers.get("Location", "/").startswith("//")
    assert "http" not in answer.text or answer.status_code == 404


@pytest.mark.parametrize(
    "why", ["905|555|0177", "9\ufe0f\u20e305 555 0177", "9O5 555 O177", "nine oh five 555 0177"]
)
def test_a_number_is_kept_in_no_note_and_no_name(hands: Hands, why: str) -> None:
    hands.post(f"/calls/{CALL}/note", note=f"They left {why} again")
    name = why.replace("|", ".").replace(" ", "-").replace("\ufe0f\u20e3", "")
    refused = hands.post("/operators/add", "/operators", name=name, role="viewer")

    assert "They left [number]" in hands.get(f"/calls/{CALL}").text
    assert refused.status_code == 409
