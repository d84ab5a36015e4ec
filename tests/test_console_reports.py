"""Report pages and pictures: for operators and for everybody, and never a count that could be one person."""

from __future__ import annotations

import os
import re
import time
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from conftest import ROOT
from console import COUNTS_TOKENS, Console, Hands
from fakes import ENVIRONMENT
from hypothesis import given
from hypothesis import strategies as st
from postgres import put_tables

from ivr.cli.main import main
from ivr.effects import Entry
from ivr.operations.sample_data import SETTLED
from ivr.records.counts import FEW, HIDDEN, CountKey, add_counts, parts_shown, steps_shown
from ivr.records.database import connect
from ivr.records.ingest import record
from ivr.records.periods import month
from ivr.records.report_queries import Report, read_report
from ivr.reports.charts import draw
from ivr.reports.community import (
    COMMUNITY_SECTIONS,
    community_section,
    community_sections,
)
from ivr.reports.document import draw_section, read_translations
from ivr.reports.pdf import PdfError, find_chromium
from ivr.reports.sections import SECTIONS, ReportView, Section, branches
from ivr.web.console.context import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from months import Months

    from ivr.flow.models import Flow
    from ivr.records.database import Database

MARK = "ab" * 16
TORONTO = ZoneInfo("America/Toronto")
NOW = datetime(2026, 11, 25, 15, tzinfo=UTC).timestamp()
SPAN = month(date(2026, 10, 1), TORONTO)
RANGE = "since=2026-10-01&until=2026-10-31"
HANDED_ON = ("/2026-10", "/2026-11", "/2026-10/community")  # Pages that are printed or published.
PAGES = (f"?{RANGE}", "", *HANDED_ON)
PUBLISHED_PICTURES = [f"/2026-10/community/{name}.svg" for name in COMMUNITY_SECTIONS]
PICTURES = [*(f"/chart/{name}.svg?{RANGE}" for name in SECTIONS), *PUBLISHED_PICTURES]
COUNTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.integers(0, 40), max_size=8)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, flow: Flow, months: Months) -> Console:
    made = Console(tmp_path_factory.mktemp("console"), flow, ROOT / "prompts")
    made.at = NOW
    for day in (date(2026, 10, 1) + timedelta(days=n) for n in range(55)):
        told = [replace(entry, mark=MARK) for each in months.conversations(day) for entry in each]
        record(made.database, told, max(entry.at for entry in told) + SETTLED)
    return made


@pytest.fixture(scope="module")
def hands(console: Console) -> Hands:
    return console.signed_in()


def report(days: tuple[int, int] = (400, 90), **counts: dict[str, int]) -> Report:
    """Make a report of October out of some counts."""
    called, texted = days
    per_day = {"calls": [called, *[0] * 30], "texts": [texted, *[0] * 30]}
    return Report(SPAN, per_day, counts, 0)


def said(flow: Flow, told: Report) -> list[str]:
    """Give all that pages, pictures and what is published would say of a report."""
    view = ReportView(told, flow, "en", read_translations("en"))
    sections = [*view.sections(), *community_sections(view)]
    return [f"{section} {draw_section(view, section)}" for section in sections]


@pytest.mark.parametrize(
    ("path", "tongue"), [*((path, "en") for path in PAGES), *((path, "fr") for path in PAGES[::2])]
)
def test_no_page_shows_anything_of_a_caller_nor_one_handed_on_a_small_count(
    hands: Hands, path: str, tongue: str
) -> None:
    answer = hands.client.get(f"/console/reports{path}", headers={"Accept-Language": tongue})

    cells = re.findall(r'<td class="n">([^<]*)</td>', answer.text)
    assert answer.status_code == 200
    assert len(cells) > 20
    small = [cell for cell in cells if cell.isdecimal() and 0 < int(cell) < FEW]
    assert bool(small) is (path not in HANDED_ON)  # Operators read the log itself, and see what it holds.
    assert MARK not in answer.text
    assert re.search(r"\b[0-9a-f]{32}\b|\+1\d{10}", answer.text) is None


@pytest.mark.parametrize("path", PICTURES)
def test_no_picture_runs_or_reveals_anything_nor_one_published_a_small_count(hands: Hands, path: str) -> None:
    answer = hands.get(f"/reports{path}")

    drawing = ET.fromstring(answer.text)  # noqa: S314 - our own
    names = {each.tag.rpartition("}")[2] for each in drawing.iter()}
    style = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    counts = re.findall(r"[:,] ?(\d+)<|(\d+) (?:came|left)", answer.text)
    allowed = re.findall(r"'sha256-([^']+)'", answer.headers["Content-Security-Policy"])
    assert answer.mimetype == "image/svg+xml"
    assert names.isdisjoint({"script", "a", "image", "foreignObject", "use"})
    assert not re.search(r"\son\w+=|\sstyle=|href", answer.text)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert [b64encode(sha256(each.encode()).digest()).decode() for each in style] in ([], allowed)
    small = [each for pair in counts for each in pair if each and 0 < int(each) < FEW]
    assert not small or path not in PUBLISHED_PICTURES
    assert MARK not in answer.text
    assert not re.search(r"\b[0-9a-f]{32}\b|\+1\d{10}", answer.text)
    assert answer.headers["Cache-Control"] == "no-store"


def test_operators_see_true_counts_while_the_log_holds_the_calls(hands: Hands, console: Console) -> None:
    counts = sorted(read_report(console.database, SPAN).of("outcome").values(), reverse=True)

    page = hands.get(f"/reports?{RANGE}").text

    rows = page.split('id="outcomes"')[1].split("</section>")[0]
    assert [int(cell) for cell in re.findall(r'<td class="n">(?:<a[^>]*>)?(\d+)', rows)] == counts
    assert 0 < min(counts) < FEW
    assert "not shown" not in page


def test_of_calls_that_are_forgotten_operators_see_no_small_count(tmp_path: Path, flow: Flow) -> None:
    console = Console(tmp_path, flow, ROOT / "prompts")
    console.at, day = NOW, date(2026, 10, 1)
    with console.database.write() as sql:
        add_counts(sql, {CountKey(day, "calls", ""): 9, CountKey(day, "outcome", "informed"): 3})

    page = console.signed_in().get(f"/reports?{RANGE}").text

    assert "not shown" in page
    assert '<td class="n">3</td>' not in page
    assert 'class="bar not-shown"' in page


@pytest.mark.parametrize(
    "what", ["language", "outcome", "last_stop", "stop", "hour", "transfer", "reached", "text", "nearest"]
)
def test_pages_and_pictures_are_the_same_whatever_a_hidden_count_is(flow: Flow, what: str) -> None:
    names = {
        "language": ("en", "fr", "xx"),
        "outcome": ("informed", "left", "opted_out"),
        "last_stop": ("main", "me", "law"),
        "stop": ("main", "me", "law"),
        "hour": ("mon-09", "tue-10", "wed-03"),
        "transfer": ("connected", "left", "not_connected"),
        "reached": ("rung", "answered", "accepted"),
        "text": ("en keyword", "en unsure", "en unclear"),
        "nearest": ("en shelter", "en law", "en rights"),
    }[what]

    # The parts of a whole must not tell it by their sum either: what makes up for it is hidden too.
    other = 30 if what in {"stop", "reached"} else 27
    beside = {"text": {"en unclear": 400}} if what == "nearest" else {}
    few = said(flow, report(**beside | {what: dict(zip(names, (300, 30, 1), strict=True))}))
    more = said(flow, report(**beside | {what: dict(zip(names, (300, other, 4), strict=True))}))

    assert few == more


def test_a_report_tells_how_many_texts_were_not_understood_and_what_they_are_near(flow: Flow) -> None:
    texts = {"fr unclear": 20, "en keyword": 50, "en danger": 10, "en unsure": 30, "en unclear": 10}
    near = {"en shelter": 33, "en law": 7, "fr shelter": 9, "fr law": 7, "fr rights": 4}
    view = ReportView(
        report(text=texts | {"other unclear": 3}, nearest=near), flow, "en", read_translations("en")
    )

    understood, nearest = view.section("understood"), view.section("nearest")

    hidden = view.translations["hidden"]
    assert understood.rows == (
        ("English", "60", "30", "10", "40%"),
        ("French", "0", "0", "20", "100%"),
        ("another language, or unknown", "0", "0", hidden, hidden),
    )
    assert [(label[:7], each) for label, each in nearest.rows] == [
        ("English", "33"),
        ("English", "7"),
        ("French:", "9"),
        ("French:", hidden),
        ("French:", hidden),
    ]
    assert view.stop_title("shelter") in nearest.rows[0][0]
    assert "English: 40%" in draw_section(view, understood)


@given(counts=COUNTS)
def test_no_small_part_can_be_worked_out_of_a_whole(counts: dict[str, int]) -> None:
    told = parts_shown(counts)

    hidden = [counts[name] for name, cell in told.items() if not cell.isdecimal()]
    small = [count for count in counts.values() if 0 < count < FEW]
    assert {name for name, cell in told.items() if cell == HIDDEN} >= {
        name for name, count in counts.items() if 0 < count < FEW
    }
    # Whoever knows the whole knows what is hidden together: that is not few, or it is all that there is.
    assert not small or sum(hidden) >= FEW or sum(counts.values()) == sum(hidden)


@given(steps=st.lists(st.integers(0, 40), min_size=2, max_size=6))
def test_no_two_steps_that_are_shown_differ_by_few(steps: list[int]) -> None:
    counts = dict(enumerate(sorted(steps, reverse=True)))

    told = steps_shown(counts)

    seen = [int(cell) for cell in told.values() if cell.isdecimal()]
    assert [
        1 for one in seen for other in seen if 0 < abs(one - other) < FEW and min(one, other) >= FEW
    ] == []
    assert list(told) == list(counts)
    assert set(told.values()) <= {*map(str, seen), HIDDEN}


def test_what_is_published_is_rounded_and_names_no_agency_no_hour_no_day(hands: Hands, flow: Flow) -> None:
    page = hands.get("/reports/2026-10/community").text

    cells = [cell for cell in re.findall(r'<td class="n">([^<]*)</td>', page) if cell.isdecimal()]
    main = page[page.index("<h1>") : page.index('class="hint clock"')]
    names = [a.run_by for a in flow.directory.agencies.values()] + list(flow.directory.agencies)
    spoken = [flow.prompts["en"].agencies[name].name for name in flow.prompts["en"].agencies]
    assert len(cells) > 20
    assert [cell for cell in cells if int(cell) % FEW] == []
    assert [name for name in (*names, *spoken) if re.search(rf"\b{re.escape(name)}\b", main)] == []
    assert re.search(r"2026-10-\d|\d:\d\d", main) is None


@pytest.mark.parametrize("token", COUNTS_TOKENS)
def test_another_dashboard_gets_what_is_published_and_no_more(
    console: Console, hands: Hands, flow: Flow, token: str
) -> None:
    asked = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}

    answer = console.app.test_client().get("/counts/2026-10.json", headers=asked)

    told = answer.get_json()
    cells = [cell for each in told["sections"].values() for row in each["rows"] for cell in row[1:]]
    published = hands.get("/reports/2026-10/community").text
    agencies = [each.run_by for each in flow.directory.agencies.values()]
    assert answer.status_code == 200
    assert told["month"] == "2026-10"
    assert set(told["sections"]) == set(COMMUNITY_SECTIONS)
    assert len([cell for cell in cells if isinstance(cell, int)]) > 20
    assert [cell for cell in cells if isinstance(cell, int) and cell % FEW] == []
    for label, count in told["sections"]["totals"]["rows"]:
        assert label in published
        assert count is None or f'<td class="n">{count}</td>' in published
    assert not re.search(r"\b[0-9a-f]{32}\b|\+1\d{10}|2026-10-\d", answer.text)
    assert [name for name in (*agencies, MARK) if name in answer.text] == []
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("2026-10", "", 403),
        ("2026-10", "Bearer of nothing", 403),
        ("2026-11", COUNTS_TOKENS[0], 404),
        ("2026-09", COUNTS_TOKENS[0], 404),
        ("x", COUNTS_TOKENS[0], 404),
    ],
)
def test_without_a_token_or_a_month_that_is_over_there_are_no_counts(
    console: Console, path: str, token: str, status: int
) -> None:
    asked = {"Authorization": f"Bearer {token}"}

    answer = console.app.test_client().get(f"/counts/{path}.json", headers=asked)

    assert answer.status_code == status
    assert set(answer.get_json()) == {"error"}


def test_a_line_without_a_token_gives_nobody_its_counts(tmp_path: Path, flow: Flow) -> None:
    untold = Console(tmp_path, flow, ROOT / "prompts")
    context = untold.app.extensions[NAME]
    untold.app.extensions[NAME] = replace(context, counts_tokens=())

    for words in ("", "Bearer", "Bearer ", f"Bearer {COUNTS_TOKENS[0]}"):
        asked = {"Authorization": words}
        assert untold.app.test_client().get("/counts/2026-10.json", headers=asked).status_code == 403


def test_every_language_is_called_by_its_name(flow: Flow) -> None:
    for reader in ("en", "fr"):
        view = ReportView(report(), flow, reader, read_translations(reader))
        names = {view.translate(language).casefold() for language in flow.languages}
        assert names == {name.casefold() for name in flow.prompts[reader].languages.values()}


def test_the_published_total_cannot_tell_a_hidden_part(flow: Flow) -> None:
    counts = report(language={"en": 41, "fr": 23, "xx": 3})
    view = ReportView(counts, flow, "en", read_translations("en"))

    rows = dict(community_section(view, "languages").rows)

    assert rows == {"English": "40", "French": HIDDEN, "xx": HIDDEN}


def test_a_month_that_is_not_over_is_not_published(hands: Hands) -> None:
    assert hands.get("/reports/2026-11/community").status_code == 404
    assert hands.get("/reports/2026-11/community/totals.svg").status_code == 404
    assert "not over" in hands.get("/reports/2026-11/community").text


@pytest.mark.parametrize("path", ["/2026-13", "/2027-01", "/x", "/1999-12", "/2026-10-01", "/chart/x.svg"])
def test_what_is_no_month_and_no_picture_is_not_there(hands: Hands, path: str) -> None:
    assert hands.get(f"/reports{path}").status_code == 404


@pytest.mark.parametrize("days", ["since=0001-01-01&until=9999-12-31", "since=2026-12-01", "since=x&until=y"])
def test_a_range_without_end_is_cut_to_a_year(hands: Hands, days: str) -> None:
    shown = hands.get(f"/reports?{days}")

    assert shown.status_code == 200
    days_told = len(re.findall(r'<th scope="row"><a [^>]+>20\d\d-', shown.text))
    assert days_told <= 366
    assert days_told or "Nobody called or texted on these days" in shown.text
    assert hands.get(f"/reports/chart/days.svg?{days}").status_code == 200


def test_the_branches_are_those_of_the_main_menu_and_sift_the_log(hands: Hands, flow: Flow) -> None:
    first, *_ = branches(flow)

    every = hands.get("/calls.csv?since=2026-11-20&until=2026-11-24").text.splitlines()[1:]
    theirs = hands.get(f"/calls.csv?since=2026-11-20&until=2026-11-24&audience={first}").text.splitlines()[1:]

    assert branches(flow) == tuple(flow.stops[flow.menus.home].options.values())  # type: ignore[union-attr]
    assert theirs == [row for row in every if first in row.split(",")[6].split()]
    assert len(every) > len(theirs) > 5
    assert 'role="alert"' in hands.get("/calls?audience=nobody").text


def test_days_and_hours_are_those_of_the_lines_own_clock(tmp_path: Path, flow: Flow) -> None:
    console = Console(tmp_path, flow, ROOT / "prompts")
    console.at = NOW
    at = datetime(2026, 11, 2, 4, 30, tzinfo=UTC).timestamp()  # Half past eleven at night, on the 1st.
    record(console.database, [Entry("c" * 32, "0", at, "voice", "en", "hello")], NOW)
    hands = console.signed_in()

    there = hands.get("/calls?since=2026-11-01&until=2026-11-01&hour=23").text
    elsewhere = hands.get("/calls?since=2026-11-02&until=2026-11-02").text

    assert ">Sun 2026-11-01 23:30<" in there
    assert "c" * 32 not in elsewhere
    assert all(
        "America/Toronto" in hands.get(path).text for path in ("/", "/calls", "/transfers", "/reports")
    )


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, months: Months) -> Iterator[dict[str, str]]:
    """Give the settings of a line whose log holds pretend months."""
    url = f"sqlite:///{tmp_path_factory.mktemp('printed')}/line.sqlite3"
    put_tables(url)
    database: Database = connect(url)
    months.fill(database, time.time())
    yield ENVIRONMENT | {
        "DATABASE_URL": url,
        "IVR_CONFIG": str(ROOT / "config"),
        "IVR_PROMPTS": str(ROOT / "prompts"),
    }
    database.close()


def last_month() -> str:
    today = datetime.now(TORONTO).date()
    return f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"


def test_a_month_is_printed_in_the_terminal(environment: dict[str, str]) -> None:
    told = CliRunner().invoke(main, ["report", last_month(), "--language", "fr"], env=environment)
    early = CliRunner().invoke(main, ["report", "2999-01"], env=environment)

    assert told.exit_code == 0, told.output
    assert "Appels et textos par jour" in told.output
    assert HIDDEN not in told.output
    assert "no month that has begun" in early.output


@pytest.mark.parametrize(("kind", "sheets"), [((), {5, 6, 7}), (("--community",), {1, 2, 3})])
def test_a_month_is_printed_on_paper(
    environment: dict[str, str], tmp_path: Path, kind: tuple[str, ...], sheets: set[int]
) -> None:
    try:
        find_chromium()
    except PdfError as lacking:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(lacking))
    paper = tmp_path / "month.pdf"

    told = CliRunner().invoke(main, ["report", last_month(), "--pdf", str(paper), *kind], env=environment)

    assert told.exit_code == 0, told.output
    assert paper.read_bytes().startswith(b"%PDF")
    assert paper.read_bytes().count(b"/Type /Page\n") in sheets


def test_without_chromium_the_command_says_how_to_get_it(environment: dict[str, str], tmp_path: Path) -> None:
    told = CliRunner().invoke(
        main,
        ["report", last_month(), "--pdf", str(tmp_path / "x.pdf")],
        env=environment | {"PATH": str(tmp_path)},
    )

    assert told.exit_code == 1
    assert "Chromium is not on this machine" in told.output


def test_the_picture_of_a_month_that_goes_on_has_the_days_of_its_table(hands: Hands) -> None:
    page = hands.get("/reports/2026-11").text

    source = re.findall(r'src="/console(/reports/chart/days[^"]+)"', page)[0].replace("&amp;", "&")

    assert len(re.findall(r'<th scope="row"><a [^>]+>2026-11-\d\d<', page)) == 30
    assert ">30<" in hands.get(source).text


def test_a_scale_of_few_calls_counts_each_once() -> None:
    drawn = draw(Section("outcomes", "ranked", ("way", "count"), (("left", "1"), ("connected", "2"))), "", "")

    marks = re.findall(r">(\d+)</text>", drawn)
    assert marks == sorted(set(marks))
    assert {"0", "1", "2"} <= set(marks)


def test_a_count_of_a_day_that_is_hidden_is_drawn_dashed_and_nothing_is_drawn_of_none() -> None:
    rows = (("2026-11-01", "12", "not shown"), ("2026-11-02", "7", "6"), ("2026-11-03", "0", "0"))
    drawn = draw(Section("days", "days", ("day", "calls", "texts"), rows), "", "")

    bars = re.findall(r'<rect [^>]*class="([^"]+)"[^>]*height="([^"]+)"|<rect [^>]*height="([^"]+)"', drawn)
    kinds = [kind for kind, high, _ in bars if high != "14"]  # Those of the legend are as high as wide.

    assert kinds == ["color-0", "few", "color-0", "color-1"]
    assert ">not shown</text>" in drawn
    assert ">15</text>" in drawn


@pytest.mark.parametrize(("hours", "label"), [(1, "10"), (3, "9-12")])
def test_the_hours_of_a_week_have_room_for_their_names(hours: int, label: str) -> None:
    heads = tuple(f"{n}-{n + hours}" for n in range(0, 24, hours))
    drawn = draw(Section("hours", "heat", ("day", *heads), (("Monday", *["0"] * len(heads)),)), "", "")

    assert f">{label}<" in drawn
    assert (">10-11<" in drawn) is False


def test_counts_are_shown_again_for_as_long_as_they_hold_and_no_longer(tmp_path: Path, flow: Flow) -> None:
    class Holding(Console):
        counts_hold = 30

    console = Holding(tmp_path, flow, ROOT / "prompts")
    console.at = NOW
    hands = console.signed_in()

    def total() -> str:
        found = re.search(r"<strong>(\d+)</strong>", hands.get("/reports").text)
        return found[1] if found else ""

    before = total()
    called = [Entry(f"held{n}", "1", console.at - 60, "voice", "en", "main") for n in range(7)]
    record(console.database, called, console.at)
    held = total()
    console.at += 30

    assert (before, held, total()) == ("0", "0", "7")
