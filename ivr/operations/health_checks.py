"""The health checks of `ivr doctor`: what is wrong with each part of a line, and how to mend that.

A check lists what is wrong with one part; when it finds nothing, what its name claims holds.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from ivr.checks.runner import check
from ivr.circuit_breaker import PartUnavailable
from ivr.flow.loader import FlowError, numbers_by_language, read_flow
from ivr.logs import OneLine
from ivr.operations.reload import list_refused
from ivr.operations.version import running_version
from ivr.pseudonyms import MONTH, MonthKeys, Pseudonyms, month_before, month_of
from ivr.records.counts import list_undelivered, shown
from ivr.records.database import connect, read_url
from ivr.records.journal import SUFFIX, claim_dead
from ivr.records.migrations.migrate import Tables, compare_tables, describe_newer
from ivr.records.pending_wishes import PendingWishes
from ivr.records.shared_keys import KeysDiffer, SharedKeys
from ivr.records.worker_heartbeats import DEAD_SECONDS, seconds_since_signs
from ivr.settings import Settings, SettingsError, is_loopback, read_settings
from ivr.telephony.data_deletion import twilio_records
from ivr.telephony.probe import Probe, fetch_sign_of_life
from ivr.telephony.provisioning import (
    LEAST_BALANCE,
    NoSuchNumber,
    ProvisioningError,
    misled,
    read_account,
    read_number,
)
from ivr.work.worker import ask_redis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ivr.flow.models import Flow
    from ivr.telephony.provisioning import NumberAtTwilio

ROOM = 200 * 1024 * 1024  # Bytes that the journal's disk should have left: days of a database that is away.
ADOPTED = 60  # Seconds after which somebody alive has adopted a dead process's journal.
OVERDUE = timedelta(days=7)
MANY = 1000  # So many are enough to know.
DIALLED = timedelta(days=90)


UNDELIVERED = {  # Why texts do not arrive that somebody can mend, and how.
    "30004": "phones block our number: look at what was sent, and to whom",
    "30007": "carriers filter them: send from a verified toll-free number or a short code",
    "30032": "our toll-free number is not verified: verify it in Twilio's console",
    "30034": "the United States block an unregistered number: register it (A2P 10DLC), or leave"
    " [united_states] registered = false in line.toml",
    "unknown": "see Twilio's messaging log",
}


class Verdict(StrEnum):
    """How a part is."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """What is said of one part, on one line."""

    verdict: Verdict
    words: str


class NotNow(Exception):  # noqa: N818 - what is the matter, as a person would say it
    """A check is of no use while another part is at fault."""


def fault(words: str) -> Finding:
    """Complain of what must be mended."""
    return Finding(Verdict.FAULT, words)


def warning(words: str) -> Finding:
    """Complain of what should be known."""
    return Finding(Verdict.WARNING, words)


def _files(settings: Settings) -> Iterator[Finding]:
    for each in check(settings.config, settings.prompts).faults:
        yield fault(str(each))


def _reloads(settings: Settings) -> Iterator[Finding]:
    for each in list_refused(settings.journal_dir):
        at, first = datetime.fromtimestamp(each.at, UTC), next(iter(each.faults), "unknown")
        yield fault(
            f"`ivr {each.process}` refused the files at {at:%Y-%m-%d %H:%M} UTC and goes on with those"
            f" of before; faults: {len(each.faults)}, the first: {first};"
            " mend them until `ivr check` finds none, then send it SIGHUP"
        )


def _call_log(settings: Settings) -> Iterator[Finding]:
    with closing(connect(settings.database_url)) as database:
        try:
            tables, newer = compare_tables(database), describe_newer(database)
        except PartUnavailable as error:
            yield fault(
                f"the call log cannot be reached: {error}; is DATABASE_URL right, did `ivr release` run?"
            )
        else:
            if newer:
                yield fault(newer)
            elif tables is Tables.OLDER:
                yield fault("the call log lacks tables that this version expects; run `ivr release`")


def _public(settings: Settings) -> Iterator[Finding]:
    """Fetch our own sign of life by the way that Twilio takes."""
    try:
        status, words = fetch_sign_of_life(settings.public_url)
    except PartUnavailable as error:
        yield fault(f"PUBLIC_URL does not answer ({error}): is `ivr web` up, the proxy, the name?")
        return
    if status != HTTPStatus.OK or not words.startswith("ok "):
        yield fault(
            f"PUBLIC_URL leads to somebody else (status {status}): callers would hear an error;"
            " mend PUBLIC_URL or the proxy, without a redirect or a path"
        )
    elif (theirs := words.removeprefix("ok ").strip()) != running_version():
        yield warning(
            f"another version answers callers: {theirs}, and this is {running_version()};"
            " let the new one take over (`systemctl kill --kill-whom=main --signal=USR2 ivr-web`)"
        )


def _alarms(settings: Settings) -> Iterator[Finding]:
    if not settings.alarm_number and not settings.alarm_url:
        yield warning(
            "nobody is told when callers reach nobody: set ALARM_NUMBER or ALARM_URL, then `ivr alarm --test`"
        )


def _redis(settings: Settings) -> Iterator[Finding]:
    try:
        ask_redis(settings.redis_url)
    except PartUnavailable as error:
        yield fault(f"{error}; start it or mend REDIS_URL (until then web does the later work by itself)")


def _redis_is_ours(settings: Settings) -> Iterator[Finding]:
    where = urlsplit(settings.redis_url)
    password = where.password or "password" in parse_qs(where.query)
    if where.scheme != "unix" and not password and not is_loopback(where.hostname or "localhost"):
        yield warning(
            "Redis has no password and is not on this machine: whoever reaches it can ring agencies and read"
            " who waits; set `requirepass`, and REDIS_URL=rediss://:PASSWORD@…"
        )


def _worker(settings: Settings) -> Iterator[Finding]:
    with closing(connect(settings.database_url)) as database:
        try:
            ages = seconds_since_signs(database, time.time())
        except PartUnavailable:
            raise NotNow("the call log does not answer") from None
    if not ages:
        yield fault(
            f"no worker has been alive for {DEAD_SECONDS:g} s, so nothing is swept or forgotten;"
            " start `ivr worker`"
        )
    else:
        yield Finding(Verdict.OK, f"a worker is alive: last sign {ages[0]:.0f} s ago, workers: {len(ages)}")


def _journal(settings: Settings) -> Iterator[Finding]:
    try:
        with tempfile.TemporaryFile(dir=settings.journal_dir) as probe:
            probe.write(b"probe")
        free = shutil.disk_usage(settings.journal_dir).free
    except OSError as error:
        yield fault(
            f"JOURNAL_DIR cannot be written: {error.strerror}; make it a folder that only we can read"
        )
    else:
        if free < ROOM:
            yield fault(
                f"the disk of JOURNAL_DIR has {free >> 20} MB left; make room, {ROOM >> 20} MB at least"
            )


def _left_journals(settings: Settings) -> Iterator[Finding]:
    count = 0
    for path in settings.journal_dir.glob(f"*{SUFFIX}"):
        with suppress(FileNotFoundError):  # Adopted while we look.
            old = path.stat().st_mtime < time.time() - ADOPTED
            descriptor = claim_dead(path) if old else None
            if descriptor is not None:
                os.close(descriptor)
                count += 1
    if count:
        yield fault(
            f"journals of processes that died wait to be filed: {count}; is web up, and the call log?"
        )


def _left_wishes(settings: Settings) -> Iterator[Finding]:
    count = len(PendingWishes(settings.journal_dir).names(before=time.time() - ADOPTED))
    if count:
        yield fault(f"texters were told that STOP, START or DELETE is done, and it waits for SQL: {count}")


def _keys(settings: Settings) -> Iterator[Finding]:
    folder = settings.keys_dir.absolute()
    if not folder.is_dir():
        yield fault("KEYS_DIR is not a folder, so callers have no marks; make it: mkdir -m 700")
        return
    if folder.stat().st_mode & 0o077:
        yield fault("KEYS_DIR can be read by others; chmod 700")
    if not os.access(folder, os.W_OK):
        yield fault(
            "KEYS_DIR cannot be written, so no new key can be made; chown it to whoever runs the line"
        )
    if folder in _rows(settings) or any(folder.is_relative_to(each) for each in _rows(settings)):
        yield fault("KEYS_DIR lies where the rows lie, and a thief or a backup takes both; move it")
    month = month_of(time.time())
    names = [path.stem for path in folder.glob("*.key") if MONTH.fullmatch(path.stem)]
    if any(name < month_before(month) for name in names):
        yield fault("keys of months that are over were not destroyed; is web or worker up?")


def _shared_keys(settings: Settings) -> Iterator[Finding]:
    """Compare this host's keys with those that all hosts share, where they share a database."""
    marks = Pseudonyms(
        settings.secret_key, MonthKeys(settings.keys_dir), time.time, settings.second_secret_key
    )
    with closing(connect(settings.database_url)) as database:
        if database.engine.dialect.name != "postgresql":
            return
        try:
            copied = SharedKeys(database, marks).is_copied()
        except KeysDiffer as differ:
            yield fault(str(differ))
        except PartUnavailable:
            raise NotNow("the call log cannot be reached") from None
        else:
            if not copied:
                yield fault("KEYS_DIR has not the keys that all hosts use; is web or worker up on this host?")


def _rows(settings: Settings) -> Iterator[Path]:
    """Name the folders in which rows lie."""
    yield settings.journal_dir.absolute()
    where = read_url(settings.database_url)
    if where.get_backend_name() == "sqlite":
        yield Path(where.database or "").absolute().parent


def _twilio(settings: Settings) -> Iterator[Finding]:
    with twilio_records(settings) as copies:
        try:
            next(copies.all(), None)
        except PartUnavailable as error:
            yield fault(f"{error}; see TWILIO_API_URL, TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN")


def _answers(settings: Settings) -> Iterator[Finding]:
    """Call and text the line by the way that Twilio takes, signed as Twilio signs."""
    try:
        status, words = fetch_sign_of_life(settings.public_url)
    except PartUnavailable:
        status, words = 0, ""
    if status != HTTPStatus.OK or not words.startswith("ok "):
        raise NotNow("PUBLIC_URL does not lead to the line")
    for each in Probe(settings.public_url, settings.auth_token).run():
        if each.wrong:
            yield fault(f"{each.what}, tried as Twilio would: {each.wrong}")


def _number(settings: Settings) -> Iterator[Finding]:
    try:
        number = read_number(settings, settings.number)
    except NoSuchNumber as error:
        yield fault(f"TWILIO_PHONE_NUMBER: {error}")
        return
    except (ProvisioningError, PartUnavailable):
        raise NotNow("Twilio does not answer") from None
    yield from _misled(number, "the number", settings)
    for language, bound in numbers_by_language(settings.config).items():
        name = f"[numbers] {language} in config/line.toml"
        try:
            yield from _misled(read_number(settings, bound), name, settings)
        except NoSuchNumber as error:
            yield fault(f"{name}: {error}")
        except (ProvisioningError, PartUnavailable):
            raise NotNow("Twilio does not answer") from None
    if not number.values["voice_fallback_url"]:
        yield warning(
            "callers hear an error while our whole site is gone: `ivr fallback`, then `ivr provision`"
            " --fallback-url"
        )


def _misled(number: NumberAtTwilio, called: str, settings: Settings) -> Iterator[Finding]:
    for name, (old, new) in misled(number, settings.public_url).items():
        yield fault(
            f"{called}'s {name} is {old or 'nothing'}, not {new or 'nothing'}: callers go elsewhere;"
            " `ivr provision` sets it"
        )


def _account(settings: Settings) -> Iterator[Finding]:
    try:
        account = read_account(settings)
    except (ProvisioningError, PartUnavailable):
        raise NotNow("Twilio does not answer") from None
    if account.status != "active" or account.kind != "Full":
        yield fault(f"the account is {account.kind.lower()}, {account.status}: upgrade it, or ask Twilio why")
    if account.balance < LEAST_BALANCE:
        yield warning(f"{account.balance:.2f} {account.currency} are left in the account: pay in")
    if account.recordings:
        yield warning("there are recordings in the account: switch off what records, and delete them")


def _overdue(settings: Settings) -> Iterator[Finding]:
    complain = fault if _flow(settings).line.sweep.on else warning
    with twilio_records(settings) as copies:
        try:
            count = sum(1 for _ in islice(copies.before(datetime.now(UTC) - OVERDUE), MANY))
        except PartUnavailable:
            raise NotNow("Twilio does not answer") from None
    if count:
        some = f"{count} or more" if count == MANY else str(count)
        yield complain(f"Twilio's own records older than 7 days: {some}; is the worker up? See its log")


def _texts(settings: Settings) -> Iterator[Finding]:
    since = (datetime.now(UTC) - OVERDUE).date()
    with closing(connect(settings.database_url)) as database:
        try:
            if compare_tables(database) is Tables.OLDER:
                raise NotNow("the call log lacks tables")
            undelivered = list_undelivered(database, since)
        except PartUnavailable:
            raise NotNow("the call log does not answer") from None
    for reason, count in undelivered.items():
        words = (
            f"texts that did not arrive in {OVERDUE.days} days, for Twilio's reason {reason}: {shown(count)}"
        )
        mend = UNDELIVERED.get(reason)
        yield warning(f"{words}; {mend}") if mend else Finding(Verdict.OK, f"{words}; the phones' own matter")


def _agencies(settings: Settings) -> Iterator[Finding]:
    latest = (datetime.now(UTC) - DIALLED).date().isoformat()
    agencies = _flow(settings).directory.agencies
    late = [name for name, agency in agencies.items() if agency.on and agency.last_dialled < latest]
    if late:
        yield warning(
            f"not dialled in {DIALLED.days} days: {', '.join(late)}; dial them, and write the day down"
        )


def _sweep(settings: Settings) -> Iterator[Finding]:
    sweep = _flow(settings).line.sweep
    if not sweep.on:
        yield warning(f"the sweep of Twilio's own records is off: {sweep.why_off.strip()}")


def _flow(settings: Settings) -> Flow:
    try:
        return read_flow(settings.config, settings.prompts)
    except FlowError:
        raise NotNow("the files cannot be read") from None


HealthCheck = Callable[[Settings], Iterator[Finding]]
HEALTH_CHECKS: dict[str, HealthCheck] = {  # What holds when a check finds nothing.
    "menus, words and agencies have no fault": _files,
    "the files that lie there are those in use": _reloads,
    "the call log answers, with every table": _call_log,
    "PUBLIC_URL leads to this version": _public,
    "somebody is told of alarms": _alarms,
    "Redis answers": _redis,
    "Redis is open to nobody else": _redis_is_ours,
    "a worker is alive": _worker,
    "the journal can be written, and its disk has room": _journal,
    "no journal of a dead process waits": _left_journals,
    "what texters wished is done": _left_wishes,
    "the keys lie in a folder of their own": _keys,
    "all hosts have the same keys": _shared_keys,
    "Twilio answers": _twilio,
    "a call and a text are answered rightly": _answers,
    "the number leads to this line": _number,
    "the account is active, and has money": _account,
    "nothing at Twilio is older than 7 days": _overdue,
    "texts arrive": _texts,
    "every agency was dialled in the last 90 days": _agencies,
    "the sweep of Twilio's own records is on": _sweep,
}


PATIENCE = 20.0  # Seconds that one check may take.


def examine(
    environ: Mapping[str, str], checks: Mapping[str, HealthCheck] = HEALTH_CHECKS, patience: float = PATIENCE
) -> Iterator[Finding]:
    """Check a whole line. Never raises, and every check ends in time."""
    try:
        settings = read_settings(environ)
    except SettingsError as error:
        yield from map(fault, str(error).splitlines())
        yield Finding(Verdict.UNKNOWN, "everything else, until the settings are right")
        return
    yield Finding(Verdict.OK, "the settings are complete")
    for claim, health_check in checks.items():
        for finding in _in_time(claim, partial(health_check, settings), patience):
            yield Finding(finding.verdict, _without_secrets(finding.words, settings))


def _in_time(claim: str, health_check: Callable[[], Iterator[Finding]], patience: float) -> list[Finding]:
    """Check one part, in a thread of its own: a part that hangs must not keep the others waiting."""
    findings = [fault(f"{claim}? No answer in {patience:g} s; is something hanging there?")]

    def run() -> None:
        try:
            findings[:] = list(health_check()) or [Finding(Verdict.OK, claim)]
        except NotNow as reason:
            findings[:] = [Finding(Verdict.UNKNOWN, f"{claim}? {reason}")]
        except Exception as error:  # noqa: BLE001 - a part may fail in any way, and its message may hold a secret
            findings[:] = [fault(f"{claim}? Looking at it failed: {type(error).__name__}")]

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(patience)
    return list(findings)


def _without_secrets(words: str, settings: Settings) -> str:
    """Mask numbers and secrets, whatever quotes them."""
    written = (urlsplit(settings.database_url).password, urlsplit(settings.redis_url).password)
    secrets = (
        settings.auth_token,
        settings.second_auth_token,
        settings.secret_key,
        settings.second_secret_key,
        settings.metrics_token,
        settings.second_metrics_token,
        settings.counts_token,
        settings.second_counts_token,
        settings.account_sid,
        *filter(None, written),
        *(unquote(password) for password in written if password),
    )
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        words = words.replace(secret, "[secret]")
    return OneLine().mask(words)
