"""What is written down about the line is true of the line: the README, the docs, the decisions."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import click
import pytest
from conftest import ROOT

from ivr.cli.main import main
from ivr.flow.diagrams import diagram as draw_stops
from ivr.flow.graph import leads
from ivr.flow.rendering import spoken_number, written_number
from ivr.settings import VARIABLES
from ivr.transfer import machine

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.flow.models import Flow

README = ROOT / "README.md"
GENERATED = {  # What is made from the code -> the page that has it.
    "diagram: stops": README,
    "diagram: transfer": ROOT / "docs/transfers.md",
    "table: settings": ROOT / "docs/settings.md",
}
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAPERS = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS]
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DRAWN = 2  # How many keys after the first one the README draws: a picture of all stops cannot be read.
AUDIENCES = ["Callers", "Agencies", "Operators", "Whoever runs the line", "Developers"]


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def first_stops(flow: Flow) -> Flow:
    """Keep the stops that are a few keys from pick-up."""
    near = {flow.menus.start, flow.menus.home}
    for _ in range(DRAWN):
        near |= {to for name in near for to in leads(flow.stops[name]).values()}
    kept = {name: stop for name, stop in flow.stops.items() if name in near}
    return replace(flow, menus=replace(flow.menus, stops=kept))


def fenced(diagram: str) -> str:
    return f"```mermaid\n{diagram.strip()}\n```"


def table_of_settings() -> str:
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for variable in VARIABLES:
        default = (
            "required" if variable.default is None else f"`{variable.default}`" if variable.default else "-"
        )
        rows.append(f"| `{variable.name}` | {default} | {variable.says} |")
    return "\n".join(rows)


@pytest.mark.parametrize("part", GENERATED)
def test_a_generated_part_of_a_page_is_fresh(part: str, flow: Flow, request: pytest.FixtureRequest) -> None:
    drawn = {
        "diagram: stops": fenced(draw_stops(first_stops(flow))),
        "diagram: transfer": fenced(machine.diagram()),
        "table: settings": table_of_settings(),
    }[part]
    fresh = f"<!-- {part} -->\n{drawn}\n<!-- end -->"
    between = re.compile(rf"<!-- {part} -->.*?<!-- end -->", re.DOTALL)
    page = GENERATED[part]
    if request.config.getoption("--rewrite"):
        page.write_text(between.sub(lambda _: fresh, page.read_text("utf-8")), "utf-8")

    written = between.findall(page.read_text("utf-8"))

    assert written == [fresh], "a part of a page is stale; `pytest --rewrite` writes it anew"


def test_every_setting_is_in_the_docs_and_no_other() -> None:
    page = GENERATED["table: settings"].read_text("utf-8")
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \|", page, re.MULTILINE)

    assert rows == [variable.name for variable in VARIABLES]


def test_every_folder_is_on_the_map_in_its_own_words() -> None:
    rules = {
        path.parent.name: tomllib.loads(f"rule = {path.read_text('utf-8').strip()}")["rule"]
        for path in (ROOT / "ivr").glob("*/__init__.py")
    }

    missing = {
        name for name, rule in rules.items() if f"`ivr/{name}/` | {rule}" not in README.read_text("utf-8")
    }

    assert missing == set()


def commands(group: click.Command, name: str = "ivr") -> set[str]:
    inside = group.commands if isinstance(group, click.Group) else {}
    return {name, *(each for sub, command in inside.items() for each in commands(command, f"{name} {sub}"))}


def test_every_command_that_a_page_names_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    known = commands(main) | {f"make {target}" for target in targets}

    unknown = {
        (short(path), f"{program} {word}")
        for path in PAPERS
        for program, word in re.findall(r"`(ivr|make) ([a-z][a-z-]*)", path.read_text("utf-8"))
        if f"{program} {word}" not in known
    }

    assert unknown == set()


def test_every_page_that_a_page_links_to_exists() -> None:
    missing = {
        (short(path), link)
        for path in PAPERS
        for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", path.read_text("utf-8"))
        if not (path.parent / link).exists()
    }

    assert missing == set()


def test_every_file_that_a_page_names_exists() -> None:
    missing = {
        (short(path), name)
        for path in PAPERS
        for name in re.findall(r"`((?:ivr|config|prompts|tests|docs)/[\w./-]+)`", path.read_text("utf-8"))
        if not (ROOT / name).exists()
    }

    assert missing == set()


def test_a_decision_says_its_number_and_whether_it_still_holds() -> None:
    status = re.compile(r"Status: (accepted, 20\d\d-\d\d-\d\d|superseded by \d+)")
    heads = {short(path): path.read_text("utf-8").splitlines()[:2] for path in DECISIONS}

    unclear = {
        name: head
        for path, (name, head) in zip(DECISIONS, heads.items(), strict=True)
        if not head[0].startswith(f"# {int(path.name[:4])}. ") or not status.fullmatch(head[1])
    }

    assert unclear == {}


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_every_dependency_has_its_reason() -> None:
    (page,) = (path for path in DECISIONS if "dependencies" in path.name)
    asked = [re.split(r"[^A-Za-z0-9-]", each)[0] for each in PROJECT["project"]["dependencies"]]

    reasons = re.findall(r"`([a-z0-9-]+)`", page.read_text("utf-8"))

    assert set(asked) - set(reasons) == set()


def test_the_changelog_speaks_to_each_audience_in_turn() -> None:
    versions = (ROOT / "CHANGELOG.md").read_text("utf-8").split("\n## [")[1:]

    addressed = [re.findall(r"^### (.+)$", version, re.MULTILINE) for version in versions]

    assert [each for each in addressed if each != [who for who in AUDIENCES if who in each]] == []
    assert AUDIENCES in addressed


def test_each_process_of_the_procfile_is_a_command() -> None:
    lines = (ROOT / "Procfile").read_text("utf-8").splitlines()

    started = {line.partition(": ")[2].removeprefix("env HOST=0.0.0.0 ") for line in lines}

    assert started <= commands(main)
    assert {line.partition(": ")[0] for line in lines} >= {"release", "web", "worker"}


def test_a_fallback_document_says_the_numbers_that_agencies_have() -> None:
    agencies = tomllib.loads((ROOT / "config/agencies.toml").read_text("utf-8"))["agencies"]
    hotline, victims = (agencies[name]["number"] for name in ("hotline", "victim-services"))
    said = {path.stem: path.read_text("utf-8") for path in (ROOT / "docs/fallback").glob("*.xml")}

    assert spoken_number(hotline) in said["voice"]
    assert spoken_number(victims) in said["voice"]
    assert f"<Number>{hotline}</Number>" in said["ring"]
    assert written_number(hotline) in said["sms"]


def test_a_fallback_document_dials_only_after_a_key_and_says_911_first() -> None:
    voice = ET.parse(ROOT / "docs/fallback/voice.xml").getroot()  # noqa: S314 - our own
    heard = " ".join(voice.itertext())

    assert [verb.tag for verb in voice] == ["Gather", "Say", "Hangup"]
    assert "Dial" not in {verb.tag for verb in voice.iter()}
    assert heard.index("9 1 1") < heard.index("9 0 0")


def test_the_fallback_of_a_leg_that_we_rang_says_the_innocuous_sentence_and_hangs_up(flow: Flow) -> None:
    leg = ET.parse(ROOT / "docs/fallback/leg.xml").getroot()  # noqa: S314 - our own

    said = [flow.prompts[tongue].stops[flow.menus.leave].say for tongue in flow.first_languages]

    assert [verb.text for verb in leg if verb.tag == "Say"] == said
    assert [verb.tag for verb in leg] == ["Say"] * len(said) + ["Hangup"]


def test_the_conversation_of_the_readme_is_one_that_callers_have() -> None:
    told = README.read_text("utf-8").split("```")[1].strip().splitlines()
    played = [path.read_text("utf-8").splitlines() for path in (ROOT / "tests/conversations").glob("*.txt")]

    assert told
    assert any(set(told) <= set(lines) for lines in played)
