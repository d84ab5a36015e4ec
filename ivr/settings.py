"""The environment, read once. All faults are named in one message, with their mend, at the door."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from ivr.logs import DSN, SENTRY_ADDRESS, sentry_is_installed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TWILIO = "https://api.twilio.com"
SHORTEST_SECRET = 32
FEWEST_DIFFERENT = 8  # Characters of a secret; a random one has more, whatever its alphabet.
MOST_WORKERS = 64
REHEARSED = ("REHEARSAL", "PATIENCE")


class SettingsError(Exception):
    """The environment is not fit to start with; whoever runs the line must mend it. One fault a line."""


@dataclass(frozen=True)
class Variable:
    """One variable: what it is, its default (None: it is required), its faults, and how it is read."""

    name: str
    says: str
    default: str | None = None
    fault: Callable[[str], str] = lambda _: ""
    read: Callable[[str], object] = str


def _like(pattern: str, wrong: str) -> Callable[[str], str]:
    return lambda text: "" if re.fullmatch(pattern, text) else wrong


def _address(*schemes: str) -> Callable[[str], str]:
    def fault(text: str) -> str:
        if re.search(r"\s", text):
            return "has a blank in it: write it without, and without quotes"
        try:
            parts = urlsplit(text)
            fits = parts.scheme in schemes and (parts.hostname or parts.path) and parts.port != 0
        except ValueError:
            fits = False
        return "" if fits else f"is not an address that begins with {' or '.join(schemes)}"

    return fault


def _public(text: str) -> str:
    wrong = _address("http", "https")(text)
    if wrong:
        return wrong
    parts = urlsplit(text)
    host = parts.hostname or ""
    if parts.username or parts.query or parts.fragment or "_" in host:
        return "has a part that Twilio cannot sign (a user, a query, a fragment or a host with '_')"
    if parts.path.strip("/"):
        return "has a path: leave it out, the line needs a host of its own"
    if parts.scheme == "http" and not is_loopback(host):
        return "begins with http, so that anybody on the way can read along: it must begin with https"
    return ""


def _database(text: str) -> str:
    """Find what is wrong with the address of the call log, without repeating it: it may hold a password."""
    scheme, found, rest = text.partition("://")
    if found and scheme == "sqlite":
        path = rest.removeprefix("/").partition("?")[0]
        if not path or ":memory:" in rest or not rest.startswith("/"):
            return "names no file, so that nothing would be kept: write sqlite:////folder/line.sqlite3"
        return ""
    wrong = _address("sqlite", "postgres", "postgresql", "postgresql+psycopg")(text)
    if not wrong and urlsplit(text).netloc.count("@") > 1:
        return "has an '@' in its user or password: write that one as %40"
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
    if len("".join(text.split())) < SHORTEST_SECRET:
        return f"has fewer than {SHORTEST_SECRET} characters that are no blanks"
    if len(set(text)) < FEWEST_DIFFERENT:
        return f"has fewer than {FEWEST_DIFFERENT} different characters: make one by chance"
    return ""


def _sentry(text: str) -> str:
    """Find what is wrong with the address of error reports, without repeating it: it lets anybody report."""
    if not SENTRY_ADDRESS.fullmatch(text):
        return "is not an address like https://KEY@HOST/NUMBER"
    return "" if sentry_is_installed() else "needs a package that is not here (pip install 'ivr[sentry]')"


def _up_to(most: int) -> Callable[[str], str]:
    def fault(text: str) -> str:
        fits = re.fullmatch(r"[1-9][0-9]{0,4}", text) and int(text) <= most
        return "" if fits else f"is not a whole number from 1 to {most}"

    return fault


_NUMBER = _like(r"\+[1-9][0-9]{6,14}", "is not a number like +12895550100")
_TOKEN = _like(r"[!#-&(-_a-~]+", "has a blank, a quote or another character that no token has")


def _declared(
    name: str,
    says: str,
    default: str | None = None,
    fault: Callable[[str], str] = lambda _: "",
    read: Callable[[str], object] = str,
) -> dict[str, Variable]:
    """Declare the variable of a setting: reading, help and the table of docs/running.md come from here."""
    return {"variable": Variable(name, says, default, fault, read)}


def _without_slash(text: str) -> str:
    return text.rstrip("/")


@dataclass(frozen=True)
class Settings:
    """What the environment says of one running line."""

    account_sid: str = field(
        metadata=_declared(
            "TWILIO_ACCOUNT_SID",
            "the account's SID, from Twilio's console",
            None,
            _like(r"AC\w{32}", "is no SID"),
        )
    )
    auth_token: str = field(
        metadata=_declared(
            "TWILIO_AUTH_TOKEN",
            "the account's primary auth token; it signs every webhook",
            None,
            _TOKEN,
        )
    )
    second_auth_token: str = field(
        metadata=_declared(
            "TWILIO_AUTH_TOKEN_2",
            "a second token that is accepted while tokens are rotated",
            "",
            _or_empty(_TOKEN),
        )
    )
    number: str = field(
        metadata=_declared("TWILIO_PHONE_NUMBER", "the line's own number, in E.164", None, _NUMBER)
    )
    api_url: str = field(
        metadata=_declared(
            "TWILIO_API_URL",
            "where REST calls go; a simulator can stand in",
            TWILIO,
            _address("http", "https"),
            read=_without_slash,
        )
    )
    calls_per_second: int = field(
        metadata=_declared(
            "TWILIO_CALLS_PER_SECOND",
            "how many calls a second Twilio starts for this account",
            "1",
            _up_to(1000),
            read=int,
        )
    )
    public_url: str = field(
        metadata=_declared(
            "PUBLIC_URL",
            "the address at which Twilio reaches us; signatures are checked against it",
            None,
            _public,
            read=_without_slash,
        )
    )
    console_url: str = field(
        metadata=_declared(
            "CONSOLE_URL",
            "where browsers reach the console, by name: for passkeys and links; without it, PUBLIC_URL",
            "",
            _or_empty(_public),
            read=_without_slash,
        )
    )
    leg_fallback_url: str = field(
        metadata=_declared(
            "LEG_FALLBACK_URL",
            "the address of leg.xml, on another host: heard by whom we rang while our site is gone",
            "",
            _or_empty(_address("http", "https")),
        )
    )
    database_url: str = field(
        metadata=_declared(
            "DATABASE_URL",
            "the call log: sqlite:///… or postgresql://…",
            "sqlite:///line.sqlite3",
            _database,
        )
    )
    redis_url: str = field(
        metadata=_declared(
            "REDIS_URL",
            "where work for later is queued",
            "redis://127.0.0.1:6379/0",
            _address("redis", "rediss", "unix"),
        )
    )
    secret_key: str = field(
        metadata=_declared(
            "SECRET_KEY",
            "a long random text: python -c 'import secrets; print(secrets.token_hex())'",
            None,
            _secret,
        )
    )
    second_secret_key: str = field(
        metadata=_declared(
            "SECRET_KEY_2",
            "the secret key of before, which is believed too while `ivr secrets` exchanges them",
            "",
            _or_empty(_secret),
        )
    )
    journal_dir: Path = field(
        metadata=_declared(
            "JOURNAL_DIR",
            "a folder, on a disk that outlives the process, for what is not yet in the log",
            "journal",
            read=Path,
        )
    )
    keys_dir: Path = field(
        metadata=_declared(
            "KEYS_DIR",
            "a folder that no backup takes, for the keys that are replaced each month",
            "keys",
            read=Path,
        )
    )
    host: str = field(
        metadata=_declared(
            "HOST",
            "the address of this machine to listen on; 0.0.0.0 where a proxy elsewhere must reach us",
            "127.0.0.1",
            _ip,
        )
    )
    port: int = field(
        metadata=_declared(
            "PORT", "the port that the web process listens on", "8000", _up_to(65535), read=int
        )
    )
    workers: int = field(
        metadata=_declared(
            "WEB_WORKERS", "how many processes answer webhooks", "2", _up_to(MOST_WORKERS), read=int
        )
    )
    config: Path = field(
        metadata=_declared(
            "IVR_CONFIG",
            "the folder with menus.toml, agencies.toml, keywords.toml, line.toml",
            "config",
            _folder,
            read=Path,
        )
    )
    prompts: Path = field(
        metadata=_declared(
            "IVR_PROMPTS", "the folder with a file of words for every language", "prompts", _folder, read=Path
        )
    )
    phrases: Path = field(
        metadata=_declared(
            "IVR_PHRASES",
            "the folder with what people write, and what was learned from it",
            "phrases",
            _folder,
            read=Path,
        )
    )
    alarm_number: str = field(
        metadata=_declared(
            "ALARM_NUMBER", "a number that is texted when callers reach nobody", "", _or_empty(_NUMBER)
        )
    )
    alarm_url: str = field(
        metadata=_declared(
            "ALARM_URL", "an address that is posted to then", "", _or_empty(_address("http", "https"))
        )
    )
    smtp_url: str = field(
        metadata=_declared(
            "SMTP_URL",
            "the mail server for what operators are told: smtps://USER:PASSWORD@HOST, or smtp:// (STARTTLS)",
            "",
            _or_empty(_address("smtp", "smtps")),
        )
    )
    mail_from: str = field(
        metadata=_declared(
            "MAIL_FROM",
            "the address that they come from",
            "",
            _or_empty(_like(r"[^@\s<>,;:\"]+@[^@\s<>,;:\"]+", "is no e-mail address")),
        )
    )
    notify_private: bool = field(
        metadata=_declared(
            "NOTIFY_PRIVATE",
            "'yes' lets operators have them sent to this machine or a private network, also without TLS",
            "no",
            _like(r"yes|no", "is neither 'yes' nor 'no'"),
            read=lambda text: text == "yes",
        )
    )
    metrics_token: str = field(
        metadata=_declared(
            "METRICS_TOKEN",
            "who has it may fetch /metrics (Authorization: Bearer …); without it, this machine alone",
            "",
            _or_empty(_TOKEN),
        )
    )
    second_metrics_token: str = field(
        metadata=_declared(
            "METRICS_TOKEN_2",
            "a second token that is accepted while tokens are exchanged",
            "",
            _or_empty(_TOKEN),
        )
    )
    counts_token: str = field(
        metadata=_declared(
            "COUNTS_TOKEN",
            "who has it may fetch /counts/MONTH.json (Authorization: Bearer …); without it, nobody may",
            "",
            _or_empty(_TOKEN),
        )
    )
    second_counts_token: str = field(
        metadata=_declared(
            "COUNTS_TOKEN_2",
            "a second token that is accepted while tokens are exchanged",
            "",
            _or_empty(_TOKEN),
        )
    )
    opt_out: Literal["default", "advanced"] = field(
        metadata=_declared(
            "IVR_OPT_OUT",
            "who answers STOP and HELP: 'default' (Twilio's plain number) or 'advanced' (Advanced Opt-Out)",
            "default",
            _like(r"default|advanced", "is neither 'default' nor 'advanced'"),
        )
    )
    log_format: Literal["text", "json"] = field(
        metadata=_declared(
            "LOG_FORMAT",
            "how the log is written: a line of 'text' an event, or an object in 'json' on one line",
            "text",
            _like(r"text|json", "is neither 'text' nor 'json'"),
        )
    )
    sentry_dsn: str = field(
        metadata=_declared(
            DSN,
            "an address of Sentry's that is told of errors: their kind and place in our code alone",
            "",
            _or_empty(_sentry),
        )
    )
    rehearsal: Path | None = field(
        metadata=_declared(
            "REHEARSAL",
            "a folder where a pretend network keeps its clock; refused with Twilio itself",
            "",
            _or_empty(_folder),
            read=lambda text: Path(text) if text else None,
        )
    )
    patience: int = field(
        metadata=_declared(
            "PATIENCE",
            "how many times longer SQL and Redis may take, and as often is filed; refused with Twilio itself",
            "1",
            _up_to(1000),
            read=int,
        )
    )

    @property
    def live(self) -> bool:
        """Whether real people's calls come here: REST goes to Twilio itself, in whatever region."""
        return is_twilio(self.api_url)


VARIABLES: tuple[Variable, ...] = tuple(each.metadata["variable"] for each in fields(Settings))


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the environment. SettingsError names everything that is missing or malformed."""
    texts = {variable.name: environ.get(variable.name) or variable.default for variable in VARIABLES}
    faults = [fault for variable in VARIABLES if (fault := _fault(variable, texts[variable.name]))]
    faults = faults or [*_for_rehearsals(texts), *_for_mail(texts)]
    if faults:
        raise SettingsError("\n".join(faults))
    values = {each.name: each.metadata["variable"] for each in fields(Settings)}
    return Settings(**{name: variable.read(texts[variable.name] or "") for name, variable in values.items()})


def _fault(variable: Variable, text: str | None) -> str:
    if text is None:
        return f"{variable.name} is not set: {variable.says}"
    wrong = variable.fault(text)
    return f"{variable.name} {wrong}: {variable.says}" if wrong else ""


def is_twilio(url: str) -> bool:
    """Whether an address is at Twilio: its host alone says so, whatever the scheme, the port and the path."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return f".{host}".endswith(".twilio.com")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _for_rehearsals(texts: Mapping[str, str | None]) -> list[str]:
    """Refuse what only a rehearsal may set where REST goes to Twilio, or Twilio signs for the address."""
    if not any(is_twilio(texts[name] or "") for name in ("TWILIO_API_URL", "PUBLIC_URL")):
        return []
    return [
        f"{variable.name} is only for rehearsals with a pretend network: leave it out"
        for variable in VARIABLES
        if variable.name in REHEARSED and texts[variable.name] != variable.default
    ]


def _for_mail(texts: Mapping[str, str | None]) -> list[str]:
    """Ask who mail comes from where there is a server for it."""
    if texts["SMTP_URL"] and not texts["MAIL_FROM"]:
        return ["MAIL_FROM is not set, and SMTP_URL is: a mail server asks who a message comes from"]
    return []
