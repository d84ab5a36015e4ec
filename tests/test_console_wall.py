"""A screen on the wall shows Now by its token, and nothing else, until the token is revoked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import Console, Hands
from sqlalchemy import select

from ivr.authentication import hash_wall_token, new_wall_token
from ivr.effects import Entry
from ivr.records.agency_status import switch_off
from ivr.records.audit import list_audit_entries
from ivr.records.ingest import record
from ivr.records.operators import Role
from ivr.records.shift_log import add_shift_note
from ivr.records.tables import wall_tokens
from ivr.web.console.access import LONGEST_SESSION, PUBLIC_ENDPOINTS, WALL_COOKIE, WALL_ENDPOINTS

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.flow.models import Flow


@pytest.fixture
def console(tmp_path: Path, flow: Flow) -> Console:
    made = Console(tmp_path, flow, ROOT / "prompts")
    live = Entry("e" * 32, "0", made.at - 20, "voice", "fr", "law", heard="key")
    lost = [
        Entry("d" * 32, "1", made.at - 99, "voice", "en", "person", order="any", transfer_id="s"),
        Entry("d" * 32, "ring-s-1", made.at - 80, "voice", order="any", rang="chrysalis", transfer_id="s"),
        Entry("d" * 32, "end-s-1", made.at - 50, "voice", ended="no_answer", transfer_id="s"),
        Entry("d" * 32, "end", made.at - 40, "voice", ended="completed"),
    ]
    record(made.database, [live, *lost], made.at)
    switch_off(made.database, "chrysalis", None, "moving house", who="bea")
    now = datetime.fromtimestamp(made.at, UTC)
    add_shift_note(made.database, "bea", "The voice is slow", now + timedelta(days=1), now=now)
    return made


@pytest.fixture
def admin(console: Console) -> Hands:
    return console.signed_in()


def add(admin: Hands, name: str = "coordinators' room") -> str:
    """Add a screen, and give its token as the page shows it, once."""
    shown = admin.post("/screens/add", "/screens", name=name).text
    found = re.search(r"<code>([A-Z2-9-]{24})</code>", shown)
    assert found
    return found[1]


def screen(console: Console, token: str) -> Hands:
    """Type a token at a screen."""
    hands = console.visitor()
    hands.post("/wall/start", "/wall/start", token=token)
    return hands


def test_a_screen_shows_now_with_nothing_to_press_and_nobody_named(console: Console, admin: Hands) -> None:
    hands = screen(console, add(admin))

    page = hands.get("/wall")
    live = hands.get("/wall/_now")

    assert (page.status_code, live.status_code) == (200, 200)
    for words in ("1 caller reached nobody", "The voice is slow", "moving house", "French"):
        assert words in page.text
        assert words in live.text
    body = page.text.partition("<body")[2]
    assert re.findall(r"<(?:form|button|input|select|summary)", body) == []
    assert re.findall(r'<a [^>]*href="([^"]*)"', body) == ["#main"]
    assert "bea" not in body
    assert "Law and rights" not in body  # Where in the menu a caller is.
    assert "e" * 32 not in body


def test_a_token_opens_no_other_page(console: Console, admin: Hands) -> None:
    token = add(admin)
    hands = screen(console, token)
    hands.client.set_cookie(WALL_COOKIE, token, path="/")  # As whoever steals it would send it.
    rules = [rule for rule in console.app.url_map.iter_rules() if rule.rule.startswith("/console")]
    others = [rule for rule in rules if rule.endpoint not in PUBLIC_ENDPOINTS | WALL_ENDPOINTS]
    paths = {re.sub(r"<[^>]+>", "x", re.sub(r"<int:[^>]+>", "1", rule.rule)) for rule in others}

    answers = {path: hands.client.get(path).status_code for path in paths}

    assert len(paths) > 20
    assert {code for code in answers.values() if code != 405} == {303}


@pytest.mark.parametrize("path", ["/wall", "/wall/_now"])
@pytest.mark.parametrize("token", ["", "x", "AAAA-AAAA-AAAA-AAAA-AAAA"])
def test_without_a_token_that_is_known_the_screen_is_asked_for_one(
    console: Console, admin: Hands, path: str, token: str
) -> None:
    add(admin)
    hands = console.visitor()
    hands.client.set_cookie(WALL_COOKIE, token, path="/")

    answer = hands.get(path)
    typed = hands.post("/wall/start", "/wall/start", token=token)

    assert (answer.status_code, answer.location) == (303, "/console/wall/start")
    assert typed.status_code == 401
    assert "This token is not known" in typed.text


def test_an_operators_session_is_no_token(admin: Hands) -> None:
    assert admin.get("/wall").location == "/console/wall/start"


def test_a_revoked_screen_shows_nothing_from_the_next_moment_on_and_others_go_on(
    console: Console, admin: Hands
) -> None:
    first, second = (screen(console, add(admin, name)) for name in ("hall", "office"))
    page = admin.get("/screens").text
    ids = re.findall(r'name="screen" value="([0-9a-f]{16})"', page)
    names = re.findall(r"</svg> (hall|office)</th>", page)

    admin.post("/screens/revoke", "/screens", screen=dict(zip(names, ids, strict=True))["hall"])

    assert first.get("/wall/_now").status_code == 303
    assert second.get("/wall/_now").status_code == 200
    assert [(deed.did, deed.about) for deed in list_audit_entries(console.database)][:3] == [
        ("screen revoked", "hall"),
        ("screen added", "office"),
        ("screen added", "hall"),
    ]


def test_a_screen_does_not_sign_out(console: Console, admin: Hands) -> None:
    hands = screen(console, add(admin))
    console.at += 20 * LONGEST_SESSION

    assert hands.get("/wall/_now").status_code == 200


def test_a_token_is_shown_once_and_kept_as_a_hash(console: Console, admin: Hands) -> None:
    token = add(admin)
    with console.database.read() as sql:
        (row,) = sql.execute(select(wall_tokens)).all()

    assert token not in admin.get("/screens").text
    assert token not in str(row)
    assert row.hash == hash_wall_token(token)
    assert token not in str(list_audit_entries(console.database))


def test_a_token_is_read_however_it_is_typed(console: Console, admin: Hands) -> None:
    token = add(admin)

    assert screen(console, f" {token.lower().replace('-', ' ')} ").get("/wall").status_code == 200


def test_no_two_tokens_are_the_same() -> None:
    assert len({new_wall_token() for _ in range(1000)}) == 1000


def test_the_cookie_of_a_screen_is_sent_to_its_pages_alone(console: Console, admin: Hands) -> None:
    hands = console.visitor()
    answer = hands.post("/wall/start", "/wall/start", token=add(admin))
    cookie = answer.headers["Set-Cookie"]

    assert "Path=/console/wall;" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


@pytest.mark.parametrize("name", ["", "905-555-0177", "hall nine oh five 555 0177"])
def test_a_screen_without_a_place_or_with_a_number_is_not_added(
    console: Console, admin: Hands, name: str
) -> None:
    answer = admin.post("/screens/add", "/screens", name=name)

    assert answer.status_code == 400
    assert "No screen was added" in answer.text
    assert "screen added" not in str(list_audit_entries(console.database))


def test_an_operator_adds_no_screen(console: Console) -> None:
    hands = console.signed_in("olu", Role.OPERATOR)

    assert hands.post("/screens/add", name="hall").status_code == 403


def test_a_screen_that_cannot_be_told_now_tries_again_by_itself(
    console: Console, admin: Hands, tmp_path: Path
) -> None:
    hands = screen(console, add(admin))
    for file in tmp_path.glob("console.sqlite3*"):
        file.unlink()

    answer = hands.get("/wall")

    assert answer.status_code == 503
    assert answer.headers["Refresh"] == "30"
