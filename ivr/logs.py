"""Logs: one line an event, and never a phone number."""

from __future__ import annotations

import logging
import re
import sys

NUMBER = re.compile(r"\+?\(?\d(?:[\s().,/_·\u2010-\u2015-]{0,5}\d){6,}")
MASK = "[number]"
FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class NoNumbers(logging.Filter):
    """Masks whatever looks like a telephone number, in the message and in what is put into it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, masked."""
        record.msg = NUMBER.sub(MASK, record.getMessage())
        record.args = ()
        return True


class OneLine(logging.Formatter):
    """Writes an event on one line; of an exception its kind, not its message, which may quote a caller."""

    def formatException(self, ei: tuple[object, ...]) -> str:  # noqa: N802 - logging's own name
        """Name an exception."""
        kind = ei[0]
        return f"({getattr(kind, '__name__', kind)})"

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        return super().format(record).replace("\n", " ")


def set_up_logs() -> None:
    """Write the log of this process to standard error."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(OneLine(FORMAT))
    stream.addFilter(NoNumbers())
    logging.basicConfig(level=logging.INFO, handlers=[stream], force=True)
    for noisy in ("twilio", "urllib3", "rq.worker", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
