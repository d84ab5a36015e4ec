"""What is said was read somewhere; before going live a person has read it again, and dialled every number."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from conftest import ROOT

from ivr.agencies import Directory
from ivr.checks.launch import DIALLER, READER, duties, undialled, unread
from ivr.cli.main import main
from ivr.flow.models import Facts

if TYPE_CHECKING:
    from ivr.flow.models import Flow

TODAY = date(2027, 1, 31)
UNREAD = ROOT / "tests/lines/minimal"  # Nobody ever dials or reads what tests say.
FOLDERS = [
    *("--config", str(UNREAD / "config"), "--prompts", str(UNREAD / "prompts")),
    *("--phrases", str(UNREAD / "no-phrases")),
]


def with_facts(flow: Flow, day: date, confidence: str = "H") -> Flow:
    facts = {
        name: replace(fact, checked_on=day.isoformat(), checked_by="AB", confidence=confidence)
        for name, fact in flow.facts.facts.items()
    }
    return replace(flow, facts=Facts(facts))


def with_dials(flow: Flow, day: date) -> Flow:
    agencies = {
        name: replace(agency, last_dialled=day.isoformat(), last_dialled_by="AB", heard="x")
        for name, agency in flow.directory.agencies.items()
    }
    return replace(flow, directory=Directory(agencies, flow.directory.orders))


def test_no_weak_source_is_spoken(flow: Flow) -> None:
    assert {name for name, fact in flow.facts.facts.items() if fact.confidence not in {"H", "M"}} == set()


@pytest.mark.parametrize(("days", "left"), [(0, False), (365, False), (366, True), (-1, True)])
def test_a_fact_lasts_a_year_after_a_person_has_read_it(flow: Flow, days: int, left: bool) -> None:  # noqa: FBT001
    read = with_facts(flow, TODAY - timedelta(days=days))

    assert len(list(unread(read, TODAY))) == (len(flow.facts.facts) if left else 0)


@pytest.mark.parametrize(("days", "left"), [(0, False), (90, False), (91, True), (-1, True)])
def test_a_dial_test_lasts_ninety_days(flow: Flow, days: int, left: bool) -> None:  # noqa: FBT001
    dialled = with_dials(flow, TODAY - timedelta(days=days))

    assert len(list(undialled(dialled, TODAY))) == (len(flow.directory.agencies) if left else 0)


@pytest.mark.parametrize("confidence", ["L", "U"])
def test_a_weak_source_may_not_go_live_however_often_it_was_read(flow: Flow, confidence: str) -> None:
    weak = with_facts(flow, TODAY, confidence)

    assert {fault.place.rpartition(".")[2] for fault in unread(weak, TODAY)} == {"confidence"}


def test_whoever_has_something_to_do_is_named_with_place_and_deed(flow: Flow) -> None:
    old = with_dials(with_facts(flow, date(2020, 1, 1)), date(2020, 1, 1))

    said = [str(duty) for duty in duties(old, TODAY)]

    assert said[0].startswith(
        f"{READER}: config/facts.toml: facts.SEED.checked_on: 2020-01-01 is more than 365 days ago; read http"
    )
    assert f"{DIALLER}: config/agencies.toml: agencies.sacha.last_dialled: 2020-01-01 is more" in "\n".join(
        said
    )
    assert "ivr agencies dialled sacha --on DATE" in "\n".join(said)


def test_the_gate_is_shut_while_people_have_things_to_do() -> None:
    done = CliRunner().invoke(main, ["check", "--live", *FOLDERS])

    assert done.exit_code == 1
    assert "not ready to go live: 4 things are left for people to do" in done.output


def test_an_ordinary_check_does_not_ask_people_for_anything() -> None:
    done = CliRunner().invoke(main, ["check", *FOLDERS])

    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "no faults")
