"""Logs and error reports: of an event its words and values, masked; no number, no word of a caller."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import time
import traceback
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from sentry_sdk import Client
    from sentry_sdk._types import DataCollectionUserOptions
    from sentry_sdk.transport import Transport
    from sentry_sdk.types import Event, Hint

MASK = "[number]"
SID = "[sid]"
# What may stand between two digits of a number.
BETWEEN = "\\s()\\[\\].,/_·*+'\"\u00ad\u200b-\u200d\u2010-\u2015\u2060\\-"
NUMBER = re.compile(rf"\+?\(?\d(?:(?:[{BETWEEN}]|%(?:25)*[0-9A-Fa-f]{{2}}){{0,6}}\d){{6,}}")
CLOCK = r"[0-2]\d:[0-5]\d(?::[0-5]\d(?:[.,]\d{1,6})?)?(?:Z|[+-][01]\d:?[0-5]\d)?"
DATE = r"(?:19|20)\d{2}-[01]\d-[0-3]\d"
KEPT = re.compile(  # Rows of digits that are nobody's number, and say what a line is about.
    rf"""(?<![0-9A-Za-z])(?:
        (?=[0-9]*[a-f])[0-9a-f]{{24,32}}          # a keyed id of ours: with a letter in it, or it is masked
      | \d{{1,7}}-(?=[0-9]*[a-f])[0-9a-f]{{16}}\.journal
      | {DATE}(?:[T ]{CLOCK})?
      | {CLOCK}
    )(?![0-9A-Za-z])""",
    re.VERBOSE,
)
TWILIOS = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2}[0-9a-f]{32}(?![0-9A-Za-z])")
PLAIN = re.compile(r"[\w./:@+\[\]-]+")
PRIVATE_NETWORKS = tuple(
    map(IPv4Network, ("10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"))
)
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
OURS = Path(__file__).parent.parent
FORMAT = "LOG_FORMAT"  # The setting that says how an event is written: read here, before all others are.
JSON = "json"


class Masked(logging.Formatter):
    """Reads of an event what may be written: all masked; of an exception its kind and location alone."""

    def __init__(self, published: Iterable[str] = ()) -> None:
        super().__init__()
        self._published = frozenset(map(_digits, published))

    def about(self, record: logging.LogRecord) -> dict[str, str]:
        """Give what an event is about, masked, by name."""
        about = {name: value for name, value in vars(record).items() if name not in STANDARD}
        if record.exc_info and record.exc_info[0]:
            about["error"] = exception_location(record.exc_info[0], record.exc_info[2])
        return {name: self.mask(str(value)) for name, value in about.items()}

    def words(self, record: logging.LogRecord) -> str:
        """Give the message, masked."""
        return self.mask(_message(record))

    def mask(self, text: str) -> str:
        """Mask whatever looks like a telephone number, or is an id of Twilio's."""
        parts, end = [], 0
        text = TWILIOS.sub(SID, text)
        for kept in KEPT.finditer(text):
            parts += [NUMBER.sub(self._masked, text[end : kept.start()]), kept[0]]
            end = kept.end()
        return "".join((*parts, NUMBER.sub(self._masked, text[end:])))

    def _masked(self, match: re.Match[str]) -> str:
        kept = _digits(match[0]) in self._published or _is_private_address(match[0])
        return match[0] if kept else MASK


class OneLine(Masked):
    """Writes an event on one line: time, level, who writes, words, and name=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        line = f"{_time(record)} {record.levelname.lower()} {record.name} {_quoted(self.words(record))}"
        values = self.about(record).items()
        return line + "".join(
            f" {name}={text if PLAIN.fullmatch(text) else _quoted(text)}" for name, text in values
        )


class JsonLine(Masked):
    """Writes an event as one JSON object on one line, for whatever gathers logs."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line; what an event is about never hides what every event has."""
        told = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.words(record),
        }
        return json.dumps(self.about(record) | told)


def _time(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))


def exception_location(kind: type[BaseException], trace: TracebackType | None) -> str:
    """Name an exception and where in our code it arose, without its message: that may quote a caller."""
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(trace)]
    own = [
        frame for frame in frames if Path(frame[0]).is_relative_to(OURS) and "site-packages" not in frame[0]
    ]
    for file, line in reversed(own or frames):
        path = Path(file)
        shown = path.relative_to(OURS) if path.is_relative_to(OURS) else path.name
        return f"{kind.__name__}@{shown}:{line}"
    return kind.__name__


def set_up_logs(published: Iterable[str] = (), *, version: str = "") -> None:
    """Write the log of this process to standard error; only numbers that are published stay in it.

    ``version``: what error reports say that runs.
    """
    stream = logging.StreamHandler(sys.stderr)
    form = (JsonLine if os.environ.get(FORMAT) == JSON else OneLine)(published)
    stream.setFormatter(form)
    reports = _error_reports(os.environ.get(DSN, ""), form, version)
    logging.basicConfig(level=logging.INFO, handlers=[stream, *reports], force=True)
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False  # What logging prints of a fault of its own quotes every value.
    for noisy in ("twilio", "urllib3", "rq.worker", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    sys.excepthook = _exception_logger("the process ends")
    threading.excepthook = lambda ended: _exception_logger("a thread ends")(
        ended.exc_type, ended.exc_value, ended.exc_traceback
    )
    sys.unraisablehook = lambda lost: _exception_logger("an error is passed over")(
        lost.exc_type, lost.exc_value, lost.exc_traceback
    )


def _error_reports(dsn: str, form: Masked, version: str) -> list[logging.Handler]:
    """Report errors to Sentry where that is set; what is wrong with the setting is said when it is read."""
    fits = SENTRY_ADDRESS.fullmatch(dsn) and sentry_is_installed()
    return [ErrorReports(dsn, form.mask, exception_location, version=version)] if fits else []


def _exception_logger(
    words: str,
) -> Callable[[type[BaseException], BaseException | None, TracebackType | None], None]:
    """Log what Python would print with its message and traceback."""

    def log(kind: type[BaseException], _error: BaseException | None, trace: TracebackType | None) -> None:
        logging.getLogger(__name__).critical(words, extra={"error": exception_location(kind, trace)})

    return log


def _message(record: logging.LogRecord) -> str:
    """Put the values into a message; where they do not fit, leave them out."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a value may fail in any way when it is written
        return f"{record.msg} (its values cannot be written)"


def _is_private_address(text: str) -> bool:
    """Whether a row of digits is the address of a host in a private network: nobody's number."""
    try:
        address = IPv4Address(text)
    except ValueError:
        return False
    return any(address in network for network in PRIVATE_NETWORKS)


def _digits(number: str) -> str:
    """Give the digits of a number, without the 1 of North America."""
    return re.sub(r"[^0-9]", "", number).removeprefix("1")


def _quoted(text: str) -> str:
    """Put a text into quotes, on one line whatever is in it."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in quoted)


# Error reports to Sentry, where SENTRY_DSN is set: the kind of an error, where in our code, and no more.
#
# A report is made of two things that no caller can write: the text of a log call as it stands in our code,
# its values left out, and the class and location of the exception. What Sentry's client would add by itself
# (of the request, of variables, breadcrumbs, the host's name) is switched off, and dropped once more before
# it leaves.

DSN = "SENTRY_DSN"  # The setting: read where logs are set up, before all others are.
SENTRY_ADDRESS = re.compile(
    r"https://[\w-]+@[\w.-]+(:\d{1,5})?/([\w-]+/)*\d+|http://[\w-]+@127\.0\.0\.1:\d{1,5}/\d+"
)
PACKAGE = "ivr"
LOCATION = re.compile(r"(?P<kind>[A-Za-z_]\w*)(?:@(?P<file>[\w./-]+):(?P<line>\d+))?")
LAST_WORDS_SECONDS = 2.0  # How long the end of a process may wait for its reports.
QUEUED = 100  # Reports that wait to be sent; further ones are dropped.
NOTHING: DataCollectionUserOptions = {  # It took the place of send_default_pii=False, which is deprecated.
    "user_info": False,
    "cookies": {"mode": "off"},
    "http_headers": {"request": {"mode": "off"}},
    "http_bodies": [],
    "url_query_params": {"mode": "off"},
    "database_query_data": False,
    "queues": False,
    "stack_frame_variables": False,
    "frame_context_lines": 0,
}
LEVELS = {"ERROR": "error", "CRITICAL": "fatal"}


def sentry_is_installed() -> bool:
    """Whether Sentry's client is here: it is an extra of the package."""
    return find_spec("sentry_sdk") is not None


class ErrorReports(logging.Handler):
    """Reports what is logged as an error, from a thread of its own: nobody waits for Sentry."""

    def __init__(
        self,
        dsn: str,
        mask: Callable[[str], str],
        locate: Callable[[type[BaseException], TracebackType | None], str],
        transport: Transport | None = None,
        *,
        version: str = "",
    ) -> None:
        super().__init__(logging.ERROR)
        self._mask, self._locate, self._version = mask, locate, version
        self._client, self._process = _sentry_client(dsn, self._kept, transport), os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        """Report one event of the log."""
        if record.name.partition(".")[0] in {"sentry_sdk", "urllib3"}:  # It would report its own failures.
            return
        try:
            self._client.capture_event(self._event(record))
        except Exception:  # noqa: BLE001 - a report that fails must harm nothing; the log has the event
            self.handleError(record)

    def close(self) -> None:
        """Send what waits, for two seconds at most; what waited before a fork is the parent's to send."""
        if self._process == os.getpid():
            self._client.close(timeout=LAST_WORDS_SECONDS)
        super().close()

    def _event(self, record: logging.LogRecord) -> Event:
        kind, _, trace = record.exc_info or sys.exc_info()  # Many log in an except clause without it.
        location = self._locate(kind, trace) if kind else str(getattr(record, "error", ""))
        event: Event = {
            "level": LEVELS.get(record.levelname, "error"),  # type: ignore[typeddict-item] # a literal of theirs
            "logger": record.name,
            "logentry": {"message": self._words(record)},
        }
        if located := LOCATION.fullmatch(location):
            event["exception"] = {"values": [_exception(located)]}
        return event

    def _words(self, record: logging.LogRecord) -> str:
        """Give the text of a log call of ours without its values; a library's may hold anything."""
        ours = record.name.partition(".")[0] == PACKAGE
        return self._mask(str(record.msg)) if ours else "an error that a library logged"

    def _kept(self, event: Event, _hint: Hint) -> Event | None:
        """Keep of an event what reports are made of, whoever put more into it."""
        words = (event.get("logentry") or {}).get("message", "")
        exceptions = (event.get("exception") or {}).get("values") or []
        kept: Event = {
            "event_id": event["event_id"],
            "timestamp": event["timestamp"],
            "platform": "python",
            "release": self._version,
            "level": event.get("level", "error"),
            "logger": event.get("logger", ""),
            "logentry": {"message": self._mask(str(words))},
        }
        if located := [match for each in exceptions if (match := LOCATION.fullmatch(_spell(each)))]:
            kept["exception"] = {"values": [_exception(each) for each in located]}
        return kept


def _exception(located: re.Match[str]) -> dict[str, Any]:
    """Write class and location as Sentry reads them: a stack of one frame."""
    exception: dict[str, Any] = {"type": located["kind"]}
    if located["file"]:
        frame = {"filename": located["file"], "lineno": int(located["line"]), "in_app": True}
        exception["stacktrace"] = {"frames": [frame]}
    return exception


def _spell(exception: dict[str, Any]) -> str:
    """Spell an exception of an event as its class and the last place in its stack."""
    kind, frames = str(exception.get("type", "")), (exception.get("stacktrace") or {}).get("frames") or []
    return f"{kind}@{frames[-1].get('filename')}:{frames[-1].get('lineno')}" if frames else kind


def _sentry_client(
    dsn: str, keep: Callable[[Event, Hint], Event | None], transport: Transport | None
) -> Client:
    """Make a client of Sentry's that does nothing by itself; imported here, since it is an extra."""
    from sentry_sdk import Client  # noqa: PLC0415

    return Client(
        dsn=dsn,
        transport=transport,
        transport_queue_size=QUEUED,
        before_send=keep,
        before_breadcrumb=lambda _crumb, _hint: None,
        before_send_transaction=lambda _event, _hint: None,
        max_breadcrumbs=0,
        default_integrations=False,
        auto_enabling_integrations=False,
        data_collection=NOTHING,
        max_request_body_size="never",
        include_local_variables=False,
        include_source_context=False,
        server_name="",
        auto_session_tracking=False,
        send_client_reports=False,
        enable_logs=False,
        enable_metrics=False,
        enable_backpressure_handling=False,
        spotlight=False,
        shutdown_timeout=LAST_WORDS_SECONDS,
    )
