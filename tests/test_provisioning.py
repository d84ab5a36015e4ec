"""The number is pointed at the line, and what stands at Twilio is read back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from conftest import ROOT
from fakes import ENVIRONMENT, NotedJournal
from test_probe import line_app, serving

from ivr.circuit_breaker import PartUnavailable
from ivr.cli.main import main
from ivr.settings import Settings, read_settings
from ivr.simulator.account import SETTABLE
from ivr.simulator.clock import VirtualClock
from ivr.simulator.exchange import Account
from ivr.simulator.faults import RestFault
from ivr.simulator.papers import Papers
from ivr.simulator.rehearse import Network, urls_of
from ivr.telephony.provisioning import SETTINGS, ProvisioningError, read_account, read_number, wanted_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

    from ivr.flow.models import Flow

NUMBER, FALLBACK = ENVIRONMENT["TWILIO_PHONE_NUMBER"], "https://bins.example/line"


@pytest.fixture
def network() -> Iterator[Network]:
    account = Account(ENVIRONMENT["TWILIO_ACCOUNT_SID"], ENVIRONMENT["TWILIO_AUTH_TOKEN"], NUMBER)
    with Network(
        account, urls_of("http://line.test"), clock=VirtualClock(), fetch=Papers({}), seed="provision"
    ) as network:
        yield network


@dataclass
class Provisioned:
    """A line that answers, its network, and the command."""

    url: str
    network: Network
    environment: dict[str, str]

    def run(self, *options: str) -> Result:
        return CliRunner().invoke(main, ["provision", *options], env=self.environment)

    @property
    def number(self) -> dict[str, str]:
        return self.network.exchange.books.number


@pytest.fixture
def here(network: Network, settings: Settings, flow: Flow) -> Iterator[Provisioned]:
    with serving(line_app(settings, flow, NotedJournal(), [])) as url:
        folders = {f"IVR_{name.upper()}": str(ROOT / name) for name in ("config", "prompts", "phrases")}
        more = {"PUBLIC_URL": url, "TWILIO_API_URL": network.api_url}
        yield Provisioned(url, network, ENVIRONMENT | folders | more)


def test_a_dry_run_shows_what_would_change_and_changes_nothing(here: Provisioned) -> None:
    before = dict(here.number)

    result = here.run("--dry-run", "--fallback-url", FALLBACK)

    assert result.exit_code == 0, result.output
    assert f"voice_url: https://demo.twilio.com/welcome/voice/ -> {here.url}/voice\n" in result.output
    assert f"voice_fallback_url: nothing -> {FALLBACK}/voice.xml" in result.output
    assert result.output.endswith("nothing was changed\n")
    assert here.number == before


def test_every_address_is_set_and_read_back(here: Provisioned) -> None:
    here.number["TrunkSid"] = "TK" + "0" * 32  # It would take calls before our webhooks.

    result = here.run("--fallback-url", FALLBACK, "--overrides", "ct=2000&rt=4000")

    assert result.exit_code == 0, result.output
    assert "changed, and read back" in result.output
    assert here.number["VoiceUrl"] == f"{here.url}/voice#ct=2000&rt=4000"
    assert here.number["StatusCallback"] == f"{here.url}/voice/status"
    assert here.number["SmsUrl"] == f"{here.url}/sms#ct=2000&rt=4000"
    assert here.number["SmsFallbackUrl"] == f"{FALLBACK}/sms.xml"
    assert here.number["TrunkSid"] == ""
    again = here.run("--fallback-url", FALLBACK, "--overrides", "ct=2000&rt=4000")
    assert again.output == "the number stands as it has to\n"


def test_a_change_that_twilio_does_not_keep_is_told(here: Provisioned) -> None:
    here.network.exchange.books.ignored = frozenset({"StatusCallback"})

    result = here.run()

    assert result.exit_code == 1
    assert "did not keep it: status_callback" in result.output


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--base-url", "http://line.example.org"), "does not begin with https"),
        (("--base-url", "http://127.0.0.1:9"), "does not answer as the line does"),
        (("--number", "+17055550199"), "no such number"),
    ],
)
def test_what_would_leave_callers_alone_is_refused(
    here: Provisioned, options: tuple[str, ...], why: str
) -> None:
    before = dict(here.number)

    result = here.run(*options)

    assert result.exit_code == 1
    assert why in result.output
    assert here.number == before


def test_a_network_that_refuses_or_is_silent_is_said_to_be(here: Provisioned) -> None:
    line = read_settings(here.environment)
    here.network.faults.rest = [RestFault("500", times=1)]
    with pytest.raises(ProvisioningError, match="Twilio refused: 20500"):
        read_account(line)

    here.network.faults.rest = [RestFault("drop")]
    with pytest.raises(PartUnavailable):
        read_number(line, NUMBER)


def test_the_account_is_read_as_it_stands(here: Provisioned) -> None:
    books = here.network.exchange.books
    books.kind, books.balance, books.recordings = "Trial", "3.50", ["RE" + "1" * 32]

    account = read_account(read_settings(here.environment))

    assert (account.kind, account.balance, account.currency, account.recordings) == (
        "Trial",
        3.5,
        "USD",
        True,
    )
    assert account.status == "active"


def test_every_setting_is_one_that_twilio_knows() -> None:
    camel = {"".join(part.capitalize() for part in name.split("_")) for name in SETTINGS}

    assert camel <= SETTABLE
    assert set(wanted_values("https://line.example", FALLBACK)) == set(SETTINGS)
