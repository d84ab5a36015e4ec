"""The commands `ivr secrets`: exchange a secret without a caller or an operator noticing."""

from __future__ import annotations

import secrets as chance
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import click

from ivr.cli.context import readable_log, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ivr.settings import Settings

SECOND = "_2"  # Ends the name of the setting in which the other of two secrets stands.


@dataclass(frozen=True)
class Exchanged:
    """A secret of which two are valid at once."""

    make: Callable[[], str] | None  # None: somebody else makes it.
    where_from: str
    before_retiring: str  # What has to be done elsewhere first.


KINDS: Mapping[str, Exchanged] = {
    "SECRET_KEY": Exchanged(
        chance.token_hex, "", "wait until every process has both, and 20 minutes for texters"
    ),
    "TWILIO_AUTH_TOKEN": Exchanged(
        None,
        "in Twilio's console, under API keys & tokens, create the secondary auth token, and type it here",
        "in Twilio's console, promote the secondary token to primary, and wait a day for calls that go on",
    ),
    "METRICS_TOKEN": Exchanged(chance.token_urlsafe, "", "give the monitoring system the new token"),
    "COUNTS_TOKEN": Exchanged(chance.token_urlsafe, "", "give whoever fetches counts the new token"),
}
MAY_BE_UNSET = frozenset({"METRICS_TOKEN", "COUNTS_TOKEN"})
NAMES = click.Choice(list(KINDS))


@click.group()
def secrets() -> None:
    """Exchange a secret in two steps, between which both are valid.

    Each step prints lines for the line's settings: `| sh deploy/bin/put-settings /etc/ivr/line.env` puts them
    there. Then have web, console and worker take them up, as for a new version.
    """


@secrets.command()
@click.argument("name", type=NAMES)
def rotate(name: str) -> None:
    """First step: a new secret takes the place of NAME, and the old one is valid beside it."""
    now = _values(settings(), name)
    if now[1]:
        raise click.ClickException(f"{name}{SECOND} is set: end that with `ivr secrets retire {name}` first")
    kind = KINDS[name]
    if name in MAY_BE_UNSET and not now[0]:
        raise click.ClickException(f"{name} is not set: there is nothing to exchange")
    new = kind.make() if kind.make else click.prompt(kind.where_from, hide_input=True, err=True).strip()
    if new == now[0]:
        raise click.ClickException("that is the secret of now")
    click.echo(f"{name}={new}")
    click.echo(f"{name}{SECOND}={now[0]}")
    click.echo(
        f"next: put these into the settings and have all processes take them up; then {kind.before_retiring};"
        f" then `ivr secrets retire {name}`",
        err=True,
    )


@secrets.command()
@click.argument("name", type=NAMES)
def retire(name: str) -> None:
    """Second step: the old secret is valid no more. What lasts longer than it is sealed under the new one."""
    line = settings()
    if not _values(line, name)[1]:
        raise click.ClickException(f"{name}{SECOND} is not set: begin with `ivr secrets rotate {name}`")
    if name == "SECRET_KEY":
        _carry_over(line)
    click.echo(f"{name}{SECOND}=")
    click.echo("next: put this into the settings and have all processes take it up", err=True)


@secrets.command(name="discard-keys")
@click.confirmation_option(
    prompt="From then on no phone is known from before: DELETE, STOP and blocks of before are lost. Go on?"
)
def discard_keys() -> None:
    """After a theft: destroy the keys of this host, and those that all hosts share.

    Have everything stopped, on every host, and a new SECRET_KEY. Do it on each host: its copies go, too.
    """
    from ivr.pseudonyms import MonthKeys
    from ivr.records.database import connect
    from ivr.records.shared_keys import discard

    line = settings()
    with readable_log():
        discard(connect(line.database_url), MonthKeys(line.keys_dir))
    click.echo("the keys are destroyed; the next process that starts makes new ones")


def _values(line: Settings, name: str) -> tuple[str, str]:
    """Give the secret of now and the other one."""
    known = {
        "SECRET_KEY": (line.secret_key, line.second_secret_key),
        "TWILIO_AUTH_TOKEN": (line.auth_token, line.second_auth_token),
        "METRICS_TOKEN": (line.metrics_token, line.second_metrics_token),
        "COUNTS_TOKEN": (line.counts_token, line.second_counts_token),
    }
    return known[name]


def _carry_over(line: Settings) -> None:
    """Seal all that lasts under the new secret, in this order: each can be done again."""
    from ivr.authentication import carry_seed
    from ivr.encryption import reseal
    from ivr.records.database import connect
    from ivr.records.notifications import carry_addresses
    from ivr.records.operators import carry_seeds
    from ivr.records.shared_keys import KeysDiffer, SharedKeys
    from ivr.wiring import pseudonyms_of

    carry = partial(carry_seed, line.secret_key, line.second_secret_key)
    both = line.secret_key, line.second_secret_key
    database, marks = connect(line.database_url), pseudonyms_of(line, time.time)
    with readable_log():
        without = carry_seeds(database, carry)
        carry_addresses(database, partial(reseal, both))
    count = marks.carry_keys()
    if database.engine.dialect.name == "postgresql":
        try:
            with readable_log():
                SharedKeys(database, marks).carry()
        except KeysDiffer as fault:
            raise click.ClickException(str(fault)) from None
    click.echo(
        f"{count} keys in {line.keys_dir} and all second factors are sealed under the new secret", err=True
    )
    if without:
        click.echo(
            f"recovery codes are good no more: {', '.join(without)}; `ivr operators reset` gives new ones",
            err=True,
        )
