"""A passkey signs its owner in, once for each challenge, at our own address, and nobody else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from authenticator import Authenticator
from conftest import ROOT
from console import CHOSEN, Console
from hypothesis import given
from hypothesis import strategies as st
from sizes import examples

from ivr.records.audit import list_audit_entries
from ivr.records.operators import Role, disable_operator, reset_operator
from ivr.records.passkeys import MOST_PASSKEYS, list_passkeys, remove_passkey
from ivr.web.console.passkeys import CHALLENGE_SECONDS
from ivr.web.console.sign_in import PASSKEYS

if TYPE_CHECKING:
    from pathlib import Path

    from console import Hands
    from werkzeug.test import TestResponse

    from ivr.flow.models import Flow

ORIGIN, HOST = "https://console.example", "console.example"


@pytest.fixture
def console(tmp_path: Path, flow: Flow) -> Console:
    return Console(tmp_path, flow, ROOT / "prompts")


@pytest.fixture
def ada(console: Console) -> Hands:
    return console.signed_in("ada")


@pytest.fixture
def device() -> Authenticator:
    return Authenticator(ORIGIN, HOST)


def ask_to_add(hands: Hands, name: str = "work laptop", password: str = CHOSEN) -> TestResponse:
    return hands.post("/passkeys/new", "/account", name=name, password=password)


def add(hands: Hands, device: Authenticator, name: str = "work laptop") -> str:
    """Add a passkey as the script does; give what the page says then."""
    asked = ask_to_add(hands, name)
    hands.post("/passkeys", "/account", credential=device.create(asked.json or {}))
    return hands.get("/account").text


def challenge(hands: Hands) -> dict[str, Any]:
    return dict(hands.post("/passkeys/challenge", "/sign-in").json or {})


def sign_in(hands: Hands, device: Authenticator) -> int:
    answer = device.get(challenge(hands))
    return hands.post("/passkeys/sign-in", "/sign-in", credential=answer).status_code


def deeds(console: Console) -> list[tuple[str, str]]:
    return [(each.did, each.about) for each in list_audit_entries(console.database)]


def test_a_passkey_is_added_and_signs_in_without_password_or_code(
    console: Console, ada: Hands, device: Authenticator
) -> None:
    page = add(ada, device)
    visitor = console.visitor()
    visitor.get("/calls?outcome=left")
    console.at += 1
    asked = challenge(visitor)
    answer = visitor.post("/passkeys/sign-in", "/sign-in", credential=device.get(asked))

    assert "work laptop signs you in from now on" in page
    assert asked["userVerification"] == "required"
    assert "allowCredentials" not in asked or asked["allowCredentials"] == []  # It names nobody.
    assert (answer.status_code, answer.location) == (303, "/console/calls?outcome=left")
    assert visitor.get("/").status_code == 200
    assert deeds(console)[:2] == [("signed in", "by passkey: work laptop"), ("passkey added", "work laptop")]


def test_password_and_code_stay_good_beside_a_passkey(
    console: Console, ada: Hands, device: Authenticator
) -> None:
    add(ada, device)
    console.at += 60
    form = {"name": "ada", "password": CHOSEN, "code": console.code("ada")}

    assert console.visitor().post("/sign-in", "/sign-in", **form).status_code == 303


@pytest.mark.parametrize(
    ("name", "password", "status"),
    [("", CHOSEN, 400), ("call 289 555 0100", CHOSEN, 400), ("laptop", "not the password", 403)],
)
def test_an_open_session_alone_adds_no_passkey(
    console: Console, ada: Hands, name: str, password: str, status: int
) -> None:
    answer = ask_to_add(ada, name, password)

    assert answer.status_code == status
    assert list(answer.json or {}) == ["fault"]
    assert list_passkeys(console.database) == []


def test_guesses_at_the_password_of_an_open_session_are_counted(tmp_path: Path, flow: Flow) -> None:
    console = Console(tmp_path, flow, ROOT / "prompts", limits=Counting())
    ada = console.signed_in("ada")

    answers = [ask_to_add(ada, password="guess").status_code for _ in range(7)]

    assert answers == [403] * 5 + [429] * 2


class Counting:
    """A rate limiter that counts without end."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}

    def allow(self, what: str, mark: str, most: int, seconds: int) -> bool:  # noqa: ARG002 - the shape of RateLimiter
        self.counts[what, mark] = self.counts.get((what, mark), 0) + 1
        return self.counts[what, mark] <= most

    allow_if_known = allow


def test_passkeys_that_are_tried_from_one_place_are_counted(tmp_path: Path, flow: Flow) -> None:
    console = Console(tmp_path, flow, ROOT / "prompts", limits=Counting())
    visitor = console.visitor()
    token = visitor.token("/sign-in")

    answers = [
        visitor.client.post("/console/passkeys/sign-in", data={"csrf_token": token}).status_code
        for _ in range(PASSKEYS + 1)
    ]

    assert answers == [401] * PASSKEYS + [429]


@pytest.mark.parametrize(
    "change",
    [{"origin": "https://evil.example"}, {"host": "evil.example"}, {"verified": False}],
    ids=["another origin", "another host", "nobody verified"],
)
def test_what_was_not_made_for_us_by_who_was_asked_is_neither_added_nor_let_in(
    console: Console, ada: Hands, device: Authenticator, change: dict[str, Any]
) -> None:
    refused = Authenticator(**{"origin": ORIGIN, "host": HOST, **change})
    page = add(ada, refused)
    add(ada, device)
    for name, value in change.items():
        setattr(device, name, value)

    assert "No passkey was added" in page
    assert [each.name for each in list_passkeys(console.database)] == ["work laptop"]
    assert sign_in(console.visitor(), device) == 401
    assert deeds(console)[0] == ("sign-in failed", "ada: passkey refused: the answer is not right")


def test_an_answer_is_good_once_also_for_who_has_a_copy_of_the_browsers_cookie(
    console: Console, ada: Hands, device: Authenticator
) -> None:
    device.counts = False  # As a passkey that is kept in step between devices: always 0.
    add(ada, device)
    visitor, thief = console.visitor(), console.visitor()
    console.at += 1
    answer = device.get(challenge(visitor))
    cookie = visitor.client.get_cookie("console", path="/console")
    assert cookie
    token = visitor.token("/sign-in")

    first = visitor.client.post("/console/passkeys/sign-in", data={"csrf_token": token, "credential": answer})
    thief.client.set_cookie("console", cookie.value, path="/console")
    second = thief.client.post("/console/passkeys/sign-in", data={"csrf_token": token, "credential": answer})

    assert (first.status_code, second.status_code) == (303, 401)
    assert deeds(console)[0][1].endswith("its counter or challenge was seen before")


@pytest.mark.parametrize(("later", "status"), [(CHALLENGE_SECONDS, 303), (CHALLENGE_SECONDS + 1, 401)])
def test_a_challenge_lives_five_minutes(
    console: Console, ada: Hands, device: Authenticator, later: int, status: int
) -> None:
    add(ada, device)
    visitor = console.visitor()
    console.at += 1
    answer = device.get(challenge(visitor))

    console.at += later
    signed_in = visitor.post("/passkeys/sign-in", "/sign-in", credential=answer)

    assert signed_in.status_code == status


def test_a_challenge_of_another_browser_or_for_something_else_is_refused(
    console: Console, ada: Hands, device: Authenticator
) -> None:
    add(ada, device)
    console.at += 1
    visitor, other = console.visitor(), console.visitor()
    challenge(other)

    elsewhere = other.post("/passkeys/sign-in", "/sign-in", credential=device.get(challenge(visitor)))
    none = console.visitor().post("/passkeys/sign-in", "/sign-in", credential="{}")
    to_add = ask_to_add(ada).json or {}
    for_adding = ada.post("/passkeys/sign-in", "/account", credential=device.get(to_add))

    assert [each.status_code for each in (elsewhere, none, for_adding)] == [401] * 3


def test_a_counter_that_does_not_count_up_is_refused_and_told(
    console: Console, ada: Hands, device: Authenticator
) -> None:
    add(ada, device)
    answers = []
    for count in (5, 5, 4, 6):  # It is one more than this, each time.
        console.at += 1
        device.count = count
        answers.append(sign_in(console.visitor(), device))

    assert answers == [303, 401, 401, 303]
    assert (
        "sign-in failed",
        "ada: passkey refused: disabled, or its counter or challenge was seen before",
    ) in (deeds(console))


def test_a_removed_passkey_opens_nothing_and_is_asked_about_first(
    console: Console, ada: Hands, device: Authenticator
) -> None:
    add(ada, device)
    (known,) = list_passkeys(console.database, "ada")
    bea = console.signed_in("bea", Role.OPERATOR)

    bea.post("/passkeys/remove", "/account", passkey=known.id)
    asked = ada.post("/passkeys/remove", "/account", passkey=known.id, confirmed="")
    taken = remove_passkey(console.database, "bea", known.id)
    kept = list_passkeys(console.database, "ada") == [known]
    ada.post("/passkeys/remove", "/account", passkey=known.id)
    console.at += 1

    assert "Nobody can sign in by your passkey work laptop" in asked.text
    assert (taken, kept) == ("", True)
    assert list_passkeys(console.database) == []
    assert deeds(console)[0] == ("passkey removed", "work laptop")
    assert sign_in(console.visitor(), device) == 401


def test_a_passkey_of_who_is_disabled_opens_nothing_and_a_reset_takes_it_away(
    console: Console, ada: Hands, device: Authenticator
) -> None:
    bea = console.signed_in("bea", Role.OPERATOR)
    add(bea, device)
    console.at += 1
    disable_operator(console.database, "bea")
    disabled = sign_in(console.visitor(), device)

    reset_operator(console.database, "bea", "a hash")
    console.at += 1

    assert disabled == 401
    assert list_passkeys(console.database) == []
    assert sign_in(console.visitor(), device) == 401
    assert ada.get("/").status_code == 200


def test_nobody_has_a_passkey_twice_or_without_end(
    console: Console, ada: Hands, device: Authenticator
) -> None:
    add(ada, device)
    again = add(ada, device)
    for _ in range(MOST_PASSKEYS):
        page = add(ada, Authenticator(ORIGIN, HOST))

    assert "No passkey was added" in again
    assert len(list_passkeys(console.database, "ada")) == MOST_PASSKEYS
    assert "No passkey was added" in page
    assert "data-passkey=" not in page


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://console.example", "https://console.example"),
        ("https://Console.example:443", "https://console.example"),
        ("http://localhost:8001", "http://localhost:8001"),
        ("http://127.0.0.1:8001", ""),
        ("http://[::1]:8001", ""),
    ],
)
def test_a_passkey_is_for_the_name_of_the_console(
    tmp_path: Path, flow: Flow, address: str, origin: str
) -> None:
    console = Console(tmp_path, flow, ROOT / "prompts", address=address)

    page = console.visitor().get("/sign-in").text

    assert f'data-origin="{origin}"' in page


def test_whatever_is_sent_in_the_place_of_an_answer_is_refused(
    console: Console, ada: Hands, device: Authenticator
) -> None:
    add(ada, device)
    visitor = console.visitor()
    good = json.loads(device.get(challenge(visitor)))
    token = visitor.token("/sign-in")
    anything = st.recursive(
        st.none()
        | st.text(max_size=12)
        | st.integers()
        | st.sampled_from(["AAAA", "MQ", "W10", "e30", "public-key", "é"]),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
        max_leaves=4,
    )
    fields = st.sampled_from(["", *good, *(f"response.{each}" for each in good["response"])])

    @examples(60)
    @given(fields, anything)
    def try_it(field: str, value: object) -> None:
        sent = json.loads(json.dumps(good))
        inside, _, name = field.rpartition(".")
        (sent["response"] if inside else sent)[name] = value
        kept = {"for": "sign in", "challenge": "AAAA", "at": console.at}
        with visitor.client.session_transaction("/console/") as session:
            session["passkey_challenge"] = kept
        credential = json.dumps(sent) if field else json.dumps(value)
        form = {"csrf_token": token, "credential": credential}
        assert visitor.client.post("/console/passkeys/sign-in", data=form).status_code == 401
        with ada.client.session_transaction("/console/") as session:
            session["passkey_challenge"] = kept | {"for": "add", "who": "ada", "name": "x", "handle": "AAAA"}
        form["csrf_token"] = of_ada
        assert ada.client.post("/console/passkeys", data=form).status_code == 303

    of_ada = ada.token("/account")
    try_it()

    assert len(list_passkeys(console.database)) == 1
