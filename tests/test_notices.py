"""A notice: one short sentence for a time, heard and read once, before the menu, where it was written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from conftest import ROOT
from console import Console
from fakes import ENVIRONMENT

from ivr.checks.prompts import notice_faults
from ivr.cli.main import main
from ivr.flow.prompts import LivePrompts
from ivr.flow.sms import reply
from ivr.flow.turn import Asked, Heard, Phone, Pressed, Roster, Texted, Turn
from ivr.flow.voice import step
from ivr.position import Position
from ivr.records.database import connect
from ivr.records.operators import Role
from ivr.records.prompts import NO_NOTICE, end_notice, put_notice, read_notice
from ivr.records.snapshot import SnapshotHolder
from ivr.understanding.understand import Understanding

if TYPE_CHECKING:
    from pathlib import Path

    from ivr.flow.models import Flow
    from ivr.records.database import Database

pytest_plugins = ("postgres",)

NOW = datetime(2026, 12, 24, 12, tzinfo=UTC)
CLOSED, FERME = "One agency is closed until Sunday.", "Un organisme est fermé jusqu'à dimanche."
HELLO = Position("hello")


def with_notice(flow: Flow) -> Flow:
    return replace(flow, notice={"en": CLOSED})


def presses(flow: Flow, position: Position, key: str) -> list[str]:
    turn = step(flow, position, Pressed(key), Roster({}, 0), Phone())
    assert isinstance(turn, Turn)
    return [say.words for say in turn.says]


def texts(flow: Flow, position: Position, heard: Heard) -> list[str]:
    return [say.words for say in reply(flow, position, heard).says]


def test_callers_hear_it_once_after_the_language_and_before_the_menu(flow: Flow) -> None:
    noticed = with_notice(flow)

    first = presses(noticed, HELLO, "1")
    again = presses(noticed, Position("main", "en"), "*")

    assert first == [CLOSED, *presses(flow, HELLO, "1")]
    assert CLOSED not in again
    assert presses(noticed, HELLO, "2") == presses(flow, HELLO, "2")  # French has no sentence.
    assert presses(noticed, HELLO, "0") == presses(flow, HELLO, "0")  # Nothing comes before a person.


def test_texters_read_it_once_before_the_menu(flow: Flow) -> None:
    noticed, menu = with_notice(flow), Asked("main", "en")

    first = texts(noticed, Position(), menu)
    again = texts(noticed, Position("law", "en"), menu)

    assert first == [CLOSED, *texts(flow, Position(), menu)]
    assert CLOSED not in again
    assert texts(noticed, Position(), Asked("main", "fr")) == texts(flow, Position(), Asked("main", "fr"))


def test_danger_is_answered_without_it(flow: Flow) -> None:
    danger = Texted(Understanding("en", "violence", 0.9, safety=True, answer="danger"))

    assert texts(with_notice(flow), Position(), danger) == texts(flow, Position(), danger)


def test_it_ends_by_itself_and_a_new_one_takes_its_place(database: Database) -> None:
    put_notice(database, {"en": "The old one."}, NOW + timedelta(days=9), now=NOW, who="olu")
    put_notice(database, {"en": CLOSED, "fr": FERME}, NOW + timedelta(days=1), now=NOW, who="olu")

    before, after = (read_notice(database, (NOW + timedelta(hours=h)).timestamp()) for h in (23, 25))

    assert (before.words, before.who) == ({"en": CLOSED, "fr": FERME}, "olu")
    assert after == NO_NOTICE


def test_it_can_be_ended_before(database: Database) -> None:
    put_notice(database, {"en": CLOSED}, NOW + timedelta(days=1), now=NOW, who="olu")

    ended = [end_notice(database, now=NOW, who="olu") for _ in range(2)]

    assert ended == [True, False]
    assert read_notice(database, NOW.timestamp()) == NO_NOTICE


def test_every_process_says_it_and_ends_it_without_sql(
    database: Database, flow: Flow, tmp_path: Path
) -> None:
    put_notice(database, {"en": CLOSED}, NOW + timedelta(hours=1), now=NOW, who="olu")
    at = [NOW.timestamp()]
    snapshots = SnapshotHolder(database, tmp_path, lambda: at[0])
    prompts = LivePrompts(flow, dict, lambda: snapshots.current.notice)

    snapshots.refresh()
    taken_up = prompts.refresh(), prompts.flow.notice, prompts.refresh()
    restarted = LivePrompts(
        flow, dict, lambda: SnapshotHolder(database, tmp_path, lambda: at[0]).current.notice
    )
    restarted.refresh()
    at[0] += 3601
    ended = prompts.refresh(), prompts.flow.notice

    assert taken_up == (True, {"en": CLOSED}, False)
    assert restarted.flow.notice == {"en": CLOSED}
    assert ended == (True, {})


@pytest.mark.parametrize(
    ("words", "hours", "fault"),
    [
        ({}, 1, ("", "notice_empty")),
        ({"en": CLOSED}, 0, ("", "notice_ended")),
        ({"en": CLOSED}, 24 * 91, ("", "notice_ended")),
        ({"xx": CLOSED}, 1, ("xx", "notice_language")),
        ({"en": "Call {hotline.number}."}, 1, ("en", "notice_braces")),
        ({"en": "Call nine zero five, 546 49-04."}, 1, ("en", "notice_number")),
        ({"fr": "Appelez le 905 546 4904."}, 1, ("fr", "notice_number")),
        ({"en": "We will rescue you."}, 1, ("en", "notice_unkind")),
        ({"en": "It is closed today. " * 9}, 1, ("en", "notice_long")),
    ],
)
def test_what_nobody_should_hear_is_refused(
    flow: Flow, words: dict[str, str], hours: int, fault: tuple[str, str]
) -> None:
    assert list(notice_faults(flow, words, NOW, NOW + timedelta(hours=hours))) == [fault]
    assert list(notice_faults(flow, {"en": CLOSED, "fr": FERME}, NOW, NOW + timedelta(hours=1))) == []


def test_the_command_puts_prints_and_ends_it(sqlite_url: str) -> None:
    folders = {"IVR_CONFIG": str(ROOT / "config"), "IVR_PROMPTS": str(ROOT / "prompts")}
    environment = ENVIRONMENT | folders | {"DATABASE_URL": sqlite_url, "TWILIO_API_URL": "http://127.0.0.1:9"}
    until = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"

    def ivr(*words: str) -> str:
        return CliRunner().invoke(main, ["notice", *words], env=environment).output

    refused = ivr("put", "--until", until, "en=Call 905 546 4904.")
    put, printed, ended = ivr("put", "--until", until, f"en={CLOSED}", f"fr={FERME}"), ivr(), ivr("end")

    assert "en: leave out the telephone number" in refused
    assert put == printed == f"en: {CLOSED}\nfr: {FERME}\nuntil {until} 00:00 UTC, put by command line\n"
    assert ended == "the notice has ended\n"
    assert read_notice(connect(sqlite_url), datetime.now(UTC).timestamp()) == NO_NOTICE


def test_an_operator_puts_and_ends_it_in_the_console(tmp_path: Path, flow: Flow) -> None:
    console = Console(tmp_path, flow, ROOT / "prompts")
    hands = console.signed_in("olu", Role.OPERATOR)

    refused = hands.post("/notice", words_en="Call 905 546 4904.", length="4")
    hands.post("/notice", words_en=CLOSED, length="4")
    page, said = hands.get("/notice").text, read_notice(console.database, console.at)
    hands.post("/notice/end")

    assert "Leave out the telephone number" in refused.text
    assert "Call 905 546 4904." in refused.text  # Nothing that was typed is lost.
    assert CLOSED in page
    assert said.words == {"en": CLOSED}
    assert read_notice(console.database, console.at) == NO_NOTICE


def test_a_viewer_reads_it_and_changes_nothing(tmp_path: Path, flow: Flow) -> None:
    console = Console(tmp_path, flow, ROOT / "prompts")
    hands = console.signed_in("vi", Role.VIEWER)

    hands.post("/notice", words_en=CLOSED, length="4")

    assert "<textarea" not in hands.get("/notice").text
    assert read_notice(console.database, console.at) == NO_NOTICE
