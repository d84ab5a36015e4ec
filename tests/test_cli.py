"""The command `ivr`, as whoever runs the line types it."""

from __future__ import annotations

import json
import re
import time
from contextlib import closing
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner
from conftest import ROOT
from fakes import ENVIRONMENT
from small_line import small_line
from sqlalchemy import select, text, update

from ivr.cli.main import main
from ivr.effects import Entry
from ivr.records.agency_status import list_status
from ivr.records.audit import add_audit_entry, list_audit_entries
from ivr.records.database import connect
from ivr.records.ingest import record
from ivr.records.tables import audit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from click.testing import Result

REQUIRED = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER", "PUBLIC_URL", "SECRET_KEY")
SIMULATED = {"TWILIO_API_URL": "http://127.0.0.1:9"}
TODAY = "2026-11-20"
START = 1_790_000_000.0


def commands(group: click.Command, *words: str) -> Iterator[tuple[str, ...]]:
    yield words
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            yield from commands(command, *words, name)


COMMANDS = list(commands(main))


def ivr(*words: str, env: Mapping[str, str | None] | None = None) -> Result:
    return CliRunner().invoke(main, words, env=dict(env or {}), prog_name="ivr", terminal_width=100)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the files of the line as they are before anybody has dialled a number."""
    line = small_line(tmp_path / "line")
    write_dialled(line, "")
    return line


@pytest.fixture
def environment(folder: Path, tmp_path: Path) -> dict[str, str]:
    return ENVIRONMENT | {
        "IVR_CONFIG": str(folder / "config"),
        "IVR_PROMPTS": str(folder / "prompts"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/line.sqlite3",
        "JOURNAL_DIR": str(tmp_path / "journal"),
    }


def edit(path: Path, old: str, new: str) -> None:
    words = path.read_text("utf-8")
    assert old in words
    path.write_text(words.replace(old, new), "utf-8")


def write_dialled(folder: Path, day: str) -> None:
    """Write into a line's files when a person last dialled each agency that can be rung."""
    agencies = folder / "config/agencies.toml"
    words = re.sub(r'last_dialled = ".*"', f'last_dialled = "{day}"', agencies.read_text("utf-8"))
    agencies.write_text(words, "utf-8")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_is_for(words: tuple[str, ...]) -> None:
    shown = ivr(*words, "--help")

    said = shown.output.partition("\n\n")[2].strip().split("\n\n")[0]
    assert shown.exit_code == 0
    assert shown.output.startswith(f"Usage: {' '.join(('ivr', *words))} ")
    assert len(said.split()) > 3
    assert said[0].isupper()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_says_what_it_is_for(words: tuple[str, ...]) -> None:
    command: click.Command = main
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]

    silent = [each.name for each in command.params if isinstance(each, click.Option) and not each.help]

    assert silent == []


@pytest.mark.parametrize("words", [("web",), ("worker",), ("release",), ("calls",)], ids=" ".join)
def test_a_command_without_settings_names_them_all(words: tuple[str, ...]) -> None:
    done = ivr(*words, env=dict.fromkeys((*ENVIRONMENT, "IVR_OPT_OUT")) | {"PATH": ENVIRONMENT["PATH"]})

    assert done.exit_code == 1
    assert [name for name in REQUIRED if f"{name} is not set" not in done.output] == []


def test_check_of_a_good_line_measures_it_and_finds_nothing(folder: Path) -> None:
    done = ivr("check", "--config", str(folder / "config"), "--prompts", str(folder / "prompts"))

    assert done.exit_code == 0
    assert done.output.endswith("no faults\n")
    assert "longest instructions" in done.output


def test_check_of_a_bad_line_names_file_place_and_mend(folder: Path) -> None:
    config, prompts = folder / "config", folder / "prompts"
    edit(config / "agencies.toml", '"mon-fri"', '"someday"')
    edit(config / "menus.toml", 'next = "main"', 'next = "mian"')

    done = ivr("check", "--config", str(config), "--prompts", str(prompts))

    assert done.exit_code == 1
    assert f"{config}/menus.toml: stops.hello.next: leads to 'mian', which is not declared" in done.output
    assert (
        f"{config}/agencies.toml: agencies.esic.hours: 'someday' is not a day or days; write" in done.output
    )
    assert "no faults" not in done.output


def test_check_of_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    done = ivr("check", "--config", str(tmp_path / "nowhere"))

    assert done.exit_code == 2
    assert "does not exist" in done.output


@pytest.mark.parametrize(
    "api", ["https://api.twilio.com", "https://api.ie1.twilio.com", "http://API.twilio.com:80/x"]
)
def test_release_refuses_to_go_live_with_agencies_that_nobody_has_dialled(
    environment: dict[str, str], tmp_path: Path, api: str
) -> None:
    done = ivr("release", env=environment | {"TWILIO_API_URL": api})

    assert done.exit_code == 1
    refused = re.findall(r"agencies\.([a-z-]+)\.last_dialled: no person has dialled it; dial it", done.output)
    assert refused == ["victim-services", "chrysalis", "hotline"]
    assert not (tmp_path / "line.sqlite3").exists()


def test_release_goes_live_when_every_agency_was_dialled(environment: dict[str, str], folder: Path) -> None:
    write_dialled(folder, TODAY)

    done = ivr("release", env=environment)

    assert (done.exit_code, done.output) == (0, "the call log is up to date\n")


def test_release_says_that_the_tables_are_newer_and_what_to_do(environment: dict[str, str]) -> None:
    line = environment | SIMULATED
    ivr("release", env=line)
    database = connect(line["DATABASE_URL"])
    with database.write() as sql:
        sql.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    refused, back = ivr("release", env=line), ivr("release", "--back", env=line)

    assert refused.exit_code == 1
    assert "tables are newer (9999) than this version" in " ".join(refused.output.split())
    assert "`ivr release --back`" in " ".join(refused.output.split())
    assert (back.exit_code, "stay as they are" in back.output) == (0, True)
    with database.read() as sql:
        assert sql.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_release_lets_an_agency_be_that_is_switched_off(environment: dict[str, str], folder: Path) -> None:
    write_dialled(folder, TODAY)
    edit(
        folder / "config/agencies.toml",
        f'source = "S79"\nhours = "always"\nlast_dialled = "{TODAY}"',
        'source = "S79"\non = false',
    )

    done = ivr("release", env=environment)

    assert done.exit_code == 0


def test_release_around_a_pretend_network_needs_nobody_to_have_dialled(environment: dict[str, str]) -> None:
    done = ivr("release", env=environment | SIMULATED)

    assert done.exit_code == 0


def test_release_refuses_a_line_with_faults_even_around_a_pretend_network(
    environment: dict[str, str], folder: Path
) -> None:
    edit(folder / "config/menus.toml", 'kind = "goodbye"', 'kind = "goodby"')

    done = ivr("release", env=environment | SIMULATED)

    assert done.exit_code == 1
    assert "stops.leave.kind" in done.output


def test_release_twice_changes_nothing(environment: dict[str, str]) -> None:
    codes = [ivr("release", env=environment | SIMULATED).exit_code for _ in range(2)]

    assert codes == [0, 0]


def test_calls_of_a_new_line_are_none(environment: dict[str, str]) -> None:
    ivr("release", env=environment | SIMULATED)

    table, lines = ivr("calls", env=environment), ivr("calls", "--json", env=environment)

    assert (table.exit_code, table.output) == (0, "no calls yet\n")
    assert (lines.exit_code, lines.output) == (0, "")


def test_calls_without_a_log_say_whose_setting_to_look_at(environment: dict[str, str]) -> None:
    done = ivr("calls", env=environment)

    assert done.exit_code == 1
    assert "DATABASE_URL" in done.output


@pytest.fixture
def logged(environment: dict[str, str]) -> dict[str, str]:
    """Give a line whose log holds one call and one text."""
    ivr("release", env=environment | SIMULATED)
    database = connect(environment["DATABASE_URL"])
    entries = [
        Entry("call", "0", START, "voice", "en", "main"),
        Entry("call", "1", START + 5, "voice", "en", "leave", outcome="left"),
        Entry("call", "end", START + 9, "voice"),
        Entry("text", "m1", START + 60, "text", "fr", "signs-me"),
    ]
    record(database, entries, START + 61)
    database.close()
    return environment


def test_calls_are_printed_as_a_table_and_as_json(logged: dict[str, str]) -> None:
    table, lines = ivr("calls", env=logged), ivr("calls", "--json", env=logged)

    rows = [json.loads(line) for line in lines.output.splitlines()]
    assert "signs-me" in table.output
    assert {row["id"] for row in rows} == {"call", "text"}
    assert {tuple(row) for row in rows} == {
        ("id", "channel", "started_at", "ended_at", "language", "outcome", "turns", "stops", "transfers")
    }


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (("--channel", "text"), {"text"}),
        (("--outcome", "left"), {"call"}),
        (("--since", "2100-01-01"), set()),
        (("--until", "2100-01-01", "--channel", "voice"), {"call"}),
    ],
)
def test_calls_are_chosen_by_their_filters(
    filters: tuple[str, ...], found: set[str], logged: dict[str, str]
) -> None:
    done = ivr("calls", "--json", *filters, env=logged)

    assert {json.loads(line)["id"] for line in done.output.splitlines()} == found


def test_a_channel_that_does_not_exist_is_refused(logged: dict[str, str]) -> None:
    done = ivr("calls", "--channel", "fax", env=logged)

    assert done.exit_code == 2
    assert "'fax' is not one of" in done.output


def test_an_agency_that_is_switched_off_is_shown_so_until_it_is_on_again(logged: dict[str, str]) -> None:
    shown = [ivr("agencies", env=logged).output]
    for words in (("off", "chrysalis", "--why", "moved"), ("on", "chrysalis")):
        assert ivr("agencies", *words, env=logged).exit_code == 0
        shown.append(ivr("agencies", env=logged).output)

    assert ["moved" in table for table in shown] == [False, True, False]


def test_a_number_in_the_reason_of_a_switch_is_not_kept(logged: dict[str, str]) -> None:
    done = ivr("agencies", "off", "chrysalis", "--why", "rang from (905) 555-0123", env=logged)
    with closing(connect(logged["DATABASE_URL"])) as database:
        kept = [str(list_audit_entries(database)), str(list_status(database, time.time()))]
    silent = ivr("agencies", "off", "chrysalis", "--why", " ", env=logged)

    assert done.exit_code == 0
    assert [shown for shown in (done.output, *kept) if "0123" in shown] == []
    assert all("rang from" in shown for shown in (done.output, *kept))
    assert silent.exit_code == 2


def test_an_agency_that_does_not_exist_cannot_be_switched_off(logged: dict[str, str]) -> None:
    done = ivr("agencies", "off", "nobody", "--why", "a slip", env=logged)

    assert done.exit_code == 1
    assert "there is no agency 'nobody'" in done.output


def test_operators_are_let_in_changed_and_let_out(logged: dict[str, str]) -> None:
    added = [ivr("operators", "add", name, "--role", "administrator", env=logged) for name in ("ada", "bea")]
    changed = [
        ivr("operators", *words, env=logged)
        for words in (("role", "bea", "viewer"), ("revoke", "bea"), ("disable", "bea"), ("reset", "ada"))
    ]
    last = ivr("operators", "disable", "ada", env=logged)
    shown = ivr("operators", env=logged).output

    assert [done.exit_code for done in (*added, *changed)] == [0] * 6
    assert last.exit_code == 1
    assert "'ada' is the last administrator who can sign in" in last.output
    assert shown == "ada  administrator  has not signed in yet\nbea  viewer  disabled\n"


def test_an_operator_that_does_not_exist_cannot_be_changed(logged: dict[str, str]) -> None:
    done = ivr("operators", "revoke", "nobody", env=logged)

    assert done.exit_code == 1
    assert "there is no operator 'nobody'" in done.output


def test_the_first_row_of_the_audit_that_was_changed_is_named(logged: dict[str, str]) -> None:
    database = connect(logged["DATABASE_URL"])
    for n in range(3):
        add_audit_entry(database, "ada", "tried", str(n))
    with database.write() as sql:
        sql.execute(update(audit).where(audit.c.about == "1").values(who="somebody else"))
        sql.execute(update(audit).where(audit.c.about == "2").values(did="nothing"))
        first = sql.scalar(select(audit.c.n).where(audit.c.about == "1"))

    told = ivr("audit", "verify", env=logged)

    assert told.exit_code == 1
    assert f"its first broken row is {first}:" in told.output


def test_the_audit_says_what_to_write_down_and_knows_it_again(logged: dict[str, str]) -> None:
    ivr("operators", "add", "ada", env=logged)
    whole = ivr("audit", "verify", env=logged)
    known = whole.output.split()[-1]
    ivr("operators", "revoke", "ada", env=logged)

    again = ivr("audit", "verify", "--knows", known, env=logged)
    other = ivr("audit", "verify", "--knows", "1:" + "0" * 64, env=logged)
    slip = ivr("audit", "verify", "--knows", "x", env=logged)

    assert (whole.exit_code, again.exit_code) == (0, 0)
    assert known.startswith("1:")
    assert "its newest row is 2:" in again.output
    assert other.exit_code == 1
    assert "row 1: is not what it was" in other.output
    assert slip.exit_code == 2


@pytest.mark.parametrize("option", [(), ("--transfer",)], ids=["menus", "transfer"])
def test_a_diagram_is_drawn_without_any_setting(option: tuple[str, ...]) -> None:
    done = ivr(
        "flow", *option, env={"IVR_CONFIG": str(ROOT / "config"), "IVR_PROMPTS": str(ROOT / "prompts")}
    )

    assert done.exit_code == 0
    assert done.output.startswith("stateDiagram" if option else "flowchart")
