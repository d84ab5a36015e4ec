"""A line for another city: what `ivr new` writes, what `ivr check` names in it, and the line it becomes."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import tomlkit
from click.testing import CliRunner
from conftest import ROOT
from stories import reaches
from world import OneProcess

from ivr.checks.runner import check
from ivr.cli.main import main
from ivr.flow.loader import BLANK, read_flow, read_pages
from ivr.operations.new_line import own_agencies
from ivr.simulator.people import When, accepts
from ivr.understanding.classifier import letters_alone
from ivr.web.public.materials import list_sheets
from ivr.web.public.pages import PublicContext
from ivr.web.site import create_site

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from click.testing import Result

    from ivr.checks.runner import CheckReport
    from ivr.flow.models import Flow
    from ivr.settings import Settings

NUMBER, VICTIM_SERVICES, DESK, SHELTER = "+17055550100", "+17055550111", "+17055550112", "+17055550113"
POLICE = "the Sudbury Police"
PLAIN = {
    "en": "In {city.name}, dial 2 1 1. They can tell you where to go. You can say as little as you like.",
    "fr": "À {city.name}, faites le 2 1 1.",
}
LINES = {  # Lines of the whole province or country which nothing else tells of.
    "sexual-assault": ("victim-support-line",),
    "lgbtq": ("trans-lifeline", "youthline"),
    "drugs": ("connex-ontario", "nors"),
    "shelter": ("north-house",),
}


def ivr(*words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, words, input=typed, prog_name="ivr")


def make(to: Path, *options: str) -> Path:
    result = ivr(
        "new", "Sudbury", str(to), "--number", NUMBER, "--language", "en", "--language", "fr", *options
    )
    assert result.exit_code == 0, result.output
    return to


def checked(folder: Path) -> CheckReport:
    return check(folder / "config", folder / "prompts")


def edit(path: Path, places: Mapping[str, object]) -> None:
    document = tomlkit.parse(path.read_text("utf-8"))
    for place, value in places.items():
        *steps, last = place.split(".")
        holder = document
        for step in steps:
            holder = holder.setdefault(step, tomlkit.table())
        holder[last] = value
    path.write_text(tomlkit.dumps(document), "utf-8")


def words_for(place: str, language: str) -> str:
    """Write what somebody in Sudbury would: 2 1 1, and the lines that are there for them."""
    stop = place.split(".")[1]
    call = {"en": "You can call", "fr": "Appelez"}[language]
    told = (f"{call} {{{agency}.name}}. {{{agency}.number}}." for agency in LINES.get(stop, ()))
    return " ".join((PLAIN[language], *told))


def fill_in(folder: Path) -> None:
    """Do what whoever sets up the line of Sudbury does in their evening."""
    edit(folder / "config/place.toml", {"names.police.en": POLICE, "names.police.fr": "la police de Sudbury"})
    agencies = {
        f"agencies.{name}.{part}": value
        for name, number in (("victim-services", VICTIM_SERVICES), ("police-desk", DESK))
        for part, value in (("number", number), ("run_by", "Sudbury Police Service"))
    }
    shelter = {
        "number": SHELTER,
        "run_by": "North House",
        "police": False,
        "languages": ["en", "fr"],
        "source": "S123",
        "transfer": False,
    }
    edit(folder / "config/agencies.toml", agencies | {"agencies.north-house": shelter})
    sources: dict[str, object] = {}
    for name, fact in read_flow(folder / "config", folder / "prompts").facts.facts.items():
        if fact.city:
            own = {"city": "Sudbury", "address": f"https://sudbury.example/{name}", "seen": "undated"}
            own |= {"supports": "Read on a page of Sudbury"}
            sources |= {f"facts.{name}.{part}": value for part, value in own.items()}
    edit(folder / "config/facts.toml", sources)
    for language in PLAIN:
        path = folder / f"prompts/{language}.toml"
        blanks = [
            fault.place
            for fault in checked(folder).faults
            if fault.file == str(path) and "is still blank" in fault.mend
        ]
        edit(path, {place: words_for(place, language) for place in blanks})
        edit(path, {"agencies.north-house.name": "North House"})


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("new") / "sudbury")


@pytest.fixture(scope="module")
def sudbury(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled") / "sudbury"
    shutil.copytree(blank, folder)
    fill_in(folder)
    return folder


@pytest.fixture
def their_flow(sudbury: Path) -> Flow:
    return read_flow(sudbury / "config", sudbury / "prompts")


@pytest.fixture
def here(sudbury: Path, settings: Settings) -> Settings:
    folders = {name: sudbury / name for name in ("config", "prompts", "phrases")}
    return replace(settings, number=NUMBER, **folders)


def test_check_names_every_blank_and_every_source_of_the_old_city(blank: Path, flow: Flow) -> None:
    report = checked(blank)

    named = {f"{fault.file} {fault.place}" for fault in report.faults if "is still blank" in fault.mend}
    written = [
        path
        for path in blank.rglob("*.toml")
        if "phrases" not in path.parts and BLANK in path.read_text("utf-8")
    ]
    blanks = sum(len(re.findall(rf'"{BLANK}', path.read_text("utf-8"))) for path in written)
    assert {name.split()[0] for name in named} == set(map(str, written))
    assert len(named) == blanks > 40
    cities = {fault.place for fault in report.faults if "is a source of Hamilton" in fault.mend}
    told = read_flow(blank / "config", blank / "prompts").facts.facts
    assert cities == {
        f"facts.{name}" for name in told if name in flow.facts.facts and flow.facts.facts[name].city
    }


def test_nothing_of_the_old_city_is_said_by_the_new_one(sudbury: Path, their_flow: Flow) -> None:
    old = their_flow.place.elsewhere

    assert {"Hamilton", "Interval House", "SACHA", "Project Daffodil"} <= set(old)
    assert checked(sudbury).faults == ()


@pytest.mark.parametrize(
    ("file", "place", "words"),
    [
        ("config/line.toml", "name", "Hamilton Information Line"),
        ("config/agencies.toml", "agencies.north-house.run_by", "Interval House"),
        ("prompts/en.toml", "stops.speak.say", "Stay calm. SACHA can help."),
        ("prompts/fr.toml", "stops.about.say", "Ici Hamilton."),
        ("prompts/pages/en.toml", "name", "The Hamilton line"),
        ("config/keywords.toml", "yes", ["Hamilton"]),
    ],
)
def test_a_word_of_the_old_city_is_named_wherever_it_stands(
    sudbury: Path, tmp_path: Path, file: str, place: str, words: object
) -> None:
    folder = tmp_path / "sudbury"
    shutil.copytree(sudbury, folder)

    edit(folder / file, {place: words})

    faults = [fault for fault in checked(folder).faults if "a word of another place" in fault.mend]
    assert [(fault.file, fault.place.removesuffix(".1")) for fault in faults] == [(str(folder / file), place)]


def test_the_new_line_answers_a_call_and_transfers_it(here: Settings, their_flow: Flow) -> None:
    world = OneProcess(here, their_flow)
    world.network.people.put(VICTIM_SERVICES, accepts(), name="victim-services")
    world.network.people.put("+18665287109", accepts(), name="chrysalis")
    try:
        call = world.network.dial("+17055550199")
        for key in ("1", "0", "2"):
            call.press(key, When.SOON)
        reaches(world, call, "victim-services")
        told = " ".join(call.heard) + " ".join(world.network.calls_to("victim-services")[0].heard)

        assert "part of the Sudbury Police" in told
        assert "the Sudbury information line" in told
        assert "Hamilton" not in told
        assert [each["outcome"] for each in world.log()] == ["connected"]
    finally:
        world.close()


def test_the_new_line_answers_a_text_in_its_own_words(
    here: Settings, their_flow: Flow, sudbury: Path
) -> None:
    world = OneProcess(here, their_flow, letters_alone(sudbury / "phrases").classify)
    try:
        asked = " ".join(world.network.text("+17055550198", "i need a womens shelter tonight"))
        read = " ".join(world.network.text("+17055550198", "1"))

        assert "North House" in asked + read
        assert "705-555-0113" in asked + read
        assert "Hamilton" not in asked + read
    finally:
        world.close()


def test_the_new_line_prints_its_cards(sudbury: Path, their_flow: Flow) -> None:
    app = create_site(PublicContext(their_flow, read_pages(sudbury / "prompts", their_flow), NUMBER))
    client = app.test_client()

    sheets = {
        sheet: client.get(f"/materials/{sheet[0]}/{sheet[1]}").get_data(as_text=True)
        for sheet in list_sheets(app)
    }

    assert set(sheets) == {(language, kind) for language in ("en", "fr") for kind in ("cards", "poster")}
    assert all("705-555-0100" in page and "Hamilton" not in page for page in sheets.values())


def test_what_is_asked_in_a_terminal_is_written_down(tmp_path: Path, flow: Flow) -> None:
    answers = ("en es", NUMBER, POLICE, VICTIM_SERVICES, "none")

    result = ivr("new", "Sudbury", str(tmp_path / "asked"), "--ask", typed="\n".join(answers) + "\n")

    assert result.exit_code == 0, result.output
    made = read_flow(tmp_path / "asked/config", tmp_path / "asked/prompts")
    assert made.languages == ("en", "es")
    assert made.place.names["police"]["en"] == POLICE
    assert made.directory.agencies["victim-services"].number == VICTIM_SERVICES
    assert own_agencies(flow) == ("victim-services", "police-desk")
    assert "police-desk" not in made.directory.agencies
    assert f"TWILIO_PHONE_NUMBER={NUMBER}\n" in (tmp_path / "asked/line.env").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "mend"),
    [
        (("--language", "tlh"), "choose from en, fr"),
        (("--number", "911"), "the line's number: '911'"),
        (("--agency", "victim-services=12"), "victim-services: '12'"),
        (("--agency", "sacha=+17055550114"), "choose from victim-services, police-desk"),
        (("--from", str(ROOT / "docs")), "line.toml"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    tmp_path: Path, options: tuple[str, ...], mend: str
) -> None:
    result = ivr("new", "Sudbury", str(tmp_path / "none"), *options)

    assert result.exit_code == 1
    assert mend in result.output
    assert not (tmp_path / "none").exists()


def test_every_language_of_the_line_can_be_taken_over(tmp_path: Path, flow: Flow) -> None:
    chosen = [word for language in flow.line.languages for word in ("--language", language)]

    result = ivr("new", "Thunder Bay", str(tmp_path / "bay"), "--agency", "police-desk=none", *chosen)

    assert result.exit_code == 0, result.output
    to_do = (
        "is still blank",
        "is a source of Hamilton",
        "no stop says",
        "shorten it",
    )  # A longer name takes longer to say.
    report = checked(tmp_path / "bay")
    assert [str(fault) for fault in report.faults if not any(each in fault.mend for each in to_do)] == []
    assert {fault.file for fault in report.faults} >= {
        str(tmp_path / f"bay/prompts/{language}.toml") for language in flow.languages
    }


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", "utf-8")

    result = ivr("new", "Sudbury", str(tmp_path))

    assert "not empty" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_terminal_can_check_one_folder(blank: Path) -> None:
    result = ivr("check", str(blank))

    assert result.exit_code == 1
    assert "agencies.victim-services.number: is still blank; write its number" in result.output
