"""What is refused is refused cheaply, told once a minute with its likely reason, and alarmed when all is."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from conftest import Twilio
from fakes import KeptEffects

from ivr.effects import Alarm
from ivr.web.app import create_app
from ivr.wiring import build_parts

if TYPE_CHECKING:
    from conftest import Clock

    from ivr.line import Line
    from ivr.settings import Settings

ACCOUNT = "AC" + "0" * 32
FORM = "application/x-www-form-urlencoded"
PATHS = ("/voice", "/sms", "/nowhere", "/wait/x/en/1/1", "/transfers/x/1/decided")


@dataclass
class Misconfigured:
    """A line whose environment says something else than Twilio's console."""

    settings: Settings
    line: Line
    clock: Clock

    def twilio(self, **wrong: str) -> Twilio:
        app = create_app(build_parts(replace(self.settings, **wrong), self.line, self.clock))
        return Twilio(app.test_client(), self.settings.public_url, self.settings.auth_token)


@pytest.fixture
def misconfigured(settings: Settings, line: Line, clock: Clock) -> Misconfigured:
    return Misconfigured(settings, line, clock)


def alarms(line: Line) -> list[object]:
    assert isinstance(line.later, KeptEffects)
    return [effect for effect in line.later.effects if isinstance(effect, Alarm)]


def knock(twilio: Twilio, times: int = 1) -> set[int]:
    form, url = {"AccountSid": ACCOUNT, "CallSid": twilio.sid}, f"{twilio.public_url}/voice"
    headers = {"X-Twilio-Signature": twilio.sign(url, form), "Host": "line.example"}
    return {twilio.client.post("/voice", data=form, headers=headers).status_code for _ in range(times)}


@pytest.mark.parametrize("path", PATHS)
def test_a_body_larger_than_any_of_twilios_is_refused_at_every_address(twilio: Twilio, path: str) -> None:
    answers = [
        twilio.client.post(path, data=b"a=" + b"x" * size, content_type=FORM, headers=header)
        for size in (33 * 1024, 300_000)
        for header in ({}, {"X-Twilio-Signature": "forged"})
    ]

    assert {answer.status_code for answer in answers} == {413}


@pytest.mark.parametrize("path", PATHS)
def test_a_form_of_many_fields_is_refused_before_it_is_parsed(twilio: Twilio, path: str) -> None:
    form = {f"f{n}": "x" for n in range(250)}
    url = twilio.public_url + path

    answer = twilio.client.post(path, data=form, headers={"X-Twilio-Signature": twilio.sign(url, form)})

    assert (answer.status_code, answer.data) == (413, b"too large\n")


def test_a_form_of_files_has_no_more_parts_than_a_form_has_fields(twilio: Twilio) -> None:
    files = {f"f{n}": (io.BytesIO(b"x"), "x") for n in range(250)}

    answer = twilio.client.post("/voice", data=files, headers={"X-Twilio-Signature": "forged"})

    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/voice", "/voice/2/en/main/0", "/sms", "/voice/status"])
def test_parts_without_a_name_are_refused_as_any_strangers(
    twilio: Twilio, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    parts = b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n"

    answer = twilio.client.post(
        path,
        data=parts,
        content_type="multipart/form-data; boundary=x",
        headers={"X-Twilio-Signature": "forged"},
    )

    assert (answer.status_code, answer.text) == (403, "not signed by Twilio\n")
    assert "with fixed words" not in caplog.text


@pytest.mark.parametrize("status", [404, 413])
def test_whatever_is_sent_to_an_unknown_address_is_no_error_of_ours(twilio: Twilio, status: int) -> None:
    size = 300_000 if status == 413 else 300
    kinds = (FORM, "multipart/form-data; boundary=x", "text/plain", "", "application/json")

    answers = {
        twilio.client.post("/nowhere", data=b"\xff&=%" * (size // 4), content_type=kind).status_code
        for kind in kinds
    }

    assert answers == {status}


def test_without_a_signature_no_form_is_parsed(twilio: Twilio) -> None:
    asked = []

    class Watched(dict[str, str]):
        def __contains__(self, name: object) -> bool:
            asked.append(name)
            return super().__contains__(name)

    app = twilio.client.application
    with app.test_request_context("/voice", method="POST", data={"a": "b"}) as context:
        context.request.__dict__["form"] = Watched()
        response = app.full_dispatch_request()

    assert response.status_code == 403
    assert asked == []


WRONG = {
    "public_url": ("https://old.example", "PUBLIC_URL is wrong: Twilio asks https://line.example"),
    "auth_token": ("another", "TWILIO_AUTH_TOKEN is wrong"),
    "account_sid": ("AC" + "1" * 32, "TWILIO_ACCOUNT_SID is of another account"),
}


@pytest.mark.parametrize("setting", WRONG)
def test_a_wrong_setting_is_named_in_the_log_once_a_minute_with_the_count(
    misconfigured: Misconfigured, clock: Clock, caplog: pytest.LogCaptureFixture, setting: str
) -> None:
    value, likely = WRONG[setting]
    twilio = misconfigured.twilio(**{setting: value})
    if setting == "account_sid":
        twilio.token = "of a subaccount"

    statuses = knock(twilio, 40)
    clock.seconds += 61
    knock(twilio)

    told = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING and "refused" in r.msg]
    assert statuses == {403}
    assert [line.split()[1] for line in told] == ["1", "40"]
    assert all(likely in line for line in told)


def test_what_was_refused_last_is_told_without_another_refusal(
    misconfigured: Misconfigured, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    twilio = misconfigured.twilio(auth_token="another")
    knock(twilio, 3)
    clock.seconds += 61

    twilio.client.application.extensions["ivr"].refusals.tell()

    assert [r.getMessage().split()[1] for r in caplog.records if "refused" in r.msg] == ["1", "2"]


def test_whoever_runs_the_line_is_alarmed_once_when_all_that_twilio_asks_is_refused(
    misconfigured: Misconfigured, line: Line, clock: Clock
) -> None:
    twilio = misconfigured.twilio(public_url="https://old.example")

    knock(twilio, 4)
    before = alarms(line)
    knock(twilio, 30)
    once = alarms(line)
    clock.seconds += 1801
    knock(twilio, 5)

    assert (before, once, alarms(line)) == ([], [Alarm("refused")], [Alarm("refused")] * 2)


def test_strangers_raise_no_alarm_and_neither_do_some_while_others_are_good(
    twilio: Twilio, line: Line
) -> None:
    for n in range(50):
        twilio.client.post("/voice", data={"AccountSid": ACCOUNT})
        twilio.post("/voice", signature="forged", AccountSid="AC" + "2" * 32)
        if n % 10 == 0:
            twilio.post("/voice")
        twilio.post("/voice", signature="forged", AccountSid=ACCOUNT)

    assert alarms(line) == []


def test_the_alarm_says_what_to_mend(line: Line) -> None:
    told: list[str] = []

    replace(line, send_alarm=told.append).perform(Alarm("refused"))

    assert "PUBLIC_URL" in told[0]
