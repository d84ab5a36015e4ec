"""An agency says by a link what is wrong with its calls, and an operator decides by one press."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from conftest import ROOT
from console import SECRET, Console, Hands
from fakes import ENVIRONMENT
from postgres import put_tables

from ivr.authentication import make_feedback_token, read_feedback_token
from ivr.circuit_breaker import CircuitBreaker
from ivr.cli.main import main
from ivr.records.agency_feedback import FeedbackKind, add_feedback, decide, list_feedback, list_proposals
from ivr.records.agency_status import list_status
from ivr.records.audit import list_audit_entries
from ivr.records.operators import Role
from ivr.records.periods import moment
from ivr.records.retention import forget
from ivr.records.shift_log import list_shift_entries
from ivr.web.console.query_params import names_number
from ivr.work.queue import connect_redis
from ivr.work.redis_limits import RedisLimits

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from ivr.flow.models import Flow
    from ivr.records.database import Database

pytest_plugins = ("postgres",)

AGENCY = "chrysalis"
UNTIL = date(2027, 1, 20)


@pytest.fixture
def console(tmp_path: Path, flow: Flow) -> Console:
    return Console(tmp_path, flow, ROOT / "prompts")


@pytest.fixture
def contact(console: Console) -> Contact:
    hands = console.signed_in("olu", Role.OPERATOR)
    made = hands.post("/feedback/link", "/feedback", agency=AGENCY).text
    found = re.search(r"<code>https://console\.example(/agency/[^<]+)</code>", made)
    assert found
    return Contact(console.app.test_client(), found[1], hands)


class Contact:
    """Somebody at an agency, who was sent a link, and the operator who sent it."""

    def __init__(self, client: FlaskClient, path: str, operator: Hands) -> None:
        self.client, self.path, self.operator = client, path, operator

    def look(self, language: str = "en") -> str:
        return self.client.get(f"{self.path}?language={language}").text

    def say(self, kind: str, note: str = "", path: str = "", **headers: str) -> TestResponse:
        found = re.search(r'name="form" value="([^"]+)"', self.look())
        form = {"kind": kind, "note": note, "form": found[1] if found else ""}
        return self.client.post(path or self.path, data=form, headers=headers)


def test_what_an_agency_says_lands_in_the_shift_log_and_on_now(console: Console, contact: Contact) -> None:
    answer = contact.say("too_many", "Twelve on Friday <night>")
    shown = contact.client.get(answer.location).text
    now, log = contact.operator.get("/").text, contact.operator.get("/log").text

    assert answer.status_code == 303
    assert "Thank you. We have it." in shown
    for page in (now, log):
        assert "Chrysalis Network says: too many calls." in page
        assert "Twelve on Friday &lt;night&gt;" in page
    assert list_proposals(console.database) == []


@pytest.mark.parametrize("kind", ["wrong_number", "stop"])
@pytest.mark.parametrize("page", ["/", "/feedback"])
def test_a_wrong_number_or_a_stop_proposes_the_switch_and_one_press_does_it(
    console: Console, contact: Contact, kind: str, page: str
) -> None:
    contact.say(kind)
    before = contact.operator.get(page).text
    (proposed,) = list_proposals(console.database)

    off_before = list_status(console.database, console.at).get(AGENCY)
    done = contact.operator.post("/feedback/decide", page, link=proposed.link, kind=kind, to="off")
    again = contact.operator.post("/feedback/decide", page, link=proposed.link, kind=kind, to="off")

    assert "Switch it off?" in before
    assert off_before is None
    assert (done.status_code, again.status_code) == (303, 303)
    assert list_status(console.database, console.at)[AGENCY].off
    assert list_proposals(console.database) == []
    assert [each.did for each in list_audit_entries(console.database)].count("agency switched off") == 1
    assert "Somebody decided this before you" in contact.operator.get("/feedback").text


def test_a_proposal_is_dismissed_and_the_agency_stays_on(console: Console, contact: Contact) -> None:
    contact.say("stop")
    (proposed,) = list_proposals(console.database)

    contact.operator.post("/feedback/decide", "/feedback", link=proposed.link, kind="stop", to="leave")

    assert AGENCY not in list_status(console.database, console.at)
    assert "left as it is" in contact.operator.get("/feedback").text


def test_each_thing_is_said_once_by_a_link(console: Console, contact: Contact) -> None:
    contact.say("stop")
    shown = contact.look()
    contact.say("stop", "again")
    contact.say("too_many")

    assert 'value="stop"' not in shown
    assert {each.kind for each in list_feedback(console.database)} == {"stop", "too_many"}
    assert len(list_shift_entries(console.database)) == 2


@pytest.mark.parametrize("number", ["905-555-0177", "neuf zéro cinq 555 0177"])
def test_a_note_with_a_number_is_given_back(console: Console, contact: Contact, number: str) -> None:
    answer = contact.say("wrong_number", f"Ring {number}")

    assert answer.status_code == 400
    assert "Nothing was sent" in answer.text
    assert f"Ring {number}</textarea>" in answer.text
    assert list_feedback(console.database) == []


@pytest.mark.parametrize("change", ["other-agency", "later", "cut", "empty"])
def test_a_forged_link_gets_a_plain_page(console: Console, contact: Contact, change: str) -> None:
    forged = {
        "other-agency": contact.path.replace(AGENCY, "victim-services"),
        "later": re.sub(r"\.\d{4}-", ".2099-", contact.path),
        "cut": contact.path[:-1],
        "empty": "/agency/x",
    }[change]

    looked, said = contact.client.get(forged), contact.say("stop", path=forged)

    assert (looked.status_code, said.status_code) == (404, 404)
    assert "not one of ours" in looked.text
    assert list_feedback(console.database) == []


def test_a_link_that_is_over_takes_nothing(console: Console, contact: Contact) -> None:
    console.at += 30 * 86_400
    last = contact.client.get(contact.path).status_code
    console.at += 86_400

    looked, said = contact.client.get(contact.path), contact.say("stop")

    assert last == 200
    assert (looked.status_code, said.status_code) == (410, 410)
    assert "good no more" in looked.text


def test_a_form_that_another_site_sends_is_not_taken(console: Console, contact: Contact) -> None:
    across = contact.say("stop", **{"Sec-Fetch-Site": "cross-site"})
    bare = contact.client.post(contact.path, data={"kind": "stop"})

    assert (across.status_code, bare.status_code) == (400, 400)
    assert list_feedback(console.database) == []


def test_whoever_tries_too_often_is_told_to_come_back(tmp_path: Path, flow: Flow) -> None:
    nowhere = connect_redis("redis://127.0.0.1:1/0")
    console = Console(tmp_path, flow, ROOT / "prompts", RedisLimits(nowhere, CircuitBreaker()))
    client = console.app.test_client()
    until = moment(console.at).date() + timedelta(days=9)
    path = f"/agency/{make_feedback_token(SECRET, AGENCY, until)}"

    said = [client.post(path, data={"kind": "stop"}).status_code for _ in range(11)]
    looked = [client.get(path).status_code for _ in range(61)]

    assert (said[9], said[10]) == (400, 429)
    assert (looked[59], looked[60]) == (200, 429)


def test_the_page_asks_in_both_languages_sets_no_cookie_and_runs_nothing(contact: Contact) -> None:
    english = contact.client.get(contact.path)
    french = contact.look("fr")

    assert "how is it going with our calls?" in english.text
    assert "comment vont nos appels?" in french
    assert "Set-Cookie" not in english.headers
    assert "<script" not in english.text
    assert "script-src" not in english.headers["Content-Security-Policy"]
    assert english.headers["Referrer-Policy"] == "no-referrer"


def test_the_page_says_plainly_when_the_records_are_gone(contact: Contact, tmp_path: Path) -> None:
    (tmp_path / "console.sqlite3").unlink()

    answer = contact.client.get(contact.path)

    assert answer.status_code == 503
    assert "Try again in some minutes" in answer.text


def test_a_token_opens_under_the_secret_of_before_and_holds_no_number() -> None:
    token = make_feedback_token("old", AGENCY, UNTIL)

    link = read_feedback_token(("new", "old"), token)

    assert link
    assert (link.agency, link.until) == (AGENCY, UNTIL)
    assert read_feedback_token(("new", ""), token) is None
    assert token.startswith(f"{AGENCY}.2027-01-20.")


def test_two_operators_decide_once_and_what_is_old_is_forgotten(database: Database) -> None:
    now = moment(1_795_000_000.0)
    said = [add_feedback(database, "l1", AGENCY, FeedbackKind.STOP, "", now=now) for _ in range(2)]

    first = decide(database, "l1", "stop", "ada", off_because="as they wish")
    second = decide(database, "l1", "stop", "bea", off_because="")
    gone = forget(database, now.timestamp() + 71 * 86_400, 30, 24)

    assert said == [True, False]
    assert (first, second) == (AGENCY, "")
    assert gone.feedback == 1
    assert list_feedback(database) == []


def test_the_command_makes_a_link_and_names_it_in_the_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/line.sqlite3"
    put_tables(url)
    for name, value in (ENVIRONMENT | {"DATABASE_URL": url, "CONSOLE_URL": "https://c.example"}).items():
        monkeypatch.setenv(name, value)

    made = CliRunner().invoke(main, ["agencies", "feedback-link", AGENCY, "--days", "7"])
    unknown = CliRunner().invoke(main, ["agencies", "feedback-link", "nobody"])

    assert made.exit_code == 0
    assert made.output.startswith(f"https://c.example/agency/{AGENCY}.")
    link = read_feedback_token((ENVIRONMENT["SECRET_KEY"],), made.output.strip().rpartition("/")[2])
    assert link
    assert not names_number(f"{link.agency} {link.until} {link.id}")
    assert unknown.exit_code == 1
