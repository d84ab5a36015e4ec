"""What a report begins with, how it is taken along, and that every number leads to its calls."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import Console

from ivr.effects import Entry
from ivr.flow.models import ServiceTargets
from ivr.records.audit import list_audit_entries
from ivr.records.call_summary import summarize
from ivr.records.counts import HIDDEN, CountKey, add_counts
from ivr.records.ingest import record
from ivr.records.periods import Period, period_before
from ivr.reports.document import read_translations
from ivr.reports.pdf import KEPT_SECONDS, PdfError, PrintedPages
from ivr.reports.sections import Figures, change_words, headlines

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.flow.models import Flow

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC).timestamp()
TARGETS = ServiceTargets(reached=80, within_30=80)


def ring(call: str, began: float, how: str) -> list[Entry]:
    """Tell a call whose caller asks for a person; an agency is rung, and takes it or does not."""
    asked = Entry(call, "1", began, "voice", "en", "person", order="any", transfer_id=call)
    told = [asked, of(call, "ring", began + 1, rang="chrysalis")]
    if how == "accepted":  # Nobody noted the answer itself: only the key.
        told.append(of(call, "accept", began + 11, outcome="accepted"))
    told.append(of(call, "end", began + 21, ended=how))
    return [*told, Entry(call, "end", began + 30, "voice")]


def of(call: str, kind: str, at: float, **said: str) -> Entry:
    return Entry(call, f"{kind}-{call}-1", at, "voice", order="any", transfer_id=call, **said)


@pytest.fixture
def console(tmp_path: Path, flow: Flow) -> Console:
    made = Console(tmp_path, flow, ROOT / "prompts")
    made.at = NOW
    stories = [("a" * 32, "accepted"), ("b" * 32, "accepted"), ("c" * 32, "no_answer")]
    record(made.database, [entry for name, how in stories for entry in ring(name, NOW - 3600, how)], NOW)
    return made


def test_whoever_took_a_call_has_answered_it_also_where_nobody_noted_that() -> None:
    (transfer,) = summarize(ring("a", 1000.0, "accepted"), 2000.0).transfers

    assert [attempt.picked_up for attempt in transfer.attempts] == [1011.0]


def test_every_number_of_an_agency_leads_to_as_many_calls(console: Console) -> None:
    hands = console.signed_in()
    page = hands.get("/transfers").text

    links = re.findall(r'href="/console(/calls\?[^"]*agency=[^"]*)">(\d+)<', page)

    assert len(links) == 6  # Rung, answered, accepted, missed, no answer; missed at its hour.
    for address, count in links:
        shown = hands.get(address.replace("&amp;", "&")).text
        assert len(re.findall(r'<td data-value="[^"]*"><a href="/console/calls/', shown)) == int(count)
    assert [count for _, count in links] == ["3", "2", "2", "1", "1", "1"]


def test_reports_and_transfers_tell_the_same_wait_and_keep_each_others_days(console: Console) -> None:
    hands, days = console.signed_in(), "since=2026-11-20&until=2026-11-25"
    transfers, reports = (hands.get(f"/{page}?{days}").text for page in ("transfers", "reports"))

    half = [re.search(r"Half of them waited.*?(\d:\d\d)", page, re.DOTALL) for page in (transfers, reports)]

    assert [found[1] for found in half if found] == ["0:11", "0:11"]
    assert f'href="/console/reports?{days.replace("&", "&amp;")}"' in transfers


def test_a_figure_of_few_is_compared_with_nothing() -> None:
    few, many = Figures(120, 10, 9, 9, 9, 20.0), Figures(100, 10, 50, 40, 40, 30.0)

    told = {each.name: each for each in headlines(many, few, TARGETS)}

    assert {told[name].change for name in ("reached", "within_30", "median", "asked")} == {None}


def test_transfers_say_from_which_day_on_calls_are_kept(console: Console) -> None:
    with console.database.write() as sql:
        add_counts(sql, {CountKey(date(2026, 10, 1), "calls", ""): 9})
    hands = console.signed_in()

    assert "Calls before Wed 2026-11-25 are deleted" in hands.get("/transfers?since=2026-10-01").text
    assert "are deleted" not in hands.get("/transfers?since=2026-11-25").text


def test_a_figure_of_transfers_leads_to_its_calls_and_knows_its_target(console: Console) -> None:
    page = console.signed_in().get("/transfers").text

    assert re.search(r'person=reached">67%</a>', page)
    assert re.search(r'person=unreached">1</a>', page)
    assert "Target 80%: not met" in page


def test_a_figure_is_compared_with_the_period_before() -> None:
    t = read_translations("en")
    now, before = Figures(120, 10, 50, 45, 40, 20.0), Figures(100, 10, 50, 40, 40, 30.0)

    told = {each.name: each for each in headlines(now, before, TARGETS)}

    words = {name: change_words(each, t) for name, each in told.items()}
    assert words["reached"] == "+10 points, from 80%"
    assert words["median"] == "\N{MINUS SIGN}10 s, from 0:30"
    assert words["calls"] == "+20%, from 100"
    assert words["texts"] == "as before"
    assert (told["reached"].met, told["reached"].better, told["unreached"].better) == (True, True, True)


def test_of_a_small_count_before_nobody_is_told_percents() -> None:
    t = read_translations("en")
    now, before = Figures(327, 0, 97, 84, 60, 30.0), Figures(9, 0, 2, 2, 2, 30.0)

    words = {each.name: change_words(each, t) for each in headlines(now, before, TARGETS, exact=True)}

    assert (words["asked"], words["calls"]) == ("2 before", "9 before")


def test_what_is_to_be_printed_tells_no_small_part_by_its_share() -> None:
    few = Figures(30, 9, 20, 17, 16, 20.0)

    printed, exact = (
        {each.name: each.value for each in headlines(few, None, TARGETS, exact=e)} for e in (False, True)
    )

    assert (printed["reached"], printed["unreached"], printed["within_30"]) == (HIDDEN, HIDDEN, HIDDEN)
    assert (exact["reached"], exact["unreached"]) == ("85", "3")


@pytest.mark.parametrize(
    ("since", "until", "before"),
    [
        (date(2026, 10, 1), date(2026, 10, 31), (date(2026, 9, 1), date(2026, 9, 30))),
        (date(2026, 11, 1), date(2026, 11, 30), (date(2026, 10, 1), date(2026, 10, 25))),
        (date(2026, 3, 1), date(2026, 3, 30), (date(2026, 2, 1), date(2026, 2, 28))),
        (date(2026, 11, 19), date(2026, 11, 25), (date(2026, 11, 12), date(2026, 11, 18))),
    ],
)
def test_the_period_before_is_the_same_part_of_the_month_before_or_as_many_days(
    since: date, until: date, before: tuple[date, date]
) -> None:
    found = period_before(Period(since, until), date(2026, 11, 25))

    assert (found.since, found.until) == before


def test_a_report_is_taken_along_with_the_numbers_of_its_page(console: Console) -> None:
    hands = console.signed_in()

    rows = list(csv.DictReader(io.StringIO(hands.get("/reports/export.csv").text)))
    book = hands.get("/reports/export.xlsx").data

    names = zipfile.ZipFile(io.BytesIO(book)).namelist()
    texts = zipfile.ZipFile(io.BytesIO(book)).read("xl/sharedStrings.xml").decode()
    figures = {row["row"]: row["value"] for row in rows if row["column"] == "These days"}
    assert figures["Asked for a person"] == "3"  # As the log has it, which the same people read.
    assert "not shown" not in {row["value"] for row in rows}
    assert len([name for name in names if name.startswith("xl/worksheets/sheet")]) > 5
    assert "Reached a person, of all who asked" in texts
    assert [entry.did for entry in list_audit_entries(console.database)][:2] == ["report exported"] * 2
    assert hands.get("/reports/export.csv?since=x").status_code == 400
    assert hands.get("/reports/export.exe").status_code == 404


def test_a_page_is_printed_once_in_ten_minutes() -> None:
    at, printed = [0.0], list[str]()

    def to_paper(html: str) -> bytes:
        printed.append(html)
        return html.encode()

    pages = PrintedPages(to_paper, lambda: at[0])
    first = [pages.read("a", lambda: "one") for _ in range(2)]
    at[0] = KEPT_SECONDS + 1.0
    later = pages.read("a", lambda: "two")

    assert (first, later, printed) == ([b"one", b"one"], b"two", ["one", "two"])


def test_without_chromium_the_page_says_how_to_get_it(tmp_path: Path, flow: Flow) -> None:
    def fails(_: str) -> bytes:
        raise PdfError("Chromium is not on this machine: apt-get install chromium")

    console = Console(tmp_path, flow, ROOT / "prompts", printed=PrintedPages(fails))
    month = datetime.fromtimestamp(console.at, UTC) - timedelta(days=31)
    told = Entry("a" * 32, "0", month.timestamp(), "voice", "en", "law", heard="key")
    record(console.database, [told], console.at)

    answer = console.signed_in().get(f"/reports/{month:%Y-%m}.pdf")

    assert answer.status_code == 503
    assert "apt-get install chromium" in answer.text
