"""Whoever is signed in sees where, ends what is not theirs, and loses nothing when a session ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import CHOSEN, SECRET, Console
from sqlalchemy import select

from ivr.encryption import unseal
from ivr.records.audit import list_audit_entries
from ivr.records.ingest import record
from ivr.records.journal import Entry
from ivr.records.operators import Role, revoke
from ivr.records.retention import forget
from ivr.records.tables import kept_forms, operator_sessions
from ivr.web.console.access import LONGEST_IDLE, LONGEST_SESSION, NOTED_SECONDS, PUBLIC_ENDPOINTS
from ivr.web.console.kept_forms import KEPT_SECONDS, kept_fields
from ivr.web.console.sign_in import browser_family

if TYPE_CHECKING:
    from pathlib import Path

    from console import Hands
    from werkzeug.test import TestResponse

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


# What was typed when a session had ended.

CALL = "c0ffee" + "0" * 26
FORMS = {  # A view that takes text -> its address, what is typed, and how the page has it afterwards.
    "shift_log.add": ("/log", {"note": "Half an <hour>", "length": "3"}, "Half an &lt;hour&gt;</textarea>"),
    "notice.put": ("/notice", {"words_fr": "Fermé lundi"}, "Fermé lundi</textarea>"),
    "prompts.save": ("/prompts/stops.law.say/en", {"text": "New words."}, "New words.</textarea>"),
    "phrases.add": ("/phrases/en/shelter", {"text": "a bed <tonight>"}, "a bed &lt;tonight&gt;</textarea>"),
    "calls.add_note": (f"/calls/{CALL}/note", {"note": "It crackled."}, "It crackled.</textarea>"),
    "calls.block": (
        f"/calls/{CALL}/block",
        {"why": "Rang forty times", "days": "9"},
        'value="Rang forty times"',
    ),
    "calls.save_view": ("/calls/views", {"name": "French", "language": "fr"}, 'value="French"'),
    "transfers.switch_agency": (
        "/agencies/chrysalis",
        {"why": "Nobody is there"},
        "Nobody is there</textarea>",
    ),
    "screens.add": ("/screens/add", {"name": "hall by the stairs"}, 'value="hall by the stairs"'),
    "operators.add": ("/operators/add", {"name": "new.person"}, 'value="new.person"'),
}
WITHOUT_TEXT = {  # Views that take a press, a choice or a number; or a password, which is never kept.
    *("sign_in.sign_out", "account.end_session", "account.end_other_sessions", "language.choose"),
    *("passkeys.new", "passkeys.add", "passkeys.remove", "calls.delete_view", "notice.end"),
    *("shift_log.mark_read", "shift_log.unpin", "screens.revoke", "blocks.end", "retention.change"),
    *("operators.reset", "operators.disable", "operators.change_role", "operators.end_sessions"),
    *("operators.end_session", "prompts.publish", "prompts.revert", "prompts.drop", "feedback.decide"),
    *(
        "feedback.make_link",
        "agency_feedback.say",
        "phrases.drop",
        "phrases.check",
        "phrases.publish",
        "phrases.back",
    ),
    # An address stands on no page; a text that is tried is kept nowhere; the page keeps what is written.
    *("notifications.choose", "notifications.send_now", "notifications.end", "phrases.try", "prompts.keep"),
}
SECRET_FIELDS = ("password", "code", "token", "credential", "csrf_token")


@pytest.fixture
def hands(console: Console) -> Hands:
    called = Entry(CALL, "1", console.at, "voice", "en", "person", "ended", order="any", mark="b" * 32)
    record(console.database, [called], console.at)
    return console.signed_in("ada")


def back_in(console: Console, hands: Hands, name: str = "ada") -> TestResponse:
    """Sign in again, in the same browser."""
    console.at += 60
    form = {"name": name, "password": CHOSEN, "code": console.code(name)}
    answer = hands.post("/sign-in", "/sign-in", **form)
    assert answer.status_code == 303
    return answer


def send_too_late(console: Console, hands: Hands, path: str, typed: dict[str, str]) -> TestResponse:
    """Send a form that was opened in time, when its session has ended."""
    token = hands.token("/account")
    console.at += LONGEST_IDLE + 1
    return hands.client.post(f"/console{path}", data=typed | {"csrf_token": token, "password": "hush hush"})


def test_every_view_that_takes_a_form_keeps_its_text_or_has_none(console: Console) -> None:
    posts = {rule.endpoint for rule in console.app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    behind = {each for each in posts if "." in each and each not in PUBLIC_ENDPOINTS}

    with console.app.app_context():
        kept = {each: fields for each in behind if (fields := kept_fields(each))}

    assert set(kept) == set(FORMS)
    assert behind - set(kept) == WITHOUT_TEXT - PUBLIC_ENDPOINTS
    assert {name for each in kept.values() for name in each.fields} & set(SECRET_FIELDS) == set()


@pytest.mark.parametrize("endpoint", FORMS)
def test_a_form_that_meets_an_ended_session_is_there_again_after_the_sign_in(
    console: Console, hands: Hands, endpoint: str
) -> None:
    path, typed, shown = FORMS[endpoint]

    sent = send_too_late(console, hands, path, typed)
    page = hands.client.get(back_in(console, hands).location)
    again = hands.client.get(page.request.path)

    assert sent.location == "/console/sign-in"
    assert shown in page.text
    assert "Your session had ended" in page.text
    assert "hush" not in page.text
    assert shown not in again.text  # It is given back once.
    assert [did for _, did, _ in deeds(console)][:2] == [
        "signed in",
        "second factor set up",
    ]  # Nothing was done.


def test_what_was_typed_is_sealed_and_nothing_of_it_stands_in_the_records(
    console: Console, hands: Hands
) -> None:
    send_too_late(console, hands, *FORMS["shift_log.add"][:2])

    with console.database.read() as sql:
        (row,) = sql.execute(select(kept_forms)).all()
    cookie = hands.client.get_cookie("console", path="/console")

    assert cookie
    assert b"Half an" not in row.sealed
    assert "Half an" not in cookie.decoded_value
    assert unseal((SECRET,), row.sealed) == b""  # Nor does SECRET_KEY alone open it.


def test_what_was_typed_is_never_shown_to_another_operator(console: Console, hands: Hands) -> None:
    console.signed_in("bea")
    send_too_late(console, hands, *FORMS["shift_log.add"][:2])

    page = hands.client.get(back_in(console, hands, "bea").location)
    later = hands.get("/log")

    assert "Half an" not in page.text + later.text
    assert "Your session had ended" not in page.text


def test_what_was_typed_is_kept_for_half_an_hour(console: Console, hands: Hands) -> None:
    send_too_late(console, hands, *FORMS["shift_log.add"][:2])
    console.at += KEPT_SECONDS

    page = hands.client.get(back_in(console, hands).location)
    forget(console.database, console.at, 30, 24)

    assert "Half an" not in page.text
    with console.database.read() as sql:
        assert sql.execute(select(kept_forms)).all() == []


def test_a_page_that_renews_itself_does_not_make_us_forget_whose_form_it_is(
    console: Console, hands: Hands
) -> None:
    path, typed, shown = FORMS["shift_log.add"]
    token = hands.token("/account")
    console.at += LONGEST_IDLE + 1
    hands.get("/_now")  # In another tab.

    hands.client.post(f"/console{path}", data=typed | {"csrf_token": token})

    assert shown in hands.client.get(back_in(console, hands).location).text


def test_a_session_that_somebody_ended_loses_no_text_either(console: Console, hands: Hands) -> None:
    path, typed, shown = FORMS["shift_log.add"]
    token = hands.token("/account")
    revoke(console.database, "ada")

    sent = hands.client.post(f"/console{path}", data=typed | {"csrf_token": token})

    assert sent.location == "/console/sign-in"
    assert shown in hands.client.get(back_in(console, hands).location).text


def test_a_stranger_fills_no_records_with_forms(console: Console) -> None:
    stranger = console.visitor()
    token = stranger.token("/sign-in")

    stranger.client.post("/console/log", data={"note": "x", "csrf_token": token})

    with console.database.read() as sql:
        assert sql.execute(select(kept_forms)).all() == []
