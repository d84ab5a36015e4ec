"""The sweep: whoever turns it off says why, for those who must answer for it later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.flow.faults import LINE, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.nodes import Flow


def unexplained(flow: Flow) -> Iterator[Fault]:
    """Find a sweep that is off without a reason."""
    sweep = flow.line.sweep
    if not sweep.on and not sweep.why_off.strip():
        yield Fault(LINE, "sweep.why_off", "is empty, and the sweep is off; write why, or set on = true")
