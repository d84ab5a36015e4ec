"""Error reports to Sentry, where SENTRY_DSN is set: the kind of an error and where in our code, and no more.

A report is made of two things that no caller can write: the text of a log call as it stands in our code, its
values left out, and the class and location of the exception. What Sentry's client would add by itself (of the
request, of variables, breadcrumbs, the host's name) is switched off, and dropped once more before it leaves.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ivr.version import running_version

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from sentry_sdk import Client
    from sentry_sdk._types import DataCollectionUserOptions
    from sentry_sdk.transport import Transport
    from sentry_sdk.types import Event, Hint

DSN = "SENTRY_DSN"  # The setting: read where logs are set up, before all others are.
ADDRESS = re.compile(
    r"https://[\w-]+@[\w.-]+(:\d{1,5})?/([\w-]+/)*\d+|http://[\w-]+@127\.0\.0\.1:\d{1,5}/\d+"
)
OURS = "ivr"
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


def is_installed() -> bool:
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
    ) -> None:
        super().__init__(logging.ERROR)
        self._mask, self._locate = mask, locate
        self._client, self._process = _client(dsn, self._kept, transport), os.getpid()

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
        ours = record.name.partition(".")[0] == OURS
        return self._mask(str(record.msg)) if ours else "an error that a library logged"

    def _kept(self, event: Event, _hint: Hint) -> Event | None:
        """Keep of an event what reports are made of, whoever put more into it."""
        words = (event.get("logentry") or {}).get("message", "")
        exceptions = (event.get("exception") or {}).get("values") or []
        kept: Event = {
            "event_id": event["event_id"],
            "timestamp": event["timestamp"],
            "platform": "python",
            "release": running_version(),
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


def _client(dsn: str, keep: Callable[[Event, Hint], Event | None], transport: Transport | None) -> Client:
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
