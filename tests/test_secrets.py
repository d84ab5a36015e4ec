"""Secrets are exchanged while the line runs: whoever was known before is known after."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from conftest import ROOT
from console import SECRET, Console
from fakes import ENVIRONMENT

from ivr.cli.main import main
from ivr.position import Position
from ivr.pseudonyms import LASTING, MonthKeys, Pseudonyms
from ivr.records.audit import verify
from ivr.records.operators import find_operator
from ivr.settings import read_settings
from ivr.web.sms import Conversation, ConversationCookie
from ivr.wiring import pseudonyms_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from click.testing import Result

    from ivr.flow.models import Flow

NOW = 1_790_000_000.0
NUMBER, OLD, NEW = "+12895550123", SECRET, "another long secret that is put in its place"


def ivr(*words: str, env: Mapping[str, str], typed: str | None = None) -> Result:
    return CliRunner().invoke(main, ["secrets", *words], env=dict(env), input=typed)


def lines(result: Result) -> dict[str, str]:
    assert result.exit_code == 0, result.output
    pairs = (line.partition("=") for line in result.stdout.splitlines())
    return {name: value for name, _, value in pairs}


def known(marks: Pseudonyms) -> tuple[object, ...]:
    """Give all by which a phone and a call may be known."""
    lists = [marks.listed(what, NUMBER) for what in ("opt-out", "block")]
    return marks.callers(NUMBER), marks.call("CA1"), marks.message("SM1"), *lists


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return ENVIRONMENT | {
        "SECRET_KEY": OLD,
        "KEYS_DIR": str(tmp_path / "keys"),
        "JOURNAL_DIR": str(tmp_path / "journal"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/console.sqlite3",
        "IVR_CONFIG": str(ROOT / "config"),
        "IVR_PROMPTS": str(ROOT / "prompts"),
        "IVR_PHRASES": str(ROOT / "phrases"),
    }


@pytest.fixture
def console(tmp_path: Path, flow: Flow) -> Console:
    return Console(tmp_path, flow, ROOT / "prompts")


def test_a_phone_is_the_same_phone_after_each_step(environment: dict[str, str], console: Console) -> None:
    before = known(pseudonyms_of(read_settings(environment), lambda: NOW))

    between = environment | lines(ivr("rotate", "SECRET_KEY", env=environment))
    running = pseudonyms_of(read_settings(between), lambda: NOW)
    assert known(running) == before
    after = between | lines(ivr("retire", "SECRET_KEY", env=between))

    assert between["SECRET_KEY_2"] == OLD
    assert between["SECRET_KEY"] != OLD
    running.refresh()  # A process that still has both reads the files again.
    assert known(running) == before
    assert after["SECRET_KEY_2"] == ""
    assert known(pseudonyms_of(read_settings(after), lambda: NOW)) == before
    assert (
        known(pseudonyms_of(read_settings(environment), lambda: NOW)) != before
    )  # The old one opens nothing.
    assert console.database is not None


def test_a_second_exchange_carries_over_what_the_first_sealed(
    environment: dict[str, str], console: Console
) -> None:
    before = known(pseudonyms_of(read_settings(environment), lambda: NOW))

    now = environment
    for _ in range(2):
        now = now | lines(ivr("rotate", "SECRET_KEY", env=now))
        now = now | lines(ivr("retire", "SECRET_KEY", env=now))

    assert known(pseudonyms_of(read_settings(now), lambda: NOW)) == before
    assert verify(console.database) == []


def test_a_key_of_a_new_month_is_of_the_new_secret(environment: dict[str, str], console: Console) -> None:
    pseudonyms_of(read_settings(environment), lambda: NOW).caller(NUMBER)
    now = environment | lines(ivr("rotate", "SECRET_KEY", env=environment))
    now = now | lines(ivr("retire", "SECRET_KEY", env=now))
    later = NOW + 40 * 86_400

    mark = pseudonyms_of(read_settings(now), lambda: later).caller(NUMBER)

    other = now | {"SECRET_KEY": NEW}
    assert mark
    assert pseudonyms_of(read_settings(other), lambda: later).caller(NUMBER) != mark
    assert console.database is not None


def test_nothing_of_the_old_halves_is_left_in_the_key_folder(tmp_path: Path) -> None:
    keys = MonthKeys(tmp_path)
    half = keys.part(LASTING, make=True)

    count = Pseudonyms(NEW, keys, lambda: NOW, OLD).carry_keys()

    assert count == 1
    assert [path.name for path in tmp_path.iterdir()] == [f"{LASTING}.key"]
    assert half not in (tmp_path / f"{LASTING}.key").read_bytes()
    assert (tmp_path / f"{LASTING}.key").stat().st_mode & 0o777 == 0o600


def test_a_texter_in_the_middle_of_a_conversation_goes_on() -> None:
    here = Conversation("t1", Position("main", "en"))
    cookie = ConversationCookie(OLD).write(here, NOW)

    assert ConversationCookie(NEW, OLD).read(cookie, NOW) == here
    assert ConversationCookie(NEW).read(cookie, NOW) is None
    assert ConversationCookie(NEW).read(ConversationCookie(NEW, OLD).write(here, NOW), NOW) == here


def test_an_operator_stays_signed_in_and_keeps_their_authenticator(
    environment: dict[str, str], tmp_path: Path, flow: Flow, console: Console
) -> None:
    hands = console.sign_in_first("ada")
    before, cookie = console.code("ada"), hands.client.get_cookie("console", path="/console")
    assert cookie is not None

    now = environment | lines(ivr("rotate", "SECRET_KEY", env=environment))
    between = Console(tmp_path, flow, ROOT / "prompts", secrets=(now["SECRET_KEY"], OLD), fresh=False)
    again = between.visitor()
    again.client.set_cookie("console", cookie.value, path="/console")
    assert again.get("/calls").status_code == 200
    assert between.code("ada") == before
    retired = ivr("retire", "SECRET_KEY", env=now)

    after = Console(tmp_path, flow, ROOT / "prompts", secrets=(now["SECRET_KEY"], ""), fresh=False)
    assert "recovery codes are good no more: ada" in retired.stderr
    assert after.code("ada") == before
    sealed = find_operator(after.database, "ada")
    ivr("retire", "SECRET_KEY", env=now)  # As on a second host: what is sealed already stays as it is.
    assert find_operator(after.database, "ada") == sealed


def test_twilios_token_is_typed_and_both_are_believed(environment: dict[str, str]) -> None:
    token = "b" * 32

    now = environment | lines(ivr("rotate", "TWILIO_AUTH_TOKEN", env=environment, typed=token + "\n"))

    line = read_settings(now)
    assert (line.auth_token, line.second_auth_token) == (token, environment["TWILIO_AUTH_TOKEN"])
    assert lines(ivr("retire", "TWILIO_AUTH_TOKEN", env=now)) == {"TWILIO_AUTH_TOKEN_2": ""}


@pytest.mark.parametrize(
    ("words", "more", "mend"),
    [
        (("retire", "SECRET_KEY"), {}, "begin with `ivr secrets rotate SECRET_KEY`"),
        (("rotate", "SECRET_KEY"), {"SECRET_KEY_2": NEW}, "end that with `ivr secrets retire SECRET_KEY`"),
        (("rotate", "METRICS_TOKEN"), {}, "there is nothing to exchange"),
    ],
)
def test_a_step_out_of_order_is_refused(
    environment: dict[str, str], words: tuple[str, ...], more: dict[str, str], mend: str
) -> None:
    result = ivr(*words, env=environment | more)

    assert result.exit_code == 1
    assert mend in result.stderr
    assert result.stdout == ""


def test_lines_are_put_into_the_settings_each_at_its_place(tmp_path: Path) -> None:
    file = tmp_path / "line.env"
    file.write_text("# Secrets.\nSECRET_KEY=old=\nPORT=8000\n", "utf-8")
    file.chmod(0o640)
    put = ["sh", str(ROOT / "deploy/bin/put-settings"), str(file)]

    subprocess.run(put, input="SECRET_KEY=new\nSECRET_KEY_2=old=\n", text=True, check=True)
    nothing = subprocess.run(put, input="", text=True, check=False, capture_output=True)

    assert file.read_text("utf-8") == "# Secrets.\nSECRET_KEY=new\nPORT=8000\nSECRET_KEY_2=old=\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert nothing.returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["line.env"]
