"""The way to the first real call, step by step: one looks where one can, and asks what no API tells.

Every run begins at the first step and looks again: a step that was right may be wrong by now. Answers are
kept with the day and whoever gave them, in a file beside the journal, and asked for again when they are old.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ivr.checks.launch import duties
from ivr.circuit_breaker import PartUnavailable
from ivr.encryption import make_private_folder, open_private
from ivr.flow.loader import FlowError, read_flow
from ivr.flow.voice import quiet_order
from ivr.operations.health_checks import Verdict, examine
from ivr.operations.reload import list_faults
from ivr.telephony.probe import Probe, fetch_fallback
from ivr.telephony.provisioning import (
    LEAST_BALANCE,
    AccountAtTwilio,
    NumberAtTwilio,
    ProvisioningError,
    misled,
    read_account,
    read_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ivr.settings import Settings

NAME = "go-live.json"
YEAR, QUARTER = timedelta(days=365), timedelta(days=90)
SHOWN = 5  # Faults of one step; the command that it names has all.


@dataclass(frozen=True)
class Answer:
    """What somebody answered to a question, and when."""

    on: str  # "2026-11-30".
    by: str  # Their initials.
    said: str = ""


@dataclass(frozen=True)
class Step:
    """One step: looked at, where ``faults`` is given, else asked as a question."""

    name: str
    what: str  # What holds once it is done, or the question.
    faults: Callable[[], Iterator[str]] | None = None
    lasts: timedelta = YEAR  # So long an answer holds.


@dataclass(frozen=True)
class StepResult:
    """How a step stands: done, or what is still to be done."""

    step: Step
    faults: tuple[str, ...] = ()
    answer: Answer | None = None
    to_ask: bool = False

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return not self.faults and not self.to_ask


class Answers:
    """What was answered, in a file that survives the command."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def read(self) -> dict[str, Answer]:
        """Read all that was answered."""
        try:
            kept = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return {name: Answer(**answer) for name, answer in kept.items()}

    def keep(self, name: str, answer: Answer) -> None:
        """Keep one answer; half a file is never seen."""
        known = self.read() | {name: answer}
        make_private_folder(self._path.parent)
        draft = self._path.with_suffix(f".{os.getpid()}")
        with os.fdopen(
            open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w", encoding="utf-8"
        ) as file:
            json.dump(
                {each: asdict(value) for each, value in known.items()}, file, ensure_ascii=False, indent=2
            )
        draft.replace(self._path)


def list_steps(settings: Settings, environ: Mapping[str, str], today: date) -> Iterator[Step]:
    """Give every step, in the order in which they are to be done."""
    look = _Looks(settings, environ, today)
    yield Step("files", "`ivr check` finds no fault", look.files)
    yield Step("people", "every fact was read, every agency dialled, every language reviewed", look.people)
    yield Step("account", "the account is upgraded, active, and has money", look.account)
    yield Step("profile", "Is the business profile approved (Trust Hub, Primary Customer Profile)?")
    yield Step("texts", "Is the number fit for texts: verified toll-free, a short code, or 10DLC for the US?")
    yield Step(
        "countries", "Do geographic permissions allow Canada, and no country that the line never calls?"
    )
    yield Step("service", "Do texts come to the number's own webhook, and not to a messaging service's?")
    yield Step("recording", "nothing is recorded in this account", look.recording)
    yield Step("emergency", "an address is registered at Twilio for calls to 911", look.emergency)
    yield Step("answers", "the line answers a signed call and text at PUBLIC_URL", look.answers)
    yield Step("number", "the number leads to the line: `ivr provision` sets it", look.number)
    yield Step("fallback", "the fallback documents stand on another host", look.fallback)
    yield Step("debugger", "Does Twilio's debugger webhook lead to PUBLIC_URL/debugger?")
    yield Step("alarm", "Did the text and the post of `ivr alarm --test` arrive?", lasts=QUARTER)
    for agency in look.rung():
        question = (
            f"Did you call the line's own number, ask for a person, and did {agency} answer and press 1?"
        )
        yield Step(f"ring-{agency}", question, lasts=QUARTER)
    yield Step("doctor", "`ivr doctor` finds no fault", look.doctor)


def stand(step: Step, answers: Mapping[str, Answer], today: date) -> StepResult:
    """Look how a step stands. Never raises."""
    if step.faults is None:
        answer = answers.get(step.name)
        fresh = answer is not None and _day(answer.on) > today - step.lasts
        return StepResult(step, answer=answer if fresh else None, to_ask=not fresh)
    try:
        return StepResult(step, tuple(step.faults()))
    except (ProvisioningError, PartUnavailable, FlowError) as error:
        return StepResult(step, (str(error),))


@dataclass(frozen=True)
class _Looks:
    """What can be looked at."""

    settings: Settings
    environ: Mapping[str, str]
    today: date

    def files(self) -> Iterator[str]:
        yield from _some(list_faults(self.settings), "ivr check")

    def people(self) -> Iterator[str]:
        flow = read_flow(self.settings.config, self.settings.prompts)
        yield from _some(list(map(str, duties(flow, self.today))), "ivr check --live")

    def rung(self) -> Iterator[str]:
        """Name the agencies that can be rung; none while the files cannot be read."""
        try:
            directory = read_flow(self.settings.config, self.settings.prompts).directory
        except FlowError:
            return
        in_orders = {name for order in directory.orders.values() for name in order}
        yield from (name for name, each in directory.agencies.items() if each.on and name in in_orders)

    def account(self) -> Iterator[str]:
        account: AccountAtTwilio = read_account(self.settings)
        if account.kind != "Full":
            yield "this is a trial account: upgrade it, or only phones that you verified can be called"
        if account.status != "active":
            yield f"the account is {account.status}: ask Twilio why"
        if account.balance < LEAST_BALANCE:
            yield f"{account.balance:.2f} {account.currency} are left: pay in, and switch on auto-recharge"

    def recording(self) -> Iterator[str]:
        if read_account(self.settings).recordings:
            yield "there are recordings in this account: find out what records, switch it off, delete them"

    def emergency(self) -> Iterator[str]:
        if not self._number().emergency_address:
            yield "none is registered: Twilio's console, Phone Numbers, the number, Emergency Calling"

    def answers(self) -> Iterator[str]:
        parts = urlsplit(self.settings.public_url)
        if parts.scheme != "https":
            yield "PUBLIC_URL does not begin with https"
        probe = Probe(self.settings.public_url, self.settings.auth_token)
        yield from (f"{each.what}: {each.wrong}" for each in probe.run() if each.wrong)

    def number(self) -> Iterator[str]:
        for name, (old, new) in misled(self._number(), self.settings.public_url).items():
            yield f"{name} is {old or 'nothing'}, and has to be {new or 'nothing'}: `ivr provision`"

    def fallback(self) -> Iterator[str]:
        """Fetch what callers hear while our site is gone, as Twilio would."""
        number, ours = self._number(), urlsplit(self.settings.public_url).hostname
        flow = read_flow(self.settings.config, self.settings.prompts)
        last = flow.directory.agencies[flow.directory.orders[quiet_order(flow)][-1]].number
        for name in ("voice_fallback_url", "sms_fallback_url"):
            url = number.values[name]
            if not url or urlsplit(url).hostname == ours:
                mend = "`ivr fallback` writes the documents; place them on another host, then `ivr provision`"
                yield f"{name} is {url or 'nothing'}: {mend} --fallback-url URL"
                continue
            said = fetch_fallback(url)
            digits = "".join(filter(str.isdigit, said))
            if "<Response" not in said or last.removeprefix("+1") not in digits:
                yield f"{name} leads to no document with the number {last} in it"

    def doctor(self) -> Iterator[str]:
        wrong = [each.words for each in examine(self.environ) if each.verdict is Verdict.FAULT]
        yield from _some(wrong, "ivr doctor")

    def _number(self) -> NumberAtTwilio:
        return read_number(self.settings, self.settings.number)


def _some(faults: list[str], command: str) -> Iterator[str]:
    yield from faults[:SHOWN]
    if len(faults) > SHOWN:
        yield f"and {len(faults) - SHOWN} more: `{command}`"


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return date.min
