"""Nobody reads the console who has not proved who they are, and nobody more than their role."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import CHOSEN, FIRST, Console
from sizes import is_full
from sqlalchemy import delete, update

from ivr.authentication import RECOVERY_CODES, Passwords
from ivr.circuit_breaker import CircuitBreaker
from ivr.records.audit import list_audit_entries, verify
from ivr.records.operators import Role, disable_operator, find_operator
from ivr.records.tables import audit
from ivr.web.console.access import (
    LONGEST_IDLE,
    LONGEST_SESSION,
    PUBLIC_ENDPOINTS,
    WALL_ENDPOINTS,
    required_role,
)
from ivr.web.console.context import LANGUAGES, translations
from ivr.work.queue import connect_redis
from ivr.work.redis_limits import RedisLimits

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Twilio

    from ivr.flow.models import Flow

NOBODY = None  # Asked of nobody: it is how one proves who one is.
SCREEN = "a screen's token"  # Asked of a screen on a wall: tests/test_console_wall.py.
VIEWER, OPERATOR, ADMINISTRATOR = Role
NEEDED = {  # Every page, and the role that it asks for. A page that is not here, or is otherwise, fails.
    ("sign_in.show", "GET"): NOBODY,
    ("sign_in.submit", "POST"): NOBODY,
    ("sign_in.show_second_factor", "GET"): NOBODY,
    ("sign_in.enrol", "POST"): NOBODY,
    ("console.static", "GET"): NOBODY,
    ("reports.static", "GET"): NOBODY,
    ("bootstrap.static", "GET"): NOBODY,
    ("bootstrap.dark", "GET"): NOBODY,
    ("language.choose", "POST"): NOBODY,
    ("console.missing", "GET"): VIEWER,
    ("since.show", "GET"): VIEWER,
    ("now.show", "GET"): VIEWER,
    ("now.refresh", "GET"): VIEWER,
    ("calls.list", "GET"): VIEWER,
    ("calls.export", "GET"): VIEWER,
    ("calls.show", "GET"): VIEWER,
    ("calls.outcomes", "GET"): VIEWER,
    ("transfers.list", "GET"): VIEWER,
    ("reports.show", "GET"): VIEWER,
    ("reports.month", "GET"): VIEWER,
    ("reports.pdf", "GET"): VIEWER,
    ("reports.export", "GET"): VIEWER,
    ("reports.community", "GET"): VIEWER,
    ("reports.chart", "GET"): VIEWER,
    ("reports.community_chart", "GET"): VIEWER,
    ("sign_in.sign_out", "POST"): VIEWER,
    ("passkeys.challenge", "POST"): NOBODY,
    ("passkeys.sign_in", "POST"): NOBODY,
    ("passkeys.new", "POST"): VIEWER,
    ("passkeys.add", "POST"): VIEWER,
    ("passkeys.remove", "POST"): VIEWER,
    ("account.show", "GET"): VIEWER,
    ("account.end_session", "POST"): VIEWER,
    ("account.end_other_sessions", "POST"): VIEWER,
    ("calls.add_note", "POST"): OPERATOR,
    ("calls.block", "POST"): OPERATOR,
    ("calls.save_view", "POST"): OPERATOR,
    ("calls.delete_view", "POST"): OPERATOR,
    ("transfers.switch_agency", "POST"): OPERATOR,
    ("notice.show", "GET"): VIEWER,
    ("notice.put", "POST"): OPERATOR,
    ("notice.end", "POST"): OPERATOR,
    ("shift_log.show", "GET"): VIEWER,
    ("shift_log.add", "POST"): OPERATOR,
    ("shift_log.mark_read", "POST"): VIEWER,
    ("shift_log.unpin", "POST"): OPERATOR,
    ("wall.ask", "GET"): NOBODY,
    ("wall.start", "POST"): NOBODY,
    ("wall.show", "GET"): SCREEN,
    ("wall.refresh", "GET"): SCREEN,
    ("screens.show", "GET"): ADMINISTRATOR,
    ("screens.add", "POST"): ADMINISTRATOR,
    ("screens.revoke", "POST"): ADMINISTRATOR,
    ("feedback.show", "GET"): VIEWER,
    ("feedback.make_link", "POST"): OPERATOR,
    ("feedback.decide", "POST"): OPERATOR,
    ("notifications.show", "GET"): VIEWER,
    ("notifications.choose", "POST"): VIEWER,
    ("notifications.send_now", "POST"): VIEWER,
    ("notifications.end", "POST"): VIEWER,
    ("blocks.list", "GET"): OPERATOR,
    ("blocks.end", "POST"): OPERATOR,
    ("audit.list", "GET"): ADMINISTRATOR,
    ("audit.export", "GET"): ADMINISTRATOR,
    ("operators.list", "GET"): ADMINISTRATOR,
    ("operators.add", "POST"): ADMINISTRATOR,
    ("operators.reset", "POST"): ADMINISTRATOR,
    ("operators.disable", "POST"): ADMINISTRATOR,
    ("operators.change_role", "POST"): ADMINISTRATOR,
    ("operators.end_sessions", "POST"): ADMINISTRATOR,
    ("operators.end_session", "POST"): ADMINISTRATOR,
    ("retention.show", "GET"): ADMINISTRATOR,
    ("retention.change", "POST"): ADMINISTRATOR,
    ("prompts.list", "GET"): VIEWER,
    ("prompts.show", "GET"): VIEWER,
    ("prompts.save", "POST"): OPERATOR,
    ("prompts.keep", "POST"): OPERATOR,
    ("prompts.drop", "POST"): OPERATOR,
    ("prompts.publish", "POST"): ADMINISTRATOR,
    ("prompts.revert", "POST"): ADMINISTRATOR,
    ("phrases.list", "GET"): VIEWER,
    ("phrases.refresh", "GET"): VIEWER,
    ("phrases.show", "GET"): VIEWER,
    ("phrases.try", "POST"): OPERATOR,
    ("phrases.add", "POST"): OPERATOR,
    ("phrases.drop", "POST"): OPERATOR,
    ("phrases.check", "POST"): OPERATOR,
    ("phrases.publish", "POST"): ADMINISTRATOR,
    ("phrases.back", "POST"): ADMINISTRATOR,
}


@pytest.fixture
def console(tmp_path: Path, flow: Flow) -> Console:
    return Console(tmp_path, flow, ROOT / "prompts")


def routes(console: Console) -> list[tuple[str, str, str]]:
    """List every page of the console: (endpoint, method, address)."""
    found = []
    for rule in console.app.url_map.iter_rules():
        if rule.rule.startswith("/console"):
            path = re.sub(r"<[^>]+>", "x", re.sub(r"<int:[^>]+>", "1", rule.rule))
            methods = (rule.methods or set()) & {"GET", "POST"}
            found += [(rule.endpoint, method, path) for method in methods]
    return found


def asked_of(endpoint: str) -> Role | str | None:
    """Say what a page asks for: nothing, a screen's token, or a role."""
    if endpoint in PUBLIC_ENDPOINTS:
        return NOBODY
    return SCREEN if endpoint in WALL_ENDPOINTS else required_role(endpoint)


def test_every_page_of_the_console_asks_who_it_is(console: Console) -> None:
    hands = console.visitor()
    token = hands.token("/sign-in")
    behind = [route for route in routes(console) if route[0] not in PUBLIC_ENDPOINTS | WALL_ENDPOINTS]

    answers = {
        (endpoint, method): hands.client.open(path, method=method, data={"csrf_token": token})
        for endpoint, method, path in behind
    }

    assert len(behind) > 10
    assert {answer.status_code for answer in answers.values()} == {303}
    assert {answer.location for answer in answers.values()} == {"/console/sign-in"}


def test_no_form_is_taken_without_its_token(console: Console) -> None:
    hands = console.signed_in()
    posts = [path for _, method, path in routes(console) if method == "POST"]

    answers = [hands.client.post(path, data={"why": "x", "words": "x"}).status_code for path in posts]

    assert len(posts) > 5
    assert set(answers) == {400}


def test_every_page_asks_for_the_role_that_is_written_down_here(console: Console) -> None:
    there = {(endpoint, method) for endpoint, method, _ in routes(console)}

    with console.app.app_context():
        asked = {each: asked_of(each[0]) for each in there}

    assert asked == NEEDED
    assert {page for page, _ in NEEDED if NEEDED[page, _] is SCREEN} == WALL_ENDPOINTS


@pytest.mark.parametrize("role", list(Role))
def test_a_role_reaches_its_own_pages_and_no_more(console: Console, role: Role) -> None:
    hands = console.signed_in(role=role)
    token = hands.token("/account")
    behind = [
        page
        for page in routes(console)
        if isinstance(least := NEEDED[page[:2]], Role)
        and (least is role or not role.covers(least) or page[1] == "POST" or is_full())  # Drawn once for all.
        and page[0] != "sign_in.sign_out"
    ]

    answers = {
        (endpoint, method): hands.client.open(path, method=method, data={"csrf_token": token}).status_code
        for endpoint, method, path in behind
    }

    above = {page for page, least in NEEDED.items() if isinstance(least, Role) and not role.covers(least)}
    assert {page for page, code in answers.items() if code == 403} == above
    assert hands.get("/").status_code == 200  # None of them has ended the session.


def test_a_second_factor_is_asked_for_ever_after(console: Console) -> None:
    console.sign_in_first("ada")
    hands = console.visitor()

    alone = hands.post("/sign-in", "/sign-in", name="ada", password=CHOSEN)
    console.at += 60
    both = hands.post("/sign-in", "/sign-in", name="ada", password=CHOSEN, code=console.code("ada"))

    assert (alone.status_code, both.status_code) == (401, 303)
    assert hands.get("/").status_code == 200


def test_a_code_is_good_once(console: Console) -> None:
    console.sign_in_first("ada")

    again = console.visitor().post(
        "/sign-in", "/sign-in", name="ada", password=CHOSEN, code=console.code("ada")
    )

    assert again.status_code == 401


def test_a_recovery_code_is_good_once(console: Console) -> None:
    console.add("ada")
    hands = console.visitor()
    hands.post("/sign-in", "/sign-in", name="ada", password=FIRST)
    shown = hands.post("/second-factor", "/second-factor", code=console.code("ada"), password=CHOSEN)
    code = re.findall(r"<code>([0-9a-f]{10})</code>", shown.text)[0]

    tries = [
        console.visitor().post("/sign-in", "/sign-in", name="ada", password=CHOSEN, code=code).status_code
        for _ in range(2)
    ]

    assert tries == [303, 401]


def test_the_first_password_is_good_for_nothing_once_another_is_chosen(console: Console) -> None:
    console.sign_in_first("ada")
    console.at += 60

    answer = console.visitor().post(
        "/sign-in", "/sign-in", name="ada", password=FIRST, code=console.code("ada")
    )

    assert answer.status_code == 401


@pytest.mark.parametrize(("later", "reads"), [(LONGEST_IDLE - 1, True), (LONGEST_IDLE + 1, False)])
def test_a_session_ends_when_nobody_uses_it(console: Console, later: int, reads: bool) -> None:  # noqa: FBT001
    hands = console.signed_in()
    console.at += later

    assert (hands.get("/").status_code == 200) is reads


def test_a_session_ends_after_half_a_day_of_work(console: Console) -> None:
    hands = console.signed_in()
    for _ in range(LONGEST_SESSION // 1200):
        console.at += 1200
        hands.get("/account")
    console.at += 1

    assert hands.get("/").status_code == 303


def test_a_page_that_refreshes_itself_is_not_somebody_who_works(console: Console) -> None:
    hands = console.signed_in()
    for _ in range(LONGEST_IDLE // 600):
        console.at += 600
        hands.get("/_now")
    console.at += 1

    assert hands.get("/_now").status_code == 303


def test_whoever_is_disabled_is_out_at_once(console: Console) -> None:
    hands = console.signed_in("ada", Role.OPERATOR)

    disable_operator(console.database, "ada")

    assert hands.get("/").status_code == 303


def test_a_stolen_cookie_is_dead_after_signing_out(console: Console) -> None:
    hands, thief = console.signed_in(), console.visitor()
    cookie = hands.client.get_cookie("console", path="/console")
    assert cookie
    thief.client.set_cookie("console", cookie.value, path="/console")
    assert thief.get("/").status_code == 200

    hands.post("/sign-out")

    assert thief.get("/").status_code == 303


def test_guessing_ends_after_five_tries(tmp_path: Path, flow: Flow) -> None:
    limits = RedisLimits(connect_redis("redis://127.0.0.1:1/0"), CircuitBreaker())
    console = Console(tmp_path, flow, ROOT / "prompts", limits)
    console.add("ada")
    hands = console.visitor()

    tries = [hands.post("/sign-in", "/sign-in", name="ada", password="guess").status_code for _ in range(6)]

    assert tries == [401] * 5 + [429]


def test_no_page_may_be_kept_or_run_anything_of_others(console: Console) -> None:
    headers = console.signed_in().get("/").headers

    assert headers["Cache-Control"] == "no-store"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "form-action 'self'" in headers["Content-Security-Policy"]


def test_the_public_page_beside_it_sets_no_cookie(console: Console) -> None:
    answer = console.app.test_client().get("/en/")

    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


def test_the_console_speaks_both_languages_with_the_same_words() -> None:
    spoken = {language: set(translations(language)) for language in LANGUAGES}

    assert spoken["en"] == spoken["fr"]


def test_a_changed_or_missing_deed_is_found(console: Console) -> None:
    console.signed_in("ada")
    console.signed_in("bea")
    assert verify(console.database) == []
    assert len(list_audit_entries(console.database)) == 4

    with console.database.write() as sql:
        sql.execute(update(audit).where(audit.c.n == 2).values(who="somebody else"))
    changed = verify(console.database)
    with console.database.write() as sql:
        sql.execute(delete(audit).where(audit.c.n == 3))
    missing = verify(console.database)

    assert changed == ["row 2: was changed after it was written"]
    assert missing[1].startswith("row 3: missing")


def test_nothing_in_the_records_lets_anybody_sign_in(tmp_path: Path, flow: Flow) -> None:
    console = Console(tmp_path, flow, ROOT / "prompts", passwords=Passwords())
    console.sign_in_first("ada")
    operator = find_operator(console.database, "ada")

    assert operator
    assert operator.password.startswith("$argon2id$")
    assert "m=65536,t=3," in operator.password  # Dear to guess.
    assert CHOSEN not in repr(operator)
    assert len(operator.recovery) == RECOVERY_CODES
    assert all(re.fullmatch("k:[0-9a-f]{64}", code) for code in operator.recovery)  # Under a key.


def test_no_rule_of_the_console_touches_a_call(twilio: Twilio) -> None:
    form = {"CallSid": twilio.sid, "From": "+19055550123", "To": "+12895550100", "CallStatus": "ringing"}
    headers = {
        "X-Twilio-Signature": twilio.sign(f"{twilio.public_url}/voice", form),
        "X-Forwarded-Proto": "http",
    }

    answer = twilio.client.post("/voice", data=form, headers=headers)

    assert answer.status_code == 200
    assert answer.text.startswith("<?xml")
    assert "<Gather" in answer.text
