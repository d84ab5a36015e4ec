"""Whoever can be called is in the directory, is found by callers, and is dialled by a person who says so."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import ROOT

from ivr.checks.agencies import numbers
from ivr.cli.main import main
from ivr.flow.graph import below
from ivr.flow.models import Flow  # noqa: TC001 - a fixture's type
from ivr.operations.toml_editing import DialTest, DialTestError, write_dial_test

FILE = (ROOT / "config/agencies.toml").read_text("utf-8")
TODAY = date(2026, 11, 24)
GATHERED = {  # Every number of confidence H or M among the gathered facts, section 4.
    "Victim Services": "+19055464904",
    "police, not urgent": "+19055464925",
    "COAST": "+19059728338",
    "national hotline": "+18339001010",
    "Kids Help Phone": "+18006686868",
    "211 Ontario": "+18773303213",
    "Victim Support Line": "+18885792888",
    "Talk4Healing": "+18555544325",
    "Fem'aide": "+18773362433",
    "Legal Aid Ontario": "+18006688258",
    "Crime Stoppers": "+18002228477",
    "tip line for workers": "+18666029448",
    "work rights office": "+18005315551",
    "immigration office": "+18882422100",
    "border watch line": "+18885029060",
    "SACHA": "+19055254162",
    "Good Shepherd, women": "+19055236277",
    "Interval House": "+19053878881",
    "Womankind": "+19055459100",
    "Emma's Place": "+19055285100",
    "Good Shepherd, families": "+19055289442",
    "Good Shepherd, men": "+19055289109",
    "Mission Services, men": "+19055287635",
    "Booth Centre": "+19055271444",
    "Catholic Children's Aid": "+19055252012",
    "Catholic Children's Aid, night": "+19055228053",
    "Catholic Children's Aid, French": "+18555503571",
}


def dial(agency: str = "sacha", on: date = TODAY, by: str = "AB", heard: str = "a person") -> str:
    return write_dial_test(FILE, DialTest(agency, on, by, heard), TODAY)


@pytest.mark.parametrize("service", GATHERED)
def test_every_service_with_a_trusted_number_can_be_found_by_a_caller(service: str, flow: Flow) -> None:
    names = {name for name, a in flow.directory.agencies.items() if a.number == GATHERED[service]}
    told = {
        name for stop in flow.stops for language in flow.languages for name in numbers(flow, language, stop)
    }

    assert len(names) == 1
    assert names <= told


def test_nobody_who_enforces_a_law_is_named_where_callers_speak_of_themselves(flow: Flow) -> None:
    enforcing = {name for name, agency in flow.directory.agencies.items() if agency.enforcement}
    stops = {stop for door in flow.menus.private for stop in below(flow, door)}

    told = {name for stop in stops for language in flow.languages for name in numbers(flow, language, stop)}

    assert enforcing >= {"border-watch", "police-desk"}
    assert "me" in flow.menus.private
    assert told & enforcing == set()


@pytest.mark.parametrize("agency", tomllib.loads(FILE)["agencies"])
def test_a_dial_test_changes_nothing_else_in_the_file(agency: str) -> None:
    noted = dial(agency)

    before, after = tomllib.loads(FILE), tomllib.loads(noted)
    before["agencies"][agency] |= {"last_dialled": "2026-11-24", "last_dialled_by": "AB", "heard": "a person"}
    kept = [line for line in FILE.splitlines() if not line.startswith(("last_dialled", "heard"))]
    assert after == before
    assert [line for line in noted.splitlines() if line in kept] == kept


def test_a_dial_test_stands_among_the_lines_of_its_agency_and_not_below_the_next_heading() -> None:
    noted = dial("hotline")

    heading = noted.index("# From here on: said and texted")
    assert noted.index('heard = "a person"') < heading


def test_a_second_dial_test_takes_the_place_of_the_first() -> None:
    again = write_dial_test(dial(), DialTest("sacha", TODAY, "CD", "a recording"), TODAY)

    assert again == dial(by="CD", heard="a recording")


@pytest.mark.parametrize(
    ("test", "says"),
    [
        (
            DialTest("sacha", date(2026, 11, 25), "AB", "x"),
            "agencies.sacha.last_dialled: 2026-11-25 is still to come",
        ),
        (DialTest("sasha", TODAY, "AB", "x"), "agencies.sasha: is not declared; there are: victim-services"),
        (DialTest("sacha", TODAY, " ", "x"), "agencies.sacha.last_dialled_by: ' ' says nothing"),
        (DialTest("sacha", TODAY, "AB", ""), "agencies.sacha.heard: '' says nothing"),
    ],
)
def test_a_dial_test_that_cannot_be_is_refused_with_its_place(test: DialTest, says: str) -> None:
    with pytest.raises(DialTestError) as refused:
        write_dial_test(FILE, test, TODAY)

    assert str(refused.value).startswith(says)


def test_the_command_writes_the_dial_test_down(tmp_path: Path) -> None:
    path = Path(tmp_path / "agencies.toml")
    path.write_text(FILE, "utf-8")

    done = CliRunner(env={"IVR_CONFIG": str(tmp_path)}).invoke(
        main,
        ["agencies", "dialled", "sacha", "--on", "2026-11-20", "--by", "AB", "--heard", "a person: 'SACHA'"],
    )

    assert done.exit_code == 0
    assert path.read_text("utf-8") == dial(on=date(2026, 11, 20), heard="a person: 'SACHA'")
    assert [each.name for each in tmp_path.iterdir()] == ["agencies.toml"]


def test_the_command_names_the_file_that_is_not_there(tmp_path: Path) -> None:
    done = CliRunner(env={"IVR_CONFIG": str(tmp_path)}).invoke(
        main, ["agencies", "dialled", "sacha", "--on", "2026-11-20", "--by", "AB", "--heard", "x"]
    )

    assert done.exit_code == 1
    assert f"{tmp_path}/agencies.toml: whole file: cannot be read or written" in done.output
