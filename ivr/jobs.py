"""What RQ runs: one effect a job. Arguments are ids; faults are reworded, as RQ keeps tracebacks."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, get_args

from ivr.effects import Effect
from ivr.settings import read_settings
from ivr.wiring import build_worker_line

if TYPE_CHECKING:
    from ivr.line import Line

EFFECTS: dict[str, type[Effect]] = {kind.__name__: kind for kind in get_args(Effect)}


class JobFailed(Exception):  # noqa: N818 - named as a person would say it
    """An effect was not performed. Names the effect and the kind of error, and nothing else."""


@cache
def this_line() -> Line:
    """Put the line together once in each worker."""
    return build_worker_line(read_settings(os.environ))


def perform(kind: str, *ids: str) -> None:
    """Perform one effect."""
    effect, fault = EFFECTS[kind](*ids), ""
    try:
        this_line().perform(effect)
    except Exception as error:  # noqa: BLE001 - whatever it was, its message may quote a number
        fault = type(error).__name__
    if fault:
        with suppress(Exception):  # Its traceback must not stand beside the fault that RQ keeps.
            this_line().give_up(effect)
        raise JobFailed(f"{kind}: {fault}")
