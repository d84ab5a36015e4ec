"""The environment, read once. All faults are named in one message, with their mend, at the door."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TWILIO = "https://api.twilio.com"
SHORTEST_SECRET = 32


class SettingsError(Exception):
    """The environment is not fit to start with; whoever runs the line must mend it. One fault a line."""


@dataclass(frozen=True)
class Variable:
    """One variable: what it is, its default (None: it is required) and what is wrong with a value."""

    name: str
    says: str
    default: str | None = None
    fault: Callable[[str], str] = lambda _: ""


@dataclass(frozen=True)
class Settings:
    """What the environment says of one running line."""

    account_sid: str
    auth_token: str
    second_auth_token: str
    number: str
    api_url: str
    calls_per_second: int
    public_url: str
    database_url: str
    redis_url: str
    secret_key: str
    journal_dir: Path
    keys_dir: Path
    host: str
    port: int
    workers: int
    config: Path
    prompts: Path
    alarm_number: str
    alarm_url: str
    opt_out: Literal["default", "advanced"]

    @property
    def live(self) -> bool:
        """Whether real people's calls come here: REST goes to Twilio itself."""
        return self.api_url == TWILIO


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the environment. SettingsError names everything that is missing or malformed."""
    found = {v.name: environ.get(v.name) or v.default for v in VARIABLES}
    faults = [fault for v in VARIABLES if (fault := _fault(v, found[v.name]))]
    if faults:
        raise SettingsError("\n".join(faults))
    value = {name: text or "" for name, text in found.items()}
    return Settings(
        account_sid=value["TWILIO_ACCOUNT_SID"],
        auth_token=value["TWILIO_AUTH_TOKEN"],
        second_auth_token=value["TWILIO_AUTH_TOKEN_2"],
        number=value["TWILIO_PHONE_NUMBER"],
        api_url=value["TWILIO_API_URL"].rstrip("/"),
        calls_per_second=int(value["TWILIO_CALLS_PER_SECOND"]),
        public_url=value["PUBLIC_URL"].rstrip("/"),
        database_url=value["DATABASE_URL"],
        redis_url=value["REDIS_URL"],
        secret_key=value["SECRET_KEY"],
        journal_dir=Path(value["JOURNAL_DIR"]),
        keys_dir=Path(value["KEYS_DIR"]),
        host=value["HOST"],
        port=int(value["PORT"]),
        workers=int(value["WEB_WORKERS"]),
        config=Path(value["IVR_CONFIG"]),
        prompts=Path(value["IVR_PROMPTS"]),
        alarm_number=value["ALARM_NUMBER"],
        alarm_url=value["ALARM_URL"],
        opt_out="advanced" if value["IVR_OPT_OUT"] == "advanced" else "default",
    )


def _fault(variable: Variable, text: str | None) -> str:
    if text is None:
        return f"{variable.name} is not set: {variable.says}"
    wrong = variable.fault(text)
    return f"{variable.name} {wrong}: {variable.says}" if wrong else ""


def _like(pattern: str, wrong: str) -> Callable[[str], str]:
    return lambda text: "" if re.fullmatch(pattern, text) else wrong


def _address(*schemes: str) -> Callable[[str], str]:
    def fault(text: str) -> str:
        try:
            parts = urlsplit(text)
            fits = parts.scheme in schemes and (parts.hostname or parts.path) and parts.port != 0
        except ValueError:
            fits = False
        return "" if fits else f"is not an address that begins with {' or '.join(schemes)}"

    return fault


def _public(text: str) -> str:
    wrong = _address("http", "https")(text)
    parts = urlsplit(text) if not wrong else None
    if parts and (parts.username or parts.query or parts.fragment or "_" in (parts.hostname or "")):
        return "has a part that Twilio cannot sign (a user, a query, a fragment or a host with '_')"
    return wrong


def _or_empty(fault: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: fault(text) if text else ""


def _ip(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        return "is not an IP address like 127.0.0.1"
    return ""


def _folder(text: str) -> str:
    return "" if Path(text).is_dir() else "is not a folder"


def _secret(text: str) -> str:
    return "" if len(text) >= SHORTEST_SECRET else f"has fewer than {SHORTEST_SECRET} characters"


_NUMBER = _like(r"\+[1-9][0-9]{6,14}", "is not a number like +12895550100")
_COUNT = _like(r"[1-9][0-9]{0,4}", "is not a whole number")

VARIABLES = (
    Variable(
        "TWILIO_ACCOUNT_SID",
        "the account's SID, from Twilio's console",
        None,
        _like(r"AC\w{32}", "is no SID"),
    ),
    Variable("TWILIO_AUTH_TOKEN", "the account's primary auth token; it signs every webhook"),
    Variable("TWILIO_AUTH_TOKEN_2", "a second token that is accepted while tokens are rotated", ""),
    Variable("TWILIO_PHONE_NUMBER", "the line's own number, in E.164", None, _NUMBER),
    Variable(
        "TWILIO_API_URL", "where REST calls go; a simulator can stand in", TWILIO, _address("http", "https")
    ),
    Variable(
        "TWILIO_CALLS_PER_SECOND", "how many calls a second Twilio starts for this account", "1", _COUNT
    ),
    Variable(
        "PUBLIC_URL",
        "the address at which Twilio reaches us; signatures are checked against it",
        None,
        _public,
    ),
    Variable(
        "DATABASE_URL",
        "the call log: sqlite:///… or postgresql://…",
        "sqlite:///line.sqlite3",
        _address("sqlite", "postgres", "postgresql", "postgresql+psycopg"),
    ),
    Variable(
        "REDIS_URL",
        "where work for later is queued",
        "redis://127.0.0.1:6379/0",
        _address("redis", "rediss", "unix"),
    ),
    Variable(
        "SECRET_KEY",
        "a long random text: python -c 'import secrets; print(secrets.token_hex())'",
        None,
        _secret,
    ),
    Variable(
        "JOURNAL_DIR",
        "a folder, on a disk that outlives the process, for what is not yet in the log",
        "journal",
    ),
    Variable("KEYS_DIR", "a folder that no backup takes, for the keys that are replaced each month", "keys"),
    Variable(
        "HOST",
        "the address of this machine to listen on; 0.0.0.0 where a proxy elsewhere must reach us",
        "127.0.0.1",
        _ip,
    ),
    Variable("PORT", "the port that the web process listens on", "8000", _COUNT),
    Variable("WEB_WORKERS", "how many processes answer webhooks", "2", _COUNT),
    Variable(
        "IVR_CONFIG", "the folder with menus.toml, agencies.toml, keywords.toml, line.toml", "config", _folder
    ),
    Variable("IVR_PROMPTS", "the folder with a file of words for every language", "prompts", _folder),
    Variable("ALARM_NUMBER", "a number that is texted when callers reach nobody", "", _or_empty(_NUMBER)),
    Variable("ALARM_URL", "an address that is posted to then", "", _or_empty(_address("http", "https"))),
    Variable(
        "IVR_OPT_OUT",
        "who answers STOP and HELP: 'default' (Twilio's plain number) or 'advanced' (Advanced Opt-Out)",
        "default",
        _like(r"default|advanced", "is neither 'default' nor 'advanced'"),
    ),
)
