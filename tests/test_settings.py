"""The environment: everything that is wrong with it is said at once, and no secret is repeated."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fakes import ENVIRONMENT

from ivr.settings import TWILIO, VARIABLES, SettingsError, read_settings

REQUIRED = [variable.name for variable in VARIABLES if variable.default is None]
SECRETS = ("TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_2", "SECRET_KEY")
MALFORMED = {
    "TWILIO_ACCOUNT_SID": ["AC1", "SK" + "0" * 32, "AC" + "0" * 33],
    "TWILIO_PHONE_NUMBER": ["2895550100", "+1 289 555 0100", "+0289555010", "(289) 555-0100"],
    "TWILIO_API_URL": ["api.twilio.com", "ftp://api.twilio.com", "https://"],
    "PUBLIC_URL": [
        "line.example",
        "https://",
        "https://me:secret@line.example",
        "https://line.example?a=b",
        "https://line.example/#top",
        "https://my_line.example",
        "https://[line.example",
        "https://line.example/ivr",
        "https://line.example//ivr/",
        "https://line.example ",
        "https://line .example",
        '"https://line.example"',
        "http://line.example",
        "http://192.168.0.2:8000",
        "http://127.0.0.1.example",
        "https://line.example:70000",
    ],
    "TWILIO_AUTH_TOKEN": ['"12345"', "'12345'", "12345 ", "123\t45", "1234\u20195", "`12345`"],
    "TWILIO_AUTH_TOKEN_2": ['"12345"', " 12345"],
    "DATABASE_URL": [
        "mysql://localhost/line",
        "line.sqlite3",
        "sqlite://",
        "sqlite:///",
        "sqlite:///?mode=rw",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "sqlite://line.sqlite3",
        "postgresql://line:pass@word@localhost/line",
        "postgresql://localhost/line ",
    ],
    "REDIS_URL": ["http://localhost", "localhost:6379", "redis://localhost :6379"],
    "SECRET_KEY": ["short", " " * 40, "a b " * 8 + " " * 40, "ab" * 20],
    "HOST": ["localhost:80", "everywhere", "127.0.0.256"],
    "PORT": ["0", "http", "8000.5", "-1", "999999", "80000", "65536", "٨٠٠٠"],
    "WEB_WORKERS": ["0", "two", "99999", "65"],
    "TWILIO_CALLS_PER_SECOND": ["0", "many", "99999"],
    "IVR_CONFIG": ["no-such-folder"],
    "IVR_PROMPTS": ["no-such-folder"],
    "IVR_PHRASES": ["no-such-folder"],
    "IVR_OPT_OUT": ["maybe", "Default"],
    "ALARM_NUMBER": ["905-546-4904"],
    "ALARM_URL": ["pager"],
    "SENTRY_DSN": [
        "key",
        "https://errors.example/1",
        "http://key@errors.example/1",
        "https://k@e.example/1?a=b",
    ],
    "REHEARSAL": ["no-such-folder"],
    "PATIENCE": ["0", "long"],
}


def faults(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ)
    return str(caught.value).splitlines()


def test_an_empty_environment_names_everything_that_is_missing_at_once(tmp_path: Path) -> None:
    folders = {"IVR_CONFIG": str(tmp_path), "IVR_PROMPTS": str(tmp_path)}

    said = faults(folders)

    assert [fault.split()[0] for fault in said] == REQUIRED
    assert all(" is not set: " in fault for fault in said)


@pytest.mark.parametrize("name", REQUIRED)
def test_an_empty_value_is_a_missing_one(name: str) -> None:
    said = faults(ENVIRONMENT | {name: ""})

    assert [fault.split()[0] for fault in said] == [name]


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in MALFORMED for value in MALFORMED[name]]
)
def test_a_malformed_value_is_named_with_its_mend(name: str, value: str) -> None:
    (fault,) = faults(ENVIRONMENT | {name: value})

    (variable,) = (each for each in VARIABLES if each.name == name)
    assert fault.startswith(f"{name} ")
    assert fault.endswith(f": {variable.says}")


def test_missing_and_malformed_ones_are_named_in_one_message() -> None:
    environ = {name: value for name, value in ENVIRONMENT.items() if name != "PUBLIC_URL"}

    said = faults(environ | {"PORT": "http", "IVR_OPT_OUT": "maybe"})

    assert [fault.split()[0] for fault in said] == ["PUBLIC_URL", "PORT", "IVR_OPT_OUT"]


def test_no_fault_repeats_what_may_be_a_secret() -> None:
    values = {name: f"secret-{number}" for number, name in enumerate(MALFORMED)}

    said = "\n".join(faults(ENVIRONMENT | values | {"TWILIO_AUTH_TOKEN_2": "secret-token"}))

    assert "secret-" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "http://127.0.0.1:8000"),
        ("PUBLIC_URL", "http://localhost:8000/"),
        ("PUBLIC_URL", "http://[::1]:8000"),
        ("DATABASE_URL", "sqlite:////var/lib/a line/line.sqlite3"),
        ("DATABASE_URL", "postgresql:///line"),
        ("DATABASE_URL", "postgresql://line:pass%40word@localhost/line"),
        ("PORT", "65535"),
        ("WEB_WORKERS", "64"),
        ("SENTRY_DSN", "https://0123456789abcdef@o1.errors.example/sentry/42"),
        ("TWILIO_AUTH_TOKEN", "0123456789abcdef0123456789abcdef"),
    ],
)
def test_what_is_unusual_and_right_is_accepted(name: str, value: str) -> None:
    read_settings(ENVIRONMENT | {name: value})


def test_an_extra_that_is_not_installed_is_named_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)  # As Python knows a package that is not there.

    (fault,) = faults(ENVIRONMENT | {"SENTRY_DSN": "https://0123456789abcdef@errors.example/1"})

    assert "pip install 'ivr[sentry]'" in fault
    assert "0123456789abcdef" not in fault


def test_a_password_with_an_at_is_refused_and_not_repeated() -> None:
    (fault,) = faults(ENVIRONMENT | {"DATABASE_URL": "postgresql://line:hor@se@db.example/line"})

    assert "%40" in fault
    assert "hor" not in fault
    assert "se@db" not in fault


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_has_a_default(name: str) -> None:
    (variable,) = (each for each in VARIABLES if each.name == name)

    assert not variable.default


def test_what_is_not_set_has_its_default() -> None:
    settings = read_settings(ENVIRONMENT)

    assert settings.live
    assert (settings.api_url, settings.port, settings.opt_out) == (TWILIO, 8000, "default")
    assert settings.journal_dir == Path("journal")


def test_a_slash_at_the_end_of_an_address_changes_nothing() -> None:
    settings = read_settings(
        ENVIRONMENT | {"PUBLIC_URL": "https://line.example/", "TWILIO_API_URL": f"{TWILIO}/"}
    )

    assert settings.public_url == "https://line.example"
    assert settings.live


@pytest.mark.parametrize(
    "api",
    [
        "https://api.ie1.twilio.com",
        "https://api.dublin.ie1.twilio.com/",
        "https://api.twilio.com:443",
        "https://API.Twilio.com/2010-04-01",
        "http://api.twilio.com",
        "https://twilio.com.",
    ],
)
def test_a_line_at_any_address_of_twilio_is_live(api: str) -> None:
    assert read_settings(ENVIRONMENT | {"TWILIO_API_URL": api}).live


@pytest.mark.parametrize(
    "api", ["http://127.0.0.1:9000", "http://nottwilio.com", "https://api.twilio.com.example"]
)
def test_a_line_on_a_simulator_is_not_live(api: str) -> None:
    assert not read_settings(ENVIRONMENT | {"TWILIO_API_URL": api}).live


@pytest.mark.parametrize(
    "where", [{}, {"TWILIO_API_URL": "https://api.ie1.twilio.com/"}, {"PUBLIC_URL": "https://x.twilio.com"}]
)
def test_what_is_for_rehearsals_is_refused_where_twilio_is_meant(
    where: dict[str, str], tmp_path: Path
) -> None:
    elsewhere = {"TWILIO_API_URL": "http://127.0.0.1:9000"} if "PUBLIC_URL" in where else {}

    said = faults(ENVIRONMENT | elsewhere | where | {"REHEARSAL": str(tmp_path), "PATIENCE": "50"})

    assert [fault.split()[0] for fault in said] == ["REHEARSAL", "PATIENCE"]


@pytest.mark.parametrize("api", ["http://127.0.0.1:9000", "http://nottwilio.com"])
def test_a_rehearsal_has_its_own_clock_and_patience(api: str, tmp_path: Path) -> None:
    wanted = {"TWILIO_API_URL": api, "REHEARSAL": str(tmp_path), "PATIENCE": "50"}

    settings = read_settings(ENVIRONMENT | wanted)

    assert (settings.rehearsal, settings.patience) == (tmp_path, 50)


def test_a_settings_value_is_read_once_and_cannot_be_changed() -> None:
    settings = read_settings(ENVIRONMENT)

    with pytest.raises(AttributeError):
        settings.port = 1  # type: ignore[misc]
