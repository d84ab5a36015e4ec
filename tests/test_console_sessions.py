"""Whoever is signed in sees where, ends what is not theirs, and loses nothing when a session ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import CHOSEN, Console
from sqlalchemy import select

from ivr.records.audit import list_audit_entries
from ivr.records.operators import Role
from ivr.records.retention import forget
from ivr.records.tables import operator_sessions
from ivr.web.console.access import LONGEST_IDLE, LONGEST_SESSION, NOTED_SECONDS
from ivr.web.console.sign_in import browser_family

if TYPE_CHECKING:
    from pathlib import Path

    from console import Hands

    from ivr.flow.models import Flow

CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:143.0) Gecko/20100101 Firefox/143.0"


@pytest.fixture
def console(tmp_path: Path, flow: Flow) -> Console:
    return Console(tmp_path, flow, ROOT / "prompts")


def also_at(console: Console, name: str, agent: str) -> Hands:
    """Sign somebody in once more, in another browser."""
    console.at += 60
    hands = console.visitor()
    hands.client.environ_base["HTTP_USER_AGENT"] = agent
    form = {"name": name, "password": CHOSEN, "code": console.code(name)}
    assert hands.post("/sign-in", "/sign-in", **form).status_code == 303
    return hands


def session_ids(page: str) -> list[str]:
    return re.findall(r'name="session" value="([0-9a-f]+)"', page)


def deeds(console: Console) -> list[tuple[str, str, str]]:
    return [(each.who, each.did, each.about) for each in list_audit_entries(console.database)]


@pytest.mark.parametrize(
    ("agent", "family"),
    [
        (CHROME, "Chrome"),
        (CHROME + " Edg/141.0.0.0", "Edge"),
        (CHROME + " OPR/124.0.0.0", "Opera"),
        (FIREFOX, "Firefox"),
        ("Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/604.1", "Safari"),
        ("Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/141.0 Safari/604.1", "Chrome"),
        ("curl/8.5", "other"),
        ("", "other"),
    ],
)
def test_of_a_browser_its_family_alone_is_kept(agent: str, family: str) -> None:
    assert browser_family(agent) == family


def test_the_records_of_a_session_lead_to_no_cookie_and_no_address(console: Console) -> None:
    console.signed_in("ada")
    hands = also_at(console, "ada", FIREFOX)
    hands.get("/account")

    with console.database.read() as sql:
        rows = [row._asdict() for row in sql.execute(select(operator_sessions))]

    kept = {"hash", "id", "who", "browser", "began_at", "seen_at"}
    assert [set(row) for row in rows] == [kept] * 2
    assert [row["browser"] for row in rows] == ["Firefox"] * 2
    assert all(re.fullmatch("[0-9a-f]{64}", row["hash"]) for row in rows)
    assert "127.0.0.1" not in str(rows)
    with hands.client.session_transaction("/console/") as session:
        token = session["_user_id"].partition(":")[0]
    assert token not in str(rows)


def test_one_session_is_ended_and_the_others_go_on(console: Console) -> None:
    ada = console.signed_in("ada")
    other, third = also_at(console, "ada", CHROME), also_at(console, "ada", CHROME + " Edg/1")
    page = ada.get("/account").text

    ada.post("/account/sessions/end", "/account", session=session_ids(page)[0])  # The last used comes first.

    assert page.count("state-good") == 1  # This one.
    assert "Chrome" in page
    assert [each.get("/").status_code for each in (ada, other, third)] == [200, 200, 303]
    assert deeds(console)[0] == ("ada", "session ended", "ada: Edge")


def test_all_other_sessions_are_ended_at_once(console: Console) -> None:
    ada = console.signed_in("ada")
    others = [also_at(console, "ada", agent) for agent in (CHROME, FIREFOX)]

    ada.post("/account/sessions/end-others", "/account")
    again = ada.post("/account/sessions/end-others", "/account")

    assert [each.get("/").status_code for each in (ada, *others)] == [200, 303, 303]
    assert again.status_code == 303
    assert deeds(console)[:2] == [("ada", "other sessions ended", "ada"), ("ada", "signed in", "")]


def test_nobody_ends_a_session_of_somebody_else_but_an_administrator(console: Console) -> None:
    ada, bea = console.signed_in("ada"), console.signed_in("bea", Role.OPERATOR)
    page = ada.get("/operators").text
    (of_bea,) = re.findall(
        r'name="name" value="bea">\s*<input type="hidden" name="session" value="(\w+)"', page
    )
    (of_ada,) = re.findall(
        r'name="name" value="ada">\s*<input type="hidden" name="session" value="(\w+)"', page
    )

    bea.post("/account/sessions/end", "/account", session=of_ada)
    untouched = ada.get("/").status_code
    ada.post("/operators/sessions/end", "/operators", name="bea", session=of_bea)

    assert untouched == 200
    assert bea.get("/").status_code == 303
    assert deeds(console)[0] == ("ada", "session ended", "bea: Firefox")


def test_signing_out_ends_this_session_alone(console: Console) -> None:
    ada = console.signed_in("ada")
    other = also_at(console, "ada", CHROME)

    other.post("/sign-out")

    assert [each.get("/").status_code for each in (ada, other)] == [200, 303]


def test_when_a_session_was_last_used_is_known_to_the_minute(console: Console) -> None:
    ada = console.signed_in("ada")
    begun = console.moment
    seen = []
    for later in (NOTED_SECONDS - 1, 1):
        console.at += later
        ada.get("/calls")
        with console.database.read() as sql:
            seen.append(sql.scalar(select(operator_sessions.c.seen_at)))

    assert seen == [begun, console.moment]


@pytest.mark.parametrize("later", [LONGEST_IDLE + NOTED_SECONDS + 1, LONGEST_SESSION + 1])
def test_a_session_that_is_over_is_not_listed_and_its_row_goes(console: Console, later: int) -> None:
    console.signed_in("ada")
    console.at += later
    page = also_at(console, "ada", CHROME).get("/account").text

    forget(console.database, console.at + 24 * 3600 - later, 30, 24)
    with console.database.read() as sql:
        left = list(sql.scalars(select(operator_sessions.c.browser)))

    assert "Firefox" not in page
    assert "Chrome" in page
    assert left == ["Chrome"]
