"""For how long the log may be kept: no longer than callers are told, and long enough to be of use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.flow.linefile import Retention
from ivr.flow.loader import LINE, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow

LEAST = Retention(7, 1)  # The sweep asks the log about calls of the last 7 days: it must still know them.
PROMISED_DAYS = 30  # Callers hear "for a month", by the stop that says what the line keeps.


def wrong_retention(flow: Flow) -> Iterator[Fault]:
    """Find a log that is kept for longer than callers are told, or too short to be counted right."""
    days, months = flow.line.retention.rows_days, flow.line.retention.counts_months
    if not LEAST.rows_days <= days <= PROMISED_DAYS:
        yield Fault(
            LINE,
            "retention.rows_days",
            f"is {days}: from {LEAST.rows_days}, as the sweep asks about calls of a week, to {PROMISED_DAYS},"
            " as callers are told of a month",
        )
    if months < LEAST.counts_months:
        yield Fault(LINE, "retention.counts_months", f"is {months}; keep counts for a month at least")
