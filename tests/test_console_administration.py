"""What administrators do: let people in and out, say how long the log is kept; what operators unblock."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import CHEAP, FIRST, Console, Hands

from ivr.effects import Entry
from ivr.flow.models import Retention
from ivr.records.audit import list_audit_entries, verify
from ivr.records.ingest import record
from ivr.records.operators import (
    OperatorError,
    Role,
    add_operator,
    change_role,
    disable_operator,
    find_operator,
    list_operators,
    revoke,
)
from ivr.records.opt_outs_blocks import list_blocks
from ivr.records.retention import Chosen, read_chosen, within

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.flow.models import Flow
    from ivr.records.database import Database

MARK = "cd" * 16
CALL = "beef" + "0" * 28


@pytest.fixture
def console(tmp_path: Path, flow: Flow) -> Console:
    return Console(tmp_path, flow, ROOT / "prompts")


@pytest.fixture
def ada(console: Console) -> Hands:
    return console.signed_in("ada")


def told(console: Console) -> list[tuple[str, str, str]]:
    """List what was done since everybody signed in, the newest first."""
    return [(deed.who, deed.did, deed.about) for deed in list_audit_entries(console.database)]


def post(hands: Hands, path: str, **form: str) -> str:
    answer = hands.post(f"/operators/{path}", "/operators", **form)
    return answer.text if answer.status_code == 200 else str(answer.status_code)


def shown_password(page: str) -> str:
    return re.findall(r"<code>([^<]+)</code>", page)[0]


def test_whoever_is_let_in_has_a_password_that_is_shown_once_and_kept_nowhere(
    console: Console, ada: Hands, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        password = shown_password(post(ada, "add", name="bea", role="operator"))
    bea = find_operator(console.database, "bea")
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("console.sqlite3*"))

    assert bea
    assert CHEAP.knows(bea.password, password)
    assert (bea.role, bea.enrolled) == (Role.OPERATOR, False)
    assert told(console)[0] == ("ada", "operator added", "bea (operator)")
    assert password not in ada.get("/operators").text
    assert password.encode() not in kept
    assert password not in caplog.text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ada", "already"),
        ("", "That is no name"),
        ("+1 905 555 0123", "That is no name"),
        ("x" * 65, "no name"),
    ],
)
def test_nobody_is_let_in_twice_or_without_a_name(
    console: Console, ada: Hands, name: str, words: str
) -> None:
    answer = ada.post("/operators/add", "/operators", name=name, role="viewer")

    assert answer.status_code == 409
    assert words in answer.text
    assert told(console)[0][1] == "second factor set up"


def test_whoever_is_reset_begins_anew(console: Console, ada: Hands) -> None:
    bea = console.signed_in("bea", Role.OPERATOR)

    password = shown_password(post(ada, "reset", name="bea"))
    again = find_operator(console.database, "bea")

    assert again
    assert CHEAP.knows(again.password, password)
    assert not again.enrolled
    assert bea.get("/").status_code == 303
    assert told(console)[0] == ("ada", "operator reset", "bea")


@pytest.mark.parametrize(
    ("path", "form", "deed"),
    [
        ("disable", {}, ("ada", "operator disabled", "bea")),
        ("role", {"role": "administrator"}, ("ada", "role changed", "bea: operator, now administrator")),
        ("revoke", {}, ("ada", "sessions ended", "bea")),
    ],
)
def test_whoever_is_changed_is_signed_out_and_the_audit_says_by_whom(
    console: Console, ada: Hands, path: str, form: dict[str, str], deed: tuple[str, str, str]
) -> None:
    bea = console.signed_in("bea", Role.OPERATOR)

    answer = post(ada, path, name="bea", **form)

    assert answer == "303"
    assert bea.get("/").status_code == 303
    assert told(console)[0] == deed
    assert verify(console.database) == []


def test_whoever_is_disabled_is_let_in_again_by_a_reset(console: Console, ada: Hands) -> None:
    console.add("bea")
    post(ada, "disable", name="bea")
    disabled = ada.get("/operators").text

    post(ada, "reset", name="bea")

    assert "</svg> disabled" in disabled
    assert "</svg> disabled" not in ada.get("/operators").text


@pytest.mark.parametrize(("path", "form"), [("disable", {}), ("role", {"role": "operator"})])
def test_the_last_administrator_who_can_sign_in_stays(
    console: Console, ada: Hands, path: str, form: dict[str, str]
) -> None:
    console.add("new", Role.ADMINISTRATOR)  # Has never signed in, and perhaps never will.
    console.add("gone", Role.ADMINISTRATOR)
    post(ada, "disable", name="gone")
    console.signed_in("olu", Role.OPERATOR)

    answer = ada.post(f"/operators/{path}", "/operators", name="ada", **form)

    assert answer.status_code == 409
    assert "last administrator who can sign in" in answer.text
    ada_now = find_operator(console.database, "ada")
    assert ada_now
    assert (ada_now.role, ada_now.disabled) == (Role.ADMINISTRATOR, False)
    assert ada.get("/operators").status_code == 200


def test_an_administrator_goes_when_another_has_signed_in(console: Console, ada: Hands) -> None:
    console.signed_in("bea")

    assert post(ada, "role", name="ada", role="viewer") == "303"
    assert told(console)[0] == ("ada", "role changed", "ada: administrator, now viewer")


def test_the_only_one_who_could_ever_sign_in_stays(console: Console) -> None:
    console.add("ada")

    with pytest.raises(OperatorError) as fault:
        disable_operator(console.database, "ada")

    assert fault.value.fault == "last_administrator"


@pytest.mark.parametrize("path", ["disable", "reset", "revoke", "role"])
def test_nobody_of_that_name_is_said_plainly(console: Console, ada: Hands, path: str) -> None:
    before = told(console)

    answer = ada.post(f"/operators/{path}", "/operators", name="nobody", role="viewer")

    assert answer.status_code == 409
    assert "no operator of that name" in answer.text
    assert told(console) == before


def test_the_same_role_again_changes_nothing(console: Console, ada: Hands) -> None:
    bea = console.signed_in("bea", Role.OPERATOR)

    post(ada, "role", name="bea", role="operator")

    assert bea.get("/").status_code == 200


def test_two_administrators_cannot_shut_each_other_out_at_once(database: Database) -> None:
    both = Barrier(2)
    for name in ("ada", "bea"):
        add_operator(database, name, Role.ADMINISTRATOR, FIRST)

    def disable(name: str) -> bool:
        both.wait()
        try:
            disable_operator(database, name)
        except OperatorError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(disable, ("ada", "bea")))

    assert sorted(done) == [False, True]
    assert sorted(each.disabled for each in list_operators(database)) == [False, True]


def test_the_command_line_says_who_did_it(database: Database) -> None:
    add_operator(database, "ada", Role.VIEWER, FIRST)
    change_role(database, "ada", Role.ADMINISTRATOR)
    revoke(database, "ada")

    assert {deed.who for deed in list_audit_entries(database)} == {"command line"}
    assert verify(database) == []


def test_the_page_says_who_has_a_second_factor(console: Console, ada: Hands) -> None:
    console.add("bea", Role.VIEWER)

    page = ada.get("/operators").text

    assert [("not set up yet" in row, "set up" in row) for row in page.split("<tr>")[2:]] == [
        (False, True),
        (True, True),
    ]


def keep(hands: Hands, rows_days: str, counts_months: str) -> int:
    form = {"rows_days": rows_days, "counts_months": counts_months}
    return hands.post("/retention", "/retention", **form).status_code


def test_a_shorter_time_is_kept_to_and_stands_in_the_audit(console: Console, ada: Hands, flow: Flow) -> None:
    answer = keep(ada, "14", "6")

    chosen = read_chosen(console.database)
    assert answer == 303
    assert within(flow.line.retention, chosen) == Retention(14, 6)
    assert told(console)[0] == ("ada", "retention chosen", "calls 14 days, counts 6 months")
    assert 'value="14"' in ada.get("/retention").text


@pytest.mark.parametrize(
    ("days", "months"), [("31", "24"), ("6", "24"), ("30", "25"), ("30", "0"), ("x", "")]
)
def test_nothing_is_kept_for_longer_than_callers_are_told(
    console: Console, ada: Hands, days: str, months: str
) -> None:
    before = told(console)

    answer = keep(ada, days, months)

    assert answer == 400
    assert read_chosen(console.database) == (None, None)
    assert told(console) == before


def test_the_file_stays_the_most_also_when_more_was_chosen_once() -> None:
    assert within(Retention(10, 12), Chosen(30, 24)) == Retention(10, 12)


def test_callers_are_told_of_a_month_as_the_bound_is_one(flow: Flow) -> None:
    words = {tongue: prompts.stops["about"] for tongue, prompts in flow.prompts.items()}

    assert "or a month" in words["en"].say
    assert "or a month" in words["en"].text
    assert "un mois" in words["fr"].say
    assert "un mois" in words["fr"].text


@pytest.fixture
def blocked(console: Console) -> Hands:
    """Block whoever made a call, and give an operator's hands."""
    entry = Entry(call=CALL, key="0", at=console.at, channel="voice", language="en", stop="hello", mark=MARK)
    record(console.database, [entry], console.at)
    olu = console.signed_in("olu", Role.OPERATOR)
    olu.post(f"/calls/{CALL}/block", why="rang <forty> times", days="2")
    return olu


def test_a_block_is_listed_without_its_mark_and_ended(console: Console, blocked: Hands) -> None:
    page = blocked.get("/blocks").text
    (block,) = list_blocks(console.database, console.at)

    blocked.post(f"/blocks/{block.id}/end", "/blocks")

    assert "rang &lt;forty&gt; times" in page
    assert ">olu</td>" in page
    assert MARK not in page
    assert MARK not in block.id
    assert list_blocks(console.database, console.at) == []
    assert told(console)[0] == ("olu", "block ended", "rang <forty> times")
    assert MARK not in str(told(console))


def test_a_block_that_is_over_already_is_no_deed(console: Console, blocked: Hands) -> None:
    before = told(console)

    answer = blocked.post("/blocks/nothing/end", "/blocks")

    assert answer.status_code == 303
    assert told(console) == before


@pytest.mark.parametrize(
    ("path", "form", "asks"),
    [
        ("reset", {}, "bea gets a new first password"),
        ("disable", {}, "bea is signed out and can no longer sign in"),
        ("role", {"role": "administrator"}, "bea becomes: administrator"),
    ],
)
def test_what_cannot_simply_be_undone_is_asked_about_first(
    console: Console, ada: Hands, path: str, form: dict[str, str], asks: str
) -> None:
    console.add("bea", Role.VIEWER)
    before = list_audit_entries(console.database)

    asked = ada.post(f"/operators/{path}", "/operators", name="bea", confirmed="", **form)
    untouched = list_audit_entries(console.database) == before
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', asked.text))
    ada.client.post(f"/console/operators/{path}", data=fields | {"confirmed": "yes"})

    assert asked.status_code == 200
    assert asks in asked.text
    assert untouched
    assert len(list_audit_entries(console.database)) == len(before) + 1
