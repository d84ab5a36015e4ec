"""Guessing is slow, nobody is locked out by others, and no secret alone opens the console."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import CHOSEN, FIRST, HASHED, SECRET, Console
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import update

from ivr.authentication import Passwords, key_recovery
from ivr.records.audit import list_audit_entries
from ivr.records.operators import Role, add_operator, enrol, find_operator, key_recovery_codes
from ivr.records.tables import operators
from ivr.web.console.sign_in import CODES, DEVICE_COOKIE, FAILURES_KEPT, TRIES

if TYPE_CHECKING:
    from pathlib import Path

    from console import Hands
    from werkzeug.test import TestResponse

    from ivr.flow.models import Flow
    from ivr.records.database import Database

DAY = 24 * 3600


class Counting:
    """A rate limiter that counts without end, and keeps under what."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}

    def allow(self, what: str, mark: str, most: int, seconds: int) -> bool:  # noqa: ARG002 - the shape of RateLimiter
        self.counts[what, mark] = self.counts.get((what, mark), 0) + 1
        return self.counts[what, mark] <= most

    allow_if_known = allow


@pytest.fixture
def limits() -> Counting:
    return Counting()


@pytest.fixture
def console(tmp_path: Path, flow: Flow, limits: Counting) -> Console:
    return Console(tmp_path, flow, ROOT / "prompts", limits)


def sign_in(hands: Hands, address: str = "192.0.2.1", **form: str) -> TestResponse:
    """Send the form as it comes from somewhere."""
    data = form | {"csrf_token": hands.token("/sign-in")}
    return hands.client.post("/console/sign-in", data=data, environ_overrides={"REMOTE_ADDR": address})


def deeds(console: Console) -> list[tuple[str, str]]:
    return [(each.did, each.about) for each in list_audit_entries(console.database)]


def test_a_password_is_as_dear_to_guess_as_argon2_advises() -> None:
    passwords = Passwords()

    kept = passwords.hash(CHOSEN)

    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert [passwords.knows(kept, each) for each in (CHOSEN, FIRST)] == [True, False]
    assert [passwords.knows(each, CHOSEN) for each in ("", "no hash")] == [False, False]


# Nobody is locked out.


def test_wrong_names_without_end_keep_no_operator_out(console: Console) -> None:
    console.sign_in_first("ada")
    console.at += 60
    attacker = console.visitor()

    answers = {
        sign_in(attacker, name=f"nobody{n}", password="x").status_code for n in range(FAILURES_KEPT + TRIES)
    }
    mine = sign_in(console.visitor(), name="ada", password=CHOSEN, code=console.code("ada"))

    assert answers == {401}
    assert mine.status_code == 303


def test_guesses_at_a_name_keep_its_operator_out_at_no_other_address(console: Console) -> None:
    console.sign_in_first("ada")
    console.at += 60
    attacker = console.visitor()

    guesses = [sign_in(attacker, name="ada", password="x").status_code for _ in range(TRIES + 2)]
    mine = sign_in(console.visitor(), "198.51.100.7", name="ada", password=CHOSEN, code=console.code("ada"))

    assert guesses == [401] * TRIES + [429] * 2
    assert mine.status_code == 303


def test_a_browser_that_signed_in_before_keeps_its_way_in_at_the_same_address(console: Console) -> None:
    ada = console.sign_in_first("ada")
    ada.post("/sign-out")
    console.at += 60
    for _ in range(TRIES + 1):
        sign_in(console.visitor(), name="ada", password="x")

    stranger = sign_in(console.visitor(), name="ada", password=CHOSEN, code=console.code("ada"))
    mine = sign_in(ada, name="ada", password=CHOSEN, code=console.code("ada"))

    assert (stranger.status_code, mine.status_code) == (429, 303)


def test_a_device_cookie_is_good_for_its_own_operator_alone_and_not_when_forged(console: Console) -> None:
    ada = console.sign_in_first("ada")
    console.sign_in_first("bea")
    cookie = ada.client.get_cookie(DEVICE_COOKIE, path="/console")
    assert cookie
    last = cookie.value[-1]
    forged = cookie.value[:-1] + ("0" if last != "0" else "1")
    for name in ("ada", "bea"):
        for _ in range(TRIES):
            sign_in(console.visitor(), name=name, password="x")

    def answer(name: str, value: str) -> int:
        hands = console.visitor()
        hands.client.set_cookie(DEVICE_COOKIE, value, path="/console")
        return sign_in(hands, name=name, password="x").status_code

    assert answer("ada", cookie.value) == 401
    assert answer("bea", cookie.value) == 429
    assert answer("ada", forged) == 429
    assert (cookie.http_only, cookie.same_site) == (True, "Strict")


def test_two_operators_of_one_browser_both_keep_their_way_in(console: Console) -> None:
    ada = console.sign_in_first("ada")
    console.sign_in_first("bea")
    console.at += 60
    assert sign_in(ada, name="bea", password=CHOSEN, code=console.code("bea")).status_code == 303
    for name in ("ada", "bea"):
        for _ in range(TRIES):
            sign_in(console.visitor(), name=name, password="x")

    assert [sign_in(ada, name=name, password="x").status_code for name in ("ada", "bea")] == [401, 401]


def test_codes_are_not_guessed_from_many_addresses_by_who_knows_the_password(console: Console) -> None:
    console.sign_in_first("ada")
    console.at += 60
    thief = console.visitor()

    for n in range(CODES):
        sign_in(thief, f"192.0.2.{n}", name="ada", password=CHOSEN, code="000000")
    right = sign_in(thief, "192.0.2.200", name="ada", password=CHOSEN, code=console.code("ada"))

    assert right.status_code == 401  # Said as any wrong one is.


def test_a_proxy_of_our_own_is_believed_and_nobody_else(console: Console) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.9, 198.51.100.1"}
    token_of, answers = console.visitor(), []
    for address, header in (
        *[("10.0.0.2", "203.0.113.9, 198.51.100.1")] * TRIES,  # By a proxy, of 198.51.100.1.
        ("10.0.0.2", "203.0.113.77, 198.51.100.1"),  # What stands before is the client's own word.
        ("10.0.0.2", "198.51.100.2"),
        *[("192.0.2.5", "198.51.100.3")] * TRIES,
        ("192.0.2.5", "198.51.100.4"),  # No proxy of ours: its header says nothing.
    ):
        data = {"name": "ada", "password": "x", "csrf_token": token_of.token("/sign-in")}
        answers.append(
            token_of.client.post(
                "/console/sign-in",
                data=data,
                headers=forwarded | {"X-Forwarded-For": header},
                environ_overrides={"REMOTE_ADDR": address},
            ).status_code
        )

    assert answers == [401] * TRIES + [429, 401] + [401] * TRIES + [429]


def test_an_ipv6_network_is_one_address(console: Console) -> None:
    answers = [
        sign_in(console.visitor(), f"2001:db8::{n}", name="ada", password="x").status_code
        for n in range(1, TRIES + 2)
    ]

    assert answers == [401] * TRIES + [429]


def test_typed_names_are_counted_under_marks_that_tell_nothing(console: Console, limits: Counting) -> None:
    console.sign_in_first("ada")

    sign_in(console.visitor(), name="my password by mistake", password="x")
    sign_in(console.visitor(), name="ada", password="x")

    marks = [mark for _, mark in limits.counts]
    assert len(marks) > 3
    assert all(re.fullmatch(r"[0-9a-f]{64}", mark) for mark in marks)


def test_failed_sign_ins_stand_in_the_audit_without_what_was_typed(console: Console) -> None:
    console.sign_in_first("ada")
    console.at += 60

    sign_in(console.visitor(), name="ada", password="x")
    sign_in(console.visitor(), name="ada", password=CHOSEN, code="000000")
    sign_in(console.visitor(), name="typed by mistake", password="x")

    assert deeds(console)[:3] == [
        ("sign-in failed", "unknown name"),
        ("sign-in failed", "ada: right password, wrong code"),
        ("sign-in failed", "ada: wrong password"),
    ]


def test_nobody_fills_the_audit_from_outside(console: Console) -> None:
    for n in range(FAILURES_KEPT + 2):
        sign_in(console.visitor(), f"192.0.2.{n}", name=f"nobody{n}", password="x")

    assert len(deeds(console)) == FAILURES_KEPT


# The second factor, and first passwords.


@pytest.mark.parametrize("password", [CHOSEN, "wrong"])
def test_a_code_of_other_letters_is_refused_as_any_wrong_one(console: Console, password: str) -> None:
    console.sign_in_first("ada")

    answer = sign_in(console.visitor(), name="ada", password=password, code="é٣")

    assert answer.status_code == 401


def test_a_code_of_other_letters_enrols_nobody_and_breaks_nothing(console: Console) -> None:
    console.add("ada")
    hands = console.visitor()
    hands.post("/sign-in", "/sign-in", name="ada", password=FIRST)

    answer = hands.post("/second-factor", "/second-factor", code="é", password=CHOSEN)

    assert answer.status_code == 200
    assert "The code is not right" in answer.text


def test_of_two_who_enrol_with_one_first_password_one_wins(console: Console) -> None:
    console.add("ada")
    first, second = console.visitor(), console.visitor()
    for hands in (first, second):
        hands.post("/sign-in", "/sign-in", name="ada", password=FIRST)
    token = second.token("/second-factor")

    won = first.post("/second-factor", "/second-factor", code=console.code("ada"), password=CHOSEN)
    form = {"code": console.code("ada"), "password": "another that was chosen", "csrf_token": token}
    lost = second.client.post("/console/second-factor", data=form)

    assert "<code>" in won.text
    assert lost.status_code == 303
    assert first.get("/").status_code == 200
    assert second.get("/").status_code == 303


def test_of_two_enrolments_in_the_same_moment_one_wins(database: Database) -> None:
    add_operator(database, "ada", Role.OPERATOR, HASHED[FIRST])
    both, operator = Barrier(2), find_operator(database, "ada")
    assert operator

    def set_up(password: str) -> bool:
        both.wait()
        return enrol(database, operator, 1, password=password, recovery=frozenset()) is not None

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(set_up, ("one", "other")))

    enrolled = find_operator(database, "ada")
    assert enrolled
    assert sorted(done) == [False, True]
    assert enrolled.password == ("one" if done[0] else "other")


@pytest.mark.parametrize(("after", "answer"), [(DAY - 60, 303), (DAY + 60, 401)])
def test_a_first_password_lives_a_day(console: Console, after: int, answer: int) -> None:
    console.add("ada")
    console.at = time.time() + after

    signed_in = sign_in(console.visitor(), name="ada", password=FIRST)

    assert signed_in.status_code == answer


# SECRET_KEY alone opens nothing, nor do the records alone.


def forge(console: Console, **session: object) -> Hands:
    """Sign a session with the real key, as whoever stole SECRET_KEY can."""
    signer = SecureCookieSessionInterface().get_signing_serializer(console.app)
    assert signer
    hands = console.visitor()
    hands.client.set_cookie("console", signer.dumps(session), path="/console")
    return hands


@pytest.mark.parametrize("id_", ["1:ada", "2:ada", "ada", ":ada", "0" * 64 + ":ada"])
def test_a_session_forged_with_the_secret_alone_opens_nothing(console: Console, id_: str) -> None:
    console.signed_in("ada")

    thief = forge(console, _user_id=id_, _fresh=True, began=console.at, seen=console.at)

    assert thief.get("/").status_code == 303


@pytest.mark.parametrize("epoch", [{"epoch": 1}, {"proof": ""}, {"proof": "0" * 64}])
def test_an_enrolment_forged_with_the_secret_alone_opens_nothing(
    console: Console, epoch: dict[str, object]
) -> None:
    console.add("ada")

    thief = forge(console, enrolling={"name": "ada", "at": console.at, **epoch})

    assert thief.get("/second-factor").status_code == 303


def test_an_operator_without_a_session_key_has_no_session_until_they_sign_in(console: Console) -> None:
    hands = console.signed_in("ada")
    with console.database.write() as sql:
        sql.execute(update(operators).values(session_key=""))
    console.at += 60

    before = hands.get("/").status_code
    signed_in = sign_in(hands, name="ada", password=CHOSEN, code=console.code("ada"))

    assert (before, signed_in.status_code, hands.get("/").status_code) == (303, 303, 200)


def test_recovery_codes_that_were_stored_without_a_key_get_one_and_still_work(console: Console) -> None:
    console.signed_in("ada")
    code = "0123456789"
    unkeyed = sha256(b"recovery:" + code.encode()).hexdigest()  # As the version before stored it.
    with console.database.write() as sql:
        sql.execute(update(operators).values(recovery=unkeyed))

    for _ in range(2):  # Each release does it.
        key_recovery_codes(console.database, partial(key_recovery, SECRET))
    keyed = find_operator(console.database, "ada")
    signed_in = sign_in(console.visitor(), name="ada", password=CHOSEN, code=code)

    assert keyed
    assert keyed.recovery.isdisjoint({unkeyed})
    assert signed_in.status_code == 303


# After the sign-in.


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("/calls?language=fr&outcome=left", "/console/calls?language=fr&outcome=left"),
        ("/reports", "/console/reports"),
        ("/", "/console/since"),
        ("/_now", "/console/since"),
        ("//evil.example/calls", "/console/since"),
        ("/nothing/here", "/console/since"),
    ],
)
def test_whoever_signs_in_gets_the_page_that_they_asked_for(console: Console, asked: str, shown: str) -> None:
    console.sign_in_first("ada")
    hands = console.visitor()
    console.at += 60

    sent = hands.get(asked)
    answer = hands.post("/sign-in", "/sign-in", name="ada", password=CHOSEN, code=console.code("ada"))
    again = hands.post("/sign-in", "/sign-in", name="ada", password=CHOSEN, code="000000")

    assert sent.location in {"/console/sign-in", shown, None} or sent.status_code == 308
    assert answer.location == shown
    assert again.location is None


def test_a_picture_or_a_form_that_is_asked_for_is_not_shown_after_the_sign_in(console: Console) -> None:
    console.sign_in_first("ada")
    hands = console.visitor()
    console.at += 60

    hands.client.get("/console/reports/chart/days.svg", headers={"Sec-Fetch-Dest": "image"})
    hands.client.post("/console/operators/disable", data={"csrf_token": hands.token("/sign-in")})
    answer = hands.post("/sign-in", "/sign-in", name="ada", password=CHOSEN, code=console.code("ada"))

    assert answer.location == "/console/since"


def test_nobody_else_can_say_where_a_sign_in_leads(console: Console) -> None:
    console.sign_in_first("ada")
    hands = console.visitor()
    console.at += 60

    hands.get("/sign-in?next=https://evil.example/")
    form = {"name": "ada", "password": CHOSEN, "code": console.code("ada"), "next": "https://evil.example/"}
    answer = hands.post("/sign-in?next=//evil.example", "/sign-in", **form)

    assert answer.location == "/console/since"


def test_the_sign_in_before_this_one_is_shown_to_its_owner_and_the_last_to_administrators(
    console: Console,
) -> None:
    hands = console.sign_in_first("ada")
    first = hands.get("/since").text
    console.add("bea", Role.VIEWER)
    console.at += 60
    hands = console.visitor()
    hands.post("/sign-in", "/sign-in", name="ada", password=CHOSEN, code=console.code("ada"))

    second, listed = hands.get("/since").text, hands.get("/operators").text

    assert "Your last sign-in before this one" not in first
    assert "Your last sign-in before this one" in second
    assert re.search(r"bea</th>.*?>never</td>", listed, re.DOTALL)
    assert re.search(r"ada \(you\)</th>.*?>[^<]+ \d\d:\d\d</td>", listed)
