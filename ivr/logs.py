"""Logs: one line an event, with what it is about as ``name=value``; no phone number, no caller's word."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import time
import traceback
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.error_reports import ADDRESS, DSN, ErrorReports, is_installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

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


def set_up_logs(published: Iterable[str] = ()) -> None:
    """Write the log of this process to standard error; only numbers that are published stay in it."""
    stream = logging.StreamHandler(sys.stderr)
    form = (JsonLine if os.environ.get(FORMAT) == JSON else OneLine)(published)
    stream.setFormatter(form)
    reports = _error_reports(os.environ.get(DSN, ""), form)
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


def _error_reports(dsn: str, form: Masked) -> list[logging.Handler]:
    """Report errors to Sentry where that is set; what is wrong with the setting is said when it is read."""
    fits = ADDRESS.fullmatch(dsn) and is_installed()
    return [ErrorReports(dsn, form.mask, exception_location)] if fits else []


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
