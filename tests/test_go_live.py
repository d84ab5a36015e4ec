"""The way to the first real call: each step is looked at, or asked and kept with its day."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from conftest import ROOT
from fakes import ENVIRONMENT, NotedJournal
from small_line import small_line
from test_probe import line_app, serving
from test_provisioning import NUMBER, network

from ivr.cli.main import main
from ivr.flow.loader import read_flow
from ivr.flow.rendering import spoken_number, written_number
from ivr.operations.go_live import NAME, Answer, Answers, list_steps, stand
from ivr.settings import read_settings
from ivr.telephony.fallback_twiml import documents_elsewhere
from ivr.telephony.provisioning import wanted_values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from ivr.flow.models import Flow
    from ivr.operations.go_live import StepResult
    from ivr.settings import Settings
    from ivr.simulator.rehearse import Network

__all__ = ["network"]  # A fixture that is shared.
TODAY = datetime.now(UTC).date()


@dataclass
class Candidate:
    """A line that wants to go live."""

    url: str
    network: Network
    environment: dict[str, str]

    def run(self, *options: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, ["go-live", *options], env=self.environment, input=typed)

    def step(self, name: str) -> StepResult:
        line = read_settings(self.environment)
        steps = {step.name: step for step in list_steps(line, self.environment, TODAY)}
        return stand(steps[name], Answers(line.journal_dir).read(), TODAY)


@pytest.fixture
def here(network: Network, settings: Settings, small_flow: Flow, tmp_path: Path) -> Iterator[Candidate]:
    small_line(tmp_path)
    with serving(line_app(settings, small_flow, NotedJournal(), [])) as url:
        folders = {"IVR_PROMPTS": str(tmp_path / "prompts"), "IVR_PHRASES": str(ROOT / "phrases")}
        more = {
            "PUBLIC_URL": url,
            "TWILIO_API_URL": network.api_url,
            "JOURNAL_DIR": str(tmp_path / "journal"),
            "IVR_CONFIG": str(tmp_path / "config"),
        }
        yield Candidate(url, network, ENVIRONMENT | folders | more)


def test_it_stops_at_the_first_step_that_is_not_done(here: Candidate) -> None:
    result = here.run("--no-ask")

    lines = result.output.splitlines()
    assert result.exit_code == 1
    assert lines[0].endswith("done  files: `ivr check` finds no fault")
    assert "TO DO people" in lines[1]
    assert "ivr check --live" in lines[-1]
    assert not any("account" in line for line in lines[2:])


def test_an_answer_is_kept_with_its_day_and_not_asked_again(here: Candidate) -> None:
    first = here.run("--ask", "--all", "--by", "AB", typed="y\napproved on Monday\n" + "n\n" * 20)
    second = here.run("--no-ask", "--all")

    kept = json.loads((read_settings(here.environment).journal_dir / NAME).read_text("utf-8"))
    assert kept == {"profile": {"on": TODAY.isoformat(), "by": "AB", "said": "approved on Monday"}}
    assert f"({TODAY.isoformat()}, AB)" in first.output
    assert f"({TODAY.isoformat()}, AB)" in second.output
    assert "TO DO texts" in second.output


@pytest.mark.parametrize(("days", "asked"), [(89, False), (91, True)])
def test_an_old_answer_is_asked_for_again(here: Candidate, days: int, *, asked: bool) -> None:
    line = read_settings(here.environment)
    Answers(line.journal_dir).keep("alarm", Answer((TODAY - timedelta(days=days)).isoformat(), "AB"))

    assert here.step("alarm").to_ask is asked


def test_every_agency_that_is_rung_is_to_be_rung_once_from_the_line(here: Candidate) -> None:
    line = read_settings(here.environment)

    names = [step.name for step in list_steps(line, here.environment, TODAY)]

    assert [name for name in names if name.startswith("ring-")] == [
        "ring-victim-services",
        "ring-chrysalis",
        "ring-hotline",
    ]


def test_what_is_wrong_with_the_account_is_told(here: Candidate) -> None:
    books = here.network.exchange.books
    assert here.step("account").done
    assert here.step("recording").done

    books.kind, books.status, books.balance, books.recordings = (
        "Trial",
        "suspended",
        "3.50",
        ["RE" + "1" * 32],
    )

    found = here.step("account").faults
    assert [fault.split(":")[0] for fault in found] == [
        "this is a trial account",
        "the account is suspended",
        "3.50 USD are left",
    ]
    assert not here.step("recording").done


def test_an_emergency_address_is_looked_for(here: Candidate) -> None:
    assert "none is registered" in here.step("emergency").faults[0]

    here.network.exchange.books.number["EmergencyAddressSid"] = "AD" + "1" * 32

    assert here.step("emergency").done


def test_the_number_is_right_once_it_was_provisioned(here: Candidate) -> None:
    assert any(fault.startswith("voice_url is https://demo") for fault in here.step("number").faults)

    values = wanted_values(here.url, overrides="ct=2000")
    camel = {"".join(part.capitalize() for part in name.split("_")): each for name, each in values.items()}
    here.network.exchange.books.number |= camel

    assert here.step("number").done


def test_fallback_documents_are_fetched_where_they_stand(here: Candidate, flow: Flow) -> None:
    assert "`ivr fallback` writes" in here.step("fallback").faults[0]
    documents = documents_elsewhere(flow, NUMBER, "https://bins.example")

    def elsewhere(environ: dict[str, str], start: object) -> list[bytes]:
        start("200 OK", [("Content-Type", "text/xml")])  # type: ignore[operator]
        return [documents[environ["PATH_INFO"].lstrip("/")].encode()]

    with serving(lambda _: elsewhere) as url:
        other = url.replace("127.0.0.1", "localhost")  # Another host than the line's.
        books = here.network.exchange.books.number
        books |= {"VoiceFallbackUrl": f"{other}/voice.xml", "SmsFallbackUrl": f"{other}/sms.xml"}
        right = here.step("fallback")
        documents["sms.xml"] = "<Response/>"
        wrong = here.step("fallback")

    assert right.faults == ()
    assert [fault.partition(" ")[0] for fault in wrong.faults] == ["sms_fallback_url"]


def test_a_network_that_is_away_is_a_step_to_do(here: Candidate) -> None:
    here.environment["TWILIO_API_URL"] = "http://127.0.0.1:9"

    assert "cannot be asked" in here.step("account").faults[0]


def test_fallback_documents_are_written_for_any_line(tmp_path: Path, flow: Flow) -> None:
    words = ["fallback", str(tmp_path / "away"), "--url", "https://bins.example/line/", "--number", NUMBER]
    folders = {f"IVR_{name.upper()}": str(ROOT / name) for name in ("config", "prompts")}

    result = CliRunner().invoke(main, words, env=folders)

    assert result.exit_code == 0, result.output
    said = {path.name: path.read_text("utf-8") for path in (tmp_path / "away").iterdir()}
    hotline = read_flow(ROOT / "config", ROOT / "prompts").directory.agencies["hotline"].number
    voice, ring = (ET.fromstring(said[name]) for name in ("voice.xml", "ring.xml"))  # noqa: S314 - our own
    assert [verb.tag for verb in voice][:1] == ["Gather"]
    assert "Dial" not in {verb.tag for verb in voice.iter()}  # Nobody is rung who did not press a key.
    assert voice[0].get("action") == "https://bins.example/line/ring.xml"
    heard = " ".join(voice.itertext())
    assert heard.index("9 1 1") < heard.index(spoken_number(hotline))
    dial = ring.find("Dial")
    assert dial is not None
    assert (dial.get("callerId"), dial.findtext("Number")) == (NUMBER, hotline)
    assert written_number(hotline) in said["sms.xml"]
    assert "911" not in said["leg.xml"].replace(" ", "")
    assert flow.prompts["fr"].stops[flow.menus.leave].say in ET.fromstring(said["leg.xml"]).itertext()  # noqa: S314 - our own


def test_a_day_that_is_none_counts_as_no_answer(here: Candidate) -> None:
    line = read_settings(here.environment)
    Answers(line.journal_dir).keep("texts", Answer("yesterday", "AB"))

    assert here.step("texts").to_ask
    assert isinstance(TODAY, date)
